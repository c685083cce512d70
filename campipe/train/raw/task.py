"""The task of the raw denoiser: mosaics of many cameras under the noise that each of them has, and given back."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor

from campipe.blocks.denoising.raw_unet import RawUnet, sigma_map
from campipe.core.errors import CampipeError
from campipe.core.random import Key
from campipe.measure.psnr import psnr
from campipe.ops.colour import srgb_encode
from campipe.train.crops import Crops
from campipe.train.draws import Numbers
from campipe.train.raw.cameras import CameraTable, bayer_cameras
from campipe.train.raw.sampler import RawBatch, RawSampler
from campipe.train.task import Task

Loss = Callable[[Tensor, Tensor], Tensor]

LEAST = 0.002
"""What the noise of a sample counts as at least where its loss is taken, half a step of 8 bits: noise that nobody sees counts little."""
SIDE, SHOTS = 256, 6
"""Pixels a side of what is validated of a photo, from its middle, and the shots of each."""


class RawDenoising(Task):
    """Let a raw denoiser learn from crops, photographed by cameras drawn from all that ship but those held out.

    block              whose net is trained
    crops              what is photographed
    loss               of (answer, ideal), both (B, 4, H, W), a scalar or one number per sample
    named              name of the loss, for the checkpoint
    held_out_cameras   names of cameras that are never trained on; validation is on them
    ev                 stops from the metered exposure, drawn evenly
    seconds            exposure time, drawn at equal ratios

    The loss is taken after rendering: white-balanced, brought to a picture's brightness and encoded for a display, and divided by the
    sample's mean noise there. It is the share of the noise that is left, so that a clean shot counts as much as a dark one.
    """

    def __init__(
        self,
        block: RawUnet,
        crops: Crops,
        loss: Loss,
        named: str,
        held_out_cameras: Sequence[str] = (),
        ev: tuple[float, float] = (-4.0, 0.5),
        seconds: tuple[float, float] = (1 / 1000, 1 / 4),
    ) -> None:
        super().__init__()
        if crops.size % 8:
            raise CampipeError(f"a raw denoiser is trained on crops of a multiple of 8 pixels, but {crops.size} came; take 128")
        self.block, self.net, self.crops, self.measure, self.named = block, block.body, crops, loss, named
        self.held_out_cameras = tuple(held_out_cameras)
        self.sampler = RawSampler(CameraTable(bayer_cameras(self.held_out_cameras)), crops.seed, ev, seconds)
        others = CameraTable(self.held_out_cameras) if self.held_out_cameras else self.sampler.table
        self.further = RawSampler(others, Key(crops.seed).fold("validation").seed, ev, seconds)

    def about(self) -> dict[str, Any]:
        task = {"block": self.block.block, "architecture": self.block.architecture, "crops": self.crops.about(), "loss": self.named}
        return {**task, **self.sampler.about(), "held_out_cameras": list(self.held_out_cameras)}

    def batch(self, numbers: Numbers) -> RawBatch:
        """The pairs of these numbers."""
        with torch.no_grad():
            return self.sampler.photograph(self.crops.batch(numbers), self.sampler.shots(numbers), numbers)

    def forward(self, batch: RawBatch) -> Tensor:
        noisy, clean, noise, shown = batch
        answer = noisy + self.block.correction(noisy, sigma_map(noisy, noise[:, :, None]))
        wanted = rendered(clean, shown)
        amount = (rendered(noisy, shown) - wanted).abs().mean((1, 2, 3), keepdim=True).clamp_min(LEAST)
        return self.measure(rendered(answer, shown) / amount, wanted / amount).mean()

    @torch.no_grad()
    def validate(self) -> dict[str, float]:
        """PSNR, dB, of photos held out, by the cameras held out: as they are shown, of the noisy ones, and of both in raw numbers."""
        scores = torch.zeros(4, dtype=torch.float64)
        photos = [_middle(photo).to(self.device) for photo in self.crops.validation()]
        for number, photo in enumerate(photos):
            numbers = range(number * SHOTS, (number + 1) * SHOTS)
            batch = self.further.photograph(photo.expand(SHOTS, -1, -1, -1), self.further.shots(numbers), numbers)
            for one in range(SHOTS):
                noisy, clean, noise, shown = (part[one : one + 1] for part in batch)
                answer = self.block.denoised(noisy, sigma_map(noisy, noise[:, :, None]))
                pairs = [(rendered(x, shown).clamp(0, 1), rendered(clean, shown).clamp(0, 1)) for x in (answer, noisy)]
                for i, (x, y) in enumerate([*pairs, (answer, clean), (noisy, clean)]):
                    scores[i] += float(psnr(x, y, data_range=1))
        names = ("psnr", "base_psnr", "raw_psnr", "base_raw_psnr")
        return {name: round(float(value) / (len(photos) * SHOTS), 4) for name, value in zip(names, scores, strict=True)}


def rendered(planes: Tensor, shown: Tensor) -> Tensor:
    """Planes of a mosaic as a picture shows their colours: brightened and encoded, not clipped."""
    return srgb_encode(planes * shown)


def _middle(photo: Tensor) -> Tensor:
    height, width = photo.shape[-2:]
    top, left = max(height - SIDE, 0) // 2, max(width - SIDE, 0) // 2
    return photo[..., top : top + min(SIDE, height) // 2 * 2, left : left + min(SIDE, width) // 2 * 2]
