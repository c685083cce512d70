"""Schedules: the learning rate of each step, as a function of its number alone."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Protocol

from campipe.core.errors import CampipeError


class Schedule(Protocol):
    """A number that changes while a net is trained."""

    def at(self, step: int) -> float:
        """The number of step 0, 1, ..."""


@dataclass(frozen=True)
class Constant:
    """The same in every step."""

    value: float

    def __post_init__(self) -> None:
        _positive(self.value)

    def at(self, step: int) -> float:
        return self.value


@dataclass(frozen=True)
class Steps:
    """value x factor^n, n the number of the given steps that have been reached."""

    value: float
    factor: float
    reached: tuple[int, ...]

    def __post_init__(self) -> None:
        _positive(self.value, self.factor)

    def at(self, step: int) -> float:
        return self.value * self.factor ** sum(step >= limit for limit in self.reached)


@dataclass(frozen=True)
class WarmUpCosine:
    """Evenly up to `peak` in `warm_up` steps, then half a cosine down to `end` at `steps`.

    end + (peak - end) (1 + cos(pi t)) / 2, t = (step - warm_up) / (steps - warm_up).
    Source: Loshchilov, Hutter, "SGDR: stochastic gradient descent with warm restarts", ICLR 2017, equation 5, without restarts.
    """

    peak: float
    end: float
    warm_up: int
    steps: int

    def __post_init__(self) -> None:
        _positive(self.peak, self.end)
        if not 0 <= self.warm_up < self.steps:
            raise CampipeError(f"a warm-up is shorter than the {self.steps} steps of the training, but {self.warm_up} came")

    def at(self, step: int) -> float:
        if step < self.warm_up:
            return self.peak * (step + 1) / self.warm_up
        way = min((step - self.warm_up) / (self.steps - self.warm_up), 1.0)
        return self.end + (self.peak - self.end) * (1 + math.cos(math.pi * way)) / 2


def _positive(*values: float) -> None:
    for value in values:
        if not (value > 0 and math.isfinite(value)):
            raise CampipeError(f"a learning rate and its factor are above 0, but {value!r} came")
