"""Read noise against gain: two stages, before and behind the amplifier, and the switch of conversion gain."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from campipe.calibrate.estimate import Estimate
from campipe.core.errors import CampipeError

_LEAST = 3  # points on each side of a switch
_EXACT = 1e-3  # relative error below which points are not believed to lie on a law
_SURE = 6.0  # by how much the criterion has to fall for a switch: odds of e^3


@dataclass(frozen=True)
class Stages:
    """Two-stage read noise over a range of gains: sigma^2 = (K pre)^2 + post^2.

    first, last   gains at the ends of the range, DN/e-
    pre           e-, noise before the amplifier
    post          DN, noise behind it
    residual      root mean square of ln(measured / fitted)
    log_linear    the same of the best line ln(sigma) = slope ln(K) + bias, as ELD uses it; slope and bias behind it
    """

    first: float
    last: float
    pre: Estimate
    post: Estimate
    residual: float
    log_linear: float
    slope: float
    bias: float

    def sigma(self, gain: float) -> float:
        """Read noise at a gain, DN."""
        return math.hypot(self.pre.value * gain, self.post.value)


@dataclass(frozen=True)
class ReadStages:
    """Read noise against gain, with the switch of conversion gain where there is one.

    segments    one, or the low and the high conversion gain
    switch      (last point of the first segment, first of the second) as named by `at`, or None
    advantage   how much the Bayesian information criterion prefers a switch; below 6 it is not believed
    """

    segments: tuple[Stages, ...]
    switch: tuple[float, float] | None
    advantage: float


def read_stages(gain: Sequence[float], sigma: Sequence[Estimate | float], at: Sequence[float] | None = None) -> ReadStages:
    """Fit read noise against gain.

    gain    DN/e-, three or more
    sigma   DN, standard deviation of the read noise, without rounding
    at      what to name the points by, such as their ISO; None: the gain

    Least squares of ln(sigma), since errors of noise are relative; standard errors from the scatter about the fit, or from the errors of
    sigma where these are larger. Every place with three
    points on either side is tried as a switch, which lowers the noise; the Bayesian information criterion (Schwarz, Annals of Statistics
    6, 1978) says whether four numbers and a place are worth it, against two stages and against a line of logarithms. Upper limits among
    sigma are left out.
    """
    names = list(gain if at is None else at)
    rows = sorted(
        (float(k), float(s.value if isinstance(s, Estimate) else s), float(name), _relative(s))
        for k, s, name in zip(gain, sigma, names, strict=True)
        if not (isinstance(s, Estimate) and s.bound)
    )
    if len(rows) < _LEAST:
        raise CampipeError(f"two stages of read noise need {_LEAST} gains or more, but {len(rows)} with measured noise came")
    k, s, name, own = (np.array(column) for column in zip(*rows, strict=True))
    if min(k) <= 0 or min(s) <= 0:
        raise CampipeError(f"gains and noise are above 0, but {min(k):g} DN/e- and {min(s):g} DN came")
    whole = _fit(k, s, own)
    best, advantage, place = (whole,), -math.inf, None
    # A law without a switch that two stages do not describe must not pass for one with a switch.
    single = min(_criterion([whole.residual], [len(k)], 2), _criterion([whole.log_linear], [len(k)], 2))
    for i in range(_LEAST, len(k) - _LEAST + 1):
        pair = (_fit(k[:i], s[:i], own[:i]), _fit(k[i:], s[i:], own[i:]))
        gained = single - _criterion([f.residual for f in pair], [i, len(k) - i], 5)
        if gained > advantage and pair[1].sigma(k[i]) < pair[0].sigma(k[i]):
            advantage, place = gained, i
            candidate = pair
    if place is None or advantage < _SURE:
        return ReadStages(best, None, advantage)
    return ReadStages(candidate, (float(name[place - 1]), float(name[place])), advantage)


def _criterion(residuals: list[float], counts: list[int], numbers: int) -> float:
    n = sum(counts)
    mean = sum(r**2 * c for r, c in zip(residuals, counts, strict=True)) / n + _EXACT**2
    return n * math.log(mean) + numbers * math.log(n)


def _relative(sigma: Estimate | float) -> float:
    """Relative standard error, 0 where it is not known."""
    return sigma.error / sigma.value if isinstance(sigma, Estimate) and math.isfinite(sigma.error) and sigma.value > 0 else 0.0


def _fit(k: np.ndarray, s: np.ndarray, own: np.ndarray) -> Stages:
    x, y = np.log(k), np.log(s)
    p, rest, slopes = _solved(x, y, _start(x, y))
    freedom: float = max(len(k) - 2, 1)
    # Few points scatter too little by chance as easily as too much.
    scatter, stated = float(rest @ rest) / freedom, float(np.mean(own**2))
    covariance = np.linalg.pinv(slopes.T @ slopes) * max(scatter, stated)
    freedom = freedom if scatter > stated else math.inf
    slope, bias = np.polyfit(x, y, 1)
    return Stages(
        float(k[0]),
        float(k[-1]),
        _stage(math.exp(p[0]), covariance[0, 0], "e-", freedom, float(slopes[:, 0].max())),
        _stage(math.exp(p[1]), covariance[1, 1], "DN", freedom, float(slopes[:, 1].max())),
        float(np.sqrt(np.mean(rest**2))),
        float(np.sqrt(np.mean((slope * x + bias - y) ** 2))),
        float(slope),
        float(bias),
    )


def _start(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Logarithms of both stages, near the best: of all ratios of them that can be told, the one whose curve has the shape of the points;
    its height is then the mean of what is left."""
    many = 4 * math.ceil(x[-1] - x[0]) + 25
    ratio = np.linspace(x[0] - 3, x[-1] + 3, many)
    left = y - np.logaddexp(2 * x, 2 * ratio[:, None]) / 2
    i = int(left.var(1).argmin())
    height = float(left[i].mean())
    return np.array([height, height + ratio[i]])


def _solved(x: np.ndarray, y: np.ndarray, p: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Logarithms of both stages by Levenberg and Marquardt's steps, what is left, and its slopes (n, 2)."""

    def at(p: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        share = 1 / (1 + np.exp(np.clip(2 * (p[1] - p[0] - x), -60, 60)))
        return np.logaddexp(2 * (p[0] + x), 2 * p[1]) / 2 - y, np.stack([share, 1 - share], 1)

    damping, (rest, slopes) = 1e-3, at(p)
    for _ in range(100):
        normal = slopes.T @ slopes
        step = -np.linalg.solve(normal + damping * (np.diag(np.diag(normal)) + 1e-9 * np.eye(2)), slopes.T @ rest)
        # A stage that is not seen has no lower end to its logarithm.
        moved = np.clip(p + np.clip(step, -1, 1), -14, 14)
        trial = at(moved)
        if trial[0] @ trial[0] <= rest @ rest:
            done = np.abs(moved - p).max() < 1e-6
            p, (rest, slopes), damping = moved, trial, damping / 5
            if done:
                break
        else:
            damping *= 10
            if damping > 1e4:
                break
    return p, rest, slopes


def _stage(value: float, variance: float, unit: str, freedom: float, weight: float) -> Estimate:
    note = "hidden by the other stage" if weight < 0.05 else ""
    return Estimate(float(value), float(value) * math.sqrt(max(float(variance), 0.0)), unit, freedom, note=note)
