"""JPEG: what is lost when a picture is kept as a file, with a gradient through it."""

from __future__ import annotations

from typing import Any

import torch

from campipe.core.errors import CampipeError, LawError
from campipe.core.frame import Frame
from campipe.core.law import Law
from campipe.core.shot import Shot
from campipe.core.stage import Stage
from campipe.ops.axes import flat_items
from campipe.ops.jpeg import ROUNDINGS, SUBSAMPLING, jpeg


class Jpeg(Stage):
    """Bring a picture through a baseline JPEG file, without the file.

    quality       1 to 100, the scale of libjpeg; it can be optimised, and given per item
    subsampling   "4:4:4", "4:2:2" or "4:2:0": the resolution of the colour differences
    rounding      "straight": pixels as libjpeg decodes them; "cubic": smooth everywhere, near them

    The picture is clipped to [0, 1] and rounded to 8 bits first; blocks begin at its first pixel. The noise profile ends here.
    Gradient: "straight": every rounding counts as the identity; "cubic": exact, with each coefficient's c as [c] + (c - [c])^3. 0 where
    a value is clipped.
    Source: ITU-T T.81; cubic rounding: Shin and Song, NIPS workshop on machine learning and computer security, 2017.
    """

    reads = ("display",)
    primary = "quality"
    margin = None

    def __init__(self, quality: Any = 90.0, subsampling: str = "4:2:0", rounding: str = "straight", name: str | None = None) -> None:
        super().__init__(name)
        self.number("quality", quality)
        own = self.get_parameter("quality")
        if not bool(((own >= 1) & (own <= 100)).all()):
            raise CampipeError(f"the quality of a JPEG file is a number from 1 to 100, but {quality} came")
        if subsampling not in SUBSAMPLING:
            raise CampipeError(f"subsampling is one of {', '.join(SUBSAMPLING)}, but {subsampling!r} came")
        if rounding not in ROUNDINGS:
            raise CampipeError(f"rounding is {' or '.join(map(repr, ROUNDINGS))}, but {rounding!r} came")
        self.subsampling, self.rounding = subsampling, rounding

    def transform(self, frame: Frame, shot: Shot) -> Frame:
        x, (quality,) = flat_items(frame.data, self.value("quality", frame, shot).clamp(1, 100))
        with torch.autocast(x.device.type, enabled=False):
            out = jpeg(x, quality, self.subsampling, self.rounding)
        return frame.replace(out.reshape(frame.data.shape), noise=None)

    def law(self, law: Law) -> Law:
        if not law.is_certain:
            raise LawError("rounded coefficients have no closed form for their statistics; estimate them from frames instead")
        return Law.certain(self.transform(law.frame(), law.shot), law.shot)
