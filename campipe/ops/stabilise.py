"""Variance stabilisation: the generalised Anscombe transform and its exact unbiased inverse."""

from __future__ import annotations

from torch import Tensor


def stabilise(value: Tensor, shot: Tensor, floor: Tensor) -> Tensor:
    """Make Poisson-Gaussian noise even: its standard deviation becomes 1."""
    raise NotImplementedError


def unstabilise(value: Tensor, shot: Tensor, floor: Tensor) -> Tensor:
    """The exact unbiased inverse."""
    raise NotImplementedError
