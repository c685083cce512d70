"""Encoding for a display."""

from __future__ import annotations

from campipe.core.errors import LawError
from campipe.core.frame import Frame
from campipe.core.law import Law
from campipe.core.shot import Shot
from campipe.core.stage import Stage
from campipe.ops.colour import srgb_encode


class SrgbEncode(Stage):
    """Encode linear sRGB for a display. Nothing is clipped; the noise profile ends here, since the curve is no gain.

    Source: IEC 61966-2-1:1999. Gradient: exact.
    """

    reads = ("linear",)
    writes = "display"

    def transform(self, frame: Frame, shot: Shot) -> Frame:
        return frame.replace(srgb_encode(frame.data), space="display", noise=None)

    def law(self, law: Law) -> Law:
        if not law.is_certain:
            raise LawError("the encoding for a display has no closed form for its statistics; estimate them from frames instead")
        return Law.certain(self.transform(law.frame(), law.shot), law.shot)
