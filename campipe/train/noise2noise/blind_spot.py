"""Noise2Void: pixels are hidden from the net, which has to guess their noisy values from their neighbours'."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from campipe.blocks.learned.blind_unet import BlindUnet
from campipe.core.errors import ShapeError
from campipe.core.random import Key
from campipe.train.crops import Crops
from campipe.train.draws import Numbers, uniform
from campipe.train.loop import Batch
from campipe.train.noise2noise.corruptions import Corruption
from campipe.train.noise2noise.frozen import Frozen
from campipe.train.noise2noise.restoring import Restoring

BOX = 4
"""Pixels a side of the boxes in each of which one pixel is hidden. The paper hides 64 in 64 x 64, one in 8 x 8; with one in 4 x 4 a
step learns from four times as many."""
WINDOW = 5
"""Pixels a side of the window from which a hidden pixel gets another's value."""


class BlindSpot(Restoring):
    """Learn from single noisy pictures whose noise is independent from pixel to pixel and colour to colour, with the picture as its mean.

    net      whose weights are trained
    frozen   photos that were each damaged once
    damage   of the photos that are validated

    In each box of pixels of a colour one is given the value of a neighbour, and the loss, L2, is taken there alone, with its own noisy
    value as target. What a net can say of that value without seeing it is the picture. Source: Krull, Buchholz, Jug, "Noise2Void:
    learning denoising from single noisy images", CVPR 2019; colours are hidden one by one, as in the authors' code, and a pixel is never
    given its own value.
    """

    steady = True

    def __init__(self, net: BlindUnet, crops: Crops, frozen: Frozen, damage: Corruption) -> None:
        super().__init__(net, crops.validation(), damage)
        self.crops, self.frozen = crops, frozen
        self._seed = Key(frozen.seed).fold("blind spots").seed

    def about(self) -> dict[str, Any]:
        return {**super().about(), "crops": self.crops.about(), "frozen": self.frozen.about(), "box": BOX, "window": WINDOW}

    def batch(self, numbers: Numbers) -> Batch:
        """Noisy pictures with hidden pixels, the same without, and where they are: (B, 3, H, W) each."""
        noisy, _ = self.frozen.batch(numbers)
        high, wide = noisy.shape[-2] // BOX, noisy.shape[-1] // BOX
        u = uniform(self._seed, numbers, 6 * high * wide, noisy.device).reshape(-1, 3, 2, high, wide)
        hidden, where = hide(noisy, u)
        return hidden, noisy, where

    def forward(self, batch: Batch) -> Tensor:
        hidden, noisy, where = batch
        return ((self.net(hidden) - noisy).square() * where).sum() / where.sum()


def hide(x: Tensor, u: Tensor) -> tuple[Tensor, Tensor]:
    """Give one pixel of each box of 4 x 4 the value of another in a window around it, of 5 x 5 pixels, moved inside the picture.

    x         (B, C, H, W), sides multiples of the box and no shorter than the window
    u         (B, C, 2, H / 4, W / 4) from [0, 1]: which pixel of the box, and which other of the window
    returns   pictures with hidden pixels, and where they are, 1 or 0; (B, C, H, W) each
    """
    height, width = x.shape[-2:]
    if height % BOX or width % BOX or min(height, width) < WINDOW:
        raise ShapeError(f"sides are multiples of {BOX} from {2 * BOX} on, so that boxes cover the picture, but {height} x {width} came")
    place = (u[:, :, 0] * BOX**2).long().clamp(max=BOX**2 - 1)
    down = BOX * torch.arange(height // BOX, device=x.device)[:, None] + place // BOX
    across = BOX * torch.arange(width // BOX, device=x.device) + place % BOX
    top, left = (at - WINDOW // 2 for at in (down, across))
    top, left = top.clamp(0, height - WINDOW), left.clamp(0, width - WINDOW)
    own = (down - top) * WINDOW + across - left
    other = (u[:, :, 1] * (WINDOW**2 - 1)).long().clamp(max=WINDOW**2 - 2)
    other = other + (other >= own)
    source = ((top + other // WINDOW) * width + left + other % WINDOW).flatten(2)
    target = (down * width + across).flatten(2)
    flat = x.flatten(2)
    where = torch.zeros_like(flat).scatter(2, target, 1.0)
    return flat.scatter(2, target, flat.gather(2, source)).reshape(x.shape), where.reshape(x.shape)
