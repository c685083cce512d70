"""Mosaics as planes: one plane for each position of the pattern, and back."""

from __future__ import annotations

import torch
from torch import Tensor

from campipe.core import pattern as patterns

Tile = tuple[int, int]
_HERE: Tile = (0, 0)


def registration(pattern: str | None) -> Tile:
    """Rows and columns to put before a mosaic so that its planes lie over one another as those of every crop of it do.

    The position of the pattern that comes first in the alphabet begins a tile. Of the two that X-Trans has alike, the nearer one does.
    """
    if pattern is None:
        return _HERE
    height, width = patterns.size(pattern)
    return min(((y, x) for y in range(height) for x in range(width)), key=lambda place: patterns.roll(pattern, -place[0], -place[1]) or "")


def pack(mosaic: Tensor, tile: Tile, before: Tile = _HERE) -> tuple[Tensor, Tile]:
    """One plane for each position of a repeating tile.

    mosaic    (B, ..., 1, H, W); for a tile of 1 x 1 any number of channels
    tile      height and width of the pattern, pixels
    before    rows and columns of the first tiles that lie before the mosaic, less than a tile; see `registration`
    returns   (B, ..., h w, rows, columns), position (y, x) as plane y w + x; and (H, W), for `unpack`. What is missing of a tile is filled
              with the pixels one tile away, which keeps every pattern in phase; the mosaic is a tile at least.
    """
    h, w = tile
    height, width = mosaic.shape[-2:]
    if tile == (1, 1):
        return mosaic, (height, width)
    padded = _filled(_filled(mosaic, h, before[0], -2), w, before[1], -1)
    return torch.nn.functional.pixel_unshuffle(padded, h) if h == w else _unshuffle(padded, h, w), (height, width)


def unpack(planes: Tensor, tile: Tile, size: Tile, before: Tile = _HERE) -> Tensor:
    """The inverse of `pack`: planes to a mosaic of that size."""
    h, w = tile
    if tile == (1, 1):
        return planes
    whole = torch.nn.functional.pixel_shuffle(planes, h) if h == w else _shuffle(planes, h, w)
    return whole[..., before[0] : before[0] + size[0], before[1] : before[1] + size[1]]


def pack_table(table: Tensor, tile: Tile, before: Tile = _HERE) -> Tensor:
    """Numbers per position as numbers per plane: (B, 2), (B, 2, h, w) or (B, 2, C) to (B, 2, 1 or h w or C)."""
    if table.ndim == 2:
        return table[:, :, None]
    return table if table.ndim == 3 else table.expand(*table.shape[:2], *tile).roll(before, (-2, -1)).flatten(2)


def _filled(x: Tensor, period: int, before: int, dim: int) -> Tensor:
    """Put pixels before an axis, and behind it up to a multiple of the period, each a period away from its original."""
    size = x.shape[dim]
    behind = -(size + before) % period
    parts = [x.narrow(dim, period - before, before), x, x.narrow(dim, size - period, behind)]
    return x if before == behind == 0 else torch.cat(parts, dim)


def _unshuffle(x: Tensor, h: int, w: int) -> Tensor:
    return torch.stack([x[..., 0, i::h, j::w] for i in range(h) for j in range(w)], -3)


def _shuffle(x: Tensor, h: int, w: int) -> Tensor:
    rows, columns = x.shape[-2:]
    cells = x.unflatten(-3, (h, w)).movedim((-4, -3), (-3, -1))
    return cells.reshape(*x.shape[:-3], 1, rows * h, columns * w)
