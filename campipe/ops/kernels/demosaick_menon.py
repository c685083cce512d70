"""Menon demosaicking of a strip, step by step over half rows (`campipe.ops.kernels.demosaick_halves`).

The steps, their names and the order of every sum are those of `campipe.ops.demosaick_menon`.
"""

from __future__ import annotations

import numpy as np

from campipe.ops.kernels.demosaick_halves import all_of, all_of_out, difference_row, halves, join_row, out_row, row_of, split_row, start_of
from campipe.ops.kernels.intrinsics import absolute, apart, distinct, wide
from campipe.ops.kernels.jit import compiled, inner

_f = np.float32
_HALF, _THIRD, _THREE, _ONE, _ZERO = _f(1 / 2), _f(1 / 3), _f(3), _f(1), _f(0)

MENON_MARGIN, MENON_PLANES = 8, 5


@inner
def _changes_row(left, right, above, below, across, down):
    distinct()
    wide()
    for i in range(across.shape[0]):
        across[i] = absolute(left[i] - right[i])
        down[i] = absolute(above[i] - below[i])


@inner
def _activity_row(far_above, here, far_below, above, below, out):
    """Rows of changes along rows, beginning at the green left of the first output (far_above, here, far_below) or above it."""
    distinct()
    wide()
    for i in range(out.shape[0]):
        ends = (far_above[i] + far_above[i + 1]) + (far_below[i] + far_below[i + 1])
        out[i] = (ends + (here[i] + here[i + 1]) * _THREE) + (above[i] + below[i])


@inner
def _choice_row(above, below, here, activity, across, down, choice, difference):
    """above, below: changes along columns, beginning two pixels before the first output; here: at the green left of it."""
    distinct()
    wide()
    for i in range(choice.shape[0]):
        h, v = across[i], down[i]  # fetched both, and nothing stored before both are chosen from: there is no branch
        ends = (above[i] + below[i]) + (above[i + 2] + below[i + 2])
        vertical = (ends + (above[i + 1] + below[i + 1]) * _THREE) + (here[i] + here[i + 1])
        in_row = vertical >= activity[i]
        chosen = _ONE if in_row else _ZERO
        difference[i] = h if in_row else v
        choice[i] = chosen


@inner
def _at_green_row(left, right, above, below, own, other):
    distinct()
    wide()
    for i in range(own.shape[0]):
        own[i] = (left[i] + right[i]) * _HALF
        other[i] = (above[i] + below[i]) * _HALF


@inner
def _refined_row(own, own_above, own_below, other, other_above, other_below, choice, difference, refined, between):
    """own, other: beginning at the green left of the first output."""
    distinct()
    wide()
    for i in range(refined.shape[0]):
        d, in_row = difference[i], choice[i] > _ZERO
        beside, beyond = own[i] + own[i + 1], other_above[i] + other_below[i]
        along = beside if in_row else beyond
        rows = (other[i] - own[i]) + (other[i + 1] - own[i + 1])
        columns = (own_above[i] - other_above[i]) + (own_below[i] - other_below[i])
        between[i] = (rows if in_row else columns) * _HALF
        refined[i] = (along + d) * _THIRD


@inner
def _coloured_row(own, own_above, own_below, other, other_above, other_below, choice, seen, refined, between, green, opposite):
    """Green and the opposite colour where a colour was seen."""
    distinct()
    wide()
    for i in range(green.shape[0]):
        x, in_row = seen[i], choice[i] > _ZERO
        rows = (other[i] - own[i]) + (other[i + 1] - own[i + 1])
        columns = (own_above[i] - other_above[i]) + (own_below[i] - other_below[i])
        green[i] = x - refined[i]
        opposite[i] = x + ((rows if in_row else columns) + between[i]) * _THIRD


@inner
def _plain_row(seen, difference, between, green, opposite):
    distinct()
    wide()
    for i in range(green.shape[0]):
        green[i] = seen[i] - difference[i]
        opposite[i] = seen[i] + between[i]


@inner
def _green_row(seen, own, other, out_own, out_other):
    distinct()
    wide()
    for i in range(out_own.shape[0]):
        out_own[i] = seen[i] + own[i]
        out_other[i] = seen[i] + other[i]


@inner
def _decide(across, down, red_y, red_x, change_across, change_down, choice, difference):
    """Changes of the differences, their sums around each colour sample, and the direction with less change."""
    height, half = across.shape
    e = half - 1
    activity = np.empty(half - 2, np.float32)
    for y in range(1, height - 1):
        s = start_of(y, red_y, red_x)
        _changes_row(
            across[y, 1 - s : e - s], across[y, 2 - s : e - s + 1], down[y - 1, 1:e], down[y + 1, 1:e], change_across[y, 1:e],
            change_down[y, 1:e],
        )  # fmt: skip
    for y in range(2, height - 2):
        s = start_of(y, red_y, red_x)
        _activity_row(
            change_across[y - 2, s : s + e], change_across[y, s : s + e], change_across[y + 2, s : s + e], change_across[y - 1, 1:e],
            change_across[y + 1, 1:e], activity,
        )  # fmt: skip
        _choice_row(
            change_down[y - 1], change_down[y + 1], change_down[y, s : s + e], activity, across[y, 1:e], down[y, 1:e],
            choice[y, 1:e], difference[y, 1:e],
        )  # fmt: skip


@inner
def _to_green(difference, red_y, red_x, own, other):
    """Differences at green samples: of the row's own colour from both sides, of the other from above and below."""
    height, half = difference.shape
    e = half - 1
    for y in range(1, height - 1):
        s = start_of(y, red_y, red_x)
        d = difference[y]
        _at_green_row(d[1 - s : e - s], d[2 - s : e - s + 1], difference[y - 1, 1:e], difference[y + 1, 1:e], own[y, 1:e], other[y, 1:e])


@inner
def _refine(own, other, choice, difference, red_y, red_x, refined, between):
    height, half = own.shape
    e = half - 1
    for y in range(1, height - 1):
        s = start_of(y, red_y, red_x)
        _refined_row(
            own[y, s : s + e], own[y - 1, 1:e], own[y + 1, 1:e], other[y, s : s + e], other[y - 1, 1:e], other[y + 1, 1:e], choice[y, 1:e],
            difference[y, 1:e], refined[y, 1:e], between[y, 1:e],
        )  # fmt: skip


@inner
def _write(colour, plain, own, other, choice, refined, between, refine, red_y, red_x, out, place):
    n, b = (place[3] + 1) // 2, MENON_MARGIN // 2
    rows = np.empty((4, n), np.float32)
    green, opposite, mine, third = rows[0], rows[1], rows[2], rows[3]
    for i in range(place[2]):
        y = i + MENON_MARGIN
        s = start_of(y, red_y, red_x)
        seen, measured = colour[y, b : b + n], plain[y, b : b + n]
        c, r, t = choice[y, b : b + n], refined[y, b : b + n], between[y, b : b + n]
        if refine:
            _coloured_row(
                own[y, b - 1 + s :], own[y - 1, b:], own[y + 1, b:], other[y, b - 1 + s :], other[y - 1, b:], other[y + 1, b:], c, seen,
                r, t, green, opposite,
            )  # fmt: skip
        else:
            _plain_row(seen, r, t, green, opposite)
        _green_row(measured, own[y, b : b + n], other[y, b : b + n], mine, third)
        red = 0 if (y & 1) == red_y else 2
        own_out, green_out, other_out = out_row(out, place, red, i), out_row(out, place, 1, i), out_row(out, place, 2 - red, i)
        if s == 0:
            join_row(seen, mine, own_out)
            join_row(green, measured, green_out)
            join_row(opposite, third, other_out)
        else:
            join_row(mine, seen, own_out)
            join_row(measured, green, green_out)
            join_row(third, opposite, other_out)


@inner
def menon_into(source, window, red_y, red_x, out, place, scratch, refine):
    apart()
    planes = halves(scratch, 8, window[2], window[3])
    colour, plain, choice, difference = planes[0], planes[1], planes[6], planes[7]
    for y in range(window[2]):
        split_row(row_of(source, window, y), start_of(y, red_y, red_x), colour[y], plain[y])
    for y in range(2, window[2] - 2):
        difference_row(colour, plain, y, -1, start_of(y, red_y, red_x), planes[2], planes[3])
    _decide(planes[2], planes[3], red_y, red_x, planes[4], planes[5], choice, difference)
    _to_green(difference, red_y, red_x, planes[2], planes[3])
    _refine(planes[2], planes[3], choice, difference, red_y, red_x, planes[4], planes[5])
    if refine:
        difference = planes[4]
        _to_green(difference, red_y, red_x, planes[2], planes[3])
    _write(colour, plain, planes[2], planes[3], choice, difference, planes[5], refine, red_y, red_x, out, place)


@compiled
def menon_strip(padded, red_y, red_x, out, scratch):
    """See `campipe.ops.kernels.demosaick_rows`. With the refining step."""
    flat, place = out.reshape(out.size), all_of_out(out)
    menon_into(padded.reshape(padded.size), all_of(padded), red_y, red_x, flat, place, scratch.reshape(scratch.size), True)
