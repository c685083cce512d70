"""Non-linear least squares of a few parameters, with their covariance."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor

from campipe.core.errors import CampipeError

_ROUNDS = 60
_SETTLED = 1e-8  # relative fall of the sum of squares at which the rounds end
_SINGULAR = 1e12  # condition of the scaled normal equations
_STEP = 1e-6  # of a parameter's scale, for slopes by differences


class Fit(NamedTuple):
    """parameters (P,), covariance (P, P), residuals (N,): data - model, sigma: their standard deviation."""

    parameters: Tensor
    covariance: Tensor
    residuals: Tensor
    sigma: float


def least_squares(model: Callable[[Tensor], Tensor], data: Tensor, start: Tensor, scale: Tensor) -> Fit:
    """Levenberg and Marquardt's method.

    model    (P,) to (N,), float64
    data     (N,) float64
    start    (P,) first guess
    scale    (P,) what is a typical change of each parameter

    The covariance is White's, (J'J)^-1 J' diag(r^2) J (J'J)^-1 times N / (N - P), which holds for independent noise that differs from place
    to place, as shot noise does (White, Econometrica 48, 1980). Gradient: none.
    """
    found, damping = start.double().clone(), 1e-3
    rest = data - model(found)
    for _ in range(_ROUNDS):
        slopes = _slopes(model, found, scale)
        normal, toward = slopes.T @ slopes, slopes.T @ rest
        better = False
        for _ in range(12):
            step = torch.linalg.solve(normal + damping * torch.diag(normal.diagonal().clamp_min(1e-30)), toward)
            after = data - model(found + step)
            if bool(torch.isfinite(after).all()) and float(after.square().sum()) <= float(rest.square().sum()):
                better = True
                break
            damping *= 5
        if not better:
            break
        fall = 1 - float(after.square().sum()) / max(float(rest.square().sum()), 1e-300)
        found, rest, damping = found + step, after, damping / 5
        if fall < _SETTLED:
            break
    slopes = _slopes(model, found, scale)
    normal = slopes.T @ slopes
    size = normal.diagonal().clamp_min(1e-30).sqrt()
    if not bool(torch.isfinite(normal).all()) or float(torch.linalg.cond(normal / size.outer(size))) > _SINGULAR:
        raise CampipeError("the data do not say what the model's numbers are; check that the edge or point lies inside, and is not clipped")
    inverse = torch.linalg.inv(normal)
    many = len(data) / max(1, len(data) - len(found))
    weighted = slopes * rest[:, None]
    return Fit(found, many * inverse @ (weighted.T @ weighted) @ inverse, rest, float((many * rest.square().mean()).sqrt()))


def _slopes(model: Callable[[Tensor], Tensor], at: Tensor, scale: Tensor) -> Tensor:
    columns, here = [], model(at)
    for k in range(len(at)):
        step = torch.zeros_like(at)
        step[k] = _STEP * scale[k]
        columns.append((model(at + step) - here) / step[k])
    return torch.stack(columns, 1)
