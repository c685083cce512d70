"""The tone curve: contrast as a camera's picture style gives it."""

from __future__ import annotations

from typing import Any

from torch import Tensor

from campipe.core.errors import CampipeError, LawError
from campipe.core.frame import Capture, Frame
from campipe.core.law import Law
from campipe.core.shot import Shot
from campipe.core.stage import Stage
from campipe.ops.axes import per_item
from campipe.ops.tone import tone_curve


class ToneCurve(Stage):
    """Bend linear light by the curve of `campipe.ops.tone`.

    strength   0 = identity to 1 = smoothstep; None: the capture's, and 0 where it says nothing

    The strength that was used is in the capture of the result, where the noise profile ends: the curve is no gain. Gradient: exact.
    """

    reads = ("linear",)
    primary = "strength"
    strength: Tensor

    def __init__(self, strength: Any = None, name: str | None = None) -> None:
        super().__init__(name)
        if strength is not None:
            self.number("strength", strength)
            if not bool(((self.strength >= 0) & (self.strength <= 1)).all()):
                raise CampipeError(f"the strength of a tone curve is from 0 to 1, but {strength} came")

    def annotate(self, capture: Capture, frame: Frame, shot: Shot) -> Capture:
        if not hasattr(self, "strength"):
            return capture
        return capture.replace(tone=self.value("strength", frame, shot).reshape(-1).expand(frame.batch))

    def bend(self, frame: Frame, shot: Shot) -> Tensor | None:
        """Strength of each item; None: the curve is the identity."""
        if hasattr(self, "strength"):
            return self.value("strength", frame, shot)
        tone = frame.capture.tone
        return None if tone is None else per_item(tone.to(frame.data.dtype), frame.data.ndim)

    def transform(self, frame: Frame, shot: Shot) -> Frame:
        strength = self.bend(frame, shot)
        return frame if strength is None else frame.replace(tone_curve(frame.data, strength), noise=None)

    def law(self, law: Law) -> Law:
        if self.bend(law.frame(), law.shot) is not None and not law.is_certain:
            raise LawError("a tone curve has no closed form for its statistics; estimate them from frames instead")
        return Law.certain(self.transform(law.frame(), law.shot), law.shot) if law.is_certain else law
