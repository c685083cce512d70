"""Collaborative filtering: groups of like blocks are transformed, shrunk and put back."""

from __future__ import annotations

import numpy as np

from campipe.ops.kernels.bm3d_match import match_row
from campipe.ops.kernels.bm3d_vectors import SIDE, gather, transform
from campipe.ops.kernels.intrinsics import absolute, apart, fma, wide
from campipe.ops.kernels.jit import compiled

_AREA = SIDE * SIDE
_ROOT_HALF = np.float32(0.7071067811865476)


@compiled
def haar(group, blocks):
    """The Haar transform along a group, in place: blocks is a power of 2, group[64 n + k] coefficient k of block n."""
    apart()
    wide()
    step = 1
    while step < blocks:
        for n in range(0, blocks, 2 * step):
            a, b = group[n * _AREA : (n + 1) * _AREA], group[(n + step) * _AREA : (n + step + 1) * _AREA]
            for k in range(_AREA):
                low, high = a[k], b[k]
                a[k] = (low + high) * _ROOT_HALF
                b[k] = (low - high) * _ROOT_HALF
        step *= 2


@compiled
def haar_back(group, blocks):
    """The inverse of `haar`."""
    apart()
    wide()
    step = blocks // 2
    while step > 0:
        for n in range(0, blocks, 2 * step):
            a, b = group[n * _AREA : (n + 1) * _AREA], group[(n + step) * _AREA : (n + step + 1) * _AREA]
            for k in range(_AREA):
                low, high = a[k], b[k]
                a[k] = (low + high) * _ROOT_HALF
                b[k] = (low - high) * _ROOT_HALF
        step //= 2


@compiled
def threshold(group, size, least):
    """Set coefficients whose size is not above `least` to 0, but never the first, the group's mean; return how many stay."""
    apart()
    wide()
    mean, kept = group[0], np.int32(0)
    for k in range(size):
        stays = absolute(group[k]) > least
        group[k] = group[k] if stays else np.float32(0)
        kept += np.int32(stays)
    kept += np.int32(1) - np.int32(absolute(mean) > least)
    group[0] = mean
    return kept


@compiled
def wiener(group, pilot, size, variance, lanes):
    """Scale coefficients by p^2 / (p^2 + variance), but not the first, the group's mean; return the sum of the squared factors.

    pilot   the coefficients p of the estimate; overwritten by the factors
    lanes   scratch, 64
    """
    apart()
    wide()
    mean = group[0]
    variance = max(variance, np.float32(1e-30))  # 0 / 0 where a plane has no noise
    for k in range(size):
        power = pilot[k] * pilot[k]
        factor = power / (power + variance)
        pilot[k] = factor
        group[k] = group[k] * factor
    group[0], pilot[0] = mean, np.float32(1)
    lanes[:] = np.float32(0)
    for n in range(0, size, _AREA):
        part = pilot[n : n + _AREA]
        for k in range(_AREA):
            lanes[k] = fma(part[k], part[k], lanes[k])
    total = np.float32(0)
    for k in range(_AREA):
        total += lanes[k]
    return total


@compiled
def filter_band(
    noisy, guide, estimate, deviation, stride, height, width, rows, columns, radius, limit, most,
    factor, forward, backward, window, top, total, weights,
):  # fmt: skip
    """Filter the groups of the reference blocks (rows, columns), and add what comes out to the band's own pictures.

    noisy, estimate   (C, N) float32, flat planes as of `match_row`; estimate: (0, N) in the first pass
    guide             (N,), what blocks are matched on
    deviation         (C,) float32, standard deviation of each plane's noise
    limit, most       of `match_row`
    factor            threshold in standard deviations; of the first pass only
    forward, backward (64,), the blocks' transform and its inverse; window (64,), weights in a block
    top               first row of the band's pictures
    total, weights    (C, M), flat pictures of the band: sums of weighted pixels and of weights
    """
    channels = noisy.shape[0]
    columnwise, distance = np.empty(stride + 64, np.float32), np.empty(stride + 64, np.float32)
    nearest = np.empty((columns.shape[0], most), np.float32)
    place, count = np.empty((columns.shape[0], most), np.int32), np.empty(columns.shape[0], np.int32)
    group, pilot, lanes = np.empty(most * _AREA, np.float32), np.empty(most * _AREA, np.float32), np.empty(_AREA, np.float32)
    for y in rows:
        match_row(guide, stride, height, width, y, columns, radius, limit, most, columnwise, distance, nearest, place, count)
        for r in range(columns.shape[0]):
            blocks = 1
            while 2 * blocks <= count[r]:
                blocks *= 2
            for c in range(channels):
                for n in range(blocks):
                    transform(noisy[c], np.int64(place[r, n]), stride, forward, group, n * _AREA)
                haar(group, blocks)
                if estimate.shape[0] == 0:
                    weight = np.float32(1) / np.float32(threshold(group, blocks * _AREA, factor * deviation[c]))
                else:
                    for n in range(blocks):
                        transform(estimate[c], np.int64(place[r, n]), stride, forward, pilot, n * _AREA)
                    haar(pilot, blocks)
                    weight = np.float32(1) / wiener(group, pilot, blocks * _AREA, deviation[c] * deviation[c], lanes)
                haar_back(group, blocks)
                for n in range(blocks):
                    transform(group, n * _AREA, SIDE, backward, group, n * _AREA)
                    gather(total[c], weights[c], np.int64(place[r, n]) - top * stride, stride, window, weight, group, n * _AREA)
