"""Learned demosaicking: a small convolutional net that corrects Malvar's method."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from campipe.blocks.demosaicking.slot import Demosaicker
from campipe.blocks.learned.base import Learned
from campipe.blocks.learned.nets import ResidualNet
from campipe.ops.demosaick import check_bayer, check_size, malvar
from campipe.ops.filters import mirror_pad

_MISSING = (4, 8, 1, 9, 2, 10, 3, 7)
"""Of the twelve planes colour x position of a tile RGGB: those that were not measured; (G, B), (R, B), (R, B), (R, G) of its positions."""
_FROM = tuple(_MISSING.index(plane) if plane in _MISSING else len(_MISSING) for plane in range(12))
_GAIN = 16.0
"""What makes the detail of photos, a few hundredths of white, about 1."""


class Residual(Learned, Demosaicker):
    """Malvar's picture plus what a net finds in the mosaic. Keeps what was measured.

    weights   name of weights that ship, a path, or None: untrained, which is Malvar's method
    width     channels of the net, where there are no weights
    blocks    its residual blocks
    seed      of the weights that a training begins with

    The mosaic is laid out as four planes of half the resolution, whose tile begins with red, so that all phases are treated alike; the
    net gives the eight colours that a tile lacks. It has no constant terms and its first layer sees no constant: twice the light gives
    twice the picture, and the same light added to all pixels of a colour changes nothing else. It was trained on pictures encoded for
    a display, which is what scores are taken on, and serves linear light of any exposure.

    Source: packing and residual of Gharbi et al., "Deep joint demosaicking and denoising", SIGGRAPH Asia 2016, on the linear base of
    Malvar et al., ICASSP 2004. Gradient: exact.
    """

    block = "demosaick/residual"

    def __init__(
        self,
        weights: str | Path | None = "demosaick_small",
        width: int = 32,
        blocks: int = 4,
        seed: int = 0,
        name: str | None = None,
    ) -> None:
        super().__init__(name)
        self._make_body(weights, {"width": width, "blocks": blocks}, seed)
        # Pixels to mosaic pixels, one more for the tile that the pixel lies in.
        self.margin = 2 * self._reach + 1

    def build(self, **architecture: Any) -> nn.Module:
        return ResidualNet(4, len(_MISSING), bias=False, even=True, gain=_GAIN, **architecture)

    @property
    def _reach(self) -> int:
        reach = self.body.reach
        assert isinstance(reach, int)
        return reach

    def net(self, mosaic: Tensor, pattern: str) -> Tensor:
        check_bayer(pattern)
        check_size(mosaic)
        height, width = mosaic.shape[-2:]
        red = pattern.index("R")
        # A multiple of the tile before the mosaic, but for the rows and columns by which its first tile is cut.
        top, left = 2 * self._reach + red // 2, 2 * self._reach + red % 2
        padded = mirror_pad(mosaic, top, 2 * self._reach + (height + red // 2) % 2, -2)
        padded = mirror_pad(padded, left, 2 * self._reach + (width + red % 2) % 2, -1)
        flat = padded.reshape(-1, *padded.shape[-3:])
        added = self.correction(flat)[..., top : top + height, left : left + width]
        return malvar(mosaic, pattern) + added.reshape(*mosaic.shape[:-3], 3, height, width)

    def correction(self, mosaic: Tensor) -> Tensor:
        """What is added to the base, (B, 1, H, W) to (B, 3, H, W): of an RGGB mosaic of whole tiles, as if all were dark beyond it."""
        planes = functional.pixel_unshuffle(mosaic, 2)
        found = self.run_body(planes, self._reach)
        found = torch.cat([found, torch.zeros_like(found[:, :1])], 1)
        # Slices, and no list of numbers: a GPU would have to wait for it.
        return functional.pixel_shuffle(torch.cat([found[:, plane : plane + 1] for plane in _FROM], 1), 2)
