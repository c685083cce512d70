"""The relative squared error that Noise2Noise takes for pictures of high dynamic range."""

from __future__ import annotations

from torch import Tensor, nn

from campipe.core.errors import CampipeError
from campipe.measure.checks import check_shapes
from campipe.measure.losses.reduction import Reduction, reduced


def relative_l2_loss(
    x: Tensor, y: Tensor, *, epsilon: float = 0.01, through_denominator: bool = False, reduction: Reduction = "mean"
) -> Tensor:
    """Mean of ((x - y) / (x + epsilon))^2, where x is the estimate.

    x, y                  (B, C, H, W), linear light; x counts as at least 0 in the denominator
    epsilon               in the unit of x, > 0
    through_denominator   False: the denominator is a number to the gradient, and noisy targets lead to their mean. True: the gradient of
                          the quotient itself, whose minimum lies above the mean
    reduction             "mean": (); "none": one per picture, (B,)
    returns               >= 0, without unit

    Gradient: exact of the form that was chosen.
    Source: Lehtinen et al., "Noise2Noise: learning image restoration without clean data", ICML 2018.
    """
    check_shapes(x, y)
    if not epsilon > 0:
        raise CampipeError(f"epsilon is above 0, in the unit of the pictures, but {epsilon!r} came")
    below = x.clamp_min(0) + epsilon
    if not through_denominator:
        below = below.detach()
    return reduced(((x - y) / below).square().mean((1, 2, 3)), reduction)


class RelativeL2Loss(nn.Module):
    """`relative_l2_loss` with its options kept."""

    def __init__(self, *, epsilon: float = 0.01, through_denominator: bool = False, reduction: Reduction = "mean") -> None:
        super().__init__()
        self.epsilon, self.through_denominator, self.reduction = epsilon, through_denominator, reduction

    def forward(self, x: Tensor, y: Tensor) -> Tensor:
        return relative_l2_loss(x, y, epsilon=self.epsilon, through_denominator=self.through_denominator, reduction=self.reduction)
