"""Projective maps of the plane: (x, y) to ((h0 x + h1 y + h2) / w, (h3 x + h4 y + h5) / w) with w = h6 x + h7 y + h8."""

from __future__ import annotations

import torch
from torch import Tensor

from campipe.core.errors import ShapeError


def fitted_projection(source: Tensor, target: Tensor) -> Tensor:
    """The projective map that takes source points to target points, by least squares.

    source, target   (N, 2), four points or more, no three of four on a line
    returns          (3, 3) float64

    The direct linear transform with both sides brought to mean 0 and distance sqrt(2), then three Gauss-Newton steps on the distances in
    the target. Source: Hartley and Zisserman, "Multiple View Geometry", 2nd edition, 2004, section 4.4. Gradient: none.
    """
    if source.ndim != 2 or source.shape[-1] != 2 or source.shape != target.shape or len(source) < 4:
        raise ShapeError(f"a projective map takes four pairs of points or more, but {tuple(source.shape)} and {tuple(target.shape)} came")
    (a, from_a), (b, from_b) = _normalised(source.double()), _normalised(target.double())
    zero, one = torch.zeros(len(a), 3, dtype=torch.float64), torch.ones(len(a), 1, dtype=torch.float64)
    points = torch.cat([a, one], 1)
    rows = torch.cat([torch.cat([points, zero, -b[:, :1] * points], 1), torch.cat([zero, points, -b[:, 1:] * points], 1)])
    h = torch.linalg.svd(rows).Vh[-1]
    for _ in range(3):
        h = h / h.norm()
        image = points @ h.reshape(3, 3).T
        where = image[:, :2] / image[:, 2:]
        slopes = torch.stack(
            [torch.cat([points, zero, -where[:, :1] * points], 1), torch.cat([zero, points, -where[:, 1:] * points], 1)], 1
        ) / image[:, 2, None, None]
        h = h + _step(slopes.reshape(-1, 9), (b - where).reshape(-1), h)
    whole = torch.linalg.inv(from_b) @ h.reshape(3, 3) @ from_a
    return whole / whole.norm()


def _step(slopes: Tensor, rest: Tensor, h: Tensor) -> Tensor:
    """The least-squares step across h, whose length says nothing."""
    return torch.linalg.lstsq(torch.cat([slopes, h[None]]), torch.cat([rest, h.new_zeros(1)])).solution


def projected(projection: Tensor, points: Tensor) -> Tensor:
    """Points (..., 2) under a projective map (3, 3): (..., 2) float64."""
    image = torch.cat([points.double(), torch.ones(*points.shape[:-1], 1, dtype=torch.float64)], -1) @ projection.T
    return image[..., :2] / image[..., 2:]


def _normalised(points: Tensor) -> tuple[Tensor, Tensor]:
    middle = points.mean(0)
    scale = 2**0.5 / float((points - middle).norm(dim=1).mean().clamp_min(1e-12))
    move = torch.eye(3, dtype=torch.float64) * scale
    move[:2, 2], move[2, 2] = -scale * middle, 1.0
    return (points - middle) * scale, move
