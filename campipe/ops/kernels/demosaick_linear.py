"""Bilinear and Malvar demosaicking of a strip: one pass over its rows, whole vectors of pixels, without a branch.

A row sees green at every second pixel, and its own colour, red or blue, between them; the third colour is the other one. Both answers
are worked out for every pixel, and the one that its place asks for is taken.
"""

from __future__ import annotations

import numpy as np

from campipe.ops.kernels.intrinsics import distinct, wide
from campipe.ops.kernels.jit import compiled

_f = np.float32
_HALF, _QUARTER, _EIGHTH, _SIXTEENTH = _f(1 / 2), _f(1 / 4), _f(1 / 8), _f(1 / 16)
_FIVE_EIGHTHS, _THREE_QUARTERS, _THREE_SIXTEENTHS = _f(5 / 8), _f(3 / 4), _f(3 / 16)

BILINEAR_MARGIN, BILINEAR_PLANES = 2, 0
MALVAR_MARGIN, MALVAR_PLANES = 2, 0


@compiled
def _bilinear_row(up, row, down, colour, own, green, other):
    """One row. up, row, down begin a pixel before the outputs; colour: 0 where the first output's pixel saw its own colour, 1 if green."""
    distinct()
    wide()
    for i in range(own.shape[0]):
        c, sides, ends = row[i + 1], row[i] + row[i + 2], up[i + 1] + down[i + 1]
        corners = (up[i] + up[i + 2]) + (down[i] + down[i + 2])
        coloured = (i & 1) == colour
        own[i] = c if coloured else sides * _HALF
        green[i] = (sides + ends) * _QUARTER if coloured else c
        other[i] = corners * _QUARTER if coloured else ends * _HALF


@compiled
def bilinear_strip(padded, red_y, red_x, out, scratch):
    """See `campipe.ops.kernels.demosaick_rows`. The mean of the nearest samples of each colour."""
    for y in range(out.shape[1]):
        i = y + BILINEAR_MARGIN
        left, right = BILINEAR_MARGIN - 1, padded.shape[1] - BILINEAR_MARGIN + 1
        own = 0 if (y & 1) == red_y else 2
        colour = (y ^ red_y ^ red_x) & 1
        _bilinear_row(
            padded[i - 1, left:right], padded[i, left:right], padded[i + 1, left:right], colour, out[own, y], out[1, y], out[2 - own, y]
        )


@compiled
def _malvar_row(far_up, up, row, down, far_down, colour, own, green, other):
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
        coloured = (i & 1) == colour
        own[i] = c if coloured else in_row
        green[i] = c * _HALF + (sides + ends) * _QUARTER - far * _EIGHTH if coloured else c
        other[i] = opposite if coloured else in_column


@compiled
def malvar_strip(padded, red_y, red_x, out, scratch):
    """See `campipe.ops.kernels.demosaick_rows`. The kernels are those of `campipe.ops.demosaick.malvar_kernels`."""
    for y in range(out.shape[1]):
        own = 0 if (y & 1) == red_y else 2
        colour = (y ^ red_y ^ red_x) & 1
        _malvar_row(
            padded[y], padded[y + 1], padded[y + 2], padded[y + 3], padded[y + 4], colour, out[own, y], out[1, y], out[2 - own, y]
        )
