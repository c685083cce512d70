"""Non-local means."""

from __future__ import annotations

from typing import Any

from torch import Tensor

from campipe.blocks.denoising.slot import Denoiser
from campipe.core.errors import CampipeError
from campipe.ops.nlm import nlm

# Of sigma, by channels, whose mean difference varies less: near the best at sigmas of 10 to 50 of 255.
_REACH = {1: 0.75, 3: 0.65, 4: 0.65}


class NonLocalMeans(Denoiser):
    """Average each pixel with those of a window around it whose surroundings look like its own.

    strength   factor on h, 0.75 sigma, of several channels together 0.65: weights fall to 1/e where the mean squared difference of two
               patches exceeds that of noise by h^2
    patch      pixels on a side of what is compared, odd
    window     pixels on a side of what is searched, odd

    The channels are one value together. Fast: about 0.25 s of one core per megapixel. Gradient: exact, in sigma and strength too.
    Source: Buades, Coll, Morel, "A non-local algorithm for image denoising", CVPR 2005; see `campipe.ops.nlm`.
    """

    strength: Tensor

    def __init__(
        self, sigma: Any = None, strength: Any = 1.0, patch: int = 5, window: int = 13, stabilise: bool = True, name: str | None = None
    ) -> None:
        super().__init__(sigma, stabilise, name)
        self.number("strength", strength, positive=True)
        for what, side in (("patch", patch), ("window", window)):
            if not isinstance(side, int) or side < 1 or side % 2 == 0:
                raise CampipeError(f"{what} is an odd number of pixels, but {side!r} came")
        if not float(self.strength) > 0:
            raise CampipeError(f"strength is above 0, but {strength} came")
        self.patch, self.window = patch, window
        self.margin = patch // 2 + window // 2

    def net(self, x: Tensor, sigma: Tensor) -> Tensor:
        return nlm(x, sigma, self.strength * _REACH.get(x.shape[-3], 0.65), self.patch, self.window)
