"""A small net that corrects a mosaic interpolated bilinearly, and its training by one of three losses: the experiment of Zhao et al."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

from campipe.core.errors import CampipeError
from campipe.core.random import Key
from campipe.measure.losses.ms_ssim_l1 import ms_ssim_l1_loss
from campipe.measure.losses.pixel import l1_loss, l2_loss
from campipe.ops.demosaick import bilinear
from campipe.ops.filters import mirror_pad
from campipe.train.crops import Crops
from campipe.train.demosaicking import seen_through
from campipe.train.denoising import WHITE, with_noise
from campipe.train.draws import Numbers, normal
from campipe.train.jdd.joint import scored
from campipe.train.task import Batch, Task

REACH = 8
"""Pixels around a pixel that the answer hangs on, but for the interpolation: windows of 9, 5 and 5."""
LOSSES: dict[str, Callable[[Tensor, Tensor], Tensor]] = {
    "l2": l2_loss,
    "l1": l1_loss,
    "mix": partial(ms_ssim_l1_loss, data_range=1),
}
"""What is compared: the mix is MS-SSIM at full resolution with L1, alpha 0.84."""


class InterpolatedNet(nn.Module):
    """9 x 9 to 64 channels, 5 x 5 to 64, and 5 x 5 to three, with a PReLU behind the first two. 123,011 numbers.

    width   channels in between
    seed    of the weights at the start

    Source: Zhao, Gallo, Frosio, Kautz, "Loss functions for image restoration with neural networks", IEEE Transactions on Computational
    Imaging 3, 2017. Gradient: exact.
    """

    def __init__(self, width: int = 64, seed: int = 0) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.Conv2d(3, width, 9), nn.PReLU(width), nn.Conv2d(width, width, 5), nn.PReLU(width), nn.Conv2d(width, 3, 5)
        )
        self._start(Key(seed).fold("weights"))

    def forward(self, x: Tensor) -> Tensor:
        """An interpolated mosaic, (B, 3, H, W), to a picture, (B, 3, H - 16, W - 16)."""
        found: Tensor = self.layers(x)
        return found

    def restored(self, mosaic: Tensor) -> Tensor:
        """An RGGB mosaic, (B, 1, H, W), to a picture, (B, 3, H, W); beyond the border it goes on as its mirror image."""
        padded = mirror_pad(mirror_pad(mosaic, REACH, REACH, -2), REACH, REACH, -1)
        return self(bilinear(padded, "RGGB"))

    @torch.no_grad()
    def _start(self, key: Key) -> None:
        # He et al., "Delving deep into rectifiers", ICCV 2015, equation 15, at the slope of 0.25 that a PReLU begins with.
        for number, layer in enumerate(self.layers):
            if isinstance(layer, nn.Conv2d):
                generator = torch.Generator().manual_seed(key.fold(number).seed >> 1)
                spread = math.sqrt(2 / (1 + 0.25**2) / layer.weight[0].numel())
                layer.weight.copy_(torch.randn(layer.weight.shape, generator=generator) * spread)
                layer.bias.zero_()  # type: ignore[union-attr]


class Interpolated(Task):
    """Let the net learn from crops, whose mosaics have white Gaussian noise of one sigma, not clipped.

    net     what is trained
    crops   what it is trained on
    named   one of `LOSSES`
    sigma   on the scale from 0 to 255
    """

    steady = True

    def __init__(self, net: InterpolatedNet, crops: Crops, named: str, sigma: float = 10.0) -> None:
        super().__init__()
        if named not in LOSSES:
            raise CampipeError(f"the losses that are compared are {', '.join(LOSSES)}, but {named!r} came")
        if crops.size <= 2 * REACH:
            raise CampipeError(f"crops of more than {2 * REACH} pixels are needed, but {crops.size} came; take 80")
        self.net: InterpolatedNet = net
        self.crops, self.named, self.sigma = crops, named, float(sigma)
        self._key = Key(crops.seed).fold("interpolated")

    def about(self) -> dict[str, Any]:
        shapes = [list(weight.shape) for weight in self.net.parameters()]
        return {"net": "9-5-5", "shapes": shapes, "crops": self.crops.about(), "loss": self.named, "sigma": self.sigma}

    def batch(self, numbers: Numbers) -> tuple[Tensor, Tensor]:
        """Pictures, (B, 3, H, W), and their noisy RGGB mosaics, (B, 1, H, W)."""
        clean = self.crops.batch(numbers)
        noise = normal(self._key.seed, numbers, (1, *clean.shape[-2:]), clean.device)
        return clean, seen_through(clean) + self.sigma / WHITE * noise

    def forward(self, batch: Batch) -> Tensor:
        clean, mosaic = batch
        inside = slice(REACH, -REACH)
        return LOSSES[self.named](self.net(bilinear(mosaic, "RGGB")), clean[..., inside, inside])

    def validate(self) -> dict[str, float]:
        """PSNR, dB, on the photos held out, rounded to 8 bits, and that of bilinear interpolation."""
        ours, base, photos = 0.0, 0.0, self.crops.validation()
        for number, clean in enumerate(photos):
            mosaic = with_noise(seen_through(clean), self.sigma / WHITE, Key(0).fold("validation").fold(number)).to(self.device)
            ours += scored(self.net.restored(mosaic), clean) / len(photos)
            base += scored(bilinear(mosaic, "RGGB"), clean) / len(photos)
        return {"psnr": round(ours, 4), "base_psnr": round(base, 4)}
