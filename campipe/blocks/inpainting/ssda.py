"""Blind inpainting by stacked sparse auto-encoders on patches: writing goes away that nobody has marked."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from campipe.blocks.learned.base import Learned
from campipe.blocks.learned.dense import StackedAutoencoder
from campipe.core.errors import CampipeError
from campipe.core.frame import Frame
from campipe.core.shot import Shot
from campipe.ops.patches import by_patches, window

CONTRAST, MIDDLE = 5.0, 0.5
"""What makes pixels of [0, 1] numbers of about 1: they are taken less the middle, times the contrast."""


class SsdaInpainting(Learned):
    """Every patch is written as a sparse code of a sparse code, and read from it without what lay over it.

    weights   name of weights that ship, a path, or None: untrained, which gives a picture all grey
    side      pixels of a patch, where there are no weights
    widths    of the two codes
    stride    pixels from patch to patch
    keep      change up to which a pixel stays as it was: it is not overlaid, and the codes need not be exact; 0: all is changed
    seed      of the weights that a training begins with

    For pictures encoded for a display that black or white writing lies over; no mask is given. Channels are treated each by itself.
    Source: Xie, Xu, Chen, "Image denoising and inpainting with deep neural networks", NIPS 2012; keeping what hardly changes is our own.
    Gradient: exact but at the step where a pixel begins to be kept.
    """

    slot = "inpaint"
    block = "inpaint/ssda"
    reads = ("display",)
    tiles = False
    margin = None

    def __init__(
        self,
        weights: str | Path | None = "inpaint_ssda",
        side: int = 16,
        widths: Sequence[int] = (800, 500),
        stride: int = 2,
        keep: float = 0.1,
        seed: int = 0,
        name: str | None = None,
    ) -> None:
        super().__init__(name)
        self._make_body(weights, {"side": side, "widths": list(widths)}, seed)
        self.side, self.stride, self.keep = int(self.architecture["side"]), int(stride), float(keep)
        if not 1 <= self.stride <= self.side:
            raise CampipeError(f"patches of {self.side} pixels lie 1 to {self.side} pixels apart, but stride={stride!r} came")
        if not self.keep >= 0:
            raise CampipeError(f"a change up to which a pixel is kept is 0 or more, but keep={keep!r} came")

    def build(self, **architecture: Any) -> nn.Module:
        side = architecture.pop("side")
        return StackedAutoencoder(side * side, side * side, **architecture)

    def net(self, x: Tensor) -> Tensor:
        """Plain tensors, (B, C, H, W) in [0, 1], at least 2 x 2."""
        planes = x.flatten(0, 1) - MIDDLE
        answer = by_patches(self._answer, self.side, self.stride, window(self.side, None, planes), planes)
        out = (answer + MIDDLE).reshape(x.shape)
        return torch.where((out - x).abs() > self.keep, out, x) if self.keep else out

    def transform(self, frame: Frame, shot: Shot) -> Frame:
        return frame.replace(self.net(frame.data), noise=None)

    def _answer(self, patches: Tensor) -> Tensor:
        answer: Tensor = self.body(CONTRAST * patches)
        return answer / CONTRAST
