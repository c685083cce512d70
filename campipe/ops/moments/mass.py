"""The whole law behind the converter, for one set of numbers: the oracle of tests."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from campipe.core.errors import CampipeError
from campipe.ops.moments.noise import normal_cdf
from campipe.ops.moments.poisson import last_below, mass, more_than, window


def digitised_pmf(rate: float | None, cap: float | None, scale: float, offset: float, std: float, top: int) -> tuple[Tensor, Tensor]:
    """Probability of each output level of clip(round(scale * min(N, cap) + offset + normal noise), 0, top).

    rate      e-, >= 0, or None: nothing was counted
    cap       e-, or None
    scale     DN/e-
    offset    DN
    std       DN, >= 0
    top       DN, a whole number
    returns   levels (top + 1,), float64, and their probabilities (top + 1,), float64

    Exact: a sum over the counts, each with the normal law between two rounding thresholds. Counts beyond 8.5 standard deviations of the
    Poisson law and levels beyond 12 of the noise are left out: below 1e-14 together.
    """
    if std < 0 or (rate is not None and rate < 0):
        raise CampipeError(f"rate and standard deviation are 0 or more, but {rate} and {std} came")
    n, weight = _counts(rate, math.inf if cap is None else cap)
    m = scale * n + offset
    probability = torch.zeros(top + 1, dtype=torch.float64)
    if std == 0:
        probability.index_add_(0, torch.round(m).clamp(0, top).long(), weight)
    else:
        reach = math.ceil(12 * std) + 1
        edge = torch.arange(-reach, reach + 1, dtype=torch.float64)
        for some, w in zip(m.split(max(1, 2**20 // len(edge))), weight.split(max(1, 2**20 // len(edge))), strict=True):
            level = torch.round(some)[:, None] + edge
            up, down = (level + 0.5 - some[:, None]) / std, (level - 0.5 - some[:, None]) / std
            # On the far side the difference of two numbers near 1 is taken as that of two small ones.
            share = torch.where(down > 0, normal_cdf(-down) - normal_cdf(-up), normal_cdf(up) - normal_cdf(down))
            probability.index_add_(0, level.clamp(0, top).long().reshape(-1), (share * w[:, None]).reshape(-1))
    return torch.arange(top + 1, dtype=torch.float64), probability


def _counts(rate: float | None, cap: float) -> tuple[Tensor, Tensor]:
    """The values of min(N, cap) and their probabilities."""
    if rate is None:
        return torch.zeros(1, dtype=torch.float64), torch.ones(1, dtype=torch.float64)
    expected = torch.tensor([rate], dtype=torch.float64)
    first, last = (float(v) for v in window(expected))
    below = float(last_below(torch.tensor(cap, dtype=torch.float64)))
    n = torch.arange(first, max(first - 1, min(last, below)) + 1, dtype=torch.float64)
    weight = mass(n, expected)
    if below >= last:
        return n, weight
    held = more_than(torch.tensor([below], dtype=torch.float64), expected) if below >= 0 else torch.ones(1, dtype=torch.float64)
    return torch.cat([n, torch.tensor([cap], dtype=torch.float64)]), torch.cat([weight, held])
