"""Backward rules of what has no useful derivative: counting, rounding, clipping. Forward is always exact.

The one place where campipe declares that a gradient is not the derivative of what was computed.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from campipe.core.errors import CampipeError


class _Counts(torch.autograd.Function):
    generate_vmap_rule = True

    @staticmethod
    def forward(rate: Tensor, counts: Tensor) -> Tensor:
        return counts.clone()

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Tensor, Tensor], output: Tensor) -> None:
        ctx.save_for_backward(*inputs)

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, None]:
        rate, counts = ctx.saved_tensors
        # d/d rate of rate + z sqrt(rate), z = (count - rate) / sqrt(rate) held fixed: (1 + count / rate) / 2.
        ratio = torch.where(rate > 0, counts / torch.where(rate > 0, rate, 1), 1)
        return grad * (0.5 + 0.5 * ratio), None


def counted(rate: Tensor, counts: Tensor) -> Tensor:
    """Return the counts, with a gradient with respect to their rate.

    rate      any shape, e-, >= 0
    counts    the same shape, whole electrons drawn from Poisson(rate)
    returns   the counts, exactly

    Gradient: the standardised draw (count - rate) / sqrt(rate) is held fixed, so d count / d rate = (1 + count / rate) / 2,
    and 1 at rate 0. Exact in expectation for losses of first and second moments (d E[N^2] / d rate = 2 rate + 1). Not exact for
    every loss: log1p at a rate of 0.5 comes out about 7 % too large. For an unbiased estimate see `score_loss`.
    """
    return _Counts.apply(rate, counts)


def score_loss(loss: Tensor, rate: Tensor, counts: Tensor) -> Tensor:
    """Return the loss with the score-function gradient of the counts added: unbiased for every loss, and noisier.

    loss      (B,), one loss per item, or (): computed from `counts` of ShotNoise(gradient="score")
    rate      (B, ...), e-, the rate that the counts were drawn at, with its graph
    counts    (B, ...), e-
    returns   the same values as `loss`

    Gradient: the loss's own, plus loss * d log p(counts | rate), with the mean over the other items as a baseline where there are several.
    Source: Williams, "Simple statistical gradient-following algorithms", Machine Learning 8, 1992.
    """
    counts = counts.detach()
    per_value = torch.where(rate > 0, counts * torch.where(rate > 0, rate, 1).log(), 0) - rate
    log_p = per_value.flatten(1).sum(1) if loss.ndim else per_value.sum()
    value = loss.detach()
    if loss.ndim and loss.shape[0] > 1:
        value = value - (value.sum() - value) / (loss.shape[0] - 1)
    return loss + value * (log_p - log_p.detach())


class _Round(torch.autograd.Function):
    generate_vmap_rule = True

    @staticmethod
    def forward(value: Tensor) -> Tensor:
        return value.round()

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Tensor], output: Tensor) -> None:
        pass

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> Tensor:
        return grad


def rounded(value: Tensor) -> Tensor:
    """Round half to even, as IEEE 754 and analogue-to-digital models do.

    Gradient: straight through, 1 everywhere.
    """
    return _Round.apply(value)


class _Floor(_Round):
    @staticmethod
    def forward(value: Tensor) -> Tensor:
        return value.floor()


def floored(value: Tensor) -> Tensor:
    """Round down, as integer arithmetic does.

    Gradient: straight through, 1 everywhere.
    """
    return _Floor.apply(value)


class _Clip(torch.autograd.Function):
    generate_vmap_rule = True

    @staticmethod
    def forward(value: Tensor, low: Tensor, high: Tensor, leak: float) -> Tensor:
        return torch.minimum(torch.maximum(value, low), high)

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Tensor, Tensor, Tensor, float], output: Tensor) -> None:
        value, low, high, leak = inputs
        ctx.save_for_backward(value, low, high)
        ctx.leak = leak

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
        value, low, high = ctx.saved_tensors
        below, above = value < low, value > high
        inside = torch.where(below | above, ctx.leak, 1.0)
        to_low = (grad * below).sum_to_size(low.shape) if ctx.needs_input_grad[1] else None
        to_high = (grad * above).sum_to_size(high.shape) if ctx.needs_input_grad[2] else None
        return grad * inside, to_low, to_high, None


def clipped(value: Tensor, low: Tensor | float, high: Tensor | float, *, leak: float = 0.0) -> Tensor:
    """Clip to [low, high].

    value       any shape
    low, high   limits, broadcasting with the value
    leak        slope that the gradient has outside, 0 <= leak <= 1

    Gradient: 1 inside, `leak` outside (0 by default); a limit receives the gradient of the values that it holds.
    """
    low = torch.as_tensor(low, dtype=value.dtype, device=value.device)
    high = torch.as_tensor(high, dtype=value.dtype, device=value.device)
    return _Clip.apply(value, low, high, leak)


class _Refused(torch.autograd.Function):
    @staticmethod
    def forward(value: Tensor, who: str, instead: str, *inputs: Tensor) -> Tensor:
        return value.clone()

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: Tensor) -> None:
        ctx.who, ctx.instead = inputs[1], inputs[2]

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[None, ...]:
        raise CampipeError(f"{ctx.who} has no gradient; {ctx.instead}")


def refused(value: Tensor, who: str, instead: str, *inputs: Tensor) -> Tensor:
    """Return a value that was computed without a graph, such that a gradient through it is refused and not silently 0.

    value     what was computed, detached
    who       name of the method, for the message
    instead   what to do, for the message: "take 'dct', or detach the frame"
    inputs    tensors that the value hangs on

    Gradient: backward raises a CampipeError. Where no input requires one, the value comes back as it is.
    """
    if not torch.is_grad_enabled() or not any(t.requires_grad for t in inputs):
        return value
    return _Refused.apply(value, who, instead, *inputs)
