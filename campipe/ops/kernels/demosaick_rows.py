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

from campipe.ops.kernels.demosaick_linear import (
    BILINEAR_MARGIN,
    BILINEAR_PLANES,
    MALVAR_MARGIN,
    MALVAR_PLANES,
    bilinear_strip,
    malvar_strip,
)
from campipe.ops.kernels.jit import compiled, inlined

STRIPS: dict[str, tuple[Any, int, int]] = {
    "bilinear": (bilinear_strip, BILINEAR_MARGIN, BILINEAR_PLANES),
    "malvar": (malvar_strip, MALVAR_MARGIN, MALVAR_PLANES),
}
ROWS, COLUMNS = 32, 256
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
def _by_strips(strip, margin, planes, mosaic, red_y, red_x, first, last, out):
    """Demosaick the rows from `first` to `last`, of N * H, plane after plane: (N, H, W) to (N, 3, H, W)."""
    height, width = mosaic.shape[1:]
    tall, broad = ROWS + 2 * margin, COLUMNS + 2 * margin
    window, work = np.empty(tall * broad, np.float32), np.empty(planes * tall * broad, np.float32)
    result = np.empty(3 * ROWS * COLUMNS, np.float32)
    while first < last:
        n, y = first // height, first % height
        rows = min(ROWS, last - first, height - y)
        for x in range(0, width, COLUMNS):
            columns = min(COLUMNS, width - x)
            tall, broad = rows + 2 * margin, columns + 2 * margin
            padded = window[: tall * broad].reshape(tall, broad)
            scratch = work[: planes * tall * broad].reshape(planes, tall, broad)
            piece = result[: 3 * rows * columns].reshape(3, rows, columns)
            cut_strip(mosaic[n], y - margin, x - margin, padded)
            strip(padded, (red_y ^ y) & 1, (red_x ^ x) & 1, piece, scratch)
            for channel in range(3):
                for i in range(rows):
                    _copy(piece[channel, i], out[n, channel, y + i, x : x + columns])
        first += rows


@compiled
def bilinear_rows(mosaic, red_y, red_x, first, last, out):
    _by_strips(bilinear_strip, BILINEAR_MARGIN, BILINEAR_PLANES, mosaic, red_y, red_x, first, last, out)


@compiled
def malvar_rows(mosaic, red_y, red_x, first, last, out):
    _by_strips(malvar_strip, MALVAR_MARGIN, MALVAR_PLANES, mosaic, red_y, red_x, first, last, out)


LOOPS: dict[str, Any] = {"bilinear": bilinear_rows, "malvar": malvar_rows}
"""The loop over whole pictures of each method."""
