"""Hamilton-Adams demosaicking of a strip, step by step over half rows (`campipe.ops.kernels.demosaick_halves`).

The steps, their names and the order of every sum are those of `campipe.ops.demosaick_hamilton`.
"""

from __future__ import annotations

import numpy as np

from campipe.ops.kernels.demosaick_halves import all_of, all_of_out, difference_row, halves, out_row, row_of, split_row, start_of
from campipe.ops.kernels.intrinsics import absolute, apart, distinct, wide
from campipe.ops.kernels.jit import compiled, inner

_f = np.float32
_HALF, _QUARTER = _f(1 / 2), _f(1 / 4)
_LEAST = _f(1e-6)  # squared change that is nothing: that of a thousandth of the range

_RING = 15  # one less than the rows that are kept, a power of two

HAMILTON_MARGIN, HAMILTON_PLANES = 6, 4


@inner
def _weighted_row(before, across, after, above, down, below, out):
    distinct()
    wide()
    for i in range(out.shape[0]):
        h, v = across[i], down[i]
        change_across = absolute(before[i] - h) + absolute(after[i] - h)
        change_down = absolute(above[i] - v) + absolute(below[i] - v)
        trust_across, trust_down = change_down * change_down + _LEAST, change_across * change_across + _LEAST
        smooth_across, smooth_down = h * _HALF + (before[i] + after[i]) * _QUARTER, v * _HALF + (above[i] + below[i]) * _QUARTER
        out[i] = (smooth_across * trust_across + smooth_down * trust_down) / (trust_across + trust_down)


@inner
def _picture_row(seen, measured, row, above, below, start, own, green, other):
    """Three channels of one row.

    seen, measured   the row's colour and green samples
    row              differences of the row, one more at the front
    above, below     differences of the rows beside it; where start is 0, one more at the front
    own              out: the row's colour; green; and the other colour
    """
    distinct()
    wide()
    width = own.shape[0]
    for i in range(width // 2):
        x, g, d = seen[i], measured[i], row[i + 1]
        up, low = above[i] + above[i + 1], below[i] + below[i + 1]
        free = x - d
        third = free + (up + low) * _QUARTER
        if start == 0:
            beside = g + (d + row[i + 2]) * _HALF
            beyond = g + (above[i + 1] + below[i + 1]) * _HALF
            own[2 * i], green[2 * i], other[2 * i] = x, free, third
            own[2 * i + 1], green[2 * i + 1], other[2 * i + 1] = beside, g, beyond
        else:
            beside = g + (row[i] + d) * _HALF
            beyond = g + (above[i] + below[i]) * _HALF
            own[2 * i], green[2 * i], other[2 * i] = beside, g, beyond
            own[2 * i + 1], green[2 * i + 1], other[2 * i + 1] = x, free, third
    if width % 2:
        i, at = width // 2, width - 1
        x, g, d = seen[i], measured[i], row[i + 1]
        if start == 0:
            up, low = above[i] + above[i + 1], below[i] + below[i + 1]
            own[at], green[at], other[at] = x, x - d, x - d + (up + low) * _QUARTER
        else:
            own[at], green[at], other[at] = g + (row[i] + d) * _HALF, g, g + (above[i] + below[i]) * _HALF


@inner
def hamilton_into(source, window, red_y, red_x, out, place, scratch):
    """Row by row, each step a row behind the one that it needs, so that what it reads has just reached the first-level cache."""
    apart()
    planes = halves(scratch, 5, _RING + 1, window[3])
    colour, plain, across, down, difference = planes[0], planes[1], planes[2], planes[3], planes[4]
    height, e, b = window[2], colour.shape[1] - 1, HAMILTON_MARGIN // 2
    for last in range(height + 3):
        y = last - 8
        if HAMILTON_MARGIN <= y < height - HAMILTON_MARGIN:
            s, i, red = start_of(y, red_y, red_x), y - HAMILTON_MARGIN, 0 if (y & 1) == red_y else 2
            _picture_row(
                colour[y & _RING, b:], plain[y & _RING, b:], difference[y & _RING, b - 1 :], difference[(y - 1) & _RING, b - 1 + s :],
                difference[(y + 1) & _RING, b - 1 + s :], s, out_row(out, place, red, i), out_row(out, place, 1, i),
                out_row(out, place, 2 - red, i),
            )  # fmt: skip
        y = last - 6
        if 4 <= y < height - 4:
            h = across[y & _RING]
            _weighted_row(
                h[: e - 1], h[1:e], h[2:], down[(y - 2) & _RING, 1:e], down[y & _RING, 1:e], down[(y + 2) & _RING, 1:e],
                difference[y & _RING, 1:e],
            )  # fmt: skip
        y = last - 3
        if 2 <= y < height - 2:
            difference_row(colour, plain, y, _RING, start_of(y, red_y, red_x), across, down)
        if last < height:
            split_row(row_of(source, window, last), start_of(last, red_y, red_x), colour[last & _RING], plain[last & _RING])


@compiled
def hamilton_strip(padded, red_y, red_x, out, scratch):
    """See `campipe.ops.kernels.demosaick_rows`."""
    hamilton_into(
        padded.reshape(padded.size), all_of(padded), red_y, red_x, out.reshape(out.size), all_of_out(out), scratch.reshape(scratch.size)
    )
