"""Bilateral denoising."""

from __future__ import annotations

import math
from typing import Any

from torch import Tensor

from campipe.blocks.denoising.slot import Denoiser
from campipe.core.errors import CampipeError
from campipe.ops.bilateral import bilateral

# Standard deviation in value, of sigma, by channels, whose mean difference varies less: near the best at 10 and 25 of 255.
_SPREAD = {1: 2.5, 3: 1.6, 4: 1.6}


class Bilateral(Denoiser):
    """Average each pixel with its neighbours that look like it.

    strength   factor on the standard deviation in value: 2.5 sigma, of several channels together 1.6
    spatial    standard deviation in place, pixels; the window reaches 2.5 of it, as it is when the block is built

    The channels are one value together. Gradient: exact, in sigma, strength and spatial too.
    Source: Tomasi and Manduchi, "Bilateral filtering for gray and color images", ICCV 1998.
    """

    strength: Tensor
    spatial: Tensor

    def __init__(self, sigma: Any = None, strength: Any = 1.0, spatial: Any = 1.4, stabilise: bool = True, name: str | None = None) -> None:
        super().__init__(sigma, stabilise, name)
        self.number("strength", strength, positive=True)
        self.number("spatial", spatial, positive=True)
        if not float(self.spatial) > 0:
            raise CampipeError(f"spatial is above 0 pixels, but {spatial} came")
        self.margin = math.ceil(2.5 * float(self.spatial) - 1e-6)

    def net(self, x: Tensor, sigma: Tensor) -> Tensor:
        assert self.margin is not None
        return bilateral(x, self.spatial, sigma * self.strength * _SPREAD.get(x.shape[-3], 1.6), self.margin)
