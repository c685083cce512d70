"""Richardson-Lucy deconvolution: the most likely positive picture under counting noise, by steps that multiply."""

from __future__ import annotations

import torch
from torch import Tensor

from campipe.ops.convolution import domain, extend, filtered, otf, seen
from campipe.ops.deconvolution import difference_power, noise_power, signal_power

_FLOOR = 1e-6  # of the mean: below it, light divides by nothing that matters
_EDGE = 1e-3  # of the mean: differences below it are smoothed evenly, not as edges
_STABLE = 8.0  # times the weight, more of it: with less, steps overshoot where the picture is flat, from 8 weight x / edge = 2 on
_MOST = 0.05  # weight: above it, a step is no small change
_MOMENTUM = 0.99
_HARDLY = 0.01
_DARKEST = 1e-12  # mean of a picture; its squares are still numbers
_LEAST_DENOMINATOR = 0.1


def richardson_lucy(
    y: Tensor,
    kernel: Tensor,
    sigma: Tensor,
    *,
    iterations: int = 60,
    tv: Tensor | float = 1.0,
    discrepancy: float | None = None,
    accelerate: bool = True,
) -> Tensor:
    """Deblur by Richardson's and Lucy's iteration.

    y             (B, C, H, W), linear light, at least as large as the kernel; below 0 counts as 0
    kernel        (B or 1, h, w), sums to 1, not negative
    sigma         standard deviation of the noise in the unit of y, (), or broadcasting as (B or 1, C or 1, 1, 1)
    iterations    how many at most
    tv            weight of the total variation, in units of what noise and picture say it should be; 0: none, noise grows with each
                  iteration, so that they have to end early
    discrepancy   an item ends when the root mean square of y - k * x falls below so many sigma; 1 is Morozov's principle. None: never
    accelerate    extrapolate each step by how well it agrees with the last one
    returns       (B, C, H, W), not negative

    What lies beyond the border is found along with the picture: pixels that nobody saw pull nowhere. Light is conserved as far as it is
    seen. The weight of the total variation at tv = 1 is the variance of the noise by the mean of y and by the typical difference of
    neighbours in the sharp picture, sqrt(A), A as in `signal_power`.

    Gradient: exact, through all iterations. Sources: Richardson, JOSA 62, 1972; Lucy, AJ 79, 1974; borders: Bertero and Boccacci, A&A 437,
    2005; total variation: Dey et al., Microscopy Research and Technique 69, 2006; acceleration: Biggs and Andrews, Applied Optics 36, 1997;
    discrepancy: Morozov, Soviet Mathematics Doklady 7, 1966.
    """
    size = domain((y.shape[-2], y.shape[-1]), (kernel.shape[-2], kernel.shape[-1]))
    transfer, mask = otf(kernel[:, None], size), seen(y, size)
    y = y.clamp_min(0)
    mean = y.mean((-3, -2, -1), keepdim=True).clamp_min(_DARKEST)
    weight = (_tv_weight(y, sigma, transfer, size, mean) * tv).clamp_max(_MOST) if isinstance(tv, Tensor) or tv != 0 else None
    observed = torch.nn.functional.pad(y, (0, size[1] - y.shape[-1], 0, size[0] - y.shape[-2]))
    adjoint = transfer.conj()
    # How much of each pixel's light is seen. What is hardly seen keeps the guess.
    share = filtered(mask.expand(1, 1, *size), adjoint)
    unseen, share = (_HARDLY - share).clamp_min(0), share.clamp_min(_HARDLY)
    limit = None if discrepancy is None else _mean_square(discrepancy * sigma.to(y.dtype))
    x = extend(y, size)
    step = change = before = torch.zeros_like(x)
    active: Tensor | None = None
    for i in range(iterations):
        if limit is not None:
            active = _misfit(x, transfer, observed, mask) > limit
            if not torch.compiler.is_compiling() and not bool(active.any()):
                break
        start = (x + _momentum(change, before) * step).clamp_min(0) if accelerate and i > 1 else x
        expected = torch.maximum(filtered(start, transfer), _FLOOR * mean)
        new = start * (filtered(observed / expected, adjoint) + unseen) / share
        if weight is not None:
            new = new / (1 - weight * _curvature(start, (_EDGE + _STABLE * weight) * mean)).clamp_min(_LEAST_DENOMINATOR)
        new = new.clamp_min(0)
        before, change = change, new - start
        step = new - x
        x = new if active is None else torch.where(active, new, x)
    return x[..., : y.shape[-2], : y.shape[-1]]


def _momentum(change: Tensor, before: Tensor) -> Tensor:
    """How far to go on along the last step, (B, 1, 1, 1), in [0, 1): the projection of the last change on the one before."""
    along = (change * before).sum((-3, -2, -1), keepdim=True)
    length = before.square().sum((-3, -2, -1), keepdim=True)
    moved = length > 0
    return torch.where(moved, along / torch.where(moved, length, 1), 0).clamp(0, _MOMENTUM)


def _misfit(x: Tensor, transfer: Tensor, observed: Tensor, mask: Tensor) -> Tensor:
    """Mean square of y - k * x over the picture, (B, 1, 1, 1)."""
    return (mask * (observed - filtered(x, transfer))).square().sum((-3, -2, -1), keepdim=True) / (mask.sum() * x.shape[-3])


def _mean_square(sigma: Tensor) -> Tensor:
    """Over the channels, (B or 1, 1, 1, 1)."""
    square = sigma.square()
    return square.mean(-3, keepdim=True) if square.ndim == 4 else square


def _curvature(x: Tensor, edge: Tensor) -> Tensor:
    """Minus the derivative of the total variation by each pixel.

    The length of the gradient takes the differences to all four neighbours, half of each square, so that no side is preferred.
    """
    right, down = x.roll(-1, -1) - x, x.roll(-1, -2) - x
    squares = right.square() + right.roll(1, -1).square() + down.square() + down.roll(1, -2).square()
    half = 0.5 * (0.5 * squares + edge.square()).rsqrt()
    right, down = right * (half + half.roll(-1, -1)), down * (half + half.roll(-1, -2))
    return right - right.roll(1, -1) + down - down.roll(1, -2)


def _tv_weight(y: Tensor, sigma: Tensor, transfer: Tensor, size: tuple[int, int], mean: Tensor) -> Tensor:
    variance = noise_power(y, sigma)
    typical = signal_power(extend(y, size), transfer, difference_power(size, y), variance).mean(-3, keepdim=True).sqrt()
    return variance / (mean * typical)
