"""Upsampling by a whole factor with a kernel, written as shifted sums: the same on every device."""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Tensor

from campipe.core.errors import CampipeError, ShapeError
from campipe.core.random import whole
from campipe.ops.filters import symmetric_pad

Kernel = Callable[[float], float]
"""Weight of a sample by its distance, in samples."""


def cubic(distance: float) -> float:
    """Keys's cubic of parameter -1/2, which is exact for parabolas; 0 from a distance of 2 on.

    Source: Keys, "Cubic convolution interpolation for digital image processing", IEEE Transactions on Acoustics, Speech, and Signal
    Processing 29, 1981, equation 15.
    """
    d = abs(distance)
    if d >= 2:
        return 0.0
    return 1.5 * d**3 - 2.5 * d**2 + 1 if d < 1 else -0.5 * d**3 + 2.5 * d**2 - 4 * d + 2


def lanczos3(distance: float) -> float:
    """The sinc under the middle lobe of a sinc three times as wide; 0 from a distance of 3 on.

    Source: Duchon, "Lanczos filtering in one and two dimensions", Journal of Applied Meteorology 18, 1979.
    """
    if distance == 0:
        return 1.0
    if abs(distance) >= 3:
        return 0.0
    turn = math.pi * distance
    return math.sin(turn) / turn * math.sin(turn / 3) / (turn / 3)


def upsample(x: Tensor, factor: int, kernel: Kernel, reach: int) -> Tensor:
    """A picture with `factor` times as many pixels a side; pixels are areas, whose borders stay where they are.

    x         (..., H, W)
    factor    whole, from 1 on
    kernel    weight of a sample by its distance; the weights of each new pixel are scaled to sum 1, so that a constant stays
    reach     distance from which on the kernel is 0
    returns   (..., factor H, factor W)

    Beyond the border the picture goes on as its mirror image with the outermost pixel repeated. Gradient: exact.
    """
    factor = checked_factor(factor)
    if x.ndim < 2:
        raise ShapeError(f"a picture is (..., H, W), but {tuple(x.shape)} came")
    for dim in (-2, -1):
        size, padded = x.shape[dim], symmetric_pad(x, reach, dim)
        phases = []
        for phase in range(factor):
            offset = (phase + 0.5) / factor - 0.5  # of the new pixel's middle from that of the pixel it lies in
            weights = {k: kernel(k - offset) for k in range(-reach, reach + 1)}
            total = sum(weights.values())
            taken = [(w / total) * padded.narrow(dim, k + reach, size) for k, w in weights.items() if w != 0]
            phases.append(sum(taken[1:], taken[0]))
        x = torch.stack(phases, dim).flatten(dim - 1, dim)
    return x


def checked_factor(factor: object) -> int:
    """A factor of resolution as a whole number; a CampipeError says what came instead."""
    number = whole(factor)
    if number is None or number < 1:
        raise CampipeError(f"a factor of resolution is a whole number from 1 on, but {factor!r} came")
    return number
