"""Learned denoising patch by patch: what a fully connected net says of every patch, averaged where patches overlap."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar

import torch
from torch import Tensor

from campipe.blocks.denoising.slot import Denoiser
from campipe.blocks.learned.base import Learned
from campipe.blocks.learned.limit import limited
from campipe.core.errors import CampipeError
from campipe.ops.patches import by_patches, window

CONTRAST, LEVEL = 5.0, 10.0
"""Factors on a patch less its mean, and on sigma, before the net: pixels over 0.2, as Burger et al. have it, and sigmas of about 1."""
HIGHEST, RANGE = 55 / 255, 1.5
"""Sigma that nets are trained up to, and white less black, with some room, of the pictures that they are trained on."""


class PatchDenoiser(Learned, Denoiser):
    """A denoiser whose net takes patches and the noise level. To be derived from: implement `build`, and say what the net's answer is.

    architecture   `side` of a patch, px, and what the net is built from
    stride         pixels from patch to patch
    spread         of the Gaussian window under which a patch's pixels are averaged, px; None: all alike

    The net sees a patch less its mean, and the noise level beside it. What it says of a constant is taken off, so that a constant stays.
    A picture with more noise or contrast than nets are trained on is made smaller together with its noise. A pixel changes by 6 sigma at
    most, so that what has no noise stays. Channels are denoised each by itself; patches lie on a grid that begins at the first pixel, so a
    crop comes out slightly otherwise. Gradient: exact.
    """

    tiles = False
    margin = None
    least = 2
    adds: ClassVar[bool]  # the net's answer is added to the patch; or it is the patch, less its mean

    def __init__(
        self,
        sigma: Any,
        weights: str | Path | None,
        architecture: Mapping[str, Any],
        stride: int,
        spread: float | None,
        stabilise: bool,
        seed: int,
        name: str | None,
    ) -> None:
        super().__init__(sigma, stabilise, name)
        self._make_body(weights, architecture, seed)
        self.side, self.stride = int(self.architecture["side"]), int(stride)
        self.spread = None if spread is None else float(spread)
        if not 1 <= self.stride <= self.side:
            raise CampipeError(f"patches of {self.side} pixels lie 1 to {self.side} pixels apart, but stride={stride!r} came")
        if self.spread is not None and not self.spread > 0:
            raise CampipeError(f"the window of a patch spreads by more than 0 pixels, but {spread!r} came; None is for all alike")

    def net(self, x: Tensor, sigma: Tensor) -> Tensor:
        planes = x.flatten(0, 1)
        height, width = sigma.shape[-2:]
        levels = sigma.to(x.dtype).expand(*x.shape[:2], height, width).flatten(0, 1)
        highest = levels.amax((1, 2), keepdim=True)
        reach = planes.amax((1, 2), keepdim=True) - planes.amin((1, 2), keepdim=True) - 2 * 5 * highest
        scale = 1 / torch.maximum(highest / HIGHEST, reach / RANGE).clamp(min=1)
        planes, levels = planes * scale, levels * scale
        maps = [] if (height, width) == (1, 1) else [levels.square().expand_as(planes)]
        fixed = levels[:, :, None, :]

        def answer(patches: Tensor, squares: Tensor | None = None) -> Tensor:
            level = fixed if squares is None else _root(squares.mean(-1, keepdim=True))
            return self.change(patches, level)

        weights = window(self.side, self.spread, planes)
        change = (by_patches(answer, self.side, self.stride, weights, planes, *maps) / scale).reshape(x.shape)
        return x + limited(change, sigma)

    def change(self, patches: Tensor, level: Tensor) -> Tensor:
        """What is added to patches, (..., side^2), whose noise level is (..., 1)."""
        apart = patches - patches.mean(-1, keepdim=True)
        found = self.found(apart, level) - self.found(patches.new_zeros(*level.shape[:-1], patches.shape[-1]), level)
        return found if self.adds else found - apart

    def found(self, apart: Tensor, level: Tensor) -> Tensor:
        """What the net says of patches less their means, (..., side^2), in their unit."""
        answer: Tensor = self.body(asked(apart, level))
        return answer / CONTRAST


def asked(apart: Tensor, level: Tensor) -> Tensor:
    """What a net is given, (..., side^2 + 1): patches less their means, and the noise level, (..., 1)."""
    return torch.cat([CONTRAST * apart, LEVEL * level.expand(*apart.shape[:-1], 1)], -1)


def _root(square: Tensor) -> Tensor:
    positive = square > 0
    return torch.where(positive, torch.where(positive, square, 1).sqrt(), 0)
