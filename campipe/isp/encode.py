"""Encoding for a display of any colour space, and back to linear light."""

from __future__ import annotations

from campipe.core.errors import CampipeError, LawError
from campipe.core.frame import Frame
from campipe.core.law import Law
from campipe.core.shot import Shot
from campipe.core.stage import Stage
from campipe.ops.colour import srgb_encode
from campipe.ops.colour_spaces import colour_space as known_space
from campipe.ops.colour_spaces import decode, encode


def in_srgb(picture: Frame) -> Frame:
    """Return a picture of any colour space as one in sRGB, values outside [0, 1] where sRGB does not hold the colour.

    picture   in "display"; one that is in sRGB comes back as it is

    Gradient: exact.
    """
    picture.expect("display")
    said = picture.capture.colour_space
    return picture if said == "srgb" else picture.replace(srgb_encode(decode(picture.data, said)), colour_space="srgb")


class Encode(Stage):
    """Encode linear sRGB for a display: to the primaries of its colour space, and through that space's curve.

    colour_space   "srgb", "display-p3" or "rec2020"

    Light that was not clipped before has negative numbers where sRGB does not hold the colour, and the wider spaces show it. Nothing is
    clipped here; the noise profile ends, since the curve is no gain. The capture of the result has the colour space, and
    `campipe.write` embeds its profile in the file. Gradient: exact.
    """

    reads = ("linear",)
    writes = "display"

    def __init__(self, colour_space: str = "srgb", name: str | None = None) -> None:
        super().__init__(name)
        self.colour_space = known_space(colour_space).name

    def transform(self, frame: Frame, shot: Shot) -> Frame:
        return frame.replace(encode(frame.data, self.colour_space), space="display", noise=None, colour_space=self.colour_space)

    def law(self, law: Law) -> Law:
        if not law.is_certain:
            raise LawError("the encoding for a display has no closed form for its statistics; estimate them from frames instead")
        return Law.certain(self.transform(law.frame(), law.shot), law.shot)


class Decode(Stage):
    """Bring a picture of any colour space to linear sRGB, not clipped: the inverse of `Encode`.

    colour_space   "srgb", "display-p3" or "rec2020"; None: what the capture says

    Gradient: exact.
    """

    reads = ("display",)
    writes = "linear"

    def __init__(self, colour_space: str | None = None, name: str | None = None) -> None:
        super().__init__(name)
        self.colour_space = None if colour_space is None else known_space(colour_space).name

    def transform(self, frame: Frame, shot: Shot) -> Frame:
        said = frame.capture.colour_space
        if self.colour_space is not None and said not in ("srgb", self.colour_space):
            raise CampipeError(f"the picture is in {said}, but the stage decodes {self.colour_space}; leave out its colour_space")
        return frame.replace(decode(frame.data, self.colour_space or said), space="linear", noise=None, colour_space="srgb")

    def law(self, law: Law) -> Law:
        if not law.is_certain:
            raise LawError("the decoding of a picture has no closed form for its statistics; estimate them from frames instead")
        return Law.certain(self.transform(law.frame(), law.shot), law.shot)
