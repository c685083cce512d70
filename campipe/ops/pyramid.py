"""Gaussian and Laplacian pyramids.

Source: Burt, Adelson, "The Laplacian pyramid as a compact image code", IEEE Transactions on Communications 31(4), 1983, a = 0.375.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import torch
from torch import Tensor

from campipe.ops.filters import symmetric_pad


def shrink(x: Tensor) -> Tensor:
    """Blur by 1 4 6 4 1 and keep every other pixel, the first one too: (..., H, W) to (..., ceil(H / 2), ceil(W / 2)).

    Gradient: exact.
    """
    return _halved(_halved(x, -2), -1)


def grow(x: Tensor, height: int, width: int) -> Tensor:
    """Put pixels between the pixels by the same kernel: (..., ceil(height / 2), ceil(width / 2)) to (..., height, width).

    Gradient: exact.
    """
    return _doubled(_doubled(x, height, -2), width, -1)


def gaussian_pyramid(x: Tensor, levels: int) -> list[Tensor]:
    """The picture and `levels` smaller ones, each half the one before it. (..., H, W) each."""
    out = [x]
    for _ in range(levels):
        out.append(shrink(out[-1]))
    return out


def laplacian_pyramid(x: Tensor, levels: int) -> list[Tensor]:
    """What each picture of the Gaussian pyramid has beyond the next smaller one, and the smallest one itself. (..., H, W) each."""
    gaussian = gaussian_pyramid(x, levels)
    return [fine - grow(coarse, *fine.shape[-2:]) for fine, coarse in pairwise(gaussian)] + gaussian[-1:]


def collapse(pyramid: Sequence[Tensor]) -> Tensor:
    """The picture that a Laplacian pyramid stands for: the inverse of `laplacian_pyramid`, to rounding."""
    out = pyramid[-1]
    for detail in reversed(pyramid[:-1]):
        out = detail + grow(out, *detail.shape[-2:])
    return out


def _halved(x: Tensor, dim: int) -> Tensor:
    padded, count = symmetric_pad(x, 2, dim), (x.shape[dim] + 1) // 2
    a, b, c, d, e = (_every_other(padded, k, count, dim) for k in range(5))
    return 0.375 * c + 0.25 * (b + d) + 0.0625 * (a + e)


def _every_other(x: Tensor, start: int, count: int, dim: int) -> Tensor:
    part = slice(start, start + 2 * count - 1, 2)
    return x[..., part] if dim == -1 else x[..., part, :]


def _doubled(x: Tensor, length: int, dim: int) -> Tensor:
    padded, count = symmetric_pad(x, 1, dim), x.shape[dim]
    before, here, after = (padded.narrow(dim, k, count) for k in range(3))
    pairs = torch.stack([0.75 * here + 0.125 * (before + after), 0.5 * (here + after)], dim)
    return pairs.flatten(dim - 1, dim).narrow(dim, 0, length)
