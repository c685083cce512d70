"""Guided filtering, self-guided."""

from __future__ import annotations

from typing import Any

from torch import Tensor

from campipe.blocks.denoising.slot import Denoiser
from campipe.core.errors import CampipeError
from campipe.ops.guided import guided_filter
from campipe.ops.opponent import from_opponent, to_opponent

_EPS = 4.0  # of sigma squared


class Guided(Denoiser):
    """Fit a line through every small square, slopes drawn to 0 by eps, and average the lines: cheap, and edges without halos.

    strength   factor on eps, 4 sigma^2
    radius     pixels of a square on each side of its middle

    Colours are changed to brightness and differences first, the planes of a Bayer mosaic likewise. Gradient: exact.
    Source: He, Sun, Tang, "Guided image filtering", ECCV 2010.
    """

    strength: Tensor

    def __init__(self, sigma: Any = None, strength: Any = 1.0, radius: int = 2, stabilise: bool = True, name: str | None = None) -> None:
        super().__init__(sigma, stabilise, name)
        self.radius = int(radius)
        if self.radius < 1:
            raise CampipeError(f"radius is 1 or more pixels, but {radius} came")
        self.margin = 2 * self.radius
        self.number("strength", strength, positive=True)

    def net(self, x: Tensor, sigma: Tensor) -> Tensor:
        planes, level = to_opponent(x, sigma)
        return from_opponent(guided_filter(planes, (_EPS * self.strength) * level.square(), self.radius))
