"""Noise2Noise: the target is the same picture damaged once more, and the loss decides what of its values is learned."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from campipe.blocks.learned.blind_unet import BlindUnet
from campipe.core.errors import CampipeError
from campipe.core.random import Key
from campipe.measure.losses.annealed_l0 import annealed_l0_loss
from campipe.measure.losses.pixel import l1_loss, l2_loss
from campipe.train.checkpoint import plain
from campipe.train.crops import Crops
from campipe.train.draws import Numbers
from campipe.train.loop import Batch
from campipe.train.noise2noise.corruptions import Corruption
from campipe.train.noise2noise.frozen import Frozen
from campipe.train.noise2noise.restoring import Restoring

LOSSES = ("l2", "l1", "l0")
"""What is learned of the values that a target may have: their mean, their median, their mode."""
EXPONENT = (2.0, 0.05)
"""Of the annealed loss, at the start and at the end; the paper's falls to 0, where the gradient is 0 but for a pole."""


class Pairs(Restoring):
    """Learn from two damaged versions of one picture, or from a damaged one and the picture.

    net          whose weights are trained
    crops        pictures
    corruption   of the input, and once more of the target
    loss         "l2", "l1", or "l0", which is annealed over the training
    clean        True: the target is the picture itself
    strength     of the corruption that is validated

    The inputs of a sample are the same with noisy and with clean targets. Where a corruption says which pixels of the target are missing,
    these are left out of the loss. Source: Lehtinen et al., "Noise2Noise: learning image restoration without clean data", ICML 2018.
    """

    def __init__(self, net: BlindUnet, crops: Crops, corruption: Corruption, loss: str, *, clean: bool, strength: float) -> None:
        super().__init__(net, crops.validation(), corruption.at(strength))
        if loss not in LOSSES:
            raise CampipeError(f"a loss of noisy targets is one of {', '.join(LOSSES)}, but {loss!r} came")
        self.crops, self.corruption, self.loss, self.clean = crops, corruption, loss, clean
        self._seed = Key(crops.seed).fold("pairs").seed
        self.steady = loss != "l0"  # whose exponent is another number in each step

    def about(self) -> dict[str, Any]:
        own = {"corruption": plain(self.corruption), "loss": self.loss, "clean": self.clean}
        return {**super().about(), "crops": self.crops.about(), **own}

    def batch(self, numbers: Numbers) -> Batch:
        """Input, target, and where the target is missing nothing: (B, 3, H, W) twice, and (B, 1, H, W)."""
        clean = self.crops.batch(numbers)
        item = torch.as_tensor(numbers if isinstance(numbers, Tensor) else list(numbers), dtype=torch.int64, device=clean.device)
        if self.clean:
            return self.corruption(clean, self._seed, 2 * item).picture, clean, torch.ones_like(clean[:, :1])
        both = self.corruption(torch.cat([clean, clean]), self._seed, torch.cat([2 * item, 2 * item + 1]))
        seen_picture, target = both.picture.chunk(2)
        valid = torch.ones_like(clean[:, :1]) if both.valid is None else both.valid.chunk(2)[1]
        return seen_picture, target, valid

    def forward(self, batch: Batch) -> Tensor:
        seen, target, valid = batch
        return compared(self.net(seen) * valid, target * valid, self.loss, self.progress)


class FrozenPairs(Restoring):
    """Learn from photos that were each damaged once, and the photos themselves: what training on noisy ones alone is held against."""

    steady = True

    def __init__(self, net: BlindUnet, crops: Crops, frozen: Frozen, damage: Corruption) -> None:
        super().__init__(net, crops.validation(), damage)
        self.crops, self.frozen = crops, frozen

    def about(self) -> dict[str, Any]:
        return {**super().about(), "crops": self.crops.about(), "frozen": self.frozen.about()}

    def batch(self, numbers: Numbers) -> Batch:
        """Damaged, and as it was."""
        return self.frozen.batch(numbers)

    def forward(self, batch: Batch) -> Tensor:
        seen, clean = batch
        return l2_loss(self.net(seen), clean)


def compared(answer: Tensor, target: Tensor, loss: str, progress: float) -> Tensor:
    """The loss of a name, after a share `progress` of the training."""
    if loss == "l0":
        start, end = EXPONENT
        return annealed_l0_loss(answer, target, exponent=start + (end - start) * progress)
    return {"l1": l1_loss, "l2": l2_loss}[loss](answer, target)
