"""The Wiener filter: the linear estimate of a sharp picture whose spectrum is known on average, from a blurred and noisy one."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from campipe.ops.convolution import domain, extend, fill, filtered, otf, seen

# Chebyshev's iteration expects the eigenvalues of the filled-in problem between this and 1. Those of modes that live in the gap alone are
# smaller, and do not matter.
_LEAST_EIGENVALUE = 0.01


def difference_power(size: tuple[int, int], like: Tensor) -> Tensor:
    """The power spectrum of differences of neighbours, along rows and columns together: (size[0], size[1] // 2 + 1), 0 at frequency 0.

    A picture whose differences are independent has the power spectrum 1 / this, which falls with the square of the frequency, as that of
    natural images does. Source: Field, "Relations between the statistics of natural images and the response properties of cortical cells",
    JOSA A 4, 1987.
    """
    rows, columns = (2 - 2 * torch.cos(2 * math.pi * torch.arange(m, dtype=like.dtype, device=like.device) / n) for m, n in _counts(size))
    return rows[:, None] + columns


def whole_sum(spectrum: Tensor, width: int) -> Tensor:
    """Sum a real half spectrum (..., N, width // 2 + 1), width even, over the whole spectrum: (..., 1, 1)."""
    ends = spectrum[..., 0].sum(-1) + spectrum[..., -1].sum(-1)
    return (2 * spectrum.sum((-2, -1)) - ends)[..., None, None]


def power(spectrum: Tensor) -> Tensor:
    """Squared magnitude, with a gradient at 0."""
    return spectrum.real.square() + spectrum.imag.square()


def noise_power(y: Tensor, sigma: Tensor) -> Tensor:
    """Variance of the noise including that of the arithmetic, which keeps inverses finite at sigma = 0: (B, C, 1, 1)."""
    rounding = 4 * torch.finfo(y.dtype).eps
    return sigma.to(y.dtype).square() + rounding**2 * y.square().mean((-2, -1), keepdim=True) + _TINY


_TINY = 1e-30  # a picture of zeros gives zeros, and no 0 / 0


def signal_power(extended: Tensor, transfer: Tensor, weights: Tensor, variance: Tensor) -> Tensor:
    """The factor A with which A / weights is the power spectrum of the sharp picture, by matching moments: (B, C, 1, 1).

    extended   (B, C, N, M) blurred picture, M even
    transfer   (B or 1, 1, N, M // 2 + 1)
    weights    (N, M // 2 + 1), such as `difference_power`
    variance   (B, C, 1, 1) of the noise

    At least the variance of rounding errors, where the noise explains all that varies.
    """
    n, m = extended.shape[-2:]
    seen_power = whole_sum(weights * power(torch.fft.rfft2(extended)), m) / (n * m)
    clean = seen_power - variance * whole_sum(weights, m)
    floor = torch.finfo(extended.dtype).eps ** 2 * extended.square().mean((-2, -1), keepdim=True) + _TINY
    return torch.maximum(clean / whole_sum(power(transfer) * (weights > 0), m), floor)


def inverse_filter(transfer: Tensor, ratio: Tensor) -> Tensor:
    """conj(K) / (|K|^2 + ratio), where `ratio` is the power of the noise by that of the signal at each frequency. Source: Wiener, 1949."""
    return transfer.conj() / (power(transfer) + ratio)


def wiener(y: Tensor, kernel: Tensor, sigma: Tensor, *, strength: Tensor | float = 2.0, prior: str = "gradient", rounds: int = 8) -> Tensor:
    """Deblur by the Wiener filter.

    y          (B, C, H, W), linear light, at least as large as the kernel
    kernel     (B or 1, h, w), sums to 1
    sigma      standard deviation of the noise in the unit of y, (), or broadcasting as (B or 1, C or 1, 1, 1)
    strength   factor on the ratio of noise to signal, >= 0; 1 is the ratio itself. That of natural images falls faster than the prior says,
               so that a factor of 2 serves them better
    prior      "gradient": differences of neighbours are independent, a power spectrum that falls with the square of the frequency;
               "flat": pixels are, the same ratio at every frequency but 0. The factor of the spectrum is estimated from y
    rounds     how often what is not seen, beyond the border, is estimated again from the result; 0 leaves the mirror images
    returns    (B, C, H, W)

    What lies beyond the border is found along with the picture: the filter is applied to y, its gap filled with the blurred result, by
    Chebyshev's iteration. With a factor given, the result is linear in y. Gradient: exact.
    """
    size = domain((y.shape[-2], y.shape[-1]), (kernel.shape[-2], kernel.shape[-1]))
    transfer = otf(kernel[:, None], size)
    weights = difference_power(size, y)
    if prior == "flat":
        weights = (weights > 0).to(y.dtype)
    extended, mask = extend(y, size), seen(y, size)
    variance = noise_power(y, sigma)
    ratio = strength * variance * weights / signal_power(extended, transfer, weights, variance)
    inverse = inverse_filter(transfer, ratio)
    x = filtered(extended, inverse)
    middle, half = (1 + _LEAST_EIGENVALUE) / 2, (1 - _LEAST_EIGENVALUE) / 2
    step, old = torch.zeros_like(x), half / middle
    for i in range(rounds):
        missing = filtered(fill(y, filtered(x, transfer), mask), inverse) - x
        new = 1 / (2 * middle / half - old)
        step = missing / middle if i == 0 else new * old * step + 2 * new / half * missing
        old = old if i == 0 else new
        x = x + step
    return x[..., : y.shape[-2], : y.shape[-1]]


def _counts(size: tuple[int, int]) -> tuple[tuple[int, int], tuple[int, int]]:
    """Frequencies held and frequencies in all, along the columns and the rows of a half spectrum."""
    return (size[0], size[0]), (size[1] // 2 + 1, size[1])
