"""A net that fills in colours and takes noise away at once, and begins as the function 0."""

from __future__ import annotations

from torch import Tensor

from campipe.blocks.learned.scales import Scales
from campipe.core.errors import CampipeError
from campipe.core.random import whole

PLANES, COLOURS = 4, 12
"""Of a tile of a Bayer mosaic: the pixels that were seen, and the colours that are wanted."""


class JointNet(Scales):
    """The four planes of a mosaic at three scales, `width`, 1.5 and 2 `width` channels, to the twelve colours of a tile.

    width    channels of the finest level
    blocks   residual blocks at each side of the finest level
    middle   at each side of the level of half its resolution
    coarse   of the coarsest level
    gain     factor on mosaic and noise, so that the layers see values of about 1
    seed     of the weights at the start; the last layer's are 0, and the net is the function 0

    Most of the work is done at the finest level, where colours are filled in; the coarser ones tell structure from noise. The noise level
    enters as the thresholds of the rectifiers alone, the first layer sees no constant of a plane, no layer has a constant term: a mosaic
    of one colour gives 0 whatever the noise, and twice the mosaic with twice the noise gives twice the result.

    Source: the planes of Gharbi et al., "Deep joint demosaicking and denoising", SIGGRAPH Asia 2016; the scales of Ronneberger et al.,
    "U-Net", MICCAI 2015; no constant terms after Mohan et al., ICLR 2020. Gradient: exact.
    """

    def __init__(self, *, width: int = 64, blocks: int = 4, middle: int = 1, coarse: int = 1, gain: float = 16.0, seed: int = 0) -> None:
        for what, value, least in (("width", width, 2), ("blocks", blocks, 1), ("middle", middle, 1), ("coarse", coarse, 1)):
            number = whole(value)
            if number is None or number < least:
                raise CampipeError(f"{what} of a net is a whole number from {least} on, but {value!r} came")
        widths, counts = (width, 3 * width // 2, 2 * width), (blocks, middle, coarse)
        super().__init__(PLANES, COLOURS, widths, counts, colours=PLANES, levels=1, gain=gain, seed=seed)

    def forward(self, x: Tensor, level: Tensor | None = None) -> Tensor:
        """What is to be added to a demosaicked picture.

        x         (B, 4, H, W): planes of the mosaic, H and W multiples of 4; or (B, 5, H, W): and a map of sigma
        level     (B, 1, 1, 1): sigma, where it is the same everywhere
        returns   (B, 12, H, W): planes of the three colours, one after the other
        """
        if level is None:
            x, level = x[:, :PLANES], x[:, PLANES:]
        return self.last(self.seen(x, level)) / self.gain
