"""Menon demosaicking: directional filtering, and a decision afterwards which of the two directions was right.

Steps, names and the order of every sum are those of `campipe.ops.kernels.demosaick_menon`, so that both decide alike to the last bit.
"""

from __future__ import annotations

import torch
from torch import Tensor

from campipe.ops.compiled import loops_serve
from campipe.ops.demosaick import by_loop
from campipe.ops.demosaick_shifts import across, at, bayer_window, channels, differences, down

_THIRD = 1 / 3


def menon(mosaic: Tensor, pattern: str, *, refine: bool = True) -> Tensor:
    """Demosaick by directional filtering with a posteriori decision (DDFAPD).

    mosaic    (..., 1, H, W), H and W at least 2
    pattern   RGGB, GRBG, GBRG or BGGR, as the mosaic's pixel (0, 0) sees it
    refine    True: with the paper's refining step, which averages differences along the direction that was chosen
    returns   (..., 3, H, W); what was measured is kept

    A pixel's result hangs on pixels up to 8 away, without refining 7; beyond the border the mosaic goes on as its mirror image about the
    outermost pixel. Gradient: exact where no two directions tie; the decision itself is locally constant.
    Source: Menon, Andriani, Calvagno, "Demosaicing with directional filtering and a posteriori decision", IEEE Transactions on Image
    Processing 16(1), 2007.
    """
    if loops_serve(mosaic):
        return by_loop("menon" if refine else "menon_unrefined", mosaic, pattern)
    rows, columns = differences(bayer_window(mosaic, pattern, 9 if refine else 7))
    in_row = choice(rows, columns)
    difference = torch.where(in_row, at(rows, 0, 0, 3), at(columns, 0, 0, 3))
    own, other = _at_green(difference)
    in_row = at(in_row, 0, 0, 2)
    between = torch.where(in_row, *_between(own, other)) * 0.5
    if refine:
        along = torch.where(in_row, across(own), down(other))
        difference = (along + at(difference, 0, 0, 2)) * _THIRD
        own, other = _at_green(difference)
        in_row, difference, between = at(in_row, 0, 0, 2), at(difference, 0, 0, 2), at(between, 0, 0, 2)
        between = (torch.where(in_row, *_between(own, other)) + between) * _THIRD
    else:
        difference = at(difference, 0, 0, 2)
    seen, own, other = mosaic[..., 0, :, :], at(own, 0, 0, 1), at(other, 0, 0, 1)
    return channels(seen, pattern, seen - difference, seen + between, seen + own, seen + other)


def choice(rows: Tensor, columns: Tensor) -> Tensor:
    """True where colour differences change no more along rows than along columns.

    rows, columns   (..., H, W), what `differences` gives
    returns         (..., H - 6, W - 6)
    """
    change_across, change_down = (at(rows, 0, -1, 1) - at(rows, 0, 1, 1)).abs(), (at(columns, -1, 0, 1) - at(columns, 1, 0, 1)).abs()
    return _activity(change_down.mT).mT >= _activity(change_across)


def _activity(change: Tensor) -> Tensor:
    """Sum of the changes along rows in a window of 5 x 5, those of the pixel's own row three times (the paper's equation 5)."""
    ends = (at(change, -2, -1, 2) + at(change, -2, 1, 2)) + (at(change, 2, -1, 2) + at(change, 2, 1, 2))
    return (ends + (at(change, 0, -1, 2) + at(change, 0, 1, 2)) * 3) + (at(change, -1, 0, 2) + at(change, 1, 0, 2))


def _at_green(difference: Tensor) -> tuple[Tensor, Tensor]:
    """Differences where green was measured: of the colour that the row sees, and of the one that the column sees."""
    return across(difference) * 0.5, down(difference) * 0.5


def _between(own: Tensor, other: Tensor) -> tuple[Tensor, Tensor]:
    """Sum of the opposite colour minus the pixel's own at its neighbours in the row, and at those in the column."""
    return across(other - own), down(own - other)
