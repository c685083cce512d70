"""Super-resolution by back-projection: the picture whose low-resolution picture is what came."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

from campipe.blocks.super_resolving.slot import SuperResolver
from campipe.core.errors import CampipeError
from campipe.core.random import whole
from campipe.ops.filters import gaussian_blur, gaussian_radius
from campipe.ops.upsample import cubic, upsample


class BackProjection(SuperResolver):
    """Bicubic, corrected round by round by what its low-resolution picture differs from the one that came.

    factor   times as many pixels a side
    blur     standard deviation of the lens's blur, px of the picture that came; the pixels' own area comes on top
    rounds   corrections; more of them sharpen more, and the noise too

    Source: Irani and Peleg, "Improving resolution by image registration", CVGIP: Graphical Models and Image Processing 53, 1991, of one
    picture. Gradient: exact.
    """

    def __init__(self, factor: int = 2, blur: float = 0.4, rounds: int = 4, name: str | None = None) -> None:
        super().__init__(factor, name)
        count = whole(rounds)
        if count is None or count < 0:
            raise CampipeError(f"rounds is a whole number from 0 on, but {rounds!r} came")
        if not 0 <= blur <= 10:
            raise CampipeError(f"blur is a standard deviation from 0 to 10 pixels, but {blur!r} came")
        self.blur, self.rounds = float(blur), count
        self._radius = gaussian_radius(self.blur * self.factor)
        self.margin = 2 + self.rounds * (2 + -(-self._radius // self.factor))

    def net(self, x: Tensor) -> Tensor:
        sigma = torch.as_tensor(self.blur * self.factor, dtype=x.dtype, device=x.device)
        out = upsample(x, self.factor, cubic, 2)
        for _ in range(self.rounds):
            seen = functional.avg_pool2d(gaussian_blur(out, sigma, self._radius), self.factor)
            out = out + upsample(x - seen, self.factor, cubic, 2)
        return out
