"""How sure a difference of two accuracies is that were taken on the same samples."""

from __future__ import annotations

import torch
from torch import Tensor

from campipe.core.errors import ShapeError
from campipe.core.random import Key

RESAMPLED = 10_000


def paired_interval(one: Tensor, other: Tensor, key: Key, level: float = 0.95) -> tuple[float, float, float]:
    """Accuracy of the one less that of the other, and the interval that holds it: (difference, low, high).

    one, other   (N,) bool: which samples were named rightly
    key          of the resampling

    The bootstrap of pairs, by percentiles. Source: Efron, Tibshirani, "An introduction to the bootstrap", 1993, chapter 13.
    """
    if one.ndim != 1 or one.shape != other.shape or not len(one):
        raise ShapeError(f"both are answers to the same N samples, (N,), but {tuple(one.shape)} and {tuple(other.shape)} came")
    gained, lost = (one & ~other).sum().item(), (other & ~one).sum().item()
    count = len(one)
    # A resampling of pairs draws from three kinds: gained, lost and neither.
    generator = torch.Generator().manual_seed(key.fold("bootstrap").seed >> 1)
    drawn = torch.rand(RESAMPLED, count, generator=generator)
    differences = ((drawn < gained / count).sum(1) - (drawn >= 1 - lost / count).sum(1)).double() / count
    low, high = differences.quantile(torch.tensor([(1 - level) / 2, (1 + level) / 2], dtype=torch.float64)).tolist()
    return (gained - lost) / count, low, high
