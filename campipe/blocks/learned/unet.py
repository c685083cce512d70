"""A small U-Net that tells noise from picture by the noise level, and begins as the function 0."""

from __future__ import annotations

from torch import Tensor

from campipe.blocks.learned.scales import CELL, Bound, Scales, narrow
from campipe.core.errors import CampipeError
from campipe.core.random import whole

STRIDE = 2 * CELL
"""Pixels of the picture that the coarsest level sees as one: planes of half the resolution, and two halvings."""


class UNet(Scales):
    """Planes of half the resolution at three scales: `width`, 2 and 3 `width` channels; residual blocks, sums across.

    channels   of the picture: 1 or 3; with a cell of 1, the four planes of a mosaic as well
    width      channels of the finest level
    blocks     residual blocks at each side of the two finer levels
    coarse     residual blocks of the coarsest level; None: twice as many
    bounded    True: what the last layer sees is bound to the noise, so that nothing is added where there is none
    cell       pixels a side of what becomes one pixel of the planes: 2, and 1 where the picture comes as planes of half the resolution
    gain       factor on picture and noise, so that the layers see values of about 1
    seed       of the weights at the start; the last layer's are 0, and the net is the function 0

    The noise level enters as the thresholds of the rectifiers alone, which nothing but detail passes: the first layer sees no constant of
    a colour, and no layer has a constant term. So a picture that is constant is left as it is, whatever the noise, and twice the picture
    with twice the noise gives twice the result.

    Source: Ronneberger et al., "U-Net", MICCAI 2015; planes of half the resolution and the map of sigma after Zhang et al., "FFDNet",
    IEEE Transactions on Image Processing 27, 2018; no constant terms after Mohan et al., ICLR 2020. Gradient: exact.
    """

    def __init__(
        self,
        channels: int = 1,
        *,
        width: int = 32,
        blocks: int = 1,
        coarse: int | None = None,
        cell: int = 2,
        bounded: bool = False,
        gain: float = 8.0,
        seed: int = 0,
    ) -> None:
        for what, value, least in (("width", width, 1), ("blocks", blocks, 1), ("coarse", 1 if coarse is None else coarse, 1)):
            number = whole(value)
            if number is None or number < least:
                raise CampipeError(f"{what} of a net is a whole number from {least} on, but {value!r} came")
        if channels not in ((1, 3) if cell == 2 else (1, 3, 4)):
            raise CampipeError(f"a net denoises pictures of 1 or 3 channels, but channels={channels!r} came")
        if cell not in (1, 2):
            raise CampipeError(f"the cell of a net is 1 or 2 pixels, but {cell!r} came")
        deepest = 2 * blocks if coarse is None else coarse
        planes, widths, counts = channels * cell * cell, (width, 2 * width, 3 * width), (blocks, blocks, deepest)
        super().__init__(planes, planes, widths, counts, colours=channels, levels=channels, gain=gain, seed=seed)
        self.channels, self.planes = int(channels), int(planes)
        self.bound = Bound(width, channels, gain) if bounded else None

    def forward(self, x: Tensor, level: Tensor | None = None) -> Tensor:
        """What is to be added.

        x         (B, P, H, W): planes of the picture, four for each channel, with a cell of 1 one; H and W are multiples of 4; or
                  (B, P + C, H, W): and those of a map of sigma
        level     (B, C, 1, 1): sigma, where it is the same everywhere
        returns   (B, P, H, W)
        """
        if level is None:
            x, level = x[:, : self.planes], x[:, self.planes :]
        fine = self.seen(x, level)
        return self.last(fine if self.bound is None else self.bound(fine, narrow(level))) / self.gain
