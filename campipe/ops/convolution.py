"""Blur as a product of spectra, for a picture whose surroundings nobody saw.

A picture y of H x W pixels is the middle of a scene that was larger: y = (k * x) on H x W, with x on a rectangle that reaches beyond it by
what the kernel reaches. The rectangle is wrapped around, so that spectra multiply, and large enough that no pixel of y sees the seam: the
model is exact, and x outside of y is unknown. The picture stands at its rows 0 to H - 1 and columns 0 to W - 1; behind is the gap.

A kernel of h x w has its middle at row (h - 1) // 2 and column (w - 1) // 2: one that is 1 there is the identity.
"""

from __future__ import annotations

import torch
from torch import Tensor

from campipe.ops.filters import symmetric_pad


def smooth_size(least: int) -> int:
    """The smallest number from `least` on that has no prime factor above 5, which transforms fast, and is even."""
    size = max(least, 2)
    while True:
        rest = size
        for prime in (2, 3, 5):
            while rest % prime == 0:
                rest //= prime
        if rest == 1 and size % 2 == 0:
            return size
        size += 1


def domain(picture: tuple[int, int], kernel: tuple[int, int]) -> tuple[int, int]:
    """Height and width of the rectangle that a picture seen through a kernel hangs on, rounded up to fast sizes."""
    return smooth_size(picture[0] + kernel[0] - 1), smooth_size(picture[1] + kernel[1] - 1)


def otf(kernel: Tensor, size: tuple[int, int]) -> Tensor:
    """The optical transfer function: the kernel's spectrum, its middle at (0, 0).

    kernel    (..., h, w)
    size      height and width of the rectangle, at least the kernel's
    returns   (..., size[0], size[1] // 2 + 1), complex

    Gradient: exact.
    """
    h, w = kernel.shape[-2:]
    padded = torch.nn.functional.pad(kernel, (0, size[1] - w, 0, size[0] - h))
    return torch.fft.rfft2(padded.roll((-((h - 1) // 2), -((w - 1) // 2)), (-2, -1)))


def filtered(x: Tensor, transfer: Tensor) -> Tensor:
    """Multiply the spectrum of real x, (..., N, M), by a transfer function (..., N, M // 2 + 1)."""
    return torch.fft.irfft2(torch.fft.rfft2(x) * transfer, s=x.shape[-2:])


def convolve(x: Tensor, kernel: Tensor) -> Tensor:
    """Blur a picture, where all that the kernel sees is known.

    x         (B, C, H + h - 1, W + w - 1)
    kernel    (B or 1, h, w), or (B or 1, C or 1, h, w): one for each channel
    returns   (B, C, H, W)

    Convolution, not correlation. Gradient: exact.
    """
    h, w = kernel.shape[-2:]
    kernel = kernel if kernel.ndim == 4 else kernel[:, None]
    full = filtered(x, otf(kernel, (x.shape[-2], x.shape[-1]))) if x.shape[-1] % 2 == 0 else _odd(x, kernel)
    top, left = h - 1 - (h - 1) // 2, w - 1 - (w - 1) // 2
    return full[..., top : top + x.shape[-2] - h + 1, left : left + x.shape[-1] - w + 1]


def _odd(x: Tensor, kernel: Tensor) -> Tensor:
    wider = torch.nn.functional.pad(x, (0, 1))
    return filtered(wider, otf(kernel, (wider.shape[-2], wider.shape[-1])))


def extend(y: Tensor, size: tuple[int, int]) -> Tensor:
    """Fill the gap by a first guess that is continuous all around: the mirror images of both sides, blended into one another.

    y         (..., H, W)
    size      height and width of the rectangle
    returns   (..., size[0], size[1]), y in its corner (0, 0)

    Gradient: exact. The idea is that of Liu and Jia, "Reducing boundary artifacts in image deconvolution", ICIP 2008.
    """
    for dim in (-2, -1):
        length = y.shape[dim]
        gap = size[dim] - length
        if gap <= 0:
            continue
        both = symmetric_pad(y, gap, dim)
        behind, before = both.narrow(dim, length + gap, gap), both.narrow(dim, 0, gap)
        t = torch.arange(1, gap + 1, dtype=y.dtype, device=y.device) / (gap + 1)
        t = t * t * (3 - 2 * t)
        t = t if dim == -1 else t[:, None]
        y = torch.cat([y, behind + t * (before - behind)], dim)
    return y


def seen(y: Tensor, size: tuple[int, int]) -> Tensor:
    """1 where the rectangle holds the picture and 0 in the gap: (size[0], size[1])."""
    return torch.nn.functional.pad(y.new_ones(y.shape[-2:]), (0, size[1] - y.shape[-1], 0, size[0] - y.shape[-2]))


def fill(y: Tensor, guess: Tensor, mask: Tensor) -> Tensor:
    """The picture y, (..., H, W), with the gap taken from a guess of the whole rectangle; `mask` is that of `seen`."""
    size = guess.shape[-2:]
    return torch.nn.functional.pad(y, (0, size[1] - y.shape[-1], 0, size[0] - y.shape[-2])) + (1 - mask) * guess
