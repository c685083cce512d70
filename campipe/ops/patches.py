"""Pictures as overlapping patches, and back: each pixel the weighted mean of what the patches around it say."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn import functional

from campipe.ops.filters import mirror_pad

MOST = 8192
"""Patches that are answered at once."""


def patches_of(planes: Tensor, side: int, stride: int) -> Tensor:
    """The patches of planes: (N, H, W) to (N, rows, columns, side^2), row by row; what does not fill a patch is left out."""
    return planes.unfold(1, side, stride).unfold(2, side, stride).flatten(3)


def window(side: int, spread: float | None, like: Tensor) -> Tensor:
    """Weights of a patch's pixels in a mean, (side^2,): a Gaussian about its middle of `spread` pixels, or None: all alike."""
    if spread is None:
        return like.new_ones(side * side)
    row = torch.exp(-0.5 * ((torch.arange(side, dtype=like.dtype, device=like.device) - (side - 1) / 2) / spread) ** 2)
    return (row[:, None] * row).flatten()


def by_patches(answer: Callable[..., Tensor], side: int, stride: int, weights: Tensor, planes: Tensor, *maps: Tensor) -> Tensor:
    """Answer planes patch by patch, and average.

    answer    (N, rows, columns, side^2) of the planes, and the same of each map, to (N, rows, columns, side^2)
    stride    pixels from patch to patch, at most the side
    weights   (side^2,) of a patch's pixels in the mean, > 0
    planes    (N, H, W), at least 2 x 2; they are continued by their mirror image, so that the border lies in as many patches
    maps      (N, H, W), treated alike
    returns   (N, H, W)

    Works on strips of patches, so that a large picture needs little memory where no graph is kept. Gradient: exact.
    """
    height, width = planes.shape[-2:]
    reach = side // 2
    padded = [_padded(plane, side, stride, reach) for plane in (planes, *maps)]
    tall, wide = padded[0].shape[-2:]
    rows, columns = ((length - side) // stride + 1 for length in (tall, wide))
    step = max(MOST // (columns * len(planes)), 1)
    total, count = torch.zeros_like(padded[0]), planes.new_zeros(1, tall, wide)
    for first in range(0, rows, step):
        number = min(step, rows - first)
        place = slice(first * stride, (first + number - 1) * stride + side)
        said = answer(*(patches_of(plane[:, place], side, stride) for plane in padded))
        total[:, place] = total[:, place] + _laid(said * weights, side, stride, wide)
        count[:, place] = count[:, place] + _laid(weights.expand(1, number, columns, -1), side, stride, wide)
    return (total / count)[:, reach : reach + height, reach : reach + width]


def _padded(planes: Tensor, side: int, stride: int, reach: int) -> Tensor:
    for dim in (-2, -1):
        short = -(planes.shape[dim] + 2 * reach - side) % stride
        planes = mirror_pad(planes, reach, reach + short, dim)
    return planes


def _laid(patches: Tensor, side: int, stride: int, width: int) -> Tensor:
    """The sum of patches at their places: (N, rows, columns, side^2) to (N, H, width)."""
    height = (patches.shape[1] - 1) * stride + side
    return functional.fold(patches.flatten(1, 2).mT, (height, width), side, stride=stride)[:, 0]
