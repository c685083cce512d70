"""The line, or the parabola, of variance against mean."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from campipe.core.errors import CampipeError

_ROUNDS = 40
_SETTLED = 1e-7  # relative change of the fitted variances at which the rounds end
_FLOOR = 1e-2  # of the mean variance: below it a fitted variance is no weight
_HUBER = 2.5  # standard errors beyond which a point pulls no harder
_LIKELY = 0.99


@dataclass(frozen=True)
class VarianceLine:
    """Coefficients of variance = c0 + c1 mean + c2 mean^2 + ..., with their covariance.

    coefficients   (degree + 1,) float64
    covariance     (degree + 1, degree + 1) float64, widened by the scatter about the curve where that is more than chance
    scatter        mean squared deviation in standard errors: 1 where the curve holds
    """

    coefficients: Tensor
    covariance: Tensor
    scatter: float


def variance_line(mean: Tensor, variance: Tensor, freedom: Tensor, degree: int = 1) -> VarianceLine:
    """Fit how variance grows with the mean.

    mean, variance   (N,), N above the degree
    freedom          (N,), degrees of freedom of each variance: its standard error is variance * sqrt(2 / freedom)
    degree           1 or 2

    Weighted least squares, repeated with weights of the fitted variances (weights of the measured ones favour those that came out low,
    and bias the slope down), which is the maximum of the likelihood of chi-squared variances; points further off than 2.5 standard
    errors pull as if they were that far (Huber, Annals of Mathematical Statistics 35, 1964). Gradient: none.
    """
    if len(mean) <= degree + 1:
        raise CampipeError(f"a curve of degree {degree} needs {degree + 2} levels or more, but {len(mean)} came; give more patches")
    x, y, n = mean.double(), variance.double(), freedom.double()
    shift, scale = x.mean(), x.std().clamp_min(1e-12)
    design = torch.stack([((x - shift) / scale) ** k for k in range(degree + 1)], 1)
    floor = _FLOOR * float(y.mean())
    expected, trust = y.mean().expand_as(y), torch.ones_like(y)
    for _ in range(_ROUNDS):
        weight = n / (2 * expected.square())
        normal = design.T @ ((weight * trust)[:, None] * design)
        found = torch.linalg.solve(normal, design.T @ (weight * trust * y))
        before, expected = expected, (design @ found).clamp_min(floor)
        off = (y - expected) * (n / 2).sqrt() / expected
        trust = (_HUBER / off.abs().clamp_min(1e-12)).clamp_max(1)
        if bool(((expected - before).abs() <= _SETTLED * expected).all()):
            break
    left = len(x) - degree - 1
    scatter = float((trust * off.square()).sum()) / left
    covariance = torch.linalg.inv(normal) * (scatter if _unlikely(scatter, left) else 1.0)
    back = _powers(float(shift), float(scale), degree)
    return VarianceLine(back @ found, back @ covariance @ back.T, scatter)


def _unlikely(scatter: float, freedom: int) -> bool:
    from scipy.special import chdtri

    return scatter * freedom > float(chdtri(freedom, 1 - _LIKELY))


def _powers(shift: float, scale: float, degree: int) -> Tensor:
    """The matrix that takes coefficients of ((x - shift) / scale)^k to those of x^k."""
    from math import comb

    back = torch.zeros(degree + 1, degree + 1, dtype=torch.float64)
    for k in range(degree + 1):
        for j in range(k + 1):
            back[j, k] = comb(k, j) * (-shift) ** (k - j) / scale**k
    return back
