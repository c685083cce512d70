"""Bring numbers of a capture into the shape of the pixels that they belong to."""

from __future__ import annotations

import torch
from torch import Tensor

from campipe.core import pattern as patterns
from campipe.core.errors import ShapeError


def per_item(value: Tensor, ndim: int) -> Tensor:
    """One number per item, (B,) or (), shaped to broadcast with data of `ndim` axes: (B, 1, ..., 1)."""
    return value.reshape(-1, *([1] * (ndim - 1))) if value.ndim == 1 else value


def per_channel(value: Tensor, ndim: int) -> Tensor:
    """One number per channel, (C,) or (B, C), shaped to broadcast with data of `ndim` axes: (1 or B, ..., C, 1, 1)."""
    rows = value if value.ndim == 2 else value[None]
    return rows.reshape(rows.shape[0], *([1] * (ndim - 4)), rows.shape[-1], 1, 1)


def per_position(table: Tensor, height: int, width: int, ndim: int) -> Tensor:
    """One number per item, or per item and position of the pattern, for every pixel.

    table           (B,), (), or (B, h, w) for a tile of h x w pixels that repeats
    height, width   pixels
    returns         broadcasts with data of `ndim` axes: (B, 1, ..., 1), or (B, ..., 1, height, width)
    """
    if table.ndim < 3:
        return per_item(table, ndim)
    h, w = table.shape[-2:]
    y, x = (torch.arange(n, device=table.device) % m for n, m in ((height, h), (width, w)))
    plane = table[:, y[:, None], x]
    return plane.reshape(plane.shape[0], *([1] * (ndim - 3)), height, width)


def pattern_table(value: Tensor, pattern: str | None) -> Tensor:
    """Look up what each position of the pattern gets of a number per channel: (C,) or (B, C) to (1 or B, h, w).

    Without a filter there is one position; of three numbers it gets the one of green.
    """
    rows = value if value.ndim == 2 else value[None]
    if pattern is None:
        if rows.shape[-1] not in (1, 3):
            raise ShapeError(f"a frame without a colour filter takes 1 or 3 numbers per item, but {rows.shape[-1]} came")
        return rows[:, rows.shape[-1] // 2].reshape(-1, 1, 1)
    if rows.shape[-1] != 3:
        raise ShapeError(f"a pattern of R, G and B takes 3 numbers per item, but {rows.shape[-1]} came")
    return rows[:, torch.tensor(patterns.channels(pattern), device=rows.device)]


def flat_items(data: Tensor, *numbers: Tensor) -> tuple[Tensor, list[Tensor]]:
    """Views and times as items of the batch, for what works on single pictures.

    data      (B, C, H, W) or (B, V, T, C, H, W)
    numbers   () or (B, 1, ..., 1): one per item of the batch
    returns   (N, C, H, W), and each number as () or (N, 1, 1, 1), in the precision of the data
    """
    shape = data.shape[:-3]
    rows = [n.to(data.dtype) if n.ndim == 0 else n.to(data.dtype).reshape(n.shape[0], *([1] * (len(shape) - 1))) for n in numbers]
    return data.reshape(-1, *data.shape[-3:]), [n if n.ndim == 0 else n.expand(shape).reshape(-1, 1, 1, 1) for n in rows]
