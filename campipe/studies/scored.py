"""Scoring a restorer on pictures as every study does: clipped and rounded to 8 bits, and on a clock of CPU seconds."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from campipe.measure.psnr import psnr


@dataclass(frozen=True)
class Scored:
    """What a restorer reached on pictures, on average.

    psnr      dB, over all channels jointly
    seconds   CPU seconds for 1e6 pixels
    """

    psnr: float
    seconds: float


@torch.no_grad()
def scored(
    restore: Callable[[Tensor], Tensor], damaged: Sequence[Tensor], clean: Sequence[Tensor], border: int = 0, device: str = "cpu"
) -> Scored:
    """Let a restorer work on damaged pictures, (1, C, H, W) each, and hold its answers against the clean ones.

    border   pixels at each side that are left out
    """
    restore(damaged[0][..., :64, :64].to(device))  # what is compiled is compiled before the clock runs
    total, seconds, pixels = 0.0, 0.0, 0
    for one, wanted in zip(damaged, clean, strict=True):
        began = time.process_time()
        answer = restore(one.to(device))
        seconds += time.process_time() - began
        pixels += wanted.shape[-2] * wanted.shape[-1]
        inside = (..., slice(border, wanted.shape[-2] - border), slice(border, wanted.shape[-1] - border))
        total += float(psnr(((answer.cpu().clamp(0, 1) * 255).round() / 255)[inside], wanted[inside], data_range=1)[0])
    return Scored(total / len(clean), seconds / pixels * 1e6)
