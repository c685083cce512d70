"""The task of learned super-resolution: what a camera of a lower resolution gives of a photo, and the photo back."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from campipe.blocks.super_resolving.srresnet import SrResNet
from campipe.core.errors import CampipeError
from campipe.core.random import Key
from campipe.measure.psnr import psnr
from campipe.ops.upsample import cubic, upsample
from campipe.train import draws
from campipe.train.crops import Crops
from campipe.train.super_resolution.camera import Shot, photographed
from campipe.train.task import Batch, Task

Loss = Callable[[Tensor, Tensor], Tensor]

BLURS, ELECTRONS, READS = (0.3, 0.5), (1000.0, 16000.0), (2.0, 8.0)
"""Ranges of what the shots of a training are drawn from: px; electrons at white, evenly in octaves; electrons."""
RED, BLUE = (1.4, 2.4), (1.2, 2.2)
"""Ranges of the white-balance gains, from lamps to shade."""
BORDER = 4
"""Pixels of the low resolution at each side of a crop that the loss leaves out: beyond the crop the net sees darkness."""
COUNTED = 12
"""Pixels at each border that a score leaves out, as `campipe evaluate` does."""


class SuperResolution(Task):
    """Let a super-resolver learn from crops.

    block   whose net is trained
    crops   what it is trained on: an even number of its factors a side
    loss    of (answer, picture), both (B, 3, H, W) in [0, 1], a scalar or one number per picture
    named   name of the loss, for the checkpoint
    """

    steady = True

    def __init__(self, block: SrResNet, crops: Crops, loss: Loss, named: str) -> None:
        super().__init__()
        least = 2 * block.factor * (BORDER + 1)
        if crops.size % (2 * block.factor) or crops.size < least:
            raise CampipeError(
                f"a net of factor {block.factor} is trained on crops of a multiple of {2 * block.factor} pixels from {least} on, "
                f"but {crops.size} came; take {48 * block.factor}"
            )
        self.block, self.net, self.crops, self.measure, self.named = block, block.body, crops, loss, named

    def about(self) -> dict[str, Any]:
        task = {"block": self.block.block, "architecture": self.block.architecture, "crops": self.crops.about(), "loss": self.named}
        return {**task, "blurs": BLURS, "electrons": ELECTRONS, "reads": READS, "gains": [RED, BLUE]}

    def batch(self, numbers: draws.Numbers) -> tuple[Tensor, Tensor]:
        """What cameras give, (B, 3, H, W), and the pictures, (B, 3, factor H, factor W)."""
        pictures = self.crops.batch(numbers)
        return photographed(pictures, self.block.factor, *self._shots(numbers, pictures)), pictures

    def answered(self, batch: Batch) -> tuple[Tensor, Tensor]:
        """The net's answer and the picture, both without what lies near the border of the crop."""
        low, picture = batch
        inside = slice(BORDER * self.block.factor, -BORDER * self.block.factor)
        answer = upsample(low, self.block.factor, cubic, 2) + self.block.correction(low)
        return answer[..., inside, inside], picture[..., inside, inside]

    def forward(self, batch: Batch) -> Tensor:
        return self.measure(*self.answered(batch)).mean()

    @torch.no_grad()
    def validate(self) -> dict[str, float]:
        """PSNR, dB, on the photos that are held out, of the camera of the scores, rounded to 8 bits; and that of bicubic."""
        sums, photos = torch.zeros(2, dtype=torch.float64), self.crops.validation()
        for number, photo in enumerate(photos):
            low, whole = scored(photo.to(self.device), self.block.factor, number)
            for row, answer in enumerate((self.block.net(low), upsample(low, self.block.factor, cubic, 2))):
                sums[row] += peak_ratio(answer, whole)
        ours, base = (sums / max(len(photos), 1)).tolist()
        return {"psnr": round(ours, 4), "base_psnr": round(base, 4)}

    def _shots(self, numbers: draws.Numbers, like: Tensor) -> tuple[Shot, Tensor]:
        key, side = Key(self.crops.seed).fold("shots"), self.crops.size // self.block.factor
        u = draws.uniform(key.seed, numbers, 5, like.device).float()
        low, high = ELECTRONS
        electrons = low * (high / low) ** u[:, 1]
        gains = torch.stack([_between(RED, u[:, 3]), torch.ones_like(electrons), _between(BLUE, u[:, 4])], 1)
        shot = Shot(_between(BLURS, u[:, 0]), electrons, _between(READS, u[:, 2]), gains)
        return shot, draws.normal(key.fold("noise").seed, numbers, (1, side, side), like.device)


def scored(photo: Tensor, factor: int, number: int) -> tuple[Tensor, Tensor]:
    """What the camera of the scores gives of a photo, (1, 3, H, W), under the noise of its number; and the photo, cut to whole pixels."""
    step = 2 * factor
    whole = photo[..., : photo.shape[-2] // step * step, : photo.shape[-1] // step * step]
    shape = (1, whole.shape[-2] // factor, whole.shape[-1] // factor)
    noise = draws.normal(Key(0).fold("super_resolve").seed, [number], shape).to(photo.device)  # the CPU's on every device
    return photographed(whole, factor, Shot.of_scores(1, photo.device), noise), whole


def peak_ratio(answer: Tensor, picture: Tensor) -> float:
    """PSNR, dB, of an answer, (1, 3, H, W), rounded to 8 bits, without the border."""
    inside = slice(COUNTED, -COUNTED)
    rounded = (answer.clamp(0, 1) * 255).round() / 255
    return float(psnr(rounded[..., inside, inside], picture[..., inside, inside], data_range=1)[0])


def _between(ends: tuple[float, float], u: Tensor) -> Tensor:
    return ends[0] + (ends[1] - ends[0]) * u
