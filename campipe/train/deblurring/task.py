"""The task of a learned deblurrer: linear light that a shaking hand blurred, with noise, and given back sharp."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from campipe.blocks.deblurring.nafnet import Nafnet
from campipe.blocks.deblurring.refined import STRIDE
from campipe.blocks.deblurring.wiener_net import WienerNet
from campipe.core.errors import CampipeError
from campipe.core.random import Key
from campipe.measure.psnr import psnr
from campipe.ops.colour import srgb_decode, srgb_encode
from campipe.ops.convolution import convolve
from campipe.train.crops import Crops
from campipe.train.deblurring.shakes import SIZE, Shakes, path
from campipe.train.draws import Numbers, normal, uniform
from campipe.train.task import Batch, Task

Loss = Callable[[Tensor, Tensor], Tensor]

WHITE = 255.0
"""Of the scale that sigma is given on; it is of the linear light."""
VALIDATED = (1.0, 5.0)
"""Sigma of the validation, on that scale; the first one counts."""
SIDE = 256
"""Pixels a side of what is validated of a photo, from its middle."""
BORDER = 8
"""Pixels at each side of a crop that the loss leaves out: what lies beyond them nobody saw."""
COUNTED = 18
"""Pixels at each border that a score leaves out."""


class Deblurring(Task):
    """Let a deblurrer learn from crops, each blurred by a path of its own, under white Gaussian noise.

    block    whose net is trained; where it is told the kernel, it gets that of the sample, exact
    crops    what it is trained on; a kernel's reach of 12 pixels at each side is lost to the blur
    loss     of (answer, picture), both (B, 3, H, W), sRGB-encoded, the picture in [0, 1]; a scalar or one number per picture
    named    name of the loss, for the checkpoint
    sigma    smallest and largest standard deviation of the noise, on the scale from 0 to 255 of linear light; its logarithm is drawn evenly
    shakes   kernels that are drawn from
    """

    steady = True

    def __init__(
        self,
        block: Nafnet | WienerNet,
        crops: Crops,
        loss: Loss,
        named: str,
        sigma: tuple[float, float] = (0.25, 10.0),
        shakes: int = 512,
    ) -> None:
        super().__init__()
        if not 0 < sigma[0] <= sigma[1]:
            raise CampipeError(f"sigma is drawn from a range above 0, its smaller end first, but {list(sigma)} came")
        inside = crops.size - SIZE + 1
        if inside <= 2 * BORDER or inside % STRIDE:
            wanted = f"a multiple of {STRIDE} and {SIZE - 1} more, above {SIZE + 2 * BORDER}"
            raise CampipeError(f"a deblurrer is trained on crops of {wanted}, pixels, but {crops.size} came; take 152")
        self.block, self.net, self.crops, self.measure, self.named = block, block.body, crops, loss, named
        self.sigma, self.shakes = (float(sigma[0]), float(sigma[1])), Shakes(shakes, crops.seed)

    def about(self) -> dict[str, Any]:
        task = {"block": self.block.block, "architecture": self.block.architecture, "crops": self.crops.about(), "loss": self.named}
        return {**task, "sigma": list(self.sigma), "shakes": len(self.shakes.kernels)}

    @torch.no_grad()
    def batch(self, numbers: Numbers) -> tuple[Tensor, ...]:
        """Sharp pictures, sRGB-encoded; the blurred ones and the block's base, linear; and sigma, (B, 1, 1, 1)."""
        seed = Key(self.crops.seed).fold("deblurring").seed
        reach, pictures = SIZE // 2, self.crops.batch(numbers).to(self.device)
        kernels = self.shakes.batch(numbers)
        low, high = (math.log(end / WHITE) for end in self.sigma)
        sigma = (low + (high - low) * uniform(seed, numbers, 1, self.device)).exp().float()[..., None, None]
        blurred = convolve(srgb_decode(pictures), kernels)
        blurred = blurred + sigma * normal(seed, numbers, blurred.shape[1:], self.device)
        return pictures[..., reach:-reach, reach:-reach].contiguous(), blurred, self.base(blurred, kernels, sigma), sigma

    def base(self, blurred: Tensor, kernels: Tensor, sigma: Tensor) -> Tensor:
        """What the block's net corrects."""
        return self.block.base(blurred, kernels, sigma) if isinstance(self.block, WienerNet) else blurred

    def forward(self, batch: Batch) -> Tensor:
        sharp, blurred, base, sigma = batch
        inside = (..., slice(BORDER, -BORDER), slice(BORDER, -BORDER))
        return self.measure(srgb_encode(self.block.refine(blurred, base, sigma))[inside], sharp[inside]).mean()

    @torch.no_grad()
    def validate(self) -> dict[str, float]:
        """PSNR, dB, on the middle of the photos held out, each under a path that is not trained on, rounded to 8 bits; and of the base."""
        scores: dict[str, float] = {}
        photos = self.crops.validation()
        for sigma in VALIDATED:
            sums = torch.zeros(2, dtype=torch.float64)
            for number, photo in enumerate(photos):
                key = Key(self.crops.seed).fold("validation").fold(number)
                sharp, blurred = examined(_middle(photo).to(self.device), path(key), sigma, key)
                kernel, level = path(key)[None].to(self.device), torch.tensor(sigma / WHITE, device=self.device)
                base = self.base(blurred, kernel, level)
                for row, answer in enumerate((self.block.refine(blurred, base, level), base)):
                    sums[row] += score(answer, sharp)
            ours, plain = (sums / max(len(photos), 1)).tolist()
            end = "" if sigma == VALIDATED[0] else f"_{sigma:.0f}"
            scores |= {f"psnr{end}": round(ours, 4), f"base_psnr{end}": round(plain, 4)}
        return scores


def examined(photo: Tensor, kernel: Tensor, sigma: float, key: Key) -> tuple[Tensor, Tensor]:
    """A photo, (1, C, H, W), sRGB-encoded, without the kernel's reach; and in linear light, blurred, with noise of sigma of 255."""
    blurred = convolve(srgb_decode(photo), kernel[None].to(photo))
    generator = torch.Generator().manual_seed(key.fold("noise").seed >> 1)
    blurred = blurred + sigma / WHITE * torch.randn(blurred.shape, generator=generator).to(photo)
    before = (kernel.shape[-2] // 2, kernel.shape[-1] // 2)
    return photo[..., before[0] :, before[1] :][..., : blurred.shape[-2], : blurred.shape[-1]], blurred


def score(answer: Tensor, sharp: Tensor) -> float:
    """PSNR, dB, of an answer in linear light as a file of 8 bits holds it, without the border."""
    inside = (..., slice(COUNTED, -COUNTED), slice(COUNTED, -COUNTED))
    rounded = (srgb_encode(answer).clamp(0, 1) * 255).round() / 255
    return float(psnr(rounded[inside], sharp[inside], data_range=1)[0])


def _middle(photo: Tensor) -> Tensor:
    height, width = photo.shape[-2:]
    side = SIDE + SIZE - 1
    top, left = max(height - side, 0) // 2, max(width - side, 0) // 2
    return photo[..., top : top + side, left : left + side]
