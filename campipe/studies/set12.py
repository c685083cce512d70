"""Denoising of Set12 as the studies of patches score it: white Gaussian noise, the same for every system."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from importlib.util import find_spec

import torch
from torch import Tensor

from campipe.blocks import denoise
from campipe.core.random import Key
from campipe.studies.setting import Setting
from campipe.train.patches.patchwise import rounded_psnr

PROTOCOL = "white Gaussian noise of sigma/255 that is not clipped; answers clipped and rounded to 8 bits; mean of the pictures' PSNR"

Method = Callable[[Tensor, Tensor], Tensor]


def noisy(clean: Tensor, number: int, sigma: float) -> Tensor:
    """Picture `number` under noise of sigma, on the scale from 0 to 255."""
    generator = torch.Generator().manual_seed(Key(2026).fold("set12").fold(number).seed >> 1)
    return clean + sigma / 255 * torch.randn(clean.shape, generator=generator)


@torch.no_grad()
def on_set12(setting: Setting, method: Method, sigma: float, device: str = "cpu") -> float:
    """Mean PSNR, dB, of what a method, (noisy, sigma) to clean, makes of the twelve pictures."""
    pictures, level = setting.set12(), torch.full((1, 1, 1, 1), sigma / 255, device=device)
    answers = [method(noisy(clean, number, sigma).to(device), level).cpu() for number, clean in enumerate(pictures)]
    return sum(rounded_psnr(answer, clean) for answer, clean in zip(answers, pictures, strict=True)) / len(pictures)


def classical(setting: Setting, name: str, sigma: float) -> float | None:
    """The same of a classical block of ours; None where numba is not there, which its loops are compiled by."""
    return None if find_spec("numba") is None else on_set12(setting, denoise(name).net, sigma)


@torch.no_grad()
def seconds_per_megapixel(method: Callable[..., Tensor], *further: Tensor, side: int = 256) -> float:
    """CPU seconds for 1e6 pixels, of one grey picture that is not the first."""
    picture = torch.linspace(0, 1, side).expand(1, 1, side, side).contiguous()
    method(picture, *further)
    began = time.process_time()
    method(picture, *further)
    return (time.process_time() - began) / side**2 * 1e6


def by_sigma(found: Mapping[float, float]) -> dict[str, float]:
    """PSNR, dB, at each sigma of 255, as a row of scores has it."""
    return {f"sigma {sigma:.0f}: PSNR, dB": value for sigma, value in found.items()}
