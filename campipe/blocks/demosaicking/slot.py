"""What all demosaickers share: levels, frames without a filter, and what becomes of the noise profile."""

from __future__ import annotations

from typing import ClassVar

from torch import Tensor

from campipe.blocks.base import Block
from campipe.core.errors import LawError
from campipe.core.frame import Frame
from campipe.core.law import Law
from campipe.core.shot import Shot
from campipe.ops.demosaick import Kernels, apply_kernels, squared
from campipe.ops.levels import levels_of, to_unit
from campipe.ops.noise import per_colour


class Demosaicker(Block):
    """Fill in the two colours that each pixel did not see. To be derived from: implement `net(mosaic, pattern)`.

    A frame in "dn" is brought to its levels first, as its capture says, and is not white-balanced. A frame without a colour filter is
    repeated in three equal channels. The noise profile becomes one of S and O per colour, those of the measured pixels: approximate, since
    the pixels between them have less noise and neighbours become correlated.

    patterns   "bayer" and "xtrans": what `net` takes; another pattern is answered with the name of a filler that takes it
    loop       name of its compiled loop in `campipe.ops.kernels.demosaick_rows.STRIPS`, for developing in one pass; None: it has none
    """

    slot = "demosaick"
    reads = ("mosaic", "dn")
    writes = "camera"
    patterns: ClassVar[tuple[str, ...]] = ("bayer",)
    loop: str | None = None

    def net(self, mosaic: Tensor, pattern: str) -> Tensor:
        """Demosaick plain tensors: (..., 1, H, W) to (..., 3, H, W).

        mosaic    at least one tile of the pattern, and any size from there on
        pattern   one of RGGB, GRBG, GBRG and BGGR, or the 36 letters of an X-Trans pattern, as pixel (0, 0) sees it
        """
        raise NotImplementedError(f"{type(self).__name__} does not say what it does; implement net(mosaic, pattern)")

    def transform(self, frame: Frame, shot: Shot) -> Frame:
        mosaic = to_unit(frame.data, *levels_of(frame)) if frame.space == "dn" else frame.data
        pattern, noise = frame.capture.pattern, frame.capture.noise
        noise = noise if noise is None else per_colour(noise, pattern)
        if pattern is None:
            return frame.replace(mosaic.repeat_interleave(3, -3), space="camera", noise=noise)
        return frame.replace(self.net(mosaic, pattern), space="camera", noise=noise)


class LinearDemosaicker(Demosaicker):
    """A demosaicker that is a kernel for each position and colour. To be derived from: give `kernels`, and implement `net`.

    Its law holds for mosaics whose pixels are independent (row noise is not), inside the margin: at the border, where the mirror image
    uses a sample twice, the variance comes out too small. Gradient: exact.
    """

    kernels: Kernels

    def law(self, law: Law) -> Law:
        pattern = law.capture.pattern
        if law.space == "dn":
            black, white = levels_of(law.frame())
            law = law.plus(-black).times(1 / (white - black))
        frame = law.frame().replace(space="mosaic")
        out = self.transform(frame, law.shot)
        if law.is_certain:
            return Law.certain(out, law.shot)
        if pattern is None:
            raise LawError("three equal channels are not independent; take the law of the mosaic")
        full = law.variance.expand_as(law.mean)
        variance = apply_kernels(full, pattern, squared(type(self).kernels), self.margin or 0)
        return law.unknown(out.data, variance).replace(capture=out.capture)
