"""The undecimated wavelet transform, and denoising by thresholds that follow each band."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from campipe.core.errors import CampipeError
from campipe.ops.filters import symmetric_pad
from campipe.ops.tiles import in_tiles

_3 = math.sqrt(3)
_LOW = {
    "haar": [2**-0.5, 2**-0.5],
    "db2": [c / (4 * math.sqrt(2)) for c in (1 + _3, 3 + _3, 3 - _3, 1 - _3)],
}
"""Low-pass filters of unit norm. Source: Daubechies, "Orthonormal bases of compactly supported wavelets", CPAM 41, 1988, table 1."""
_PAD = 32  # pixels of mirror image; the picture with them is taken as periodic, which only the coarsest levels can see

Bands = list[tuple[Tensor, Tensor, Tensor]]


def check_wavelet(name: str) -> str:
    """Return the name if there is such a wavelet."""
    if name not in _LOW:
        raise CampipeError(f"a wavelet is one of {', '.join(_LOW)}, but {name!r} came")
    return name


def reach(name: str, levels: int) -> int:
    """Pixels that the transform and its inverse reach together from a pixel to one side: one looks further to the left, the other right."""
    return (len(_LOW[name]) - 1) * (2**levels - 1)


def forth(x: Tensor, name: str, levels: int) -> tuple[Tensor, Bands]:
    """The undecimated transform of a periodic picture.

    x         (B, C, H, W)
    returns   what is left below the coarsest level, and for each level, finest first, the bands (rows low, columns high), (high, low) and
              (high, high), each of the shape of x

    White noise keeps its standard deviation in every band. Gradient: exact.
    Source: Coifman and Donoho, "Translation-invariant de-noising", Wavelets and Statistics, 1995; Holschneider et al., "A real-time
    algorithm for signal analysis with the help of the wavelet transform", 1989 (filters with holes).
    """
    low, high = _filters(name)
    bands: Bands = []
    for level in range(levels):
        step = 2**level
        smooth, rough = _filtered(x, low, -1, step), _filtered(x, high, -1, step)
        bands.append((_filtered(smooth, high, -2, step), _filtered(rough, low, -2, step), _filtered(rough, high, -2, step)))
        x = _filtered(smooth, low, -2, step)
    return x, bands


def back(x: Tensor, bands: Bands, name: str) -> Tensor:
    """The inverse of `forth`: the mean of all the inverse transforms that there are. Gradient: exact."""
    low, high = _filters(name)
    for level in reversed(range(len(bands))):
        step = -(2**level)
        first, second, third = bands[level]
        smooth = _filtered(x, low, -2, step) + _filtered(first, high, -2, step)
        rough = _filtered(second, low, -2, step) + _filtered(third, high, -2, step)
        x = (_filtered(smooth, low, -1, step) + _filtered(rough, high, -1, step)) / 4
    return x


def wavelet_threshold(x: Tensor, sigma: Tensor, strength: Tensor | float, window: int | None, name: str = "db2", levels: int = 4) -> Tensor:
    """Soft thresholds strength * sigma^2 / sigma_x, sigma_x the deviation of the clean coefficients (BayesShrink).

    x          (B, C, H, W), any size
    sigma      standard deviation of the noise, in the unit of x, broadcasts with x
    strength   (), 1 is the threshold as published
    window     pixels on a side of the square in which sigma_x is estimated around each coefficient; None: one for the whole band
    returns    the shape of x

    Gradient: exact, through the thresholds too, where no coefficient lies on one.
    Source: Chang, Yu, Vetterli, "Adaptive wavelet thresholding for image denoising and compression", IEEE TIP 9(9), 2000; and "Spatially
    adaptive wavelet thresholding with context modeling for image denoising", same issue, of which the window is the plain form.
    """
    sigma = sigma.to(x.dtype)

    def work(x: Tensor, sigma: Tensor) -> Tensor:
        height, width = x.shape[-2:]
        rest, bands = forth(_framed(x), name, levels)
        noise = _framed(sigma.square().expand(*sigma.shape[:2], *x.shape[-2:])) if sigma.shape[-2:] != (1, 1) else sigma.square()
        bands = [tuple(_shrunk(c, noise, strength, window) for c in level) for level in bands]  # type: ignore[misc]
        return back(rest, bands, name)[..., _PAD : _PAD + height, _PAD : _PAD + width]

    return work(x, sigma) if window is None else in_tiles(work, x, sigma, reach(name, levels) + window // 2)


def _shrunk(c: Tensor, noise: Tensor, strength: Tensor | float, window: int | None) -> Tensor:
    power = c.square()
    if window is None:
        power = power[..., _PAD:-_PAD, _PAD:-_PAD].mean((-2, -1), keepdim=True)
        noise = noise.mean((-2, -1), keepdim=True)
    else:
        half = window // 2
        power = torch.nn.functional.avg_pool2d(symmetric_pad(power, half, -1), (1, window), 1)
        power = torch.nn.functional.avg_pool2d(symmetric_pad(power, half, -2), (window, 1), 1)
    # Where there is nothing but noise the threshold is a thousand deviations: everything goes.
    clean = torch.maximum(power - noise, 1e-6 * noise + torch.finfo(c.dtype).tiny).sqrt()
    threshold = strength * noise / clean
    return torch.where(c.abs() > threshold, c - torch.sign(c) * threshold, 0)


def _framed(x: Tensor) -> Tensor:
    return symmetric_pad(symmetric_pad(x, _PAD, -1), _PAD, -2)


def _filters(name: str) -> tuple[list[float], list[float]]:
    low = _LOW[check_wavelet(name)]
    return low, [(-1) ** i * h for i, h in enumerate(reversed(low))]


def _filtered(x: Tensor, taps: list[float], dim: int, step: int) -> Tensor:
    """Correlate with a filter that has holes, its middle on the pixel, round the ends; a negative step is the adjoint."""
    middle = (len(taps) - 1) // 2
    total = taps[0] * torch.roll(x, middle * step, dim)
    for i in range(1, len(taps)):
        total = torch.add(total, torch.roll(x, (middle - i) * step, dim), alpha=taps[i])
    return total
