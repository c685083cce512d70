"""The task of a learned denoiser: pictures encoded for a display under white Gaussian noise, and given back."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from campipe.blocks.denoising.unet import Unet
from campipe.core.errors import CampipeError
from campipe.core.random import Key
from campipe.measure.psnr import psnr
from campipe.train.crops import Crops, luma_of
from campipe.train.draws import Numbers, normal, uniform
from campipe.train.loop import Task

Loss = Callable[[Tensor, Tensor], Tensor]

WHITE = 255.0
"""Of the scale that sigma is given on, as the literature does."""
VALIDATED = (25.0, 15.0, 50.0)
"""Sigma of the validation, on that scale; the first one counts."""
SIDE = 256
"""Pixels a side of what is validated of a photo, from its middle."""



class Denoising(Task):
    """Let a denoiser learn from crops, each under white Gaussian noise that is not clipped, of a sigma drawn evenly.

    block    whose net is trained; where it is for one channel, the crops are made grey
    crops    what it is trained on
    loss     of (answer, picture), both (B, C, H, W), the picture in [0, 1]; a scalar or one number per picture
    named    name of the loss, for the checkpoint
    sigma    smallest and largest, on the scale from 0 to 255
    """

    steady = True

    def __init__(self, block: Unet, crops: Crops, loss: Loss, named: str, sigma: tuple[float, float] | None = None) -> None:
        super().__init__()
        self.sigma = (0.0, 55.0) if sigma is None else (float(sigma[0]), float(sigma[1]))
        if not 0 <= self.sigma[0] <= self.sigma[1]:
            raise CampipeError(f"sigma is drawn from a range from 0 on, its smaller end first, but {list(self.sigma)} came")
        if crops.size % 8:
            raise CampipeError(f"a denoiser is trained on crops of a multiple of 8 pixels, but {crops.size} came; take 96")
        self.block, self.net, self.crops, self.measure, self.named = block, block.body, crops, loss, named
        self.channels, self._key = int(block.architecture["channels"]), Key(crops.seed).fold("denoising")

    def about(self) -> dict[str, Any]:
        task = {"block": self.block.block, "architecture": self.block.architecture, "crops": self.crops.about(), "loss": self.named}
        return {**task, "sigma": list(self.sigma)}

    def batch(self, numbers: Numbers) -> Tensor:
        """Pictures, the same with noise, and the map of sigma, (B, 2 C + 1, H, W)."""
        clean = self._coloured(self.crops.batch(numbers))
        low, high = self.sigma
        sigma = (low + (high - low) * uniform(self._key.seed, numbers, 1, clean.device)).float()[:, :, None, None] / WHITE
        noisy = clean + sigma * normal(self._key.fold("gaussian").seed, numbers, clean.shape[1:], clean.device)
        return torch.cat([clean, noisy, sigma.expand(-1, 1, *clean.shape[-2:])], 1)

    def forward(self, batch: Tensor) -> Tensor:
        clean, noisy, sigma = batch.split([self.channels, self.channels, 1], 1)
        level = sigma[..., :1, :1].expand(-1, self.channels, -1, -1)
        return self.measure(noisy + self.block.correction(noisy, level), clean).mean()

    def validate(self) -> dict[str, float]:
        """PSNR, dB, on the middle of the photos held out, rounded to 8 bits: at a sigma of 25, of the noisy ones, and at others."""
        device = next(self.net.parameters()).device
        photos = [self._coloured(_middle(photo)) for photo in self.crops.validation()]
        scores: dict[str, float] = {}
        for sigma in VALIDATED:
            ours, base = 0.0, 0.0
            for number, clean in enumerate(photos):
                noisy = with_noise(clean, sigma / WHITE, Key(0).fold("validation").fold(number)).to(device)
                level = torch.full((1, 1, 1, 1), sigma / WHITE, device=device)
                ours += _score(self.block.net(noisy, level), clean) / len(photos)
                base += _score(noisy, clean) / len(photos)
            if sigma == VALIDATED[0]:
                scores = {"psnr": round(ours, 4), "base_psnr": round(base, 4)}
            else:
                scores[f"psnr_{sigma:.0f}"] = round(ours, 4)
        return scores

    def _coloured(self, picture: Tensor) -> Tensor:
        if self.channels == 3:
            return picture
        return luma_of(picture)


def with_noise(clean: Tensor, sigma: float, key: Key) -> Tensor:
    """A picture under white Gaussian noise of one sigma, not clipped; the same key gives the same noise."""
    generator = torch.Generator().manual_seed(key.fold("gaussian").seed >> 1)
    return clean + sigma * torch.randn(clean.shape, generator=generator)


def _middle(photo: Tensor) -> Tensor:
    height, width = photo.shape[-2:]
    top, left = max(height - SIDE, 0) // 2, max(width - SIDE, 0) // 2
    return photo[..., top : top + SIDE, left : left + SIDE]


def _score(answer: Tensor, clean: Tensor) -> float:
    rounded = (answer.clamp(0, 1) * 255).round() / 255
    return float(psnr(rounded.cpu(), clean, data_range=1))
