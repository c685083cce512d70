"""Regression tree field: demosaicking and denoising at once, as a Gaussian field whose potentials trees choose."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from torch import Tensor, nn

from campipe.blocks.demosaicking.slot import Demosaicker
from campipe.blocks.learned.base import Learned
from campipe.blocks.learned.tree_field import TreeField
from campipe.ops.demosaick import check_bayer, check_size, malvar
from campipe.ops.filters import mirror_pad


class RegressionTree(Learned, Demosaicker):
    """Malvar's picture plus the correction that a field of local quadratic potentials asks for.

    weights      name of weights that ship, a path, or None: untrained, which is Malvar's method. "rtf" and "rtf_ssim" are for mosaics
                 without noise, trained for PSNR and for SSIM; "rtf_noisy" and "rtf_noisy_ssim" for white noise of 5 of 255
    depth        of the trees, where there are no weights: 2^depth leaves for each position of the tile
    reach        pixels that a potential's window of the mosaic reaches from its pixel
    iterations   of conjugate gradients
    exact        True: what was measured has no noise, and is kept
    seed         not used: a field begins as the function 0

    It was trained on pictures encoded for a display, and its trees compare with fixed levels: other exposures are served less well. A
    large picture is done piece by piece within, so that a tile comes out slightly otherwise.

    Source: Khashabi et al., "Joint demosaicing and denoising via learned nonparametric random fields", IEEE Transactions on Image
    Processing 23, 2014, with potentials on pixels and steps between neighbours, and the trees grown for the residual of their leaves'
    linear fits. Gradient: exact while the features choose the same leaves.
    """

    block = "demosaick/rtf"
    tiles = False
    margin = None

    def __init__(
        self,
        weights: str | Path | None = "rtf",
        depth: int = 5,
        reach: int = 3,
        iterations: int = 6,
        exact: bool = True,
        seed: int = 0,
        name: str | None = None,
    ) -> None:
        super().__init__(name)
        self._make_body(weights, {"depth": depth, "reach": reach, "iterations": iterations, "exact": exact}, seed)

    def build(self, **architecture: Any) -> nn.Module:
        return TreeField(**architecture)

    def net(self, mosaic: Tensor, pattern: str) -> Tensor:
        check_bayer(pattern)
        check_size(mosaic)
        assert isinstance(self.body, TreeField)
        height, width = mosaic.shape[-2:]
        red, reach = pattern.index("R"), self.body.reach
        # The mosaic begins with red, but for the row and column by which its first tile is cut.
        top, left = reach + red // 2, reach + red % 2
        padded = mirror_pad(mirror_pad(mosaic, top, reach, -2), left, reach, -1)
        added = self.run_body(padded.reshape(-1, *padded.shape[-3:]), reach)[..., top : top + height, left : left + width]
        return malvar(mosaic, pattern) + added.reshape(*mosaic.shape[:-3], 3, height, width)
