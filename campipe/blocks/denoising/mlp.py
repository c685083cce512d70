"""Learned denoising by a plain multilayer perceptron on patches."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from torch import nn

from campipe.blocks.denoising.patchwise import PatchDenoiser
from campipe.blocks.learned.dense import Perceptron


class Mlp(PatchDenoiser):
    """What a perceptron finds to be noise is taken off every patch: 17 x 17 pixels in, 17 x 17 out, one net for all noise levels.

    weights   name of weights that ship, a path, or None: untrained, which changes nothing
    side      pixels of a patch, where there are no weights
    width     of each hidden layer
    layers    hidden layers
    stride    pixels from patch to patch; 1 is the best, and takes nine times as long as 3
    spread    of the Gaussian window under which a patch's pixels are averaged, px; null: all alike
    seed      of the weights that a training begins with

    Source: Burger, Schuler, Harmeling, "Image denoising: can plain neural networks compete with BM3D?", CVPR 2012; here the net's answer
    is added to the patch, a patch is seen less its mean, and the layers are narrower. Gradient: exact.
    """

    block = "denoise/mlp"
    adds = True

    def __init__(
        self,
        sigma: Any = None,
        weights: str | Path | None = "denoise_mlp",
        side: int = 17,
        width: int = 600,
        layers: int = 4,
        stride: int = 3,
        spread: float | None = 6.0,
        stabilise: bool = True,
        seed: int = 0,
        name: str | None = None,
    ) -> None:
        super().__init__(sigma, weights, {"side": side, "width": width, "layers": layers}, stride, spread, stabilise, seed, name)

    def build(self, **architecture: Any) -> nn.Module:
        side = architecture.pop("side")
        return Perceptron(side * side + 1, side * side, **architecture)
