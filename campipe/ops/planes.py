"""Mosaics as planes: one plane for each position of the pattern, and back."""

from __future__ import annotations

import torch
from torch import Tensor


def pack(mosaic: Tensor, tile: tuple[int, int]) -> tuple[Tensor, tuple[int, int]]:
    """One plane for each position of a repeating tile.

    mosaic    (B, ..., 1, H, W); for a tile of 1 x 1 any number of channels
    tile      height and width of the pattern, pixels
    returns   (B, ..., h w, ceil(H / h), ceil(W / w)), position (y, x) as plane y w + x; and (H, W), for `unpack`. A size that is no
              multiple is filled up with the pixels one tile before, which keeps every pattern in phase; it is a tile at least.
    """
    h, w = tile
    height, width = mosaic.shape[-2:]
    if tile == (1, 1):
        return mosaic, (height, width)
    padded = _filled(_filled(mosaic, h, -2), w, -1)
    return torch.nn.functional.pixel_unshuffle(padded, h) if h == w else _unshuffle(padded, h, w), (height, width)


def unpack(planes: Tensor, tile: tuple[int, int], size: tuple[int, int]) -> Tensor:
    """The inverse of `pack`: planes to a mosaic of that size."""
    h, w = tile
    if tile == (1, 1):
        return planes
    return torch.nn.functional.pixel_shuffle(planes, h)[..., : size[0], : size[1]] if h == w else _shuffle(planes, h, w, size)


def pack_table(table: Tensor, tile: tuple[int, int]) -> Tensor:
    """Numbers per position as numbers per plane: (B, 2), (B, 2, h, w) or (B, 2, C) to (B, 2, 1 or h w or C)."""
    if table.ndim == 2:
        return table[:, :, None]
    return table if table.ndim == 3 else table.expand(*table.shape[:2], *tile).flatten(2)


def _filled(x: Tensor, period: int, dim: int) -> Tensor:
    """Continue an axis to a multiple of the period by repeating its last period."""
    size = x.shape[dim]
    missing = -size % period
    return x if missing == 0 else torch.cat([x, x.narrow(dim, size - period, missing)], dim)


def _unshuffle(x: Tensor, h: int, w: int) -> Tensor:
    return torch.stack([x[..., 0, i::h, j::w] for i in range(h) for j in range(w)], -3)


def _shuffle(x: Tensor, h: int, w: int, size: tuple[int, int]) -> Tensor:
    rows, columns = x.shape[-2:]
    cells = x.unflatten(-3, (h, w)).movedim((-4, -3), (-3, -1))
    return cells.reshape(*x.shape[:-3], 1, rows * h, columns * w)[..., : size[0], : size[1]]
