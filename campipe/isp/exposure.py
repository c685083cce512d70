"""Exposure after the fact: linear light made brighter or darker."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from campipe.core.frame import Capture, Frame
from campipe.core.law import Law
from campipe.core.shot import Shot
from campipe.core.stage import Stage
from campipe.ops.axes import per_item
from campipe.ops.noise import scaled


class Exposure(Stage):
    """Multiply linear light by brightness * 2^ev.

    ev           stops, positive is brighter
    brightness   factor; None: the capture's, and 1 where it says nothing

    The brightness that was used is in the capture of the result. Gradient: exact.
    """

    reads = ("linear",)
    primary = "ev"

    def __init__(self, ev: float = 0.0, brightness: Any = None, name: str | None = None) -> None:
        super().__init__(name)
        self.number("ev", ev)
        if brightness is not None:
            self.number("brightness", brightness, positive=True)

    def annotate(self, capture: Capture, frame: Frame, shot: Shot) -> Capture:
        if not hasattr(self, "brightness"):
            return capture
        return capture.replace(brightness=self.value("brightness", frame, shot).reshape(-1).expand(frame.batch))

    def factor(self, frame: Frame, shot: Shot) -> Tensor:
        """() or (B, 1, 1, 1)."""
        gain = torch.exp2(self.value("ev", frame, shot))
        if hasattr(self, "brightness"):
            return gain * self.value("brightness", frame, shot)
        brightness = frame.capture.brightness
        return gain if brightness is None else gain * per_item(brightness.to(frame.data.dtype), frame.data.ndim)

    def transform(self, frame: Frame, shot: Shot) -> Frame:
        gain, noise = self.factor(frame, shot), frame.capture.noise
        noise = noise if noise is None else scaled(noise, gain.reshape(-1).expand(frame.batch))
        return frame.replace(frame.data * gain, noise=noise)

    def law(self, law: Law) -> Law:
        return law.times(self.factor(law.frame(), law.shot))
