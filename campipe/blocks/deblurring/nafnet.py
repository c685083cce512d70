"""Learned deblurring of an unknown shake."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from torch import Tensor

from campipe.blocks.deblurring.refined import Refined
from campipe.blocks.deblurring.slot import Deblurrer, flat
from campipe.core.frame import Frame
from campipe.core.shot import Shot


class Nafnet(Refined, Deblurrer):
    """A gated net that takes away the blur of a shaking hand without being told its kernel.

    sigma     standard deviation of the noise; None: what the capture's noise profile says
    weights   name of weights that ship, a path, or None: untrained, which changes nothing
    width     channels of the net's finest level, where there are no weights
    blocks    its gated blocks at each side of the two finer levels
    coarse    its gated blocks at the coarsest level
    seed      of the weights that a training begins with

    It was trained on paths of up to 22 pixels, the same everywhere; the picture stands where the path's mean is.
    Source: the net is that of Chen et al., "Simple baselines for image restoration", ECCV 2022, made small. Gradient: exact.
    """

    block = "deblur/nafnet"
    blind = True

    def __init__(
        self,
        sigma: Any = None,
        weights: str | Path | None = "deblur_blind",
        width: int = 48,
        blocks: int = 2,
        coarse: int = 3,
        seed: int = 0,
        name: str | None = None,
    ) -> None:
        super().__init__(None, sigma, name)
        self._make_body(weights, {"width": width, "blocks": blocks, "coarse": coarse}, seed)

    def net(self, x: Tensor, kernel: Tensor | None, sigma: Tensor, weight: Tensor | None = None) -> Tensor:
        """As that of the slot; kernel and weight are not asked for."""
        return self.refine(x, x, sigma)

    def transform(self, frame: Frame, shot: Shot) -> Frame:
        out = self.net(flat(frame.data), None, self.noise_level(frame, shot))
        return frame.replace(out.reshape(frame.data.shape), noise=None)
