"""Charge: dark current, counting, and the full well."""

from __future__ import annotations

import torch
from torch import Tensor

from campipe.core.errors import CampipeError
from campipe.core.frame import Frame
from campipe.core.law import Law
from campipe.core.shot import Shot
from campipe.core.stage import Stage
from campipe.ops import standard
from campipe.ops.moments import capped_poisson
from campipe.ops.surrogate import clipped, counted

REFERENCE_TEMPERATURE = 20.0


class DarkCurrent(Stage):
    """Add the expected thermal electrons, before counting, so that they bring their own shot noise.

    current       e-/s per pixel at 20 C
    temperature   C
    doubling      K, the step of temperature that doubles the current

    expected electrons = current * 2^((temperature - 20) / doubling) * seconds, seconds from the capture. The ideal leaves it out.
    Source: EMVA 1288 Release 4.0, section 2.4. Gradient: exact.
    """

    reads = ("rate",)
    writes = "rate"
    primary = "current"

    def __init__(self, current: float = 0.0, temperature: float = 20.0, doubling: float = 8.0, name: str | None = None) -> None:
        super().__init__(name)
        self.number("current", current, positive=True)
        self.number("temperature", temperature)
        self.number("doubling", doubling, positive=True)

    def electrons(self, frame: Frame, shot: Shot) -> Tensor | None:
        """Expected thermal electrons, () or (B, 1, 1, 1); None where there are none."""
        current = self.value("current", frame, shot)
        if self.is_off("current", current):
            return None
        seconds = frame.capture.seconds
        if seconds is None:
            raise CampipeError("dark current needs the exposure time: give seconds=...")
        warmth = (self.value("temperature", frame, shot) - REFERENCE_TEMPERATURE) / self.value("doubling", frame, shot)
        return current * torch.exp2(warmth) * seconds.to(frame.data.dtype).reshape(-1, *([1] * (frame.data.ndim - 1)))

    def transform(self, frame: Frame, shot: Shot) -> Frame:
        dark = self.electrons(frame, shot) if shot.noise else None
        return frame if dark is None else frame.replace(frame.data + dark)

    def law(self, law: Law) -> Law:
        dark = self.electrons(law.frame(), law.shot)
        return law if dark is None else law.plus(dark)


class ShotNoise(Stage):
    """Count electrons that arrive independently around their expected number. The ideal passes the expectation.

    gradient   "pathwise" (default) or "score"

    Exact Poisson counts for rates up to 1e6 e- (`campipe.ops.draws.poisson` states the distance from the law).
    Source: EMVA 1288 Release 4.0, section 2.2.
    Gradient: "pathwise" holds the standardised draw fixed, exact for losses of first and second moments; "score" passes none
    here and leaves it to `campipe.ops.surrogate.score_loss`, unbiased for every loss.
    """

    reads = ("rate",)
    writes = "electrons"

    def __init__(self, gradient: str = "pathwise", name: str | None = None) -> None:
        super().__init__(name)
        if gradient not in ("pathwise", "score"):
            raise CampipeError(f"gradient is 'pathwise' or 'score', but {gradient!r} came")
        self.gradient = gradient

    def transform(self, frame: Frame, shot: Shot) -> Frame:
        if not shot.noise:
            return frame.replace(space="electrons")
        counts = standard.counts(frame, shot)
        if self.gradient == "pathwise" and torch.is_grad_enabled() and frame.data.requires_grad:
            counts = counted(frame.data, counts)
        return frame.replace(counts, space="electrons")

    def law(self, law: Law) -> Law:
        return law.counted()


class FullWell(Stage):
    """Keep at most so many electrons per pixel.

    electrons   e-
    leak        slope of the gradient above the full well

    Gradient: 1 below, `leak` (0 by default) above; the full well receives the gradient of the pixels that it holds.
    """

    reads = ("electrons",)
    writes = "electrons"
    primary = "electrons"

    def __init__(self, electrons: float = 15000.0, leak: float = 0.0, name: str | None = None) -> None:
        super().__init__(name)
        self.number("electrons", electrons, positive=True)
        self.leak = leak

    def transform(self, frame: Frame, shot: Shot) -> Frame:
        return frame.replace(clipped(frame.data, -torch.inf, self.value("electrons", frame, shot), leak=self.leak))

    def law(self, law: Law) -> Law:
        cap = self.value("electrons", law.frame(), law.shot)
        if law.is_certain:
            capped = torch.minimum(law.mean, cap)
            return law.replace(mean=capped, offset=capped)
        if law.rate is None or law.noise or law.cap is not None:
            raise CampipeError("the full well has a closed form right behind the counting only; move full_well behind shot_noise")
        mean, variance = capped_poisson(law.rate, cap)
        return law.replace(mean=mean, variance=variance, cap=cap)
