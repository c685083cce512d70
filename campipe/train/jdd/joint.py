"""The task of joint demosaicking and denoising: pictures encoded for a display, seen through a noisy mosaic, and given back."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from torch import Tensor

from campipe.blocks.demosaicking.joint import STRIDE, Joint
from campipe.core.errors import CampipeError
from campipe.core.random import Key
from campipe.measure.psnr import psnr
from campipe.ops.demosaick import malvar
from campipe.train.crops import Crops
from campipe.train.demosaicking import COUNTED, seen_through
from campipe.train.denoising import WHITE, with_noise
from campipe.train.draws import Numbers, normal, uniform
from campipe.train.task import Batch, Task

Loss = Callable[[Tensor, Tensor], Tensor]

VALIDATED = (10.0, 5.0, 15.0, 20.0)
"""Sigma of the validation, on the scale from 0 to 255; the first one counts."""
BORDER = 8
"""Pixels at each side of a crop that the loss leaves out: beyond the crop the net sees darkness, in a picture its mirror image."""


class JointDemosaicking(Task):
    """Let a joint demosaicker learn from crops, whose mosaics have white Gaussian noise, not clipped, of a sigma drawn evenly.

    block   whose net is trained
    crops   what it is trained on
    loss    of (answer, picture), both (B, 3, H, W), the picture in [0, 1]; a scalar or one number per picture
    named   name of the loss, for the checkpoint
    sigma   smallest and largest, on the scale from 0 to 255; by default the range of Gharbi et al., SIGGRAPH Asia 2016
    """

    steady = True

    def __init__(self, block: Joint, crops: Crops, loss: Loss, named: str, sigma: tuple[float, float] = (0.0, 20.0)) -> None:
        super().__init__()
        if crops.size % STRIDE or crops.size <= 2 * BORDER:
            raise CampipeError(
                f"a joint demosaicker is trained on crops of a multiple of {STRIDE} pixels, from {2 * BORDER + STRIDE} on, "
                f"but {crops.size} came; take 96"
            )
        self.block, self.net, self.crops, self.measure, self.named = block, block.body, crops, loss, named
        self.sigma = (float(sigma[0]), float(sigma[1]))
        self._key = Key(crops.seed).fold("joint")

    def about(self) -> dict[str, Any]:
        task = {"block": self.block.block, "architecture": self.block.architecture, "crops": self.crops.about(), "loss": self.named}
        return {**task, "sigma": list(self.sigma)}

    def batch(self, numbers: Numbers) -> tuple[Tensor, Tensor, Tensor]:
        """Pictures, (B, 3, H, W), their noisy RGGB mosaics, (B, 1, H, W), and sigma, (B, 1, 1, 1)."""
        clean = self.crops.batch(numbers)
        low, high = self.sigma
        sigma = (low + (high - low) * uniform(self._key.seed, numbers, 1, clean.device)).float()[:, :, None, None] / WHITE
        noise = normal(self._key.fold("gaussian").seed, numbers, (1, *clean.shape[-2:]), clean.device)
        return clean, seen_through(clean) + sigma * noise, sigma

    def forward(self, batch: Batch) -> Tensor:
        clean, mosaic, sigma = batch
        inside = slice(BORDER, -BORDER)
        answer = malvar(mosaic, "RGGB") + self.block.correction(mosaic, sigma)
        return self.measure(answer[..., inside, inside], clean[..., inside, inside]).mean()

    def validate(self) -> dict[str, float]:
        """PSNR, dB, on the photos held out, rounded to 8 bits: at a sigma of 10, of the base there, and at others."""
        photos = self.crops.validation()
        scores: dict[str, float] = {}
        for sigma in VALIDATED:
            ours, base = 0.0, 0.0
            for number, clean in enumerate(photos):
                mosaic = with_noise(seen_through(clean), sigma / WHITE, Key(0).fold("validation").fold(number)).to(self.device)
                ours += scored(self.block.net(mosaic, "RGGB", sigma / WHITE), clean) / len(photos)
                base += scored(malvar(mosaic, "RGGB"), clean) / len(photos) if sigma == VALIDATED[0] else 0.0
            if sigma == VALIDATED[0]:
                scores = {"psnr": round(ours, 4), "base_psnr": round(base, 4)}
            else:
                scores[f"psnr_{sigma:.0f}"] = round(ours, 4)
        return scores


def scored(answer: Tensor, clean: Tensor) -> float:
    """PSNR, dB, of a picture, (1, 3, H, W), by the protocol of demosaicking: rounded to 8 bits, 20 pixels at each border left out."""
    inside = slice(COUNTED, -COUNTED)
    rounded = (answer.clamp(0, 1) * 255).round().div(255).cpu()
    return float(psnr(rounded[..., inside, inside], clean.cpu()[..., inside, inside], data_range=1)[0])
