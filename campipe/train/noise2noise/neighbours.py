"""Neighbor2Neighbor: two neighbouring pixels of every 2 x 2 make a pair of smaller pictures that differ, nearly, in their noise alone."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from campipe.blocks.learned.blind_unet import BlindUnet
from campipe.core.errors import ShapeError
from campipe.core.random import Key
from campipe.measure.losses.pixel import l2_loss
from campipe.train.crops import Crops
from campipe.train.draws import Numbers, uniform
from campipe.train.loop import Batch
from campipe.train.noise2noise.corruptions import Corruption
from campipe.train.noise2noise.frozen import Frozen
from campipe.train.noise2noise.restoring import Restoring

PAIRS = ((0, 1), (0, 2), (1, 3), (2, 3), (1, 0), (2, 0), (3, 1), (3, 2))
"""The ways to take two neighbours, beside or below one another, from the pixels 0 1 over 2 3."""
WEIGHT = 2.0
"""Of the regulariser at the end of the training, to which it rises evenly from 0: the authors' value for synthetic noise."""


class Neighbours(Restoring):
    """Learn from single noisy pictures whose noise is independent from pixel to pixel, with the picture as its mean.

    net      whose weights are trained
    frozen   photos that were each damaged once
    damage   of the photos that are validated

    L2 between what the net makes of one small picture and the other, and WEIGHT times L2 of the same difference less that of the two small
    pictures of what the net makes of the whole, which is a constant to the gradient: neighbours differ in the picture too.
    Source: Huang, Li, Jia, Lu, Liu, "Neighbor2Neighbor: self-supervised denoising from single noisy images", CVPR 2021, section 4.
    """

    def __init__(self, net: BlindUnet, crops: Crops, frozen: Frozen, damage: Corruption) -> None:
        super().__init__(net, crops.validation(), damage)
        self.crops, self.frozen = crops, frozen
        self._seed = Key(frozen.seed).fold("neighbours").seed

    def about(self) -> dict[str, Any]:
        return {**super().about(), "crops": self.crops.about(), "frozen": self.frozen.about(), "weight": WEIGHT}

    def batch(self, numbers: Numbers) -> Batch:
        """Noisy pictures, (B, 3, H, W), and which pair is taken of each 2 x 2 pixels, (B, H / 2, W / 2)."""
        noisy, _ = self.frozen.batch(numbers)
        high, wide = noisy.shape[-2] // 2, noisy.shape[-1] // 2
        u = uniform(self._seed, numbers, high * wide, noisy.device).reshape(-1, high, wide)
        return noisy, (u * len(PAIRS)).long().clamp(max=len(PAIRS) - 1)

    def forward(self, batch: Batch) -> Tensor:
        noisy, way = batch
        one, two = pair(noisy, way)
        with torch.no_grad():
            whole_one, whole_two = pair(self.net(noisy), way)
        answer = self.net(one)
        return l2_loss(answer, two) + WEIGHT * self.progress * l2_loss(answer - two, whole_one - whole_two)


def pair(x: Tensor, way: Tensor) -> tuple[Tensor, Tensor]:
    """Two pictures of half the size, from two neighbours of every 2 x 2 pixels.

    x         (B, C, H, W), even sides
    way       (B, H / 2, W / 2), number of a pair in PAIRS
    returns   (B, C, H / 2, W / 2) twice; they share no pixel of x
    """
    height, width = x.shape[-2:]
    if height % 2 or width % 2:
        raise ShapeError(f"every 2 x 2 pixels give a pair, so that sides are even, but {height} x {width} came")
    cells = functional.pixel_unshuffle(x, 2).unflatten(1, (-1, 4))
    chosen = torch.tensor(PAIRS, device=x.device)[way]
    one, two = (
        cells.gather(2, chosen[..., i][:, None, None].expand(-1, cells.shape[1], 1, -1, -1))[:, :, 0] for i in (0, 1)
    )
    return one, two
