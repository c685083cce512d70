"""Priors: a number of a recipe that is drawn anew for each sample.

Drawing and applying are separate. `draw` gives plain numbers that are stored with the sample; applying the stored
numbers again gives the sample again.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from statistics import NormalDist
from typing import Any, Protocol

from campipe.core.errors import CampipeError
from campipe.core.random import Key


class Prior(Protocol):
    """Anything that gives a value for a key."""

    def draw(self, key: Key) -> Any:
        """The value that belongs to the key; the same key gives the same value."""


@dataclass(frozen=True)
class Uniform:
    """Evenly spread from low to high."""

    low: float
    high: float

    def __post_init__(self) -> None:
        if not self.low <= self.high:
            raise CampipeError(f"a uniform prior needs low <= high, but {self.low} and {self.high} came")

    def draw(self, key: Key) -> float:
        return self.low + (self.high - self.low) * key.uniform()


@dataclass(frozen=True)
class LogUniform:
    """Evenly spread in the logarithm from low to high, both above 0."""

    low: float
    high: float

    def __post_init__(self) -> None:
        if not 0 < self.low <= self.high:
            raise CampipeError(f"a log_uniform prior needs 0 < low <= high, but {self.low} and {self.high} came")

    def draw(self, key: Key) -> float:
        # The clamp keeps rounding in exp(log(x)) from leaving the interval.
        value = math.exp(math.log(self.low) + (math.log(self.high) - math.log(self.low)) * key.uniform())
        return min(max(value, self.low), self.high)


@dataclass(frozen=True)
class Normal:
    """Gaussian with the given mean and standard deviation, clipped to [low, high] where these are given."""

    mean: float
    std: float
    low: float | None = None
    high: float | None = None

    def __post_init__(self) -> None:
        if not self.std >= 0:
            raise CampipeError(f"a normal prior needs std >= 0, but {self.std} came")
        if self.low is not None and self.high is not None and self.low > self.high:
            raise CampipeError(f"a normal prior needs low <= high, but {self.low} and {self.high} came")

    def draw(self, key: Key) -> float:
        value = self.mean
        if self.std > 0:
            value = NormalDist(self.mean, self.std).inv_cdf(key.uniform() + 2.0**-54)
        low = -math.inf if self.low is None else self.low
        high = math.inf if self.high is None else self.high
        return min(max(value, low), high)


@dataclass(frozen=True)
class Choice:
    """One of the given values, each as likely as the others or by weight."""

    of: tuple[Any, ...]
    weights: tuple[float, ...] | None = None

    def __post_init__(self) -> None:
        if not self.of:
            raise CampipeError("a choice prior needs at least one value in `of`, but it is empty")
        if self.weights is not None and (len(self.weights) != len(self.of) or min(self.weights) < 0 or sum(self.weights) <= 0):
            raise CampipeError(f"a choice prior needs one weight >= 0 per value, but {len(self.of)} values and weights {self.weights} came")

    def draw(self, key: Key) -> Any:
        weights = self.weights or (1.0,) * len(self.of)
        left = key.uniform() * sum(weights)
        for value, weight in zip(self.of, weights, strict=True):
            left -= weight
            if left < 0:
                return value
        return self.of[-1]


@dataclass(frozen=True)
class Of:
    """A prior that hangs on the camera that was chosen: `table[camera]` is the number or prior to use."""

    table: Mapping[str, Any]

    def given(self, camera: str) -> Any:
        """The number or prior for one camera."""
        if camera not in self.table:
            raise CampipeError(
                f"a camera prior has an entry for every camera, but {camera!r} is missing; there are {', '.join(self.table)}"
            )
        return self.table[camera]


def draw(value: Any, key: Key) -> Any:
    """Draw from a prior; anything else is its own value."""
    return value.draw(key) if hasattr(value, "draw") else value
