"""The guided filter, a picture as its own guide."""

from __future__ import annotations

import torch
from torch import Tensor

from campipe.ops.filters import symmetric_pad


def box_mean(x: Tensor, radius: int) -> Tensor:
    """Mean over the square of 2 radius + 1 pixels around each pixel; beyond the border the mirror image. (B, C, H, W) to the same."""
    side = 2 * radius + 1
    for dim in (-1, -2):
        x = _window_sum(symmetric_pad(x, radius, dim), side, dim) / side
    return x


def _window_sum(x: Tensor, side: int, dim: int) -> Tensor:
    """Sums of `side` neighbours, put together from those of 1, 2, 4, ...: a few additions, the same for every place of a tile."""
    count, width, done, parts = x.shape[dim] - side + 1, 1, 0, []
    while True:
        if side & width:
            parts.append(x.narrow(dim, done, count))
            done += width
        if done == side:
            return sum(parts[1:], parts[0])
        x = x.narrow(dim, 0, x.shape[dim] - width) + x.narrow(dim, width, x.shape[dim] - width)
        width *= 2


def guided_filter(x: Tensor, eps: Tensor, radius: int) -> Tensor:
    """Replace every pixel by the mean of the lines a x + b that fit the squares around it, slopes drawn to 0 by eps.

    x         (B, C, H, W), each channel its own guide
    eps       broadcasts with x, in the unit of x squared; 0: the picture comes back; large: the mean of the means
    radius    pixels
    returns   the shape of x

    Where the variance in a square is v, a = v / (v + eps): flat parts are averaged, edges stay. Gradient: exact.
    Source: He, Sun, Tang, "Guided image filtering", ECCV 2010 (IEEE TPAMI 35(6), 2013), equations 5, 6 and 8.
    """
    middle = x.detach().mean((-2, -1), keepdim=True)  # squares of large numbers would cancel
    mean = box_mean(x - middle, radius)
    variance = (box_mean((x - middle).square(), radius) - mean.square()).clamp_min(0)
    total = variance + eps
    slope = torch.where(total > 0, variance / torch.where(total > 0, total, 1), 1)
    return box_mean(slope, radius) * (x - middle) + box_mean(mean - slope * mean, radius) + middle
