"""Radial distortion by Brown and Conrady's polynomial, and its inverse.

A point at a distance r from the centre is seen at r (1 + k1 r^2 + k2 r^4 + k3 r^6), in the same direction; distances in units of `radius`.
Source: Brown, "Close-range camera calibration", Photogrammetric Engineering 37, 1971.
"""

from __future__ import annotations

import torch
from torch import Tensor

_ROUNDS = 8


def distorted(points: Tensor, coefficients: Tensor, centre: Tensor, radius: float) -> Tensor:
    """Where points of an ideal picture are seen.

    points         (..., 2), pixels, (x, y)
    coefficients   (n,), k1, k2, ...
    centre         (2,), pixels
    radius         pixels that count as r = 1

    Gradient: exact.
    """
    offset = points - centre
    return centre + offset * (1 + _polynomial(offset.square().sum(-1) / radius**2, coefficients))[..., None]


def undistorted(points: Tensor, coefficients: Tensor, centre: Tensor, radius: float) -> Tensor:
    """The inverse of `distorted`, by 8 rounds of Newton's method; for as far as the polynomial grows with r. Gradient: of the rounds."""
    offset = points - centre
    seen = offset.norm(dim=-1) / radius
    ideal = seen
    powers = torch.arange(1, len(coefficients) + 1, dtype=points.dtype)
    for _ in range(_ROUNDS):
        square = ideal.square()
        value = ideal * (1 + _polynomial(square, coefficients)) - seen
        slope = 1 + _polynomial(square, coefficients * (2 * powers + 1))
        ideal = (ideal - value / slope.clamp_min(0.05)).clamp_min(0)
    return centre + offset * torch.where(seen > 0, ideal / seen.clamp_min(1e-30), torch.ones_like(seen))[..., None]


def _polynomial(square: Tensor, coefficients: Tensor) -> Tensor:
    total = torch.zeros_like(square)
    for k in reversed(range(len(coefficients))):
        total = (total + coefficients[k]) * square
    return total
