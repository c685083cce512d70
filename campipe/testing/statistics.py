"""Distances of draws from a prediction, without a verdict: standard errors of the moments, and total variation."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

RARE = 10.0
"""Expected events below which counting them replaces standard errors: three times as many have a probability below 1e-6."""


def standard_errors(draws: Tensor, mean: Tensor | float, variance: Tensor | float) -> tuple[float, float, float]:
    """How far the mean and the variance of draws lie from the ones predicted, in standard errors.

    draws            any shape; each value has its own mean and variance
    mean, variance   broadcasting with the draws
    returns          error of the mean, error of the variance, relative standard error of the variance
    """
    wanted = torch.as_tensor(mean, dtype=torch.float64)
    spread = torch.as_tensor(variance, dtype=torch.float64).expand(draws.shape)
    deviation = draws.double() - wanted
    n = draws.numel()
    total = float(spread.mean())
    rounding = 1e-6 * max(1.0, float(wanted.abs().max()))  # of float32 draws and predictions
    if n * total < RARE:
        # So few events of one unit are expected that their number, and not a standard error, says what is likely.
        events = float((deviation.abs() > 0.5).sum())
        off = max(0.0, float(deviation.abs().mean()) - rounding) * n
        return (0.0 if max(events, off) < 3 * RARE else math.inf), 0.0, 0.0
    of_mean = float(deviation.mean()) / math.sqrt(total / n)
    excess = deviation**2 - spread
    # Rare events of one unit with the probability `total` have this error, even where too few of them were seen to show it.
    error = max(float(excess.std()) / math.sqrt(n), math.sqrt(total / n) if n * total < 100 * RARE else 0.0)
    return of_mean, float(excess.mean()) / error, error / total


def total_variation(p: Sequence[float] | np.ndarray, q: Sequence[float] | np.ndarray) -> float:
    """Total variation distance of two laws on the same points: half the sum of absolute differences."""
    return 0.5 * float(np.abs(np.asarray(p) - np.asarray(q)).sum())
