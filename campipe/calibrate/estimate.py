"""Estimate: a number measured from frames, with what it is worth."""

from __future__ import annotations

import math
from dataclasses import dataclass

from campipe.core.errors import CampipeError


@dataclass(frozen=True)
class Estimate:
    """A number measured from frames.

    value     in `unit`
    error     one standard error, of scatter alone: what another set of frames, taken the same way, would change; of a fixed pattern, what
              another sensor of the kind would
    unit      "DN/e-", "e-", "DN", "e-/s", "1", ...
    freedom   degrees of freedom of the error itself; infinity where it is known from theory or from very many pixels
    bound     True: the data give no more than this upper limit, which holds with 95 % confidence
    note      what a reader has to know beside
    """

    value: float
    error: float
    unit: str = "1"
    freedom: float = math.inf
    bound: bool = False
    note: str = ""

    def interval(self, confidence: float = 0.95) -> tuple[float, float]:
        """Where the truth lies with this confidence, by Student's law; (0, value) for an upper limit."""
        if not 0 < confidence < 1:
            raise CampipeError(f"a confidence lies between 0 and 1, but {confidence} came")
        if self.bound:
            return 0.0, self.value
        from scipy.stats import t

        half = float(t.ppf(0.5 + confidence / 2, self.freedom)) * self.error
        return self.value - half, self.value + half

    def times(self, factor: float, unit: str | None = None) -> Estimate:
        """The same number in another unit."""
        return Estimate(self.value * factor, self.error * abs(factor), unit or self.unit, self.freedom, self.bound, self.note)

    def __str__(self) -> str:
        unit = "" if self.unit == "1" else f" {self.unit}"
        if not math.isfinite(self.value):
            return f"not measured{f' ({self.note})' if self.note else ''}"
        if self.bound:
            return f"at most {self.value:.3g}{unit}"
        if not (math.isfinite(self.error) and self.error > 0):
            return f"{self.value:.4g}{unit}"
        # Two digits of the error, and as many of the value as go with them.
        places = 1 - math.floor(math.log10(self.error))
        digits = max(places, 0)
        return f"{round(self.value, places):.{digits}f} +- {round(self.error, places):.{digits}f}{unit}"


def combined(estimates: list[Estimate], unit: str | None = None) -> Estimate:
    """Mean of independent estimates of one number, each weighted by 1 / error^2.

    Its error is the larger of what the errors say and what the scatter of the values says.
    """
    if not estimates:
        raise CampipeError("a mean is taken over one estimate or more, but none came")
    usable = [e for e in estimates if not e.bound and math.isfinite(e.value) and e.error > 0 and math.isfinite(e.error)]
    if not usable:
        return estimates[0]
    weights = [1 / e.error**2 for e in usable]
    total = sum(weights)
    value = sum(w * e.value for w, e in zip(weights, usable, strict=True)) / total
    chi = sum(w * (e.value - value) ** 2 for w, e in zip(weights, usable, strict=True))
    scatter = math.sqrt(max(1.0, chi / (len(usable) - 1))) if len(usable) > 1 else 1.0
    return Estimate(value, scatter / math.sqrt(total), unit or usable[0].unit, sum(e.freedom for e in usable))
