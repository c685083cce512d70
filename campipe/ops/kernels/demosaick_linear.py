"""Bilinear and Malvar demosaicking of a strip: one pass over its rows, whole vectors of pixels, without a branch.

A row sees green at every second pixel, and its own colour, red or blue, between them; the third colour is the other one. Both answers
are worked out for every pixel, and the one that its place asks for is taken.
"""

from __future__ import annotations

import numpy as np

from campipe.ops.kernels.demosaick_halves import all_of, all_of_out, out_row, row_of, start_of
from campipe.ops.kernels.intrinsics import apart, distinct, wide
from campipe.ops.kernels.jit import compiled, inner

_f = np.float32
_HALF, _QUARTER, _EIGHTH, _SIXTEENTH = _f(1 / 2), _f(1 / 4), _f(1 / 8), _f(1 / 16)
_FIVE_EIGHTHS, _THREE_QUARTERS, _THREE_SIXTEENTHS = _f(5 / 8), _f(3 / 4), _f(3 / 16)

BILINEAR_MARGIN, BILINEAR_PLANES = 2, 0
MALVAR_MARGIN, MALVAR_PLANES = 2, 0


@inner
def _bilinear_row(up, row, down, start, own, green, other):
    """One row. up, row, down begin a pixel before the outputs; start: 0 where the first output's pixel saw its own colour, 1 if green."""
    distinct()
    wide()
    for i in range(own.shape[0]):
        c, sides, ends = row[i + 1], row[i] + row[i + 2], up[i + 1] + down[i + 1]
        corners = (up[i] + up[i + 2]) + (down[i] + down[i + 2])
        coloured = (i & 1) == start
        own[i] = c if coloured else sides * _HALF
        green[i] = (sides + ends) * _QUARTER if coloured else c
        other[i] = corners * _QUARTER if coloured else ends * _HALF


@inner
def bilinear_into(source, window, red_y, red_x, out, place, scratch):
    """The mean of the nearest samples of each colour."""
    apart()
    for y in range(place[2]):
        i, left, right = y + BILINEAR_MARGIN, BILINEAR_MARGIN - 1, window[3] - BILINEAR_MARGIN + 1
        red = 0 if (y & 1) == red_y else 2
        own, green, other = out_row(out, place, red, y), out_row(out, place, 1, y), out_row(out, place, 2 - red, y)
        start = start_of(y, red_y, red_x)
        up, row, down = row_of(source, window, i - 1), row_of(source, window, i), row_of(source, window, i + 1)
        _bilinear_row(up[left:right], row[left:right], down[left:right], start, own, green, other)


@compiled
def bilinear_strip(padded, red_y, red_x, out, scratch):
    """See `campipe.ops.kernels.demosaick_rows`."""
    bilinear_into(
        padded.reshape(padded.size), all_of(padded), red_y, red_x, out.reshape(out.size), all_of_out(out), scratch.reshape(scratch.size)
    )


@inner
def _malvar_row(far_up, up, row, down, far_down, start, own, green, other):
    """One row. The five rows of the mosaic begin two pixels before the outputs."""
    distinct()
    wide()
    for i in range(own.shape[0]):
        c, sides, ends = row[i + 2], row[i + 1] + row[i + 3], up[i + 2] + down[i + 2]
        far_sides, far_ends = row[i] + row[i + 4], far_up[i + 2] + far_down[i + 2]
        corners = (up[i + 1] + up[i + 3]) + (down[i + 1] + down[i + 3])
        far, seen = far_sides + far_ends, c * _FIVE_EIGHTHS - corners * _EIGHTH
        in_row = seen + sides * _HALF - far_sides * _EIGHTH + far_ends * _SIXTEENTH
        in_column = seen + ends * _HALF - far_ends * _EIGHTH + far_sides * _SIXTEENTH
        opposite = c * _THREE_QUARTERS + corners * _QUARTER - far * _THREE_SIXTEENTHS
        coloured = (i & 1) == start
        own[i] = c if coloured else in_row
        green[i] = c * _HALF + (sides + ends) * _QUARTER - far * _EIGHTH if coloured else c
        other[i] = opposite if coloured else in_column


@inner
def malvar_into(source, window, red_y, red_x, out, place, scratch):
    """The kernels are those of `campipe.ops.demosaick.malvar_kernels`."""
    apart()
    for y in range(place[2]):
        red = 0 if (y & 1) == red_y else 2
        own, green, other = out_row(out, place, red, y), out_row(out, place, 1, y), out_row(out, place, 2 - red, y)
        start = start_of(y, red_y, red_x)
        _malvar_row(
            row_of(source, window, y), row_of(source, window, y + 1), row_of(source, window, y + 2), row_of(source, window, y + 3),
            row_of(source, window, y + 4), start, own, green, other,
        )  # fmt: skip


@compiled
def malvar_strip(padded, red_y, red_x, out, scratch):
    """See `campipe.ops.kernels.demosaick_rows`."""
    malvar_into(
        padded.reshape(padded.size), all_of(padded), red_y, red_x, out.reshape(out.size), all_of_out(out), scratch.reshape(scratch.size)
    )
