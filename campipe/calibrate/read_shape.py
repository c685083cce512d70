"""The shape of read noise: Tukey-lambda, by likelihood of whole numbers, and by the probability plot."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import torch
from torch import Tensor

from campipe.calibrate.dark import DarkPlane, DarkStatistics, residuals, temporal_components
from campipe.calibrate.estimate import Estimate
from campipe.calibrate.rounding import QUANTISED, ROUNDING
from campipe.core.errors import CampipeError
from campipe.ops.draws import tukey_lambda_std

_BLOCKS = 60  # of pixels, whose scores tell the error
_REACH = 40.0  # standard deviations beyond which a value is an outlier
_LOWEST, _HIGHEST = -0.45, 0.9
_LOGIT = np.linspace(-40.0, 40.0, 4001)  # where quantiles are tabled, ln(u / (1 - u))


@dataclass(frozen=True)
class ReadShape:
    """Tukey-lambda law of the read noise of one plane.

    plane         its name
    shape         lambda: 0.14 is near normal, lower is heavier in the tails, 0 the logistic law
    std           DN, standard deviation of the law
    scale         DN, factor on (u^lambda - (1 - u)^lambda) / lambda: what the literature calls the scale
    correlation   of the probability plot at this shape, 1 where the law holds (Filliben)
    outliers      share of values beyond 40 standard deviations, left out
    """

    plane: str
    shape: Estimate
    std: Estimate
    scale: Estimate
    correlation: float
    outliers: float


def read_shape(statistics: DarkStatistics, *, normal: float = 0.0) -> tuple[ReadShape, ...]:
    """Shape and scale of the read noise of each plane, from the frames that the statistics have kept.

    normal   DN, standard deviation of a part that is known to be normal, such as noise behind the gain (`read_stages`): it is taken out,
             and the law is that of the rest. 0: the law is that of all the noise of a pixel

    A value less the mean of the other L - 1 frames and less what its row has in common is Tukey-lambda noise, evened out over one DN by
    rounding, with a nearly normal error of variance sigma^2 / (L - 1) and a little for the row. Its likelihood under that law is maximised
    in shape and scale by scoring, which keeps both right where noise is as small as the step between two numbers; a probability plot of
    whole numbers does not. The standard error is the sandwich of White (Econometrica 50, 1982) over 60 blocks of pixels, since frames share
    each pixel's mean. Of tails as heavy as lambda = -0.24, 8 frames tell a shape that is 0.009 too low: their mean is not quite normal.
    Raises a CampipeError below a variance of 0.24 DN^2, where the converter is all that is seen, and for fewer than 4 frames.
    """
    if len(statistics.window) < 4:
        raise CampipeError(f"the shape of read noise needs four frames or more, but {len(statistics.window)} were kept")
    return tuple(_plane(plane, statistics.whole, normal) for plane in statistics.planes)


def probability_plot(values: Tensor) -> tuple[float, float]:
    """The shape whose quantiles lie straightest against sorted values, and the correlation there.

    values   any shape; sorted here, so some 10^5 at most are sensible

    Source: Filliben, "The probability plot correlation coefficient test for normality", Technometrics 17, 1975, for the plot and its
    order statistic medians; the shape by its maximum. Values should be much larger than the step that they were rounded to.
    """
    from scipy.optimize import minimize_scalar

    x = np.sort(values.detach().double().flatten().numpy())
    if len(x) < 10 or x[0] == x[-1]:
        raise CampipeError(f"a probability plot needs ten values that differ, but {len(x)} from {x[:1]} to {x[-1:]} came")
    u = filliben_medians(len(x))
    best = minimize_scalar(lambda shape: -_straightness(x, u, shape), bounds=(_LOWEST, _HIGHEST), method="bounded", options={"xatol": 1e-5})
    return float(best.x), -float(best.fun)


def filliben_medians(n: int) -> np.ndarray:
    """Medians of the order statistics of n uniform numbers, as Filliben approximates them."""
    u = (np.arange(1, n + 1) - 0.3175) / (n + 0.365)
    u[-1] = 0.5 ** (1 / n)
    u[0] = 1 - u[-1]
    return u


def tukey_quantile(u: np.ndarray, shape: float) -> np.ndarray:
    """(u^l - (1 - u)^l) / l, and ln(u / (1 - u)) at l = 0; float64, without cancellation between."""
    a, b = np.log(u), np.log1p(-u)
    return a - b if abs(shape) < 1e-12 else (np.expm1(shape * a) - np.expm1(shape * b)) / shape


@lru_cache(8)
def _quantiles(shape: float) -> tuple[np.ndarray, float]:
    """Quantiles at the table's rows, and their law's standard deviation."""
    a, b = -np.logaddexp(0.0, -_LOGIT), -np.logaddexp(0.0, _LOGIT)
    return a - b if abs(shape) < 1e-12 else (np.expm1(shape * a) - np.expm1(shape * b)) / shape, tukey_std(shape)


def tukey_std(shape: float) -> float:
    """Standard deviation of that quantile of a uniform number."""
    return float(tukey_lambda_std(torch.tensor(shape, dtype=torch.float64)))


def _straightness(x: np.ndarray, u: np.ndarray, shape: float) -> float:
    return float(np.corrcoef(x, tukey_quantile(u, shape))[0, 1])


class _Likelihood:
    """Log density of residuals in bins, for any shape and deviation, and its slopes."""

    def __init__(self, centres: np.ndarray, width: float, known: float, share: float) -> None:
        # width: DN over which a value is evened out; known: DN^2, normal part; share: of the variance, the error of the mean
        self.width, self.known, self.share = width, known, share
        self.centres, self.place = np.unique(-np.abs(centres), return_inverse=True)  # the law is even, and below 0 there is no 1 - tiny
        nodes, weights = np.polynomial.hermite_e.hermegauss(9)
        self.nodes, self.weights = nodes, weights / weights.sum()

    def __call__(self, shape: float, log_std: float) -> np.ndarray:
        std = math.exp(log_std)
        unit, deviation = _quantiles(shape)
        q = unit * (std / deviation)
        # Where the support ends, quantiles come to lie on one another.
        keep = np.concatenate([[True], np.diff(q) > 1e-9 * std])
        q, logit = q[keep], _LOGIT[keep]
        normal = math.sqrt(self.known + self.share * (std**2 + self.known + self.width**2 / 12))
        at = self.centres[:, None] + normal * self.nodes
        ends = np.stack([at - self.width / 2, at + self.width / 2])
        # ln(u / (1 - u)) is nearly straight between the table's rows, where u is not.
        u = 1 / (1 + np.exp(-np.interp(ends, q, logit)))
        low, high = np.where(ends <= q[0], 0.0, np.where(ends >= q[-1], 1.0, u))
        density = (high - low) @ self.weights / self.width
        return np.log(np.maximum(density, 1e-14 / std))[self.place]

    def slopes(self, p: np.ndarray) -> np.ndarray:
        """(2, bins): derivatives in shape and log deviation."""
        h = (1e-3, 1e-3)
        return np.array([(self(*(p + e)) - self(*(p - e))) / (2 * e.sum()) for e in np.diag(h)])


def _plane(plane: DarkPlane, whole: bool, normal: float) -> ReadShape:
    variance = temporal_components(plane).pixel.variance
    if whole and variance < QUANTISED:
        raise CampipeError(
            f"the shape of read noise needs a dark variance of {QUANTISED} DN^2 or more, but plane {plane.name} has {variance:.2g} DN^2; "
            "take frames at a higher gain"
        )
    left = variance - (ROUNDING if whole else 0.0) - normal**2
    if left <= 0:
        raise CampipeError(f"a normal part of {normal:g} DN leaves nothing of the noise of plane {plane.name}, {variance:.3g} DN^2")
    counts, centres, outliers, width = _histograms(plane, math.sqrt(variance), whole)
    frames, columns = len(plane.window), plane.mean.shape[1]
    share = frames / (frames - 1) * columns / (columns - 1) - 1
    likelihood = _Likelihood(centres, width, normal**2, share)
    total = counts.sum(0)

    # From the side of heavy tails: a law of shape above 0 ends, and values beyond its end tell it little of where to go.
    best, last, pace = np.array([-0.1, math.log(math.sqrt(left))]), np.zeros(2), 1.0
    for _ in range(40):
        slopes = likelihood.slopes(best)
        step = np.linalg.solve((slopes * total) @ slopes.T, slopes @ total)
        # Where the law is not quite that of the values, scoring can step to and fro about the best.
        pace, last = pace / 2 if step @ last < -0.5 * last @ last else pace, step
        best = best + step * min(pace, 0.15 / max(np.abs(step)))
        best[0] = min(max(best[0], _LOWEST), _HIGHEST)
        if np.abs(step).max() < 1e-5:
            break
    return _reported(plane.name, best, _covariance(counts, likelihood.slopes(best)), total, centres, outliers)


def _histograms(plane: DarkPlane, sigma: float, whole: bool) -> tuple[np.ndarray, np.ndarray, float, float]:
    """Counts of residuals by block of pixels (blocks, bins), centres of the bins, the share left out, and the width of rounding, DN."""
    frames = len(plane.window)
    columns = plane.mean.shape[1]
    # From the mean of all to that of the others: the value's own share of it would be no error of a normal law.
    d = (residuals(plane) * (frames / (frames - 1) * columns / (columns - 1))).flatten(1)
    step = sigma / 20
    half = math.ceil(_REACH * sigma / step)
    index = (d / step).round().long()
    inside = index.abs() <= half
    blocks = min(_BLOCKS, d.shape[1])
    block = (torch.arange(d.shape[1]) * blocks // d.shape[1]).expand_as(index)
    bins = 2 * half + 1
    flat = block[inside] * bins + index[inside] + half
    counts = torch.bincount(flat, minlength=blocks * bins).reshape(blocks, bins).double().numpy()
    used = counts.sum(0) > 0
    centres = (np.arange(bins) - half) * step
    return counts[:, used], centres[used], 1 - float(inside.double().mean()), 1.0 if whole else step


def _covariance(counts: np.ndarray, slopes: np.ndarray) -> np.ndarray:
    """Of shape and log deviation: the blocks' scores between two of the inverse of what independent values would tell."""
    scores = counts @ slopes.T
    scores = scores - scores.mean(0)
    inverse = np.linalg.inv((slopes * counts.sum(0)) @ slopes.T)
    return inverse @ (scores.T @ scores * len(scores) / (len(scores) - 1)) @ inverse


def _reported(name: str, best: np.ndarray, cov: np.ndarray, total: np.ndarray, centres: np.ndarray, outliers: float) -> ReadShape:
    shape, std = float(best[0]), math.exp(best[1])
    # ln(scale) = ln(std) - ln(tukey_std(shape))
    slope = (math.log(tukey_std(shape + 1e-4)) - math.log(tukey_std(shape - 1e-4))) / 2e-4
    way = np.array([-slope, 1.0])
    scale = std / tukey_std(shape)
    errors = [math.sqrt(max(0.0, v)) for v in (cov[0, 0], cov[1, 1], way @ cov @ way)]
    freedom = _BLOCKS - 1.0
    note = "at the end of the range that is looked at" if shape < _LOWEST + 1e-3 or shape > _HIGHEST - 1e-3 else ""
    return ReadShape(
        name,
        Estimate(shape, errors[0], "1", freedom, note=note),
        Estimate(std, std * errors[1], "DN", freedom),
        Estimate(scale, scale * errors[2], "DN", freedom),
        _plot(total, centres, shape),
        outliers,
    )


def _plot(total: np.ndarray, centres: np.ndarray, shape: float) -> float:
    """Correlation of a histogram with the quantiles at the middle of each of its bins."""
    u = (np.cumsum(total) - total / 2) / total.sum()
    q = tukey_quantile(u, shape)
    mean = (total @ centres / total.sum(), total @ q / total.sum())
    x, y = centres - mean[0], q - mean[1]
    return float(total @ (x * y) / math.sqrt((total @ x**2) * (total @ y**2)))
