"""Far from both rails: the moments of a rounded value in closed form, through its characteristic function."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from campipe.ops.moments.noise import SERIES, MixedNoise, NormalNoise


def series_length(noise: NormalNoise | MixedNoise | None) -> int:
    """Terms that the Fourier series of rounding needs for this noise alone. 0: rounding adds 1/12 and nothing else; SERIES: too many."""
    if noise is None:
        return SERIES
    if isinstance(noise, NormalNoise):
        needed = math.sqrt(-2 * math.log(noise.negligible)) / (2 * math.pi * noise.scale)
        return min(int(needed), SERIES)
    if noise.total < 0.25:
        # Where rounding changes something rarely, the series would have to cancel to that little.
        return SERIES
    last = 0
    for j in range(1, SERIES + 1):
        with torch.no_grad():
            size = abs(float(noise.characteristic(2 * math.pi * j)[0])) / j
        if size > noise.negligible:
            last = j
        elif j - last > 4:
            break
    return last


def rounded(
    rate: Tensor, scale: Tensor, offset: Tensor, mean: Tensor, variance: Tensor, noise: NormalNoise | MixedNoise, terms: int
) -> tuple[Tensor, Tensor]:
    """Mean and variance of round(X), X = scale N + offset + noise, from the mean and variance of X.

    rate, scale, offset   (P,) or (1,), float64
    terms                 of the series x - round(x) = sum_j (-1)^(j+1) sin(2 pi j x) / (pi j), see `series_length`

    With phi the characteristic function of X, E[round X] = E X + sum_j (-1)^j / (pi j) Im phi(2 pi j); the second moment likewise, with
    phi'.
    With no terms (a cap is then allowed) this is the mean of X, and its variance + 1/12.
    """
    pivot = torch.round(mean.detach())
    away = mean - pivot
    b = offset - pivot
    shift = torch.zeros_like(mean)
    cross = torch.zeros_like(mean)
    square = torch.zeros_like(mean)
    for j in range(1, terms + 1):
        t = 2 * math.pi * j
        phi, slope = noise.characteristic(t)
        cos, sin = torch.cos(t * scale), torch.sin(t * scale)
        size = torch.exp(-rate * 2 * torch.sin(0.5 * t * scale) ** 2)
        angle = rate * sin + t * b
        real, imag = size * torch.cos(angle), size * torch.sin(angle)
        sign = (-1) ** j / (math.pi * j)
        shift = shift + sign * phi * imag
        cross = cross + sign * (phi * ((scale * rate * cos + b) * imag + scale * rate * sin * real) - slope * real)
        square = square + sign / (math.pi * j) * phi * real
    return mean + shift, variance + 1 / 12 + square + 2 * (cross - away * shift) - shift**2
