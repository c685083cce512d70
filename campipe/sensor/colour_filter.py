"""Colour filter array and quantum efficiency: from photons to the expected electrons of each pixel."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from campipe.core import pattern as patterns
from campipe.core.errors import ShapeError
from campipe.core.frame import Capture, Frame
from campipe.core.law import Law
from campipe.core.shot import Shot
from campipe.core.stage import Stage
from campipe.ops.axes import pattern_table, per_position
from campipe.sensor import fused


def phase(pattern: str | None, frame: Frame) -> str | None:
    """The sensor's pattern as the frame sees it; a ShapeError where the items of a batch see different ones."""
    if pattern is None or frame.capture.origin is None:
        return pattern
    seen = {patterns.roll(pattern, y, x) for y, x in frame.origin().tolist()}
    if len(seen) > 1:
        raise ShapeError(
            f"frames of one batch share the phase of their pattern, but {' and '.join(sorted(map(str, seen)))} came; crop at even origins"
        )
    return seen.pop()


def can_look(frame: Frame) -> bool:
    """False inside graphs and mapped functions, which cannot branch on their data."""
    return not (torch.compiler.is_compiling() or torch._C._functorch.maybe_current_level() is not None or frame.data.device.type == "meta")


class ColorFilterArray(Stage):
    """Let each pixel see one colour: of three channels the pattern picks one; a single channel passes.

    pattern   as the sensor's pixel (0, 0) sees it, such as "RGGB"; None: no filter

    Gradient: exact; the channels that are not picked receive none.
    """

    reads = ("photons",)
    writes = "photons"

    def __init__(self, pattern: str | None = "RGGB", name: str | None = None) -> None:
        super().__init__(name)
        self.pattern = patterns.check(pattern)

    def mosaic(self, data: Tensor, pattern: str | None) -> Tensor:
        """Pick from (..., C, H, W) what the frame's pattern lets through: (..., 1, H, W)."""
        channels = data.shape[-3]
        if channels == 1:
            return data
        if channels != 3 or pattern is None:
            wanted = "1 channel" if pattern is None else "1 or 3 channels"
            raise ShapeError(f"a sensor with pattern {pattern} takes {wanted} of photons, but {channels} came")
        table = torch.tensor([patterns.channels(pattern)], device=data.device)
        index = per_position(table, data.shape[-2], data.shape[-1], data.ndim).expand(*data.shape[:-3], 1, -1, -1)
        return data.gather(-3, index)

    def transform(self, frame: Frame, shot: Shot) -> Frame:
        if can_look(frame):
            fused.refuse_odd_light(frame.data)
        pattern = phase(self.pattern, frame)
        return frame.replace(self.mosaic(frame.data, pattern), capture=frame.capture.replace(pattern=pattern))

    def annotate(self, capture: Capture, frame: Frame, shot: Shot) -> Capture:
        return capture.replace(pattern=phase(self.pattern, frame))

    def law(self, law: Law) -> Law:
        fused.refuse_odd_light(law.mean)
        pattern = phase(self.pattern, law.frame())
        return law.replace(
            mean=self.mosaic(law.mean, pattern), variance=self.mosaic(law.variance, pattern), offset=self.mosaic(law.mean, pattern)
        )

    def offer(self, run: list[Stage], frame: Frame, shot: Shot) -> tuple[int, Frame] | None:
        return fused.exposure(run, frame, shot)


class QuantumEfficiency(Stage):
    """Turn photons into expected electrons.

    efficiency   e-/photon, one number, or three for R, G and B

    Thinning a Poisson variable leaves it Poisson, so that multiplying the expectation is exact.
    Source: EMVA 1288 Release 4.0, section 2.2. Gradient: exact.
    """

    reads = ("photons",)
    writes = "rate"
    primary = "efficiency"
    efficiency: Tensor

    def __init__(self, efficiency: Any = 1.0, name: str | None = None) -> None:
        super().__init__(name)
        self.number("efficiency", efficiency, positive=True)
        if self.efficiency.shape not in ((), (3,)):
            raise ShapeError(f"the quantum efficiency is one number or three, but shape {tuple(self.efficiency.shape)} came")

    def map(self, frame: Frame, shot: Shot) -> Tensor:
        """The factor of each pixel: (), (B, 1, 1, 1) or (B | 1, 1, H, W)."""
        value = self.value("efficiency", frame, shot)
        if self.efficiency.ndim == 0:
            return value
        return per_position(pattern_table(value, frame.capture.pattern), frame.height, frame.width, frame.data.ndim)

    def transform(self, frame: Frame, shot: Shot) -> Frame:
        return frame.replace(frame.data * self.map(frame, shot), space="rate")

    def law(self, law: Law) -> Law:
        return law.times(self.map(law.frame(), law.shot))
