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

from campipe.ops.kernels.borders import mirrored
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
from campipe.ops.kernels.demosaick_menon import MENON_MARGIN, MENON_PLANES, menon_into, menon_strip
from campipe.ops.kernels.jit import compiled, inlined, inner

STRIPS: dict[str, tuple[Any, int, int]] = {
    "bilinear": (bilinear_strip, BILINEAR_MARGIN, BILINEAR_PLANES),
    "malvar": (malvar_strip, MALVAR_MARGIN, MALVAR_PLANES),
    "hamilton_adams": (hamilton_strip, HAMILTON_MARGIN, HAMILTON_PLANES),
    "menon": (menon_strip, MENON_MARGIN, MENON_PLANES),
}
COLUMNS = 512
"""Columns of a strip."""


@inner
def _copy(source, target):
    for j in range(target.shape[0]):
        target[j] = source[j]


@compiled
def cut_strip(mosaic, top, left, padded):
    """Copy a window of a mosaic, (H, W), whose first pixel is (top, left), also from beyond the border."""
    height, width = mosaic.shape
    first, last = max(left, 0), min(left + padded.shape[1], width)
    for i in range(padded.shape[0]):
        line, copy = mosaic[mirrored(top + i, height)], padded[i]
        for j in range(first - left):
            copy[j] = line[mirrored(left + j, width)]
        _copy(line[first:last], copy[first - left : last - left])
        for j in range(last - left, padded.shape[1]):
            copy[j] = line[mirrored(left + j, width)]


@inlined
def _room(margin, planes, rows):
    """Memory for a strip with its margin, and for its scratch planes."""
    size = (rows + 2 * margin) * (COLUMNS + 2 * margin)
    return np.empty(size, np.float32), np.empty(planes * size, np.float32)


@inlined
def _located(mosaic, line, x, margin, rows, window):
    """Where a strip lies: its source, its place there with its margin, and its place in the result (see `demosaick_halves`).

    mosaic   (N, H, W)
    line     number of the line of strips, counted over all planes; strips have `rows` rows, an even number
    x        first column, an even number
    window   memory for a strip whose margin reaches beyond the picture; the others are read from the mosaic itself
    """
    height, width = mosaic.shape[1:]
    lines = -(-height // rows)
    n, y = line // lines, line % lines * rows
    tall, broad = min(rows, height - y), min(COLUMNS, width - x)
    h, w, top, left = tall + 2 * margin, broad + 2 * margin, y - margin, x - margin
    place = ((3 * n * height + y) * width + x, width, tall, broad, height * width)
    if top >= 0 and left >= 0 and top + h <= height and left + w <= width:
        return mosaic.reshape(mosaic.size), ((n * height + top) * width + left, width, h, w), place
    cut_strip(mosaic[n], top, left, window[: h * w].reshape(h, w))
    return window, (0, w, h, w), place


# The loops over whole pictures, one for each method, since numba keeps no function on disk that takes another one.
#
#     mosaic         (N, H, W) float32
#     red_y, red_x   where a red pixel lies in its first 2 x 2 pixels
#     first, last    range of lines of strips to do, counted over all planes
#     out            (N, 3, H, W) float32


@compiled
def bilinear_lines(mosaic, red_y, red_x, first, last, out):
    window, scratch = _room(BILINEAR_MARGIN, BILINEAR_PLANES, 32)
    for line in range(first, last):
        for x in range(0, mosaic.shape[2], COLUMNS):
            source, at, place = _located(mosaic, line, x, BILINEAR_MARGIN, 32, window)
            bilinear_into(source, at, red_y, red_x, out.reshape(out.size), place, scratch)


@compiled
def malvar_lines(mosaic, red_y, red_x, first, last, out):
    window, scratch = _room(MALVAR_MARGIN, MALVAR_PLANES, 32)
    for line in range(first, last):
        for x in range(0, mosaic.shape[2], COLUMNS):
            source, at, place = _located(mosaic, line, x, MALVAR_MARGIN, 32, window)
            malvar_into(source, at, red_y, red_x, out.reshape(out.size), place, scratch)


@compiled
def hamilton_lines(mosaic, red_y, red_x, first, last, out):
    window, scratch = _room(HAMILTON_MARGIN, HAMILTON_PLANES, 128)
    for line in range(first, last):
        for x in range(0, mosaic.shape[2], COLUMNS):
            source, at, place = _located(mosaic, line, x, HAMILTON_MARGIN, 128, window)
            hamilton_into(source, at, red_y, red_x, out.reshape(out.size), place, scratch)


@compiled
def menon_lines(mosaic, red_y, red_x, first, last, out, refine):
    window, scratch = _room(MENON_MARGIN, MENON_PLANES, 32)
    for line in range(first, last):
        for x in range(0, mosaic.shape[2], COLUMNS):
            source, at, place = _located(mosaic, line, x, MENON_MARGIN, 32, window)
            menon_into(source, at, red_y, red_x, out.reshape(out.size), place, scratch, refine)


LOOPS: dict[str, tuple[Any, int, tuple[Any, ...]]] = {
    "bilinear": (bilinear_lines, 32, ()),
    "malvar": (malvar_lines, 32, ()),
    "hamilton_adams": (hamilton_lines, 128, ()),
    "menon": (menon_lines, 32, (True,)),
    "menon_unrefined": (menon_lines, 32, (False,)),
}
"""The loop over whole pictures of each method, the rows of its strips, and what it takes besides.

Strips are such that the planes of a method stay in the second-level cache.
"""
