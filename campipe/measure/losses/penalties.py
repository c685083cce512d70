"""Penalties on the slope of a discriminator: WGAN-GP and R1."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn

from campipe.core.errors import CampipeError
from campipe.core.random import Key
from campipe.measure.checks import check_shapes
from campipe.measure.losses.reduction import Reduction, reduced

Critic = Callable[[Tensor], Tensor]


def gradient_penalty(
    critic: Critic, real: Tensor, fake: Tensor, *, key: Key, weight: float = 10.0, reduction: Reduction = "mean"
) -> Tensor:
    """weight (|grad D(z)| - 1)^2 at z = e real + (1 - e) fake, with an e of its own for each picture and the norm over all of its values.

    critic       from (B, C, H, W) to (B, ...); each picture's answer hangs on that picture alone, so batch normalisation is out
    real, fake   (B, C, H, W), of one shape; no gradient flows into them
    key          names the draw of e, uniform in [0, 1)
    weight       10 in the paper
    reduction    "mean": (); "none": one per picture, (B,)
    returns      >= 0; for a linear critic a x exactly weight (|a| - 1)^2

    Where a critic answers per patch, D is the mean of its answers. Gradient: exact, to the critic's weights; 0 where the slope is 0.
    Source: Gulrajani et al., "Improved training of Wasserstein GANs", NIPS 2017.
    """
    check_shapes(real, fake)
    share = torch.tensor([key.uniform(i) for i in range(real.shape[0])], dtype=real.dtype, device=real.device).reshape(-1, 1, 1, 1)
    mixed = share * real.detach() + (1 - share) * fake.detach()
    squares = _squared_slope(critic, mixed)
    some = squares > 0
    norm = torch.where(some, torch.where(some, squares, 1).sqrt(), 0)
    return reduced(weight * (norm - 1).square(), reduction)


def r1_penalty(critic: Critic, real: Tensor, *, weight: float = 10.0, reduction: Reduction = "mean") -> Tensor:
    """weight / 2 |grad D(x)|^2 at photos alone, the squares summed over all values of a picture.

    critic      as in `gradient_penalty`
    real        (B, C, H, W); no gradient flows into it
    weight      gamma of the paper, 10 there
    reduction   "mean": (); "none": one per picture, (B,)
    returns     >= 0; for a linear critic a x exactly weight |a|^2 / 2

    Gradient: exact, to the critic's weights.
    Source: Mescheder, Geiger, Nowozin, "Which training methods for GANs do actually converge?", ICML 2018.
    """
    check_shapes(real, real)
    return reduced(0.5 * weight * _squared_slope(critic, real.detach()), reduction)


def _squared_slope(critic: Critic, x: Tensor) -> Tensor:
    """|grad D|^2 of each picture, (B,), with a graph to the critic's weights."""
    with torch.enable_grad():
        x = x.requires_grad_()
        answer = critic(x)
        if answer.ndim < 1 or answer.shape[0] != x.shape[0]:
            raise CampipeError(f"a critic answers (B, ...) for {x.shape[0]} pictures, but {tuple(answer.shape)} came")
        (slope,) = torch.autograd.grad(answer.flatten(1).mean(1).sum() if answer.ndim > 1 else answer.sum(), x, create_graph=True)
    return slope.square().sum((1, 2, 3))


class GradientPenalty(nn.Module):
    """`gradient_penalty` with its options kept."""

    def __init__(self, *, weight: float = 10.0, reduction: Reduction = "mean") -> None:
        super().__init__()
        self.weight, self.reduction = weight, reduction

    def forward(self, critic: Critic, real: Tensor, fake: Tensor, *, key: Key) -> Tensor:
        return gradient_penalty(critic, real, fake, key=key, weight=self.weight, reduction=self.reduction)


class R1Penalty(nn.Module):
    """`r1_penalty` with its options kept."""

    def __init__(self, *, weight: float = 10.0, reduction: Reduction = "mean") -> None:
        super().__init__()
        self.weight, self.reduction = weight, reduction

    def forward(self, critic: Critic, real: Tensor) -> Tensor:
        return r1_penalty(critic, real, weight=self.weight, reduction=self.reduction)
