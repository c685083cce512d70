"""The bilateral filter, row by row; the exponential is a polynomial, so that a row is worked on in vectors."""

from __future__ import annotations

import numpy as np

from campipe.ops.kernels.intrinsics import distinct, float_of, floor, wide
from campipe.ops.kernels.jit import compiled, inlined

_LOG2E = np.float32(1.4426950408889634)
# 2^f on [0, 1): the polynomial of degree 6 through the Chebyshev points, relative error 3e-9, in float32 arithmetic 8e-8.
_P = tuple(np.float32(c) for c in (1.0, 0.693146933, 0.240230454, 0.0554806302, 0.00968418631, 0.00123913318, 0.000218657848))


@inlined
def exponential(x):
    """exp(x) for x <= 0, float32, within a relative 3e-7 + 1e-7 |x|; below -87 what -87 gives."""
    t = max(x, np.float32(-87.0)) * _LOG2E
    whole = floor(t)
    f = t - whole
    p = _P[0] + f * (_P[1] + f * (_P[2] + f * (_P[3] + f * (_P[4] + f * (_P[5] + f * _P[6])))))
    return p * float_of((np.int32(whole) + np.int32(127)) << np.int32(23))


@compiled
def _apart(here, there, inverse, distance):
    distinct()
    wide()
    for x in range(here.shape[0]):
        d = there[x] - here[x]
        distance[x] += d * d * inverse[x]


@compiled
def _weighed(distance, place, weights):
    """Distances become weights, and are added up."""
    distinct()
    wide()
    for x in range(distance.shape[0]):
        w = exponential(-(distance[x] + place))
        distance[x] = w
        weights[x] += w


@compiled
def _added(weight, there, total):
    distinct()
    wide()
    for x in range(weight.shape[0]):
        total[x] += weight[x] * there[x]


@compiled
def bilateral_rows(padded, inverse, scale, radius, first, last, out):
    """Rows first to last of B * H.

    padded    (B, C, H + 2 radius, W + 2 radius)
    inverse   (B, C, H or 1, W), 1 / (2 C variance) in value
    scale     1 / (2 variance) in place
    out       (B, C, H, W)
    """
    channels, height, width = out.shape[1:]
    distance, weights = np.empty(width, np.float32), np.empty(width, np.float32)
    for row in range(first, last):
        b, y = row // height, row % height
        level = y if inverse.shape[2] > 1 else 0
        weights[:] = 0
        out[b, :, y] = 0
        for i in range(2 * radius + 1):
            for j in range(2 * radius + 1):
                distance[:] = 0
                for c in range(channels):
                    here = padded[b, c, y + radius, radius : radius + width]
                    _apart(here, padded[b, c, y + i, j : j + width], inverse[b, c, level], distance)
                place = np.float32(scale * ((i - radius) ** 2 + (j - radius) ** 2))
                _weighed(distance, place, weights)
                for c in range(channels):
                    _added(distance, padded[b, c, y + i, j : j + width], out[b, c, y])
        for c in range(channels):
            for x in range(width):
                out[b, c, y, x] /= weights[x]
