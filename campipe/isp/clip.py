"""Clipping: saturated highlights to a common white, and pictures to what a display shows."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from campipe.core.errors import CampipeError
from campipe.core.frame import Frame
from campipe.core.shot import Shot
from campipe.core.stage import Stage
from campipe.ops.axes import per_item
from campipe.ops.surrogate import clipped


class ClipHighlights(Stage):
    """Cut white-balanced values off at the level where the first colour saturates, so that blown highlights are white and not pink.

    ceiling   the highest value that is kept; None: the smallest white-balance gain of the capture, times the white level of 1
    leak      slope of the gradient above the ceiling, 0 to 1

    Values below black are kept. Gradient: 1 below the ceiling, `leak` above it.
    """

    reads = ("mosaic", "camera")
    primary = "ceiling"

    def __init__(self, ceiling: Any = None, leak: float = 0.0, name: str | None = None) -> None:
        super().__init__(name)
        self.leak = checked_leak(leak)
        if ceiling is not None:
            self.number("ceiling", ceiling, positive=True)

    def transform(self, frame: Frame, shot: Shot) -> Frame:
        return frame.replace(clipped(frame.data, -torch.inf, self.limit(frame, shot), leak=self.leak))

    def limit(self, frame: Frame, shot: Shot) -> Tensor | float:
        """The ceiling that holds for this frame: a number, () or (B, 1, 1, 1)."""
        if hasattr(self, "ceiling"):
            return self.value("ceiling", frame, shot)
        gains = frame.capture.wb
        # A frame of one channel without a filter is multiplied by the gain of green alone, which is 1.
        if gains is None or (frame.capture.pattern is None and frame.data.shape[-3] == 1):
            return 1.0
        return per_item(gains.amin(-1), frame.data.ndim)


class Clip(Stage):
    """Cut values off at both ends.

    low, high   limits, in the unit of the space
    leak        slope of the gradient outside, 0 to 1

    Gradient: 1 inside, `leak` outside.
    """

    reads = ("mosaic", "camera", "linear", "display")

    def __init__(self, low: float = 0.0, high: float = 1.0, leak: float = 0.0, name: str | None = None) -> None:
        super().__init__(name)
        if not low < high:
            raise CampipeError(f"the lower limit lies below the upper one, but {low} and {high} came")
        self.low, self.high, self.leak = float(low), float(high), checked_leak(leak)

    def transform(self, frame: Frame, shot: Shot) -> Frame:
        return frame.replace(clipped(frame.data, self.low, self.high, leak=self.leak))


def checked_leak(leak: float) -> float:
    if not 0 <= leak <= 1:
        raise CampipeError(f"leak is a slope from 0 to 1, but {leak} came")
    return float(leak)
