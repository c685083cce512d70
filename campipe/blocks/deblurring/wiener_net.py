"""Learned deblurring with a known kernel: a net that corrects the Wiener filter."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from torch import Tensor

from campipe.blocks.deblurring.refined import Refined
from campipe.blocks.deblurring.slot import Deblurrer
from campipe.ops.deconvolution import wiener


class WienerNet(Refined, Deblurrer):
    """The Wiener filter's picture plus what a gated net finds: noise that was amplified, ringing, and detail.

    kernel, sigma   as of every deblurrer; without a kernel there is no blur; in a training each sample has its own
    weights         name of weights that ship, a path, or None: untrained, which is the Wiener filter
    strength        of the filter; the net was trained on that of 2
    width           channels of the net's finest level, where there are no weights
    blocks          its gated blocks at each side of the two finer levels
    coarse          its gated blocks at the coarsest level
    seed            of the weights that a training begins with

    The kernel enters by the filter alone, and so a net that was trained on shaking hands serves other kernels. Source: the filter first
    and a net after it, Schuler et al., "A machine learning approach for non-blind image deconvolution", CVPR 2013; the net is that of
    Chen et al., "Simple baselines for image restoration", ECCV 2022, made small. Gradient: exact.
    """

    block = "deblur/wiener_net"
    weight = "strength"
    strength: Tensor

    def __init__(
        self,
        kernel: Any = ((1.0,),),
        sigma: Any = None,
        weights: str | Path | None = "deblur_known",
        strength: Any = 2.0,
        width: int = 48,
        blocks: int = 2,
        coarse: int = 3,
        seed: int = 0,
        name: str | None = None,
    ) -> None:
        super().__init__(kernel, sigma, name)
        self.number("strength", strength, positive=True)
        self._make_body(weights, {"width": width, "blocks": blocks, "coarse": coarse}, seed)

    def net(self, x: Tensor, kernel: Tensor, sigma: Tensor, weight: Tensor | None = None) -> Tensor:
        return self.refine(x, self.base(x, kernel, sigma, weight), sigma)

    def base(self, x: Tensor, kernel: Tensor, sigma: Tensor, weight: Tensor | None = None) -> Tensor:
        """The Wiener filter, as the net corrects it; the arguments are those of `net`."""
        return wiener(x, kernel, sigma, strength=self.strength if weight is None else weight)
