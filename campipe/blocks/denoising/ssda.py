"""Learned denoising by stacked sparse auto-encoders on patches."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from torch import nn

from campipe.blocks.denoising.patchwise import PatchDenoiser
from campipe.blocks.learned.dense import StackedAutoencoder


class Ssda(PatchDenoiser):
    """Every patch is written as a sparse code of a sparse code, and read from it.

    weights   name of weights that ship, a path, or None: untrained, which gives the mean of the pixels around, within 6 sigma
    side      pixels of a patch, where there are no weights
    widths    of the two codes: five times the pixels of a patch
    stride    pixels from patch to patch
    spread    of a Gaussian window under which a patch's pixels are averaged, px; null: all alike
    seed      of the weights that a training begins with

    The patch that comes out is what the last layer says, and nothing of the noisy one goes around the codes. Made by
    `campipe.train.patches.autoencoding`: each code is learned by itself, with the sparsity of its units, and then all layers at once.
    Source: Xie, Xu, Chen, "Image denoising and inpainting with deep neural networks", NIPS 2012; here the noise level is a further input,
    and a patch is seen less its mean. Gradient: exact.
    """

    block = "denoise/ssda"
    adds = False

    def __init__(
        self,
        sigma: Any = None,
        weights: str | Path | None = "denoise_ssda",
        side: int = 12,
        widths: Sequence[int] = (720, 720),
        stride: int = 2,
        spread: float | None = None,
        stabilise: bool = True,
        seed: int = 0,
        name: str | None = None,
    ) -> None:
        super().__init__(sigma, weights, {"side": side, "widths": list(widths)}, stride, spread, stabilise, seed, name)

    def build(self, **architecture: Any) -> nn.Module:
        side = architecture.pop("side")
        return StackedAutoencoder(side * side + 1, side * side, **architecture)
