"""assert_gradient_of_expectation: the gradient that a stochastic program passes back, against that of its expectation."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch import Tensor

from campipe.core.errors import CampipeError, ShapeError
from campipe.testing.budget import Budget, rate_of
from campipe.testing.chance import mean_test, normal_reach
from campipe.testing.verdict import Finding, Verdict, judge


def poisson_gradient(function: Callable[[np.ndarray], Any], rate: float) -> float:
    """d/d rate of E f(N), N ~ Poisson(rate), as E[f(N + 1) - f(N)]: an identity, exact for every f that grows slower than factorials.

    function   takes whole numbers, (n,) float64, and returns as many
    rate       e-
    """
    from scipy.stats import poisson

    k = np.arange(int(poisson.ppf(1e-16, rate)), int(poisson.isf(1e-16, rate)) + 2, dtype=np.float64)
    values = np.asarray(function(np.append(k, k[-1] + 1)), dtype=np.float64)
    return float(poisson.pmf(k, rate) @ np.diff(values))


def assert_gradient_of_expectation(
    function: Callable[[Tensor, int], Tensor],
    at: float,
    *,
    wanted: float | None = None,
    step: float | None = None,
    draws: int = 10_000,
    false_alarm: float | Budget,
    name: str = "gradient of the expectation",
) -> Verdict:
    """Fail unless the mean gradient of a stochastic function is the gradient of its mean.

    function   (parameter (n,), seed) -> losses (n,), float64 or float32 torch, differentiable: entry i hangs on parameter i and on draws
               of its own, the same ones whenever the seed is the same
    at         value of the parameter
    wanted     the gradient of the expectation where it is known, from `poisson_gradient` or a formula;
               None: a central difference over `step` with common random numbers, by the function itself
    step       half width of that difference; a tenth of |at|, or 0.1, where not given. Its error is step^2 / 6 times the third derivative
    draws      n
    returns    `smallest`: "gradient", in the unit of loss per parameter

    Statistic: the studentised mean of (gradient - wanted), or of gradient - difference draw by draw, corrected for skewness (Hall 1992).
    Catches a detached or zero gradient, shot noise whose variance passes none, a rounding or clipping that passes the wrong one.
    """
    rate = rate_of(false_alarm, name)
    if draws < 100:
        raise CampipeError(f"100 draws or more are needed to judge a gradient, but {draws} came")
    parameter = torch.full((draws,), float(at), dtype=torch.float64, requires_grad=True)
    losses = function(parameter, 0)
    if tuple(losses.shape) != (draws,):
        raise ShapeError(f"a function of {draws} parameters returns as many losses, but shape {tuple(losses.shape)} came")
    gradient = torch.autograd.grad(losses.sum(), parameter, allow_unused=True)[0] if losses.requires_grad else None
    came = np.zeros(draws) if gradient is None else gradient.double().numpy()
    if not np.isfinite(came).all():
        raise CampipeError(f"gradients are finite, but {int((~np.isfinite(came)).sum())} of {draws} are not")
    if wanted is not None:
        difference, target = came - wanted, float(wanted)
    else:
        half = float(step) if step is not None else 0.1 * abs(at) or 0.1
        with torch.no_grad():
            slopes = (function(parameter.detach() + half, 0) - function(parameter.detach() - half, 0)).double().numpy() / (2 * half)
        difference, target = came - slopes, float(slopes.mean())
    z, p, error = mean_test(difference)
    smallest = normal_reach(rate, draws - 1) * error
    words = f"a mean gradient of {target:.6g} was expected, but {came.mean():.6g} came, {z:.1f} standard errors off"
    part = f" ({100 * smallest / abs(target):.2g} %)" if target else ""
    finding = Finding("gradient", z, p, 1.0, words, _cause(came, target, gradient is None))
    return judge(name, [finding], rate, false_alarm, {"gradient": smallest}, f"a gradient {smallest:.2g}{part} off")


def _cause(came: np.ndarray, target: float, detached: bool) -> str:
    if detached:
        return "Nothing is passed back at all: a result that is detached from the parameter?"
    if not came.any():
        return "It is exactly zero in every draw: rounding, counting or clipping without a backward rule?"
    return f"The ratio is {came.mean() / target:.4g}: the spread of the noise may pass nothing back." if target else ""
