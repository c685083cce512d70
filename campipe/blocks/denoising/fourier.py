"""Fourier thresholding."""

from __future__ import annotations

from typing import Any

from torch import Tensor

from campipe.blocks.denoising.slot import Denoiser, one_sigma
from campipe.ops.fourier_threshold import fourier_threshold
from campipe.ops.opponent import from_opponent, to_opponent
from campipe.ops.shrink import check_rule

# In standard deviations. 3 is what leaves next to no noise; the others are the best over sigmas of 10 to 25 of 255.
_THRESHOLDS = {"hard": 3.0, "soft": 0.9, "garrote": 1.4}


class FourierThreshold(Denoiser):
    """Drop the Fourier coefficients of the whole picture that noise alone would give. For comparison: what came before local methods.

    rule       "garrote" (threshold 1.4 sigma, the best), "soft" (0.9) or "hard" (3, which blurs more than it helps below a sigma of 15 of
               255): `campipe.ops.shrink`
    strength   factor on the threshold

    Colours are changed to brightness and differences first. A sigma map counts by its root mean square. Gradient: exact where no
    coefficient lies on the threshold; for "hard" none in sigma and strength.
    """

    strength: Tensor
    tiles = False
    margin = None

    def __init__(
        self, sigma: Any = None, strength: Any = 1.0, rule: str = "garrote", stabilise: bool = True, name: str | None = None
    ) -> None:
        super().__init__(sigma, stabilise, name)
        self.rule = check_rule(rule)
        self.number("strength", strength, positive=True)

    def net(self, x: Tensor, sigma: Tensor) -> Tensor:
        planes, level = to_opponent(x, one_sigma(sigma))
        return from_opponent(fourier_threshold(planes, level, self.strength * _THRESHOLDS[self.rule], self.rule))
