"""Nets that learn from patches: crops in pieces under noise, or under writing, and given back."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from campipe.blocks.denoising.patchwise import CONTRAST, HIGHEST, PatchDenoiser, asked
from campipe.blocks.inpainting.ssda import MIDDLE, SsdaInpainting
from campipe.core.errors import CampipeError
from campipe.core.random import Key
from campipe.measure.psnr import psnr
from campipe.ops.patches import patches_of
from campipe.scenes.lettering import lettering
from campipe.train.crops import Crops, luma_of
from campipe.train.draws import Numbers, normal, uniform
from campipe.train.task import Batch, Task

SIGMA, SHARE = 25 / 255, 0.2
"""Of the validation: standard deviation of the noise, and share of a picture that writing covers."""
MIDST = 160
"""Pixels a side of what is validated of a photo."""


class Patches(nn.Module):
    """Patches of crops, clean and damaged, by sample number. To be derived from: give `pairs` and `validated`.

    crops   a sample is one crop, with all its patches
    side    of a patch, px
    apart   pixels from patch to patch
    """

    def __init__(self, crops: Crops, side: int, apart: int) -> None:
        super().__init__()
        if crops.size < side:
            raise CampipeError(f"patches of {side} pixels are cut from crops that are no smaller, but crops of {crops.size} came")
        self.crops, self.side, self.apart = crops, int(side), int(apart)
        self.count = ((crops.size - side) // apart + 1) ** 2
        self.key = Key(crops.seed).fold("patches")

    def about(self) -> dict[str, Any]:
        return {"kind": type(self).__name__, "crops": self.crops.about(), "side": self.side, "apart": self.apart}

    def pairs(self, numbers: Numbers) -> tuple[Tensor, Tensor, Tensor]:
        """What a net is given of clean patches and of damaged ones, (N, inputs), and the clean patches that it is to say, (N, side^2)."""
        raise NotImplementedError(f"{type(self).__name__} does not say how it is done; implement pairs(numbers)")

    def validated(self, block: Any, device: torch.device) -> dict[str, float]:
        """PSNR of a block's answers on the photos held out, and of what it is given, dB."""
        raise NotImplementedError(f"{type(self).__name__} does not say how it is done; implement validated(block, device)")

    def cut(self, planes: Tensor) -> Tensor:
        """(B, H, W) to (N, side^2)."""
        return patches_of(planes, self.side, self.apart).reshape(-1, self.side**2)


class NoisyPatches(Patches):
    """Patches less their means under white Gaussian noise; every patch has its own sigma, drawn evenly from a range."""

    def __init__(self, crops: Crops, side: int, apart: int, sigma: tuple[float, float] = (0.0, HIGHEST)) -> None:
        super().__init__(crops, side, apart)
        self.sigma = sigma

    def about(self) -> dict[str, Any]:
        return {**super().about(), "sigma": list(self.sigma)}

    def pairs(self, numbers: Numbers) -> tuple[Tensor, Tensor, Tensor]:
        clean = luma_of(self.crops.batch(numbers))[:, 0]
        noise = normal(self.key.fold("gaussian").seed, numbers, clean.shape[1:], clean.device)
        low, high = self.sigma
        level = low + (high - low) * uniform(self.key.seed, numbers, self.count, clean.device).float().reshape(-1, 1)
        clean, noise = self.cut(clean), self.cut(noise)
        noisy = clean + level * noise
        mean = noisy.mean(1, keepdim=True)
        exact = asked(clean - clean.mean(1, keepdim=True), torch.zeros_like(level))
        return exact, asked(noisy - mean, level), CONTRAST * (clean - mean)

    @torch.no_grad()
    def validated(self, block: Any, device: torch.device) -> dict[str, float]:
        scores = {"psnr": 0.0, "base_psnr": 0.0}
        photos = held_out(self.crops)
        for number, clean in enumerate(photos):
            draws = torch.Generator().manual_seed(Key(0).fold("validation").fold(number).seed >> 1)
            noisy = clean + SIGMA * torch.randn(clean.shape, generator=draws)
            answer = block.net(noisy.to(device), torch.full((1, 1, 1, 1), SIGMA, device=device)).cpu()
            scores["psnr"] += rounded_psnr(answer, clean) / len(photos)
            scores["base_psnr"] += rounded_psnr(noisy, clean) / len(photos)
        return {name: round(value, 4) for name, value in scores.items()}


class OverlaidPatches(Patches):
    """Patches of crops that black or white writing lies over, an even share of each picture up to `share`."""

    def __init__(self, crops: Crops, side: int, apart: int, share: float = 0.35) -> None:
        super().__init__(crops, side, apart)
        self.share = share

    def about(self) -> dict[str, Any]:
        return {**super().about(), "share": self.share}

    def pairs(self, numbers: Numbers) -> tuple[Tensor, Tensor, Tensor]:
        clean = luma_of(self.crops.batch(numbers))
        overlaid, _ = written_over(clean, self.key.seed, numbers, self.share)
        exact, given = (CONTRAST * (self.cut(picture[:, 0]) - MIDDLE) for picture in (clean, overlaid))
        return exact, given, exact

    @torch.no_grad()
    def validated(self, block: Any, device: torch.device) -> dict[str, float]:
        scores = {"psnr": 0.0, "base_psnr": 0.0}
        photos = held_out(self.crops)
        for number, clean in enumerate(photos):
            overlaid, _ = written_over(clean.to(device), 0, [number], SHARE, SHARE)
            scores["psnr"] += rounded_psnr(block.net(overlaid).cpu(), clean) / len(photos)
            scores["base_psnr"] += rounded_psnr(overlaid.cpu(), clean) / len(photos)
        return {name: round(value, 4) for name, value in scores.items()}


class PatchLearning(Task):
    """Let a block that works on patches learn all of its layers, by the squared difference.

    block     whose net is trained
    patches   what it is trained on
    decay     factor on half the sum of the squared weights
    """

    steady = True

    def __init__(self, block: PatchDenoiser | SsdaInpainting, patches: Patches, decay: float = 0.0) -> None:
        super().__init__()
        self.block, self.net, self.patches, self.decay = block, block.body, patches, float(decay)
        self.adds = isinstance(block, PatchDenoiser) and block.adds

    def about(self) -> dict[str, Any]:
        block = {"block": self.block.block, "architecture": self.block.architecture}
        return {**block, "patches": self.patches.about(), "decay": self.decay}

    def batch(self, numbers: Numbers) -> Batch:
        _, given, wanted = self.patches.pairs(numbers)
        return given, wanted

    def forward(self, batch: Batch) -> Tensor:
        given, wanted = batch
        answer = self.net(given)
        answer = given[:, : wanted.shape[1]] + answer if self.adds else answer
        return (answer - wanted).square().mean() + decayed(self.net, self.decay)

    def validate(self) -> dict[str, float]:
        return self.patches.validated(self.block, self.device)


def written_over(clean: Tensor, seed: int, numbers: Numbers, share: float, least: float = 0.0) -> tuple[Tensor, Tensor]:
    """Pictures, (B, 1, H, W), under black writing where their number is even and white where it is odd; and where it is, 1 or 0."""
    height, width = clean.shape[-2:]
    mask = lettering(seed, numbers, height, width, share, clean.device, least)
    number = torch.as_tensor(numbers if isinstance(numbers, Tensor) else list(numbers), device=clean.device)
    return torch.where(mask > 0, (number % 2).to(clean.dtype)[:, None, None, None], clean), mask


def decayed(net: nn.Module, decay: float) -> Tensor | float:
    """Half the sum of the squared weights, constants left out, times a factor."""
    return 0.5 * decay * torch.stack([p.square().sum() for p in net.parameters() if p.ndim > 1]).sum() if decay else 0.0


def held_out(crops: Crops) -> list[Tensor]:
    """The middle of the photos held out, grey: (1, 1, H, W), at most `MIDST` pixels a side."""
    pieces = []
    for photo in crops.validation():
        top, left = (max(length - MIDST, 0) // 2 for length in photo.shape[-2:])
        pieces.append(luma_of(photo[..., top : top + MIDST, left : left + MIDST]))
    return pieces


def rounded_psnr(answer: Tensor, clean: Tensor) -> float:
    """PSNR of one picture, clipped and rounded to 8 bits, dB."""
    return float(psnr((answer.clamp(0, 1) * 255).round() / 255, clean, data_range=1))
