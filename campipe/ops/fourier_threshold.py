"""Denoising by the Fourier transform of the whole picture."""

from __future__ import annotations

import torch
from torch import Tensor

from campipe.ops.shrink import shrink


def fourier_threshold(x: Tensor, sigma: Tensor, threshold: Tensor | float, rule: str = "hard") -> Tensor:
    """Shrink the Fourier coefficients of the whole picture; its mean is kept.

    x           (B, C, H, W)
    sigma       standard deviation of the noise, in the unit of x, (B or 1, C or 1, 1, 1)
    threshold   in standard deviations of a coefficient, ()
    rule        see `campipe.ops.shrink`; it acts on the magnitude
    returns     the shape of x

    The picture is taken as periodic. What is local has a wide spectrum and goes with the noise: edges ring. Gradient: exact where no
    coefficient lies on the threshold.
    """
    spectrum = torch.fft.rfft2(x, norm="ortho")
    size = spectrum.abs()
    safe = torch.where(size > 0, size, 1)
    factor = shrink(size, sigma.to(x.dtype) * threshold, rule) / safe
    mean = torch.zeros(spectrum.shape[-2:], dtype=torch.bool, device=x.device)
    mean[0, 0] = True
    return torch.fft.irfft2(torch.where(mean, spectrum, spectrum * factor), s=x.shape[-2:], norm="ortho")
