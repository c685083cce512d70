"""Non-local means, shift by shift and row by row: a row of weights serves both pixels of each of its pairs."""

from __future__ import annotations

import numpy as np

from campipe.ops.kernels.bilateral import exponential
from campipe.ops.kernels.intrinsics import distinct, wide
from campipe.ops.kernels.jit import compiled


@compiled
def _squared(here, there, distance):
    distinct()
    wide()
    for x in range(distance.shape[0]):
        d = there[x] - here[x]
        distance[x] += d * d


@compiled
def _summed(source, side, out):
    """out[x] = source[x] + ... + source[x + side - 1], always in this order."""
    distinct()
    wide()
    if side == 5:
        for x in range(out.shape[0]):
            out[x] = source[x] + source[x + 1] + source[x + 2] + source[x + 3] + source[x + 4]
        return
    for x in range(out.shape[0]):
        out[x] = source[x]
    for k in range(1, side):
        for x in range(out.shape[0]):
            out[x] += source[x + k]


@compiled
def _added(part, total):
    distinct()
    wide()
    for x in range(total.shape[0]):
        total[x] += part[x]


@compiled
def _weights(distance, free, steep, weight):
    distinct()
    wide()
    for x in range(weight.shape[0]):
        weight[x] = exponential(-(max(distance[x] - free, np.float32(0)) * steep))


@compiled
def _weights_of_places(distance, free, steep, weight):
    distinct()
    wide()
    for x in range(weight.shape[0]):
        weight[x] = exponential(-(max(distance[x] - free[x], np.float32(0)) * steep[x]))


@compiled
def _weighed(weight, value, total):
    distinct()
    wide()
    for x in range(total.shape[0]):
        total[x] += weight[x] * value[x]


@compiled
def _shift(padded, free, steep, dy, dx, reach, half, top, bottom, ring, distance, weight, out, weights):
    """Give each pixel of rows top to bottom its part of the pixel (dy, dx) away and of the one opposite; the arguments of `nlm_rows`."""
    channels, width = out.shape[0], out.shape[2]
    side, margin = 2 * half + 1, reach + half
    left, right = min(0, -dx), max(width, width - dx)  # columns of the first pixel of a pair, of which one lies in the picture
    count = right - left
    mapped = free.shape[1] > 1
    for t in range(top - dy - half, bottom + half):
        line = ring[t % side, :count]
        distance[: count + 2 * half] = 0
        start = left - half + margin
        for c in range(channels):
            here = padded[c, t + margin, start : start + count + 2 * half]
            there = padded[c, t + dy + margin, start + dx : start + dx + count + 2 * half]
            _squared(here, there, distance[: count + 2 * half])
        _summed(distance, side, line)
        y = t - half  # the row of the first pixels whose patches are complete
        if y < top - dy:
            continue
        patch = distance[:count]
        patch[:] = ring[(y - half) % side, :count]
        for k in range(1 - half, half + 1):
            _added(ring[(y + k) % side, :count], patch)
        if not mapped:
            _weights(patch, free[0, 0], steep[0, 0], weight[:count])
        if y >= top:
            own = weight[-left : width - left]
            if mapped:
                _weights_of_places(patch[-left : width - left], free[y], steep[y], own)
            _added(own, weights[y])
            for c in range(channels):
                _weighed(own, padded[c, y + dy + margin, margin + dx : margin + dx + width], out[c, y])
        if y + dy < bottom and y + dy >= top:
            own = weight[-left - dx : width - left - dx]
            if mapped:
                _weights_of_places(patch[-left - dx : width - left - dx], free[y + dy], steep[y + dy], own)
            _added(own, weights[y + dy])
            for c in range(channels):
                _weighed(own, padded[c, y + margin, margin - dx : margin - dx + width], out[c, y + dy])


@compiled
def nlm_rows(padded, free, steep, reach, half, strip, first, last, out):
    """Rows first to last of B * H.

    padded        (B, C, H + 2 m, W + 2 m), m = reach + half
    free, steep   (B, H, W), or (B, 1, 1) for a number: a pair whose patches' squared differences have the sum d gets the weight
                  exp(-max(d - free, 0) steep)
    reach, half   the window has 2 reach + 1 pixels on a side, a patch 2 half + 1
    strip         rows that go through all shifts together, so that they stay in the cache
    out           (B, C, H, W)

    A pixel's sums are made in the same order wherever a range begins.
    """
    channels, height, width = out.shape[1:]
    ring = np.empty((2 * half + 1, width + reach), np.float32)
    distance, weight = np.empty(width + reach + 2 * half, np.float32), np.empty(width + reach, np.float32)
    weights = np.empty((height, width), np.float32)
    row = first
    while row < last:
        b, top = row // height, row % height
        bottom = min(top + strip, height, top + last - row)
        weights[top:bottom] = 1
        for c in range(channels):
            for y in range(top, bottom):
                out[b, c, y] = padded[b, c, y + reach + half, reach + half : reach + half + width]
        for dy in range(reach + 1):
            for dx in range(-reach if dy > 0 else 1, reach + 1):
                _shift(padded[b], free[b], steep[b], dy, dx, reach, half, top, bottom, ring, distance, weight, out[b], weights)
        for c in range(channels):
            for y in range(top, bottom):
                for x in range(width):
                    out[b, c, y, x] /= weights[y, x]
        row += bottom - top
