"""A straight edge and a point behind a Gaussian blur and the pixels' area, in closed form, and their fit to pixels."""

from __future__ import annotations

import math
from typing import NamedTuple

import torch
from torch import Tensor

from campipe.core.errors import CampipeError
from campipe.ops.least_squares import Fit, least_squares

# Gauss and Legendre's nodes and weights of order 3 on [-1/2, 1/2]: the average over a pixel's shorter side.
_NODES = (0.0, 0.3872983346207417, -0.3872983346207417)
_WEIGHTS = (4 / 9, 5 / 18, 5 / 18)


class EdgeFit(NamedTuple):
    """angle     radians, of the edge's normal from the x axis towards the y axis, pointing to the brighter side
    offset    pixels: the edge is where x cos(angle) + y sin(angle) = offset
    low, high   levels on the two sides
    sigma     pixels, of the Gaussian
    fit       parameters (angle, offset, low, high, log sigma), covariance and residuals
    """

    angle: float
    offset: float
    low: float
    high: float
    sigma: float
    fit: Fit


def edge_profile(distance: Tensor, angle: float, sigma: float, aperture: float = 1.0) -> Tensor:
    """What pixels hold of an edge from 0 to 1.

    distance   any shape, pixels, from the edge along its normal, positive on the bright side
    angle      radians, of the normal from the x axis
    sigma      pixels, of the Gaussian that blurs the edge
    aperture   side of the square that a pixel averages over, pixels; 0: points
    """
    long, short = sorted((abs(math.cos(angle)) * aperture, abs(math.sin(angle)) * aperture), reverse=True)
    if long < 1e-9:
        return torch.special.ndtr(distance / sigma)
    total = torch.zeros_like(distance)
    for node, weight in zip(_NODES, _WEIGHTS, strict=True):
        at = distance + node * short
        total = total + weight * (_ramp(at + long / 2, sigma) - _ramp(at - long / 2, sigma)) / long
    return total


def fitted_edge(values: Tensor, y: Tensor, x: Tensor, aperture: float = 1.0) -> EdgeFit:
    """The edge that fits pixels best, by least squares.

    values, y, x   (N,) float64: of each pixel
    aperture       side of the square that a pixel averages over, pixels
    """
    start = _start(values, y, x)
    contrast = float(start[3] - start[2])
    middle = float(y.mean()), float(x.mean())
    dy, dx = y - middle[0], x - middle[1]

    def model(p: Tensor) -> Tensor:
        angle = float(p[0])
        distance = math.cos(angle) * dx + math.sin(angle) * dy - p[1]
        return p[2] + (p[3] - p[2]) * edge_profile(distance, angle, float(p[4].exp()), aperture)

    scale = torch.tensor([0.01, 0.1, contrast, contrast, 0.1], dtype=torch.float64)
    fit = least_squares(model, values, start, scale)
    angle, offset, low, high, log_sigma = fit.parameters.tolist()
    whole = offset + math.cos(angle) * middle[1] + math.sin(angle) * middle[0]
    return EdgeFit(angle, whole, low, high, math.exp(log_sigma), fit)


def fitted_point(values: Tensor, y: Tensor, x: Tensor, aperture: float = 1.0) -> Fit:
    """The Gaussian spot that fits pixels best: parameters (y, x, flux, background, log sigma).

    values, y, x   (N,) float64, the spot well inside
    aperture       side of the square that a pixel averages over, pixels
    """
    background = float(values.median())
    weight = (values - background).clamp_min(0) ** 2
    peak = float(values.max()) - background
    if not peak > 0:
        raise CampipeError("a point of light is brighter than what is around it, but the pixels are all alike; check where the point is")
    start = [float((weight * y).sum() / weight.sum()), float((weight * x).sum() / weight.sum()), 0.0, background, 0.0]
    start[2] = max(float((values - background)[(y - start[0]).hypot(x - start[1]) < 4].sum()), peak)

    def model(p: Tensor) -> Tensor:
        sigma = p[4].exp()
        return p[3] + p[2] * _stroke(y - p[0], sigma, aperture) * _stroke(x - p[1], sigma, aperture)

    scale = torch.tensor([0.1, 0.1, abs(start[2]) + 1e-12, peak + 1e-12, 0.1], dtype=torch.float64)
    return least_squares(model, values, torch.tensor(start, dtype=torch.float64), scale)


def _ramp(z: Tensor, sigma: float) -> Tensor:
    """Integral of the normal distribution function: z Phi(z / sigma) + sigma phi(z / sigma)."""
    unit = z / sigma
    return z * torch.special.ndtr(unit) + sigma / math.sqrt(2 * math.pi) * torch.exp(-unit.square() / 2)


def _stroke(place: Tensor, sigma: Tensor, aperture: float) -> Tensor:
    """Mean of a normal density over a pixel's side."""
    if aperture == 0:
        return torch.exp(-(place / sigma).square() / 2) / (sigma * math.sqrt(2 * math.pi))
    return (torch.special.ndtr((place + aperture / 2) / sigma) - torch.special.ndtr((place - aperture / 2) / sigma)) / aperture


def _start(values: Tensor, y: Tensor, x: Tensor) -> Tensor:
    """A first guess: which side is bright, from moments; then how far the edge is, from the bright share."""
    order = values.sort().values
    count = len(order)
    low, high = float(order[: count // 5].mean()), float(order[-(count // 5) :].mean())
    bright = values > (low + high) / 2
    if high - low <= 0 or bool(bright.all()) or not bool(bright.any()):
        raise CampipeError("an edge has a dark and a bright side, but the pixels are all alike; check where the edge is")
    points = torch.stack([x - x.mean(), y - y.mean(), torch.ones_like(x)], 1)
    # Fisher's discriminant: the plane that tells both sides apart, which is right for a straight edge through a box.
    target = torch.where(bright, 0.5, -0.5).double()
    slope = torch.linalg.lstsq(points, target).solution
    angle = math.atan2(float(slope[1]), float(slope[0]))
    along = points[:, 0] * math.cos(angle) + points[:, 1] * math.sin(angle)
    offset = float(torch.quantile(along, 1 - float(bright.double().mean()))) if count <= 1_000_000 else 0.0
    return torch.tensor([angle, offset, low, high, 0.0], dtype=torch.float64)
