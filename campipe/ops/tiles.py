"""Large pictures in tiles, so that what a method holds at a time is bounded."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

_SIDE = 512  # pixels; with its margin a tile and the planes made of it stay in the cache


def in_tiles(work: Callable[[Tensor, Tensor], Tensor], x: Tensor, sigma: Tensor, margin: int) -> Tensor:
    """What `work(x, sigma)` gives, tile by tile where no graph is kept and the picture is large.

    work      of (B, C, h, w) and a sigma that broadcasts with it, to the shape of its first argument
    margin    pixels around a pixel that its result hangs on

    A tile ends where the picture ends, so that borders are treated as in the whole. Gradient: that of `work`.
    """
    height, width = x.shape[-2:]
    tracked = torch.is_grad_enabled() and (x.requires_grad or sigma.requires_grad)
    if tracked or max(height, width) <= 2 * _SIDE:
        return work(x, sigma)
    out = torch.empty_like(x)
    for top in range(0, height, _SIDE):
        for left in range(0, width, _SIDE):
            bottom, right = min(top + _SIDE, height), min(left + _SIDE, width)
            y, z = max(top - margin, 0), max(left - margin, 0)
            rows, columns = slice(y, bottom + margin), slice(z, right + margin)
            level = sigma[..., rows, :] if sigma.shape[-2] > 1 else sigma
            level = level[..., columns] if sigma.shape[-1] > 1 else level
            done = work(x[..., rows, columns], level)
            out[..., top:bottom, left:right] = done[..., top - y : bottom - y, left - z : right - z]
    return out
