"""Thresholding of the sliding cosine transform."""

from __future__ import annotations

from typing import Any

from torch import Tensor

from campipe.blocks.denoising.slot import Denoiser
from campipe.ops.dct_threshold import SIDE, dct_threshold
from campipe.ops.opponent import from_opponent, to_opponent
from campipe.ops.shrink import check_rule

# In standard deviations: best over sigmas of 10 to 25 of 255; Yaroslavsky and others take 2.6 to 3 for "hard".
_THRESHOLDS = {"hard": 2.6, "soft": 1.5, "garrote": 1.8}


class SlidingDct(Denoiser):
    """Shrink the cosine transform of every block of 8 x 8 pixels, and average what the blocks say of a pixel.

    rule       "hard" (threshold 2.6 sigma, the best), "soft" (1.5) or "garrote" (1.8): `campipe.ops.shrink`
    strength   factor on the threshold

    Colours are changed to brightness and differences first, the planes of a Bayer mosaic likewise. Fast: about 0.1 s of one core per
    megapixel and channel.
    Gradient: exact where no coefficient lies on the threshold; for "hard" none in sigma and strength.
    Source: Yaroslavsky, Egiazarian, Astola, Proc. SPIE 4304, 2001; see `campipe.ops.dct_threshold`.
    """

    strength: Tensor
    margin = SIDE - 1

    def __init__(self, sigma: Any = None, strength: Any = 1.0, rule: str = "hard", stabilise: bool = True, name: str | None = None) -> None:
        super().__init__(sigma, stabilise, name)
        self.rule = check_rule(rule)
        self.number("strength", strength, positive=True)

    def net(self, x: Tensor, sigma: Tensor) -> Tensor:
        planes, level = to_opponent(x, sigma)
        return from_opponent(dct_threshold(planes, level, self.strength * _THRESHOLDS[self.rule], self.rule))
