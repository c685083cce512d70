"""How a number of a loss changes over a training: values that are asked for a step, and count nothing themselves."""

from __future__ import annotations

from dataclasses import dataclass

from campipe.core.errors import CampipeError


@dataclass(frozen=True)
class Linear:
    """A straight line from `start` at step 0 to `end` at step `steps`, and `end` from there on.

    start, end   values of the number that is annealed
    steps        of the training, > 0
    """

    start: float
    end: float
    steps: int

    def __post_init__(self) -> None:
        if not self.steps > 0:
            raise CampipeError(f"a schedule has at least one step, but steps={self.steps!r} came")

    def __call__(self, step: int) -> float:
        done = min(_checked(step) / self.steps, 1.0)
        return self.start + (self.end - self.start) * done


@dataclass(frozen=True)
class Exponential:
    """start x rate^step.

    start   the value at step 0
    rate    factor per step, from 0 to 1
    """

    start: float
    rate: float

    def __post_init__(self) -> None:
        if not 0 <= self.rate <= 1:
            raise CampipeError(f"rate is the factor per step, from 0 to 1, but {self.rate!r} came")

    def __call__(self, step: int) -> float:
        return self.start * self.rate ** _checked(step)


def _checked(step: int) -> int:
    if step < 0:
        raise CampipeError(f"a step is counted from 0, but {step!r} came")
    return step
