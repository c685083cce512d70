"""The Poisson law and its cap: tails with a gradient, mass function, and the moments of min(N, cap)."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

# How far, in standard deviations, a sum over counts reaches. The upper tail of small rates needs some counts more.
REACH = 8.5
SKEW = 14.0
# Added to a rate, so that the mass function and its derivative hold at rate 0 too.
TINY = 1e-300


def mass(count: Tensor, rate: Tensor) -> Tensor:
    """P(N = count), float64, for count >= 0 and rate >= 0 that broadcast.

    Relative error about 1e-16 * rate * log(rate): 3e-11 at 15000. Gradient: exact in the rate, at rate 0 too; none in the count.
    """
    rate = rate + TINY
    return torch.exp(count * torch.log(rate) - rate - torch.lgamma(count + 1))


class _AtMost(torch.autograd.Function):
    @staticmethod
    def forward(count: Tensor, rate: Tensor) -> Tensor:
        return torch.special.gammaincc(count + 1, rate)

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Tensor, Tensor], output: Tensor) -> None:
        ctx.save_for_backward(*inputs)

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[None, Tensor]:
        count, rate = ctx.saved_tensors
        return None, -grad * mass(count, rate)


class _MoreThan(torch.autograd.Function):
    @staticmethod
    def forward(count: Tensor, rate: Tensor) -> Tensor:
        return torch.special.gammainc(count + 1, rate)

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Tensor, Tensor], output: Tensor) -> None:
        ctx.save_for_backward(*inputs)

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[None, Tensor]:
        count, rate = ctx.saved_tensors
        return None, grad * mass(count, rate)


def at_most(count: Tensor, rate: Tensor) -> Tensor:
    """P(N <= count) for whole counts >= 0, the same shape as the rate. Gradient: exact in the rate, none in the count."""
    return _AtMost.apply(count, rate)


def more_than(count: Tensor, rate: Tensor) -> Tensor:
    """P(N > count), precise where it is small. Gradient: exact in the rate, none in the count."""
    return _MoreThan.apply(count, rate)


def last_below(cap: Tensor) -> Tensor:
    """The largest whole number below the cap: the last count that the cap leaves alone. -1 for a cap of 0 or less."""
    return (torch.ceil(cap.detach()) - 1).clamp_min(-1)


def window(rate: Tensor) -> tuple[Tensor, Tensor]:
    """First and last count that matter at a rate; what lies outside has a probability below 1e-14."""
    width = REACH * rate.sqrt()
    return (rate - width).floor().clamp_min(0), (rate + width + SKEW).ceil()


def capped_poisson(rate: Tensor, cap: Tensor | float) -> tuple[Tensor, Tensor]:
    """Mean and variance of min(N, cap), N Poisson distributed.

    rate      any shape, e-, >= 0
    cap       broadcasts with the rate, e-; need not be whole; `inf`: no cap
    returns   mean (e-) and variance (e-^2), of the broadcast shape, in the dtype of the rate

    Closed form through the regularised incomplete gamma function, in float64. With S = max(cap - N, 0), D = max(N - cap, 0), k the largest
    count below the cap and p its probability:

        E[S]   = (cap - rate) P(N <= k) + rate p            E[D]   = (rate - cap) P(N > k) + rate p
        E[S^2] = ((cap - rate)^2 + rate) P(N <= k) + rate p (2 cap - rate - k - 1),  and E[S^2] + E[D^2] = (cap - rate)^2 + rate.

    Below the cap the moments are built from D, above it from S, so that nothing large cancels.
    Gradient: exact in the rate; in the cap that of the closed form (exact but where the cap is a whole number: there from below).
    """
    dtype = rate.dtype
    rate, limit = torch.broadcast_tensors(rate.double(), torch.as_tensor(cap, dtype=torch.float64, device=rate.device))
    bounded = torch.isfinite(limit)
    if not bool(bounded.any()):
        return rate.to(dtype), rate.to(dtype)
    # Beyond this the cap is out of reach, and large finite numbers stay out of the formulas.
    c = torch.where(bounded, limit, 0.0)
    k = last_below(c)
    counted = k >= 0
    whole = k.clamp_min(0)
    p = torch.where(counted, mass(whole, rate), 0.0)
    below = torch.where(counted, at_most(whole, rate), 0.0)
    above = torch.where(counted, more_than(whole, rate), 1.0)
    gap = c - rate
    edge = rate * p
    over = edge - gap * above
    over2 = (gap**2 + rate) * above - edge * (gap + c - k - 1)
    short = gap * below + edge
    short2 = (gap**2 + rate) * below + edge * (gap + c - k - 1)
    low = rate < c
    mean = torch.where(low, rate - over, c - short)
    variance = torch.where(low, rate - over2 - over**2 - 2 * over * gap, short2 - short**2)
    mean = torch.where(bounded, mean, rate)
    variance = torch.where(bounded, variance, rate).clamp_min(0)
    return mean.to(dtype), variance.to(dtype)
