"""White balance: one gain per colour, so that a white surface reads the same in all of them."""

from __future__ import annotations

from typing import Any, ClassVar

from torch import Tensor

from campipe.core.errors import ShapeError, SpaceError
from campipe.core.frame import Capture, Frame
from campipe.core.law import Law
from campipe.core.shot import Shot
from campipe.core.stage import Stage
from campipe.ops.axes import pattern_table, per_channel, per_position
from campipe.ops.noise import per_colour, scaled


class WhiteBalance(Stage):
    """Multiply each colour by its gain, under the colour filter array or after it.

    gains   (3,) for R, G and B, with G = 1 by convention; None: the capture's, and 1 where it says nothing

    A frame without a colour filter takes the gain of green. The gains that were used are in the capture of the result. Gradient: exact.
    """

    reads: ClassVar[tuple[str, ...]] = ("mosaic", "camera")
    primary = "gains"
    gains: Tensor

    def __init__(self, gains: Any = None, name: str | None = None) -> None:
        super().__init__(name)
        if gains is not None:
            self.number("gains", gains, positive=True)
            if self.gains.shape != (3,):
                raise ShapeError(f"white balance takes three gains, for R, G and B, but shape {tuple(self.gains.shape)} came")

    def table(self, frame: Frame, shot: Shot) -> Tensor | None:
        """(1 or B, 3); None: all are 1."""
        gains = self.value("gains", frame, shot) if hasattr(self, "gains") else frame.capture.wb
        return gains if gains is None or gains.ndim == 2 else gains[None]

    def annotate(self, capture: Capture, frame: Frame, shot: Shot) -> Capture:
        if not hasattr(self, "gains"):
            return capture
        return capture.replace(wb=self.table(frame, shot).expand(frame.batch, 3))  # type: ignore[union-attr]

    def factor(self, frame: Frame, gains: Tensor) -> Tensor:
        """What each pixel is multiplied by; broadcasts with the frame's data."""
        gains, ndim = gains.to(frame.data.dtype), frame.data.ndim
        if frame.space == "mosaic":
            return per_position(pattern_table(gains, frame.capture.pattern), frame.height, frame.width, ndim)
        return per_channel(gains if frame.data.shape[-3] == 3 else gains[:, 1:2], ndim)

    def transform(self, frame: Frame, shot: Shot) -> Frame:
        gains = self.table(frame, shot)
        if gains is None:
            return frame
        noise = frame.capture.noise
        if noise is not None:
            if frame.space == "mosaic":
                noise = scaled(noise, pattern_table(gains, frame.capture.pattern))
            else:
                channels = frame.data.shape[-3]
                noise = scaled(per_colour(noise, frame.capture.pattern, channels), gains if channels == 3 else gains[:, 1:2])
        return frame.replace(frame.data * self.factor(frame, gains), noise=noise)

    def law(self, law: Law) -> Law:
        gains = self.table(law.frame(), law.shot)
        return law if gains is None else law.times(self.factor(law.frame(), gains))


class SceneBalance(WhiteBalance):
    """From a scene to the camera space that a perfect camera, with every colour at every pixel and no noise, would end in.

    gains   (3,) for R, G and B; None: the capture's, and 1 where it says nothing

    Gradient: exact.
    """

    reads = ("scene",)
    writes = "camera"

    def transform(self, frame: Frame, shot: Shot) -> Frame:
        if frame.capture.absolute or frame.capture.wavelengths is not None:
            raise SpaceError("a scene in camera channels is needed, but one in absolute units or wavelengths came; photograph it first")
        return super().transform(frame, shot).replace(space="camera")
