"""Deconvolution with a hyper-Laplacian prior: differences of neighbours are mostly 0 and sometimes large, as those of natural images."""

from __future__ import annotations

import torch
from torch import Tensor

from campipe.core.errors import CampipeError
from campipe.ops.convolution import convolve, domain, extend, otf, seen
from campipe.ops.deconvolution import difference_power, noise_power, power, signal_power

_TYPICAL = 0.06  # standard deviation of differences that a picture is scaled to: that of photos in [0, 1], for which the numbers below are
_WEIGHT = 0.2  # lambda sigma^2: 2000 at a sigma of 0.01, the values of Krishnan and Fergus
_FIRST, _LAST = 1.0, 256.0  # beta, of the same paper
# Of the split k * x = z, in units of the data term: found on crops of Kodak, checked on photos of training data; flat from 0.1 to 0.3.
_DATA_PENALTY = 0.15
_SIGN_PENALTY = 0.1  # of the split x = v >= 0, likewise
_RELAX = 1.6  # over-relaxation of both splits; 1.5 to 1.8 is usual, Boyd et al. 2011, section 3.4.3
_NEWTON = 4  # steps from above to 1e-7


def shrink(v: Tensor, beta: Tensor | float, exponent: float) -> Tensor:
    """Minimise |w|^exponent + beta / 2 (w - v)^2 over w, for each v.

    v          any shape
    beta       > 0, broadcasts with v
    exponent   0 < exponent < 1
    returns    the shape of v; 0 up to a threshold, the larger root of the derivative above it

    The root is that of h(w) = w - |v| + (exponent / beta) w^(exponent - 1), which is convex, so that Newton's method comes down to it from
    |v|. The threshold is where the value at the root equals that at 0: at w = (2 (1 - exponent) / beta)^(1 / (2 - exponent)).
    Gradient: exact, of the root as a function of v and beta; 0 below the threshold.
    """
    p, size = exponent, v.abs()
    factor = 1 / torch.as_tensor(beta, dtype=v.dtype, device=v.device)
    least = (2 * factor * (1 - p)) ** (1 / (2 - p))
    above = size > least + p * factor * least ** (p - 1)
    # Where it is 0 anyway, any number above the threshold keeps the powers finite.
    start = torch.where(above, size, 2 * least + p * factor * least ** (p - 1))
    with torch.no_grad():
        w = start.clone()
        for _ in range(_NEWTON - 1):
            w = _newton(w, start, factor, p)
    return torch.where(above, _newton(w, start, factor, p) * v.sign(), 0)


def _newton(w: Tensor, size: Tensor, factor: Tensor, p: float) -> Tensor:
    """One step; at the root, its derivative by `size` and `factor` is that of the root."""
    slope = p * factor * w ** (p - 1)
    return w - (w - size + slope) / (1 + (p - 1) * slope / w)


def energy(x: Tensor, y: Tensor, kernel: Tensor, weight: Tensor | float, exponent: float) -> Tensor:
    """What is minimised: weight / 2 |y - k * x|^2 + the sum of |differences|^exponent, (B,).

    x   (B, C, H + h - 1, W + w - 1): the picture with what the kernel sees around it
    y   (B, C, H, W)
    """
    misfit = (y - convolve(x, kernel)).square().sum((-3, -2, -1))
    prior = sum(x.diff(dim=dim).abs().pow(exponent).sum((-3, -2, -1)) for dim in (-2, -1))
    return weight / 2 * misfit + prior


def hyper_laplacian(
    y: Tensor,
    kernel: Tensor,
    sigma: Tensor,
    *,
    strength: Tensor | float = 1.0,
    exponent: float = 2 / 3,
    iterations: int = 16,
    positive: bool = True,
) -> Tensor:
    """Deblur by half-quadratic splitting with a hyper-Laplacian prior.

    y            (B, C, H, W), linear light, at least as large as the kernel
    kernel       (B or 1, h, w), sums to 1
    sigma        standard deviation of the noise in the unit of y, (), or broadcasting as (B or 1, C or 1, 1, 1)
    strength     factor on the weight of the prior, >= 0
    exponent     of the prior, 0 < exponent < 1
    iterations   steps of beta, from 1 to 256 by equal factors
    positive     True: light is not negative, which restores dark places better
    returns      (B, C, H, W)

    Differences are split off with a growing penalty beta, as in the paper; the blurred picture and, if `positive`, the picture itself with
    multipliers, which leaves what lies beyond the border free. The picture is scaled so that the typical difference of neighbours in the
    sharp one, as estimated from y, is that of photos; a brighter picture gives the brighter result. Gradient: exact, through all
    iterations.
    Sources: Krishnan and Fergus, "Fast image deconvolution using hyper-Laplacian priors", NIPS 2009; borders: Almeida and Figueiredo,
    "Deconvolving images with unknown boundaries using the alternating direction method of multipliers", IEEE TIP 22, 2013.
    """
    if not 0 < exponent < 1:
        raise CampipeError(f"the exponent of the prior lies between 0 and 1, but {exponent:g} came")
    size = domain((y.shape[-2], y.shape[-1]), (kernel.shape[-2], kernel.shape[-1]))
    transfer, mask, weights = otf(kernel[:, None], size), seen(y, size), difference_power(size, y)
    variance = noise_power(y, sigma)
    scale = (signal_power(extend(y, size), transfer, weights, variance).mean(-3, keepdim=True) / 2).sqrt() / _TYPICAL
    y, variance = y / scale, variance / scale.square()
    observed = torch.nn.functional.pad(y, (0, size[1] - y.shape[-1], 0, size[0] - y.shape[-2]))
    trust = mask / (mask + _DATA_PENALTY)
    # In units of lambda times the penalty of the data.
    smoothing = strength * variance / (_WEIGHT * _DATA_PENALTY)
    sign_penalty = _SIGN_PENALTY if positive else 0.0
    adjoint, fixed = transfer.conj(), power(transfer) + sign_penalty
    x = extend(y, size)
    blurred, bright = x, x.clamp_min(0)
    price, debt = torch.zeros_like(x), torch.zeros_like(x)
    for i in range(iterations):
        beta = _FIRST * (_LAST / _FIRST) ** (i / max(iterations - 1, 1))
        pull = beta * smoothing * _split_differences(x, beta, exponent)
        if positive:
            pull = pull + sign_penalty * (bright - debt)
        spectrum = (adjoint * torch.fft.rfft2(blurred - price) + torch.fft.rfft2(pull)) / (fixed + beta * smoothing * weights)
        x = torch.fft.irfft2(spectrum, s=size)
        mixed = _RELAX * torch.fft.irfft2(spectrum * transfer, s=size) + (1 - _RELAX) * blurred + price
        blurred = mixed + trust * (observed - mixed)
        price = mixed - blurred
        if positive:
            mixed = _RELAX * x + (1 - _RELAX) * bright + debt
            bright = mixed.clamp_min(0)
            debt = mixed - bright
    return ((bright if positive else x) * scale)[..., : y.shape[-2], : y.shape[-1]]


def _split_differences(x: Tensor, beta: float, exponent: float) -> Tensor:
    """Shrink the differences of neighbours, wrapped around, and put them together again by the adjoint."""
    right, down = shrink(x.roll(-1, -1) - x, beta, exponent), shrink(x.roll(-1, -2) - x, beta, exponent)
    return right.roll(1, -1) - right + down.roll(1, -2) - down
