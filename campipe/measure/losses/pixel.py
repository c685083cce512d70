"""Losses that compare pixel by pixel: L2, L1 and Charbonnier."""

from __future__ import annotations

from torch import Tensor, nn

from campipe.core.errors import CampipeError
from campipe.measure.checks import check_shapes
from campipe.measure.losses.reduction import Reduction, reduced


def l2_loss(x: Tensor, y: Tensor, *, reduction: Reduction = "mean") -> Tensor:
    """Mean squared difference; its minimiser over noisy targets is their mean.

    x, y        (B, C, H, W), in one unit and any space
    reduction   "mean": (); "none": one per picture, (B,)
    returns     >= 0, in the unit of x squared; without the factor 1/2 that some papers print

    Gradient: exact.
    """
    check_shapes(x, y)
    return reduced((x - y).square().mean((1, 2, 3)), reduction)


def l1_loss(x: Tensor, y: Tensor, *, reduction: Reduction = "mean") -> Tensor:
    """Mean absolute difference; its minimiser over noisy targets is their median.

    x, y        (B, C, H, W), in one unit and any space
    reduction   "mean": (); "none": one per picture, (B,)
    returns     >= 0, in the unit of x

    Gradient: exact, 0 where values are equal.
    """
    check_shapes(x, y)
    return reduced((x - y).abs().mean((1, 2, 3)), reduction)


def charbonnier_loss(x: Tensor, y: Tensor, *, epsilon: float = 1e-3, reduction: Reduction = "mean") -> Tensor:
    """Mean of sqrt(d^2 + epsilon^2): L1 with its corner rounded off.

    x, y        (B, C, H, W), in one unit and any space
    epsilon     where the square goes over into the absolute value, in the unit of x, > 0; 1e-3 suits pictures in [0, 1]
    reduction   "mean": (); "none": one per picture, (B,)
    returns     >= epsilon, in the unit of x; epsilon for equal pictures

    Some published code puts epsilon itself under the root in place of its square. Gradient: exact.
    Source: Charbonnier, Blanc-Feraud, Aubert, Barlaud, "Two deterministic half-quadratic regularization algorithms for computed imaging",
    ICIP 1994.
    """
    check_shapes(x, y)
    if not epsilon > 0:
        raise CampipeError(f"epsilon is above 0, in the unit of the pictures, but {epsilon!r} came; for 0 take l1_loss")
    return reduced(((x - y).square() + epsilon**2).sqrt().mean((1, 2, 3)), reduction)


class L2Loss(nn.Module):
    """`l2_loss` with its options kept."""

    def __init__(self, *, reduction: Reduction = "mean") -> None:
        super().__init__()
        self.reduction: Reduction = reduction

    def forward(self, x: Tensor, y: Tensor) -> Tensor:
        return l2_loss(x, y, reduction=self.reduction)


class L1Loss(nn.Module):
    """`l1_loss` with its options kept."""

    def __init__(self, *, reduction: Reduction = "mean") -> None:
        super().__init__()
        self.reduction: Reduction = reduction

    def forward(self, x: Tensor, y: Tensor) -> Tensor:
        return l1_loss(x, y, reduction=self.reduction)


class CharbonnierLoss(nn.Module):
    """`charbonnier_loss` with its options kept."""

    def __init__(self, *, epsilon: float = 1e-3, reduction: Reduction = "mean") -> None:
        super().__init__()
        self.epsilon, self.reduction = epsilon, reduction

    def forward(self, x: Tensor, y: Tensor) -> Tensor:
        return charbonnier_loss(x, y, epsilon=self.epsilon, reduction=self.reduction)
