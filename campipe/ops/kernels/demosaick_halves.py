"""Bayer rows as halves: what one row sees in colour, and what it sees in green, each without gaps, so that loops run on whole vectors.

A row of the mosaic is c g c g ... (start 0) or g c g c ... (start 1), c being red or blue. Colour sample b lies at column 2 b + start,
green sample b at column 2 b + 1 - start. So with l = b - 1 + start and r = l + 1

    colour b has green l and r beside it, colour b - 1 and b + 1 beyond, green b above and below, and colour l and r at its corners;
    green b has colour b - start and b - start + 1 beside it, and colour b above and below.
"""

from __future__ import annotations

import numpy as np

from campipe.ops.kernels.intrinsics import distinct, wide
from campipe.ops.kernels.jit import inlined, inner

_HALF, _QUARTER, _ZERO = np.float32(1 / 2), np.float32(1 / 4), np.float32(0)


@inlined
def start_of(y, red_y, red_x):
    """0 where row y begins with a colour, 1 where it begins with green."""
    return (y ^ red_y ^ red_x) & 1


@inlined
def halves(scratch, count, height, width):
    """Flat scratch memory as `count` planes of half rows: (count, height, ceil(width / 2))."""
    half = (width + 1) // 2
    return scratch[: count * height * half].reshape(count, height, half)


@inner
def _pairs(row, even, odd):
    distinct()
    wide()
    for i in range(row.shape[0] // 2):
        even[i] = row[2 * i]
        odd[i] = row[2 * i + 1]


@inlined
def split_row(row, start, colour, green):
    """(W,) to two halves of (ceil(W / 2),); where W is odd, a 0 fills up the shorter one."""
    even, odd = (green, colour) if start else (colour, green)
    _pairs(row, even, odd)
    if row.shape[0] % 2:
        even[even.shape[0] - 1], odd[odd.shape[0] - 1] = row[row.shape[0] - 1], _ZERO


@inner
def _differences_row(seen, before, after, left, right, above, below, far_above, far_below, across, down):
    distinct()
    wide()
    for i in range(across.shape[0]):
        c = seen[i]
        across[i] = (c - (left[i] + right[i])) * _HALF + (before[i] + after[i]) * _QUARTER
        down[i] = (c - (above[i] + below[i])) * _HALF + (far_above[i] + far_below[i]) * _QUARTER


@inlined
def difference_row(colour, green, y, ring, start, across, down):
    """Colour minus green at each colour sample of row y but the outermost, green being interpolated along its row, and along its column.

    ring   row y lies at y & ring of each plane

    Source: Hamilton, Adams, US patent 5,629,734, 1997: the mean of two greens and the Laplacian of the colour.
    """
    e, here = colour.shape[1] - 1, y & ring
    _differences_row(
        colour[here, 1:e], colour[here, : e - 1], colour[here, 2:], green[here, start : start + e - 1], green[here, start + 1 : start + e],
        green[(y - 1) & ring, 1:e], green[(y + 1) & ring, 1:e], colour[(y - 2) & ring, 1:e], colour[(y + 2) & ring, 1:e],
        across[here, 1:e], down[here, 1:e],
    )  # fmt: skip


@inner
def join_row(first, second, row):
    """Two half rows as one of any size: first, second, first, ..."""
    distinct()
    wide()
    for i in range(row.shape[0] // 2):
        row[2 * i] = first[i]
        row[2 * i + 1] = second[i]
    if row.shape[0] % 2:
        row[row.shape[0] - 1] = first[row.shape[0] // 2]


@inlined
def row_of(flat, place, y):
    """A row of a strip inside a flat array.

    place   (offset of the strip's first pixel, step from row to row, rows, columns)
    """
    first = place[0] + y * place[1]
    return flat[first : first + place[3]]


@inlined
def out_row(flat, place, channel, y):
    """A row of a strip inside a flat array of results.

    place   (offset of the strip's first pixel, step from row to row, rows, columns, step from channel to channel)
    """
    first = place[0] + channel * place[4] + y * place[1]
    return flat[first : first + place[3]]


@inlined
def all_of(padded):
    """The place of a strip that is all of `padded`."""
    return (0, padded.shape[1], padded.shape[0], padded.shape[1])


@inlined
def all_of_out(out):
    """The place of a strip that is all of `out`, (3, h, w)."""
    return (0, out.shape[2], out.shape[1], out.shape[2], out.shape[1] * out.shape[2])
