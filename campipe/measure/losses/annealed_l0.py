"""The annealed L0 loss of Noise2Noise, which goes from the mean of noisy targets to their mode."""

from __future__ import annotations

from collections.abc import Callable

from torch import Tensor, nn

from campipe.core.errors import CampipeError
from campipe.measure.checks import check_shapes
from campipe.measure.losses.anneal import Linear
from campipe.measure.losses.reduction import Reduction, reduced


def annealed_l0_loss(x: Tensor, y: Tensor, *, exponent: float, epsilon: float = 1e-8, reduction: Reduction = "mean") -> Tensor:
    """Mean of (|x - y| + epsilon)^exponent.

    x, y        (B, C, H, W), in one unit and any space
    exponent    2 at the start of a training (the mean), 1 on the way (the median), towards 0 at its end (the mode); >= 0
    epsilon     in the unit of x, > 0
    reduction   "mean": (); "none": one per picture, (B,)
    returns     >= 0; 1 for an exponent of 0, where the gradient is 0

    Gradient: exact; its size, exponent (|x - y| + epsilon)^(exponent - 1), grows without bound near 0 for exponents below 1, and it is 0
    for equal values. Clip the gradient, or end the schedule at 0.05.
    Source: Lehtinen et al., "Noise2Noise: learning image restoration without clean data", ICML 2018.
    """
    check_shapes(x, y)
    if not exponent >= 0 or not epsilon > 0:
        raise CampipeError(f"exponent is at least 0 and epsilon above 0, but {exponent!r} and {epsilon!r} came")
    return reduced(((x - y).abs() + epsilon).pow(exponent).mean((1, 2, 3)), reduction)


class AnnealedL0Loss(nn.Module):
    """`annealed_l0_loss` whose exponent a schedule gives for the step that the caller names; nothing is counted here.

    schedule   from the step to the exponent, such as `Linear(2.0, 0.0, steps=...)` of the paper; a number of steps stands for that
    """

    def __init__(self, schedule: Callable[[int], float] | int, *, epsilon: float = 1e-8, reduction: Reduction = "mean") -> None:
        super().__init__()
        self.schedule = Linear(2.0, 0.0, schedule) if isinstance(schedule, int) else schedule
        self.epsilon, self.reduction = epsilon, reduction

    def forward(self, x: Tensor, y: Tensor, *, step: int) -> Tensor:
        return annealed_l0_loss(x, y, exponent=self.schedule(step), epsilon=self.epsilon, reduction=self.reduction)
