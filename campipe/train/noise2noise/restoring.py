"""What trainings without clean pictures share: a net that is told nothing, and how its answers are scored."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from campipe.blocks.learned.blind_unet import BlindUnet
from campipe.core.random import Key
from campipe.measure.psnr import psnr
from campipe.train.checkpoint import plain
from campipe.train.loop import Task
from campipe.train.noise2noise.corruptions import Corruption

SIDE = 256
"""Pixels a side of what is validated of a photo, from its middle."""


class Restoring(Task):
    """Let a net restore pictures. To be derived from: implement `batch` and `forward`.

    net       from a damaged picture to the picture, (B, 3, H, W)
    photos    that are held out, (1, 3, H, W) each
    damage    of them
    """

    def __init__(self, net: BlindUnet, photos: list[Tensor], damage: Corruption) -> None:
        super().__init__()
        self.net, self.photos, self.damage = net, [_middle(photo) for photo in photos], damage
        self.architecture = dict(net.architecture)

    def about(self) -> dict[str, Any]:
        return {"net": self.architecture, "validated": plain(self.damage)}

    def validate(self) -> dict[str, float]:
        """PSNR, dB, on the middle of the photos held out, rounded to 8 bits, and that of the damaged ones."""
        ours, before = 0.0, 0.0
        for number, clean in enumerate(self.photos):
            seen = self.damage(clean.to(self.device), Key(0).fold("validation").seed, [number]).picture
            ours += score(self.net(seen), clean) / len(self.photos)
            before += score(seen, clean) / len(self.photos)
        return {"psnr": round(ours, 4), "base_psnr": round(before, 4)}


@torch.no_grad()
def score(answer: Tensor, clean: Tensor) -> float:
    """PSNR, dB, of an answer that is clipped and rounded to 8 bits, as the paper's code counts it; `clean` lies on the CPU."""
    rounded = (answer.clamp(0, 1) * 255).round() / 255
    return float(psnr(rounded.cpu(), clean, data_range=1).mean())


def _middle(photo: Tensor) -> Tensor:
    height, width = photo.shape[-2:]
    top, left = max(height - SIDE, 0) // 2, max(width - SIDE, 0) // 2
    return photo[..., top : top + SIDE, left : left + SIDE]
