"""Demosaicking by a 7 x 7 kernel for each position of a pattern of any size and each colour.

A row of the mosaic is split into its phases, the columns x, x + w, x + 2 w ... of a pattern w wide, so that one weight goes with a whole
line of samples without gaps.
"""

from __future__ import annotations

import numpy as np

from campipe.ops.kernels.intrinsics import distinct, fma, wide
from campipe.ops.kernels.jit import compiled

_SIZE = 7
_REACH = 3
_PIECE = 1 << 11
"""Pixels of a row that go through all weights together."""


@compiled
def _add_row(s0, s1, s2, s3, s4, s5, s6, weights, total):
    """Add one row of a kernel: weight j with the samples at j - 3 columns."""
    distinct()
    wide()
    w0, w1, w2, w3, w4, w5, w6 = weights[0], weights[1], weights[2], weights[3], weights[4], weights[5], weights[6]
    for i in range(total.shape[0]):
        left = fma(w2, s2[i], fma(w1, s1[i], fma(w0, s0[i], total[i])))
        total[i] = fma(w6, s6[i], fma(w5, s5[i], fma(w4, s4[i], fma(w3, s3[i], left))))


@compiled
def _split(line, width, phases):
    """(n,) to (w, ceil(n / w)), the samples behind the last one being 0."""
    whole = line.shape[0] // width
    for i in range(whole):
        for p in range(width):
            phases[p, i] = line[i * width + p]
    for p in range(width):
        at = whole * width + p
        phases[p, whole] = line[at] if at < line.shape[0] else np.float32(0)


@compiled
def weights_rows(padded, weights, sees, first, last, out):
    """Demosaick the rows from `first` to `last`, of N * H, plane after plane.

    padded    (N, H + 6, W + 6) float32: the mosaic with three pixels more on each side
    weights   (h, w, 3, 7, 7) float32: the kernel of each position, counted from the pixel (0, 0) of the mosaic without border
    sees      (h, w) int64: the channel that each position sees; its samples are kept
    out       (N, 3, H, W) float32
    """
    height, width = out.shape[2:]
    tall, broad = sees.shape
    samples = (_PIECE + 2 * _REACH) // broad + 2
    ring, total = np.zeros((_SIZE, broad, samples), np.float32), np.empty(samples, np.float32)
    while first < last:
        n, top = first // height, first % height
        bottom = min(height, top + last - first)
        for x in range(0, width, _PIECE // broad * broad):
            columns = min(_PIECE // broad * broad, width - x)
            for y in range(top - _SIZE + 1, bottom):
                _split(padded[n, y + _SIZE - 1, x : x + columns + 2 * _REACH], broad, ring[(y + _SIZE - 1) % _SIZE])
                if y < top:
                    continue
                for p in range(broad):
                    count = (columns - p + broad - 1) // broad
                    own = sees[y % tall, p]
                    for channel in range(3):
                        target = out[n, channel, y, x : x + columns]
                        if channel == own:
                            q = p + _REACH
                            kept = ring[(y + _REACH) % _SIZE, q % broad, q // broad :]
                            for i in range(count):
                                target[p + broad * i] = kept[i]
                            continue
                        total[:count] = np.float32(0)
                        for k in range(_SIZE):
                            r = ring[(y + k) % _SIZE]
                            a, b, c, d, e, f, g = p, p + 1, p + 2, p + 3, p + 4, p + 5, p + 6
                            _add_row(
                                r[a % broad, a // broad :], r[b % broad, b // broad :], r[c % broad, c // broad :],
                                r[d % broad, d // broad :], r[e % broad, e // broad :], r[f % broad, f // broad :],
                                r[g % broad, g // broad :], weights[y % tall, p, channel, k], total[:count],
                            )  # fmt: skip
                        for i in range(count):
                            target[p + broad * i] = total[i]
        first += bottom - top
