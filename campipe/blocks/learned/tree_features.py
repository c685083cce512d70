"""What regression trees look at in a mosaic: where edges run, how strong they are, and the colours around a pixel."""

from __future__ import annotations

import torch
from torch import Tensor

from campipe.ops.demosaick import bilinear
from campipe.ops.filters import mirror_pad

COUNT = 13
"""Features of a pixel."""
REACH = 6
"""Pixels around a pixel that they hang on."""
_LEAST = 1e-3  # of the white level: what a direction is told apart by


def tree_features(mosaic: Tensor, base: Tensor) -> Tensor:
    """Features of every pixel.

    mosaic    (B, 1, H, W), RGGB
    base      (B, 3, H, W), the mosaic demosaicked by a linear method
    returns   (B, 13, H, W): activity along rows, along columns, their sum, their difference at the pixel, over 5 x 5 pixels and over 9 x 9,
              that difference as a share, activity along the two diagonals, one less the other; luminance, its spread; red and blue less
              green; and how far the base is from a mean of neighbours

    Activity after Hamilton and Adams, US patent 5,629,734, 1997: the slope of one colour plus the bend of another.
    Gradient: that of the formulas; trees do not pass it on.
    """
    m = mosaic
    across, down = (_moved(m, 0, 1) - _moved(m, 0, -1)).abs(), (_moved(m, 1, 0) - _moved(m, -1, 0)).abs()
    across = across + (2 * m - _moved(m, 0, 2) - _moved(m, 0, -2)).abs()
    down = down + (2 * m - _moved(m, 2, 0) - _moved(m, -2, 0)).abs()
    falling = (_moved(m, 1, 1) - _moved(m, -1, -1)).abs() + (2 * m - _moved(m, 2, 2) - _moved(m, -2, -2)).abs()
    rising = (_moved(m, 1, -1) - _moved(m, -1, 1)).abs() + (2 * m - _moved(m, 2, -2) - _moved(m, -2, 2)).abs()
    near_across, near_down = _box(across, 2), _box(down, 2)
    wide = _box(across - down, 4)
    luma = base.mean(1, keepdim=True)
    mean = _box(luma, 2)
    spread = (_box(luma * luma, 2) - mean * mean).clamp_min(0)
    chroma = _box(base[:, 0::2] - base[:, 1:2], 2)
    plain = (base - bilinear(mosaic, "RGGB")).abs().sum(1, keepdim=True)
    both = near_across + near_down
    return torch.cat(
        [
            near_across,
            near_down,
            both,
            across - down,
            near_across - near_down,
            wide,
            (near_across - near_down) / (both + _LEAST),
            _box(falling - rising, 2),
            luma,
            spread,
            chroma,
            _box(plain, 1),
        ],
        1,
    )


def _moved(x: Tensor, down: int, across: int) -> Tensor:
    """The value that lies so many pixels below and to the right."""
    height, width = x.shape[-2:]
    x = mirror_pad(x, max(-down, 0), max(down, 0), -2)
    x = mirror_pad(x, max(-across, 0), max(across, 0), -1)
    return x[..., max(down, 0) : max(down, 0) + height, max(across, 0) : max(across, 0) + width]


def _box(x: Tensor, radius: int) -> Tensor:
    """Mean over a square."""
    for dim in (-2, -1):
        wide, size = mirror_pad(x, radius, radius, dim), x.shape[dim]
        total = wide.narrow(dim, 0, size)
        for k in range(1, 2 * radius + 1):
            total = total + wide.narrow(dim, k, size)
        x = total / (2 * radius + 1)
    return x
