"""The undecimated wavelet transform, and denoising by thresholds that follow each band."""

from __future__ import annotations

import math

import numpy as np
import torch
from torch import Tensor

from campipe.core.errors import CampipeError
from campipe.ops.compiled import loops_serve
from campipe.ops.filters import symmetric_pad
from campipe.ops.guided import box_mean
from campipe.ops.tiles import in_tiles

_3 = math.sqrt(3)
_LOW = {
    "haar": [2**-0.5, 2**-0.5],
    "db2": [c / (4 * math.sqrt(2)) for c in (1 + _3, 3 + _3, 3 - _3, 1 - _3)],
}
"""Low-pass filters of unit norm. Source: Daubechies, "Orthonormal bases of compactly supported wavelets", CPAM 41, 1988, table 1."""

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
    pad = reach(name, levels) + (0 if window is None else window // 2)
    # Of the plane with its mirror images, which is taken as periodic, no pixel of the picture sees the seam.
    x, variance = _framed(x, pad), sigma.square()
    if sigma.shape[-2:] != (1, 1):
        variance = _framed(variance.expand(*sigma.shape[:2], x.shape[-2] - 2 * pad, x.shape[-1] - 2 * pad), pad)

    def work(x: Tensor, variance: Tensor) -> Tensor:
        if window is not None and loops_serve(x, variance, strength):
            return _by_loop(x, variance, float(strength), window, name, levels)
        rest, bands = forth(x, name, levels)
        bands = [tuple(_shrunk(c, variance, strength, window, pad) for c in level) for level in bands]  # type: ignore[misc]
        return back(rest, bands, name)

    out = work(x, variance) if window is None else in_tiles(work, x, variance, pad)
    return out[..., pad : out.shape[-2] - pad, pad : out.shape[-1] - pad]


def _shrunk(c: Tensor, noise: Tensor, strength: Tensor | float, window: int | None, pad: int) -> Tensor:
    power = c.square()
    if window is None:
        inside = slice(pad, -pad)
        power = power[..., inside, inside].mean((-2, -1), keepdim=True)
        noise = noise.mean((-2, -1), keepdim=True)
    else:
        power = box_mean(power, window // 2)
    # Where there is nothing but noise the threshold is a thousand deviations: everything goes.
    clean = torch.maximum(power - noise, 1e-6 * noise + torch.finfo(c.dtype).tiny).sqrt()
    threshold = strength * noise / clean
    return torch.where(c.abs() > threshold, c - torch.sign(c) * threshold, 0)


def _by_loop(x: Tensor, variance: Tensor, strength: float, window: int, name: str, levels: int) -> Tensor:
    from campipe.ops.kernels.memory import empty
    from campipe.ops.kernels.threads import over_rows
    from campipe.ops.kernels.wavelets import shrink_plane

    batch, channels, height, width = x.shape
    out = empty((batch * channels, height, width))
    planes = x.detach().reshape(batch * channels, height, width).contiguous().numpy()
    noise = variance.detach().expand(batch, channels, variance.shape[-2], width).reshape(batch * channels, -1, width).contiguous().numpy()
    low, high = (np.array(taps, np.float32) for taps in _filters(name))
    result = out.numpy()

    def each(first: int, last: int) -> None:
        for n in range(first, last):
            shrink_plane(planes[n], noise[n], low, high, levels, window // 2, np.float32(strength), result[n])

    over_rows(each, batch * channels, 100 * height * width)
    return out.view(x.shape)


def _framed(x: Tensor, pad: int) -> Tensor:
    return symmetric_pad(symmetric_pad(x, pad, -1), pad, -2)


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
