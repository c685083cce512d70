"""Losses of the differences between neighbouring pixels: image gradients and total variation."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from campipe.core.errors import CampipeError, ShapeError
from campipe.measure.checks import check_shapes
from campipe.measure.losses.reduction import Reduction, reduced


def gradient_loss(x: Tensor, y: Tensor, *, power: float = 1.0, reduction: Reduction = "mean") -> Tensor:
    """Mean of |grad x - grad y|^power, down and across: edges at the same places, in the same direction.

    x, y        (B, C, H, W) of at least 2 x 2 pixels, in one unit and any space
    power       1 or more
    reduction   "mean": (); "none": one per picture, (B,)
    returns     >= 0, in the unit of x to that power; the means over both directions are added

    Differences are to the next pixel. Gradient: exact, 0 at corners.
    """
    return reduced(_compared(x, y, power, signed=True), reduction)


def gradient_difference_loss(x: Tensor, y: Tensor, *, power: float = 1.0, reduction: Reduction = "mean") -> Tensor:
    """Mean of | |grad x| - |grad y| |^power, down and across: edges as strong, in either direction.

    x, y        (B, C, H, W) of at least 2 x 2 pixels, in one unit and any space
    power       1 or more
    reduction   "mean": (); "none": one per picture, (B,)
    returns     >= 0, in the unit of x to that power; the means over both directions are added

    The paper sums where this takes means. Gradient: exact, 0 at corners.
    Source: Mathieu, Couprie, LeCun, "Deep multi-scale video prediction beyond mean square error", ICLR 2016.
    """
    return reduced(_compared(x, y, power, signed=False), reduction)


def total_variation_loss(x: Tensor, *, isotropic: bool = True, reduction: Reduction = "mean") -> Tensor:
    """Total variation per pixel and channel.

    x           (B, C, H, W) of at least 2 x 2 pixels
    isotropic   True: sqrt(down^2 + across^2), the same for edges of every angle. False: |down| + |across|
    reduction   "mean": (); "none": one per picture, (B,)
    returns     >= 0, in the unit of x; the sum divided by C H W

    Differences are to the next pixel, none beyond the border; each channel by itself. Gradient: exact, 0 at corners.
    Source: Rudin, Osher, Fatemi, Physica D 60, 1992.
    """
    check_shapes(x, x)
    _check_size(x)
    down, across = _differences(x)
    if isotropic:
        squares = nn.functional.pad(down, (0, 0, 0, 1)) ** 2 + nn.functional.pad(across, (0, 1)) ** 2
        some = squares > 0
        total = torch.where(some, torch.where(some, squares, 1).sqrt(), 0).sum((1, 2, 3))
    else:
        total = down.abs().sum((1, 2, 3)) + across.abs().sum((1, 2, 3))
    return reduced(total / x[0].numel(), reduction)


def _compared(x: Tensor, y: Tensor, power: float, *, signed: bool) -> Tensor:
    check_shapes(x, y)
    _check_size(x)
    if not power >= 1:
        raise CampipeError(f"power is 1 or more, but {power!r} came")
    total = x.new_zeros(x.shape[0])
    for a, b in zip(_differences(x), _differences(y), strict=True):
        difference = a - b if signed else a.abs() - b.abs()
        total = total + difference.abs().pow(power).mean((1, 2, 3))
    return total


def _differences(x: Tensor) -> tuple[Tensor, Tensor]:
    return x[..., 1:, :] - x[..., :-1, :], x[..., 1:] - x[..., :-1]


def _check_size(x: Tensor) -> None:
    if min(x.shape[-2:]) < 2:
        raise ShapeError(f"differences need pictures of at least 2 x 2 pixels, but {x.shape[-2]} x {x.shape[-1]} came")


class GradientLoss(nn.Module):
    """`gradient_loss` with its options kept."""

    def __init__(self, *, power: float = 1.0, reduction: Reduction = "mean") -> None:
        super().__init__()
        self.power, self.reduction = power, reduction

    def forward(self, x: Tensor, y: Tensor) -> Tensor:
        return gradient_loss(x, y, power=self.power, reduction=self.reduction)


class GradientDifferenceLoss(nn.Module):
    """`gradient_difference_loss` with its options kept."""

    def __init__(self, *, power: float = 1.0, reduction: Reduction = "mean") -> None:
        super().__init__()
        self.power, self.reduction = power, reduction

    def forward(self, x: Tensor, y: Tensor) -> Tensor:
        return gradient_difference_loss(x, y, power=self.power, reduction=self.reduction)


class TotalVariationLoss(nn.Module):
    """`total_variation_loss` with its options kept."""

    def __init__(self, *, isotropic: bool = True, reduction: Reduction = "mean") -> None:
        super().__init__()
        self.isotropic, self.reduction = isotropic, reduction

    def forward(self, x: Tensor) -> Tensor:
        return total_variation_loss(x, isotropic=self.isotropic, reduction=self.reduction)
