"""Demosaicking strip by strip: the loops of each method on a strip that fits the second-level cache, and whole pictures by strips.

Every strip function is called as `strip(padded, red_y, red_x, out, scratch)`. Its arrays are float32 and contiguous, and do not overlap:

    padded         (h + 2 m, w + 2 m)      a piece of the mosaic with the method's margin m, an even number, on each side; beyond the
                                           picture its mirror image about the outermost pixel
    red_y, red_x   0 or 1                  where a red pixel lies in the first 2 x 2 pixels of `padded`
    out            (3, h, w)               filled: red, green and blue of the piece without its margin
    scratch        (k, h + 2 m, w + 2 m)   room for k planes, with any numbers in it

A pixel's result is the same to the last bit wherever strips are cut, as long as h and w are at least 1. `STRIPS` has (strip, m, k) by name.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from campipe.ops.kernels.demosaick_hamilton import HAMILTON_MARGIN, HAMILTON_PLANES, hamilton_into, hamilton_strip
from campipe.ops.kernels.demosaick_linear import (
    BILINEAR_MARGIN,
    BILINEAR_PLANES,
    MALVAR_MARGIN,
    MALVAR_PLANES,
    bilinear_into,
    bilinear_strip,
    malvar_into,
    malvar_strip,
)
from campipe.ops.kernels.demosaick_menon import (
    MENON_MARGIN,
    MENON_PLANES,
    menon_into,
    menon_strip,
    menon_unrefined_into,
    menon_unrefined_strip,
)
from campipe.ops.kernels.jit import compiled, inlined

STRIPS: dict[str, tuple[Any, int, int]] = {
    "bilinear": (bilinear_strip, BILINEAR_MARGIN, BILINEAR_PLANES),
    "malvar": (malvar_strip, MALVAR_MARGIN, MALVAR_PLANES),
    "hamilton_adams": (hamilton_strip, HAMILTON_MARGIN, HAMILTON_PLANES),
    "menon": (menon_strip, MENON_MARGIN, MENON_PLANES),
    "menon_unrefined": (menon_unrefined_strip, MENON_MARGIN, MENON_PLANES),
}
ROWS, COLUMNS = 32, 512
"""Pixels of a strip that keep its planes in the second-level cache."""


@inlined
def _mirrored(place, size):
    """The pixel that a place beyond the border shows."""
    period = 2 * (size - 1)
    place = place % period
    return period - place if place >= size else place


@compiled
def _copy(source, target):
    for j in range(target.shape[0]):
        target[j] = source[j]


@compiled
def cut_strip(mosaic, top, left, padded):
    """Copy a window of a mosaic, (H, W), whose first pixel is (top, left), also from beyond the border."""
    height, width = mosaic.shape
    first, last = max(left, 0), min(left + padded.shape[1], width)
    for i in range(padded.shape[0]):
        line, copy = mosaic[_mirrored(top + i, height)], padded[i]
        for j in range(first - left):
            copy[j] = line[_mirrored(left + j, width)]
        _copy(line[first:last], copy[first - left : last - left])
        for j in range(last - left, padded.shape[1]):
            copy[j] = line[_mirrored(left + j, width)]


@inlined
def _by_strips(into, margin, planes, tall, mosaic, red_y, red_x, first, last, out):
    """Demosaick the rows from `first` to `last`, of N * H, plane after plane: (N, H, W) to (N, 3, H, W).

    into   what fills a strip inside a larger array; where a strip's margin lies inside the picture, it reads the mosaic itself
    tall   rows of a strip
    """
    height, width = mosaic.shape[1:]
    size = (tall + 2 * margin) * (COLUMNS + 2 * margin)
    window, work, source, result = (
        np.empty(size, np.float32),
        np.empty(planes * size, np.float32),
        mosaic.reshape(mosaic.size),
        out.reshape(out.size),
    )
    while first < last:
        n, y = first // height, first % height
        rows = min(tall, last - first, height - y)
        for x in range(0, width, COLUMNS):
            columns = min(COLUMNS, width - x)
            h, w, top, left = rows + 2 * margin, columns + 2 * margin, y - margin, x - margin
            scratch = work[: planes * h * w].reshape(planes, h, w)
            place = ((3 * n * height + y) * width + x, width, rows, columns, height * width)
            if top >= 0 and left >= 0 and top + h <= height and left + w <= width:
                at = ((n * height + top) * width + left, width, h, w)
                into(source, at, (red_y ^ y) & 1, (red_x ^ x) & 1, result, place, scratch)
            else:
                cut_strip(mosaic[n], top, left, window[: h * w].reshape(h, w))
                into(window, (0, w, h, w), (red_y ^ y) & 1, (red_x ^ x) & 1, result, place, scratch)
        first += rows


@compiled
def bilinear_rows(mosaic, red_y, red_x, first, last, out):
    _by_strips(bilinear_into, BILINEAR_MARGIN, BILINEAR_PLANES, ROWS, mosaic, red_y, red_x, first, last, out)


@compiled
def malvar_rows(mosaic, red_y, red_x, first, last, out):
    _by_strips(malvar_into, MALVAR_MARGIN, MALVAR_PLANES, ROWS, mosaic, red_y, red_x, first, last, out)


@compiled
def hamilton_rows(mosaic, red_y, red_x, first, last, out):
    _by_strips(hamilton_into, HAMILTON_MARGIN, HAMILTON_PLANES, 4 * ROWS, mosaic, red_y, red_x, first, last, out)


@compiled
def menon_rows(mosaic, red_y, red_x, first, last, out):
    _by_strips(menon_into, MENON_MARGIN, MENON_PLANES, ROWS, mosaic, red_y, red_x, first, last, out)


@compiled
def menon_unrefined_rows(mosaic, red_y, red_x, first, last, out):
    _by_strips(menon_unrefined_into, MENON_MARGIN, MENON_PLANES, ROWS, mosaic, red_y, red_x, first, last, out)


LOOPS: dict[str, Any] = {
    "bilinear": bilinear_rows,
    "malvar": malvar_rows,
    "hamilton_adams": hamilton_rows,
    "menon": menon_rows,
    "menon_unrefined": menon_unrefined_rows,
}
"""The loop over whole pictures of each method."""
