"""Readout: from charge to digital numbers."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from campipe.core.errors import CampipeError, LawError, ShapeError
from campipe.core.frame import Capture, Frame
from campipe.core.law import Law
from campipe.core.shot import Shot
from campipe.core.stage import Stage
from campipe.ops import standard
from campipe.ops.axes import per_position
from campipe.ops.moments import digitised
from campipe.ops.surrogate import clipped, rounded


class ReadNoise(Stage):
    """Add the noise of the readout: normal, or Tukey-lambda of the same standard deviation.

    std     unit of the space it stands in: e- before the gain, DN after it
    shape   Tukey-lambda shape, above -0.5; None: normal. Below 0 its tails are heavier than the normal ones (about 0.14)

    The ideal leaves it out. Sources: EMVA 1288 Release 4.0, section 2.4; Wei et al., "A physics-based noise formation model for extreme
    low-light raw denoising", CVPR 2020 (the shape). Gradient: exact in std; none in the shape.
    """

    reads = ("electrons", "analog")
    primary = "std"

    def __init__(self, std: float = 0.0, shape: float | None = None, name: str | None = None) -> None:
        super().__init__(name)
        self.number("std", std, positive=True)
        self.is_normal = shape is None
        if shape is not None:
            self.number("shape", shape)
            if float(shape) <= -0.5:
                raise CampipeError(f"a Tukey-lambda shape is above -0.5, where the variance exists, but {shape} came")

    def draw(self, frame: Frame, shot: Shot) -> Tensor:
        """Standardised noise, (B, 1, H, W)."""
        if self.is_normal:
            return standard.normal(frame, shot)
        return standard.tukey_lambda(frame, shot, self.value("shape", frame, shot).detach())

    def transform(self, frame: Frame, shot: Shot) -> Frame:
        std = self.value("std", frame, shot)
        if not shot.noise or self.is_off("std", std):
            return frame
        return frame.replace(frame.data + std * self.draw(frame, shot))

    def law(self, law: Law) -> Law:
        frame = law.frame()
        std = self.value("std", frame, law.shot)
        return law if self.is_off("std", std) else law.with_noise(std, None if self.is_normal else self.value("shape", frame, law.shot))


class RowNoise(Stage):
    """Add one number to each row of each frame: temporal row noise.

    std   e-

    Normal, drawn anew for each row and frame. The ideal leaves it out. Gradient: exact.
    """

    reads = ("electrons", "analog")
    primary = "std"

    def __init__(self, std: float = 0.0, name: str | None = None) -> None:
        super().__init__(name)
        self.number("std", std, positive=True)

    def transform(self, frame: Frame, shot: Shot) -> Frame:
        std = self.value("std", frame, shot)
        if not shot.noise or self.is_off("std", std):
            return frame
        return frame.replace(frame.data + std * standard.row_normal(frame, shot))

    def law(self, law: Law) -> Law:
        std = self.value("std", law.frame(), law.shot)
        return law if self.is_off("std", std) else law.with_noise(std)


class Gain(Stage):
    """Multiply charge into digital numbers.

    gain   DN/e-: the system gain K of EMVA 1288

    Gradient: exact.
    """

    reads = ("electrons",)
    writes = "analog"
    primary = "gain"

    def __init__(self, gain: float = 1.0, name: str | None = None) -> None:
        super().__init__(name)
        self.number("gain", gain, positive=True)

    def transform(self, frame: Frame, shot: Shot) -> Frame:
        return frame.replace(frame.data * self.value("gain", frame, shot), space="analog")

    def annotate(self, capture: Capture, frame: Frame, shot: Shot) -> Capture:
        return capture.replace(gain=per_item(self.value("gain", frame, shot), frame))

    def law(self, law: Law) -> Law:
        return law.times(self.value("gain", law.frame(), law.shot))


class BlackLevel(Stage):
    """Add the black level, which keeps negative noise above the converter's zero.

    level   DN, one number, or a table (h, w) by position of the sensor's pattern

    Gradient: exact.
    """

    reads = ("analog",)
    writes = "analog"
    primary = "level"
    level: Tensor

    def __init__(self, level: Any = 0.0, name: str | None = None) -> None:
        super().__init__(name)
        self.number("level", level)
        if self.level.ndim not in (0, 2):
            raise ShapeError(f"the black level is one number or a table (h, w), but shape {tuple(self.level.shape)} came")

    def table(self, frame: Frame, shot: Shot) -> Tensor:
        """The level as the frame sees it: (), (B, 1, 1, 1) or (B, h, w) rolled to the frame's first pixel."""
        level = self.value("level", frame, shot)
        if self.level.ndim == 0:
            return level
        origin = frame.origin().tolist()
        rows = level.expand(frame.batch, *level.shape[-2:])
        return torch.stack([torch.roll(r, (-y, -x), (0, 1)) for r, (y, x) in zip(rows, origin, strict=True)])

    def map(self, frame: Frame, shot: Shot) -> Tensor:
        """The level of each pixel, broadcasting with the frame."""
        table = self.table(frame, shot)
        return table if self.level.ndim == 0 else per_position(table, frame.height, frame.width, frame.data.ndim)

    def transform(self, frame: Frame, shot: Shot) -> Frame:
        return frame.replace(frame.data + self.map(frame, shot))

    def annotate(self, capture: Capture, frame: Frame, shot: Shot) -> Capture:
        table = self.table(frame, shot)
        return capture.replace(black_level=per_item(table, frame) if self.level.ndim == 0 else table)

    def law(self, law: Law) -> Law:
        return law.plus(self.map(law.frame(), law.shot))


class Adc(Stage):
    """Round to whole digital numbers and clip to the converter's range.

    bits   8 to 16; codes from 0 to 2^bits - 1
    leak   slope of the gradient outside that range

    Rounding is the quantisation noise: nothing is added for it. The ideal clips and does not round.
    Gradient: straight through the rounding; 0 outside the range, or `leak`.
    """

    reads = ("analog",)
    writes = "dn"

    def __init__(self, bits: int = 12, leak: float = 0.0, name: str | None = None) -> None:
        super().__init__(name)
        if not isinstance(bits, int) or not 8 <= bits <= 16:
            raise CampipeError(f"an analogue-to-digital converter has 8 to 16 bits, but {bits!r} came")
        self.bits = bits
        self.leak = leak

    @property
    def top(self) -> float:
        """The largest code."""
        return float(2**self.bits - 1)

    def transform(self, frame: Frame, shot: Shot) -> Frame:
        data = rounded(frame.data) if shot.noise else frame.data
        return frame.replace(clipped(data, 0.0, self.top, leak=self.leak), space="dn")

    def law(self, law: Law) -> Law:
        if not law.known:
            raise LawError(
                "rounding and clipping have a closed form for counted light with independent noise only; estimate from frames instead"
            )
        mean, variance = digitised(law.rate, law.cap, law.scale, law.offset, law.noise, self.top)
        return law.unknown(mean, variance)


def per_item(value: Tensor, frame: Frame) -> Tensor:
    """A number of shape () or (B, 1, ...) as the capture keeps it: (B,)."""
    return value.detach().reshape(-1).expand(frame.batch) if not value.requires_grad else value.reshape(-1).expand(frame.batch)
