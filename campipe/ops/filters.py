"""Filters on planes, written as shifted sums: the same on every device and in every tile, without matrix units that round."""

from __future__ import annotations

import math

import torch
from torch import Tensor

_TRUNCATE = 5.0
_LEAST_SIGMA = 0.05  # its neighbours' weight is exp(-200): 0 in float32, and finite in every derivative


def symmetric_pad(data: Tensor, amount: int, dim: int) -> Tensor:
    """Continue data beyond both ends of an axis by its mirror image, the outermost pixel repeated: c b a | a b c | c b a.

    data      any shape
    amount    pixels at each end, also more than there are
    """
    while amount > 0:
        size = data.shape[dim]
        step = min(amount, size)
        data = torch.cat([data.narrow(dim, 0, step).flip(dim), data, data.narrow(dim, size - step, step).flip(dim)], dim)
        amount -= step
    return data


def mirror_pad(data: Tensor, before: int, after: int, dim: int) -> Tensor:
    """Continue data beyond the ends of an axis by its mirror image about the outermost pixel: c b | a b c | b a.

    data            any shape, at least 2 along the axis
    before, after   pixels

    A pixel and its image are an even number apart, so that a pattern of period 2 goes on as it was.
    """
    while before > 0 or after > 0:
        size = data.shape[dim]
        low, high = min(before, size - 1), min(after, size - 1)
        data = torch.cat([data.narrow(dim, 1, low).flip(dim), data, data.narrow(dim, size - 1 - high, high).flip(dim)], dim)
        before, after = before - low, after - high
    return data


def gaussian_radius(sigma: float) -> int:
    """Pixels that a Gaussian kernel reaches from its middle: 5 sigma, where it has fallen to 4e-6 of its peak."""
    return math.ceil(_TRUNCATE * sigma * (1 - 1e-6))  # 1.2 in float32, which is a little more, reaches 6 pixels too


def gaussian_kernel(sigma: Tensor, radius: int) -> Tensor:
    """Samples of a Gaussian, scaled to sum to 1.

    sigma     () or (B,), pixels, >= 0; 0 is the identity
    radius    pixels
    returns   (2 radius + 1,) or (B, 2 radius + 1)

    Gradient: exact, 0 below a sigma of 0.05, where the kernel is the identity to the last bit.
    """
    place = torch.arange(-radius, radius + 1, dtype=sigma.dtype, device=sigma.device)
    weights = torch.exp(-0.5 * (place / sigma.clamp_min(_LEAST_SIGMA)[..., None]) ** 2)
    return weights / weights.sum(-1, keepdim=True)


def gaussian_blur(data: Tensor, sigma: Tensor, radius: int) -> Tensor:
    """Blur rows and columns by a Gaussian.

    data      (B, ..., H, W)
    sigma     () or (B,), pixels
    radius    pixels; see `gaussian_radius`
    returns   the same shape

    Beyond the border the picture goes on as its mirror image with the outermost pixel repeated. What leaves the picture is what comes back,
    so that a constant stays, and so does the sum over the picture. Gradient: exact.
    """
    if radius == 0:
        return data
    kernel = gaussian_kernel(sigma, radius).to(data.dtype)
    kernel = kernel.reshape(*kernel.shape[:-1], *([1] * (data.ndim - 1)), kernel.shape[-1]) if kernel.ndim == 2 else kernel
    for dim in (-1, -2):
        size, padded = data.shape[dim], symmetric_pad(data, radius, dim)
        total = kernel[..., 0] * padded.narrow(dim, 0, size)
        for k in range(1, 2 * radius + 1):
            total = torch.addcmul(total, kernel[..., k], padded.narrow(dim, k, size))
        data = total
    return data
