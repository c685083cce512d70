"""The sliding discrete cosine transform of 8 x 8 pixels in one pass over the rows: transform, shrink, transform back, average.

The eight-point transforms along a row are shared by the eight blocks that a row lies in, on the way forth and on the way back. All work is
on runs of RUN neighbouring blocks in flat arrays with constant distances, which the compiler turns into vectors.
"""

from __future__ import annotations

import math

import numpy as np

from campipe.ops.kernels.intrinsics import apart, distinct, wide
from campipe.ops.kernels.jit import compiled, inlined

RUN = 128
"""Blocks side by side that are worked on together; they give RUN - 7 finished pixels of a row."""
DONE = RUN - 7
_ROW = 8 * RUN
_A, _B, _C, _D, _E, _F, _G = (np.float32(math.cos(k * math.pi / 16) / 2) for k in range(1, 8))
_ONE = np.float32(8**-0.5)


@inlined
def _forth(x0, x1, x2, x3, x4, x5, x6, x7):
    """Orthonormal DCT-II of eight numbers."""
    s0, s1, s2, s3 = x0 + x7, x1 + x6, x2 + x5, x3 + x4
    d0, d1, d2, d3 = x0 - x7, x1 - x6, x2 - x5, x3 - x4
    p, q, u, v = s0 + s3, s1 + s2, s0 - s3, s1 - s2
    return (
        (p + q) * _ONE,
        _A * d0 + _C * d1 + _E * d2 + _G * d3,
        _B * u + _F * v,
        _C * d0 - _G * d1 - _A * d2 - _E * d3,
        (p - q) * _ONE,
        _E * d0 - _A * d1 + _G * d2 + _C * d3,
        _F * u - _B * v,
        _G * d0 - _E * d1 + _C * d2 - _A * d3,
    )


@inlined
def _back(c0, c1, c2, c3, c4, c5, c6, c7):
    """Its inverse."""
    p, q = (c0 + c4) * _ONE, (c0 - c4) * _ONE
    u, v = _B * c2 + _F * c6, _F * c2 - _B * c6
    s0, s3, s1, s2 = p + u, p - u, q + v, q - v
    d0 = _A * c1 + _C * c3 + _E * c5 + _G * c7
    d1 = _C * c1 - _G * c3 - _A * c5 - _E * c7
    d2 = _E * c1 - _A * c3 + _G * c5 + _C * c7
    d3 = _G * c1 - _E * c3 + _C * c5 - _A * c7
    return s0 + d0, s1 + d1, s2 + d2, s3 + d3, s3 - d3, s2 - d2, s1 - d1, s0 - d0


@compiled
def _put(source, out):
    """Copy a run, and fill what is left of it with 0."""
    for x in range(source.shape[0]):
        out[x] = source[x]
    for x in range(source.shape[0], out.shape[0]):
        out[x] = np.float32(0)


@compiled
def _fill(value, out):
    for x in range(out.shape[0]):
        out[x] = value


@compiled
def _along_row(pixels, out):
    """(RUN + 7,) pixels to the eight coefficients of each run of eight, (8 RUN,)."""
    apart()
    distinct()
    wide()
    for x in range(RUN):
        c0, c1, c2, c3, c4, c5, c6, c7 = _forth(
            pixels[x], pixels[x + 1], pixels[x + 2], pixels[x + 3], pixels[x + 4], pixels[x + 5], pixels[x + 6], pixels[x + 7]
        )
        out[x], out[x + RUN], out[x + 2 * RUN], out[x + 3 * RUN] = c0, c1, c2, c3
        out[x + 4 * RUN], out[x + 5 * RUN], out[x + 6 * RUN], out[x + 7 * RUN] = c4, c5, c6, c7


@compiled
def _down(r0, r1, r2, r3, r4, r5, r6, r7, out):
    """Eight rows of coefficients, (8 RUN,) each, to those of the blocks, (8, 8 RUN)."""
    apart()
    distinct()
    wide()
    for x in range(_ROW):
        c0, c1, c2, c3, c4, c5, c6, c7 = _forth(r0[x], r1[x], r2[x], r3[x], r4[x], r5[x], r6[x], r7[x])
        out[x], out[x + _ROW], out[x + 2 * _ROW], out[x + 3 * _ROW] = c0, c1, c2, c3
        out[x + 4 * _ROW], out[x + 5 * _ROW], out[x + 6 * _ROW], out[x + 7 * _ROW] = c4, c5, c6, c7


@compiled
def _shrunk(blocks, threshold, rule, count):
    """Shrink all but the mean of each block, in place, and count what is left. rule: 0 hard, 1 soft, 2 garrote."""
    apart()
    wide()
    zero, one = np.float32(0), np.float32(1)
    for x in range(RUN):
        count[x] = one
    for k in range(1, 64):
        row = blocks[k * RUN : (k + 1) * RUN]
        if rule == 0:
            for x in range(RUN):
                large = abs(row[x]) > threshold[x]
                row[x] = row[x] if large else zero
                count[x] += one if large else zero
        elif rule == 1:
            for x in range(RUN):
                c, t = row[x], threshold[x]
                large = abs(c) > t
                row[x] = c - (t if c > zero else -t) if large else zero
                count[x] += one if large else zero
        else:
            for x in range(RUN):
                c, t = row[x], threshold[x]
                large = abs(c) > t
                row[x] = c - t * t / (c if large else one) if large else zero
                count[x] += one if large else zero


@compiled
def _up(blocks, weight, before, after):
    """Blocks back to rows of coefficients, weighted, added to the sums of the blocks above: row j of `after` is row j + 1 of `before`
    plus row j of the blocks."""
    apart()
    distinct()
    wide()
    for k in range(8):
        start = k * RUN
        for i in range(RUN):
            x = start + i
            w = weight[i]
            v0, v1, v2, v3, v4, v5, v6, v7 = _back(
                blocks[x],
                blocks[x + _ROW],
                blocks[x + 2 * _ROW],
                blocks[x + 3 * _ROW],
                blocks[x + 4 * _ROW],
                blocks[x + 5 * _ROW],
                blocks[x + 6 * _ROW],
                blocks[x + 7 * _ROW],
            )
            after[x] = before[x + _ROW] + w * v0
            after[x + _ROW] = before[x + 2 * _ROW] + w * v1
            after[x + 2 * _ROW] = before[x + 3 * _ROW] + w * v2
            after[x + 3 * _ROW] = before[x + 4 * _ROW] + w * v3
            after[x + 4 * _ROW] = before[x + 5 * _ROW] + w * v4
            after[x + 5 * _ROW] = before[x + 6 * _ROW] + w * v5
            after[x + 6 * _ROW] = before[x + 7 * _ROW] + w * v6
            after[x + 7 * _ROW] = w * v7


@compiled
def _finish(sums, weights, spread, out, columns):
    """One row of pixels from the first row of sums, (8 RUN,), and of weights, (RUN,): run x gives to the pixels x to x + 7."""
    apart()
    distinct()
    wide()
    for x in range(RUN):
        v0, v1, v2, v3, v4, v5, v6, v7 = _back(
            sums[x],
            sums[x + RUN],
            sums[x + 2 * RUN],
            sums[x + 3 * RUN],
            sums[x + 4 * RUN],
            sums[x + 5 * RUN],
            sums[x + 6 * RUN],
            sums[x + 7 * RUN],
        )
        spread[x], spread[x + RUN], spread[x + 2 * RUN], spread[x + 3 * RUN] = v0, v1, v2, v3
        spread[x + 4 * RUN], spread[x + 5 * RUN], spread[x + 6 * RUN], spread[x + 7 * RUN] = v4, v5, v6, v7
    for x in range(columns):
        total, weight = spread[x + 7], weights[x + 7]
        for i in range(1, 8):
            total += spread[x + 7 - i + i * RUN]
            weight += weights[x + 7 - i]
        out[x] = total / weight


@compiled
def sliding_dct_rows(padded, threshold, rule, first, last, out):
    """Denoise rows first to last, of N * H, plane after plane.

    padded      (N, H + 14, W + 14)   7 pixels more on each side
    threshold   (N, H + 7, W + 7) for each block by its first pixel, or (N, 1, 1)
    rule        0 hard, 1 soft, 2 garrote
    out         (N, H, W)
    """
    height, width = out.shape[1], out.shape[2]
    pixels, blocks, spread = np.zeros(RUN + 7, np.float32), np.empty(8 * _ROW, np.float32), np.empty(_ROW, np.float32)
    rows, level, count = np.empty((8, _ROW), np.float32), np.empty(RUN, np.float32), np.empty(RUN, np.float32)
    sums, weights = np.zeros((2, 8 * _ROW), np.float32), np.empty((8, RUN), np.float32)
    total = np.empty(RUN, np.float32)
    mapped = threshold.shape[1] > 1
    row = first
    while row < last:
        n, y0 = row // height, row % height
        y1 = min(height, y0 + last - row)
        for x0 in range(0, width, DONE):
            columns = min(DONE, width - x0)
            _fill(np.float32(0), sums[y0 & 1])
            for j in range(8):
                _fill(np.float32(0), weights[j])
            for y in range(y0, y1 + 14):
                _put(padded[n, y, x0 : x0 + columns + 14], pixels)
                _along_row(pixels, rows[y % 8])
                if y < y0 + 7:
                    continue
                b = y - 7
                _down(rows[b % 8], rows[(b + 1) % 8], rows[(b + 2) % 8], rows[(b + 3) % 8], rows[(b + 4) % 8], rows[(b + 5) % 8],
                      rows[(b + 6) % 8], rows[(b + 7) % 8], blocks)  # fmt: skip
                if mapped:
                    _put(threshold[n, b, x0 : x0 + columns + 7], level)
                else:
                    _fill(threshold[n, 0, 0], level)
                _shrunk(blocks, level, rule, count)
                for x in range(RUN):
                    count[x] = np.float32(1) / count[x]
                _put(count, weights[b % 8])
                _up(blocks, count, sums[b & 1], sums[1 - (b & 1)])
                if b < y0 + 7:
                    continue
                for x in range(RUN):
                    total[x] = weights[0, x]
                    for j in range(1, 8):
                        total[x] += weights[j, x]
                _finish(sums[1 - (b & 1)], total, spread, out[n, b - 7, x0 : x0 + columns], columns)
        row += y1 - y0
