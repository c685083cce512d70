"""What nonlinear Bayer demosaickers are made of: neighbours as shifted views, directional differences, the three channels."""

from __future__ import annotations

import torch
from torch import Tensor

from campipe.core import pattern as patterns
from campipe.ops.demosaick import check_bayer, check_size
from campipe.ops.filters import mirror_pad


def bayer_window(mosaic: Tensor, pattern: str, reach: int) -> Tensor:
    """A Bayer mosaic without its channel axis, continued as its mirror image: (..., 1, H, W) to (..., H + 2 reach, W + 2 reach)."""
    check_bayer(pattern)
    check_size(mosaic)
    return mirror_pad(mirror_pad(mosaic[..., 0, :, :], reach, reach, -2), reach, reach, -1)


def at(x: Tensor, dy: int, dx: int, reach: int) -> Tensor:
    """The pixels' neighbours at (dy, dx), as a view: (..., H, W) to (..., H - 2 reach, W - 2 reach)."""
    height, width = x.shape[-2:]
    return x[..., reach + dy : height - reach + dy, reach + dx : width - reach + dx]


def across(x: Tensor) -> Tensor:
    """Sum of the pixels left and right, one pixel less at each border."""
    return at(x, 0, -1, 1) + at(x, 0, 1, 1)


def down(x: Tensor) -> Tensor:
    """Sum of the pixels above and below, one pixel less at each border."""
    return at(x, -1, 0, 1) + at(x, 1, 0, 1)


def differences(window: Tensor) -> tuple[Tensor, Tensor]:
    """Colour minus green where a colour was measured, green being interpolated along its row, and along its column; two pixels less at
    each border. Where green was measured, the values mean nothing.

    Source: Hamilton, Adams, US patent 5,629,734, 1997: the mean of two greens and the Laplacian of the colour.
    """
    c = at(window, 0, 0, 2)
    rows = (c - (at(window, 0, -1, 2) + at(window, 0, 1, 2))) * 0.5 + (at(window, 0, -2, 2) + at(window, 0, 2, 2)) * 0.25
    columns = (c - (at(window, -1, 0, 2) + at(window, 1, 0, 2))) * 0.5 + (at(window, -2, 0, 2) + at(window, 2, 0, 2)) * 0.25
    return rows, columns


def channels(mosaic: Tensor, pattern: str, green: Tensor, opposite: Tensor, own: Tensor, other: Tensor) -> Tensor:
    """Put the channels together; all of the size of the mosaic, (..., H, W).

    green, opposite   where a colour was measured: green, and blue at red or red at blue
    own, other        where green was measured: the colour that its row sees, and the one that its column sees
    returns           (..., 3, H, W)
    """
    height, width = mosaic.shape[-2:]
    table = torch.tensor(patterns.channels(pattern), device=mosaic.device)
    sees = table.repeat((height + 1) // 2, (width + 1) // 2)[:height, :width]
    coloured, red_row = sees != 1, (table == 0).any(1).repeat((height + 1) // 2)[:height, None]
    mine, third = torch.where(coloured, mosaic, own), torch.where(coloured, opposite, other)
    return torch.stack([torch.where(red_row, mine, third), torch.where(coloured, green, mosaic), torch.where(red_row, third, mine)], -3)
