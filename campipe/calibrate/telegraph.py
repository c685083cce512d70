"""Random telegraph pixels: those that jump between two or three levels from frame to frame."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

import torch
from torch import Tensor

from campipe.calibrate.dark import DarkStatistics
from campipe.core.errors import CampipeError
from campipe.core.frame import Frame

_LEAST = 20  # frames
_MOST = 3  # levels
_ROUNDS = 40


@dataclass(frozen=True)
class TelegraphPixels:
    """Pixels that jump, strongest first.

    places        (N, 2) int64, (y, x)
    levels        (N, 3) float64, DN, lowest first; nan behind the last
    occupancy     (N, 3) float64, share of frames at each level
    amplitude     (N,) float64, DN, from the lowest to the highest level; error: (N,), its standard error
    noisy         (M, 2) int64: pixels that are noisier than the others, without levels that can be told apart
    pixels        how many were looked at
    false_alarm   probability that a sensor of normal noise, without such pixels, shows any in `places` or `noisy`
    """

    places: Tensor
    levels: Tensor
    occupancy: Tensor
    amplitude: Tensor
    error: Tensor
    noisy: Tensor
    pixels: int
    false_alarm: float


def telegraph_pixels(frames: Iterable[Frame], statistics: DarkStatistics, *, false_alarm: float = 1e-2) -> TelegraphPixels:
    """Find pixels that jump.

    frames       the dark frames that the statistics were made of, a second time, in the same order; 20 or more
    statistics   of `dark_statistics`

    A pixel is looked at where its variance over frames is higher than that of any of all pixels with the probability `false_alarm`, by
    the law of chi-squared. Its degrees of freedom are those that the quartiles of the pixels' variances show, so that heavy tails and
    noise that differs from pixel to pixel raise the threshold; not by enough for tails as heavy as those of Tukey-lambda -0.1, where
    some pixels are noisy by chance. Series of those pixels are then told by the Bayesian information criterion (Schwarz, Annals of
    Statistics 6, 1978), with the odds against one pixel of so many, to have one, two or three levels with the noise of the others around
    them, fitted by expectation maximisation; each level holds three frames at least. A source follower's trap has three, dark current two.
    """
    if statistics.frames < _LEAST:
        raise CampipeError(f"jumps from frame to frame need {_LEAST} dark frames or more, but {statistics.frames} came")
    candidates, sigma = _candidates(statistics, false_alarm)
    series = _series(frames, candidates, statistics)
    count = torch.ones(len(candidates), dtype=torch.int64)
    levels = torch.full((len(candidates), _MOST), math.nan, dtype=torch.float64)
    occupancy = levels.clone()
    best = torch.full((len(candidates),), math.inf, dtype=torch.float64)
    # The candidates are the noisiest of all pixels, so that the criterion has to be better by the odds against one of them.
    odds = 2 * math.log(statistics.mean.numel() / false_alarm)
    for k in range(1, _MOST + 1):
        means, shares, fit = _mixture(series, k, sigma)
        score = (2 * k - 1) * math.log(statistics.frames) - 2 * fit + (odds if k > 1 else 0.0)
        good = (score < best) & ((shares * statistics.frames >= 3).all(1) if k > 1 else True)
        best = torch.where(good, score, best)
        count = torch.where(good, k, count)
        levels[good], occupancy[good] = math.nan, math.nan
        levels[good, :k], occupancy[good, :k] = means[good], shares[good]
    jumping = count > 1
    last = (count - 1)[:, None]
    ends = (levels[:, 0], levels.gather(1, last)[:, 0], occupancy[:, 0], occupancy.gather(1, last)[:, 0])
    amplitude = ends[1] - ends[0]
    error = sigma * (1 / (ends[2] * statistics.frames) + 1 / (ends[3] * statistics.frames)).sqrt()
    order = torch.where(jumping, amplitude, -1).argsort(descending=True)[: int(jumping.sum())]
    return TelegraphPixels(
        candidates[order],
        levels[order],
        occupancy[order],
        amplitude[order],
        error[order],
        candidates[~jumping],
        statistics.mean.numel(),
        false_alarm,
    )


def _candidates(statistics: DarkStatistics, false_alarm: float) -> tuple[Tensor, Tensor]:
    """(N, 2) places with too much variance, and (N,) the noise of the other pixels of their planes, DN."""
    from scipy.stats import chi2

    th, tw = statistics.tile
    typical, limit = torch.empty_like(statistics.variance), torch.empty_like(statistics.variance)
    for p, plane in enumerate(statistics.planes):
        i, j = divmod(p, tw)
        ordered = plane.variance.flatten().sort().values
        low, middle, high = (float(ordered[int(q * len(ordered))]) for q in (0.25, 0.5, 0.75))
        if low <= 0:
            raise CampipeError(f"plane {plane.name} does not change from frame to frame; are these frames copies of one another?")
        freedom = _freedom(high / low, statistics.frames - 1.0)
        mean = middle * freedom / float(chi2.median(freedom))
        typical[i::th, j::tw] = math.sqrt(mean)
        limit[i::th, j::tw] = mean * float(chi2.isf(false_alarm / statistics.mean.numel(), freedom)) / freedom
    places = (statistics.variance > limit).nonzero()
    return places, typical[places[:, 0], places[:, 1]]


def _freedom(ratio: float, most: float) -> float:
    """Degrees of freedom at which the quartiles of chi-squared have this ratio."""
    from scipy.optimize import brentq
    from scipy.special import gammaincinv

    def excess(freedom: float) -> float:
        return float(gammaincinv(freedom / 2, 0.75) / gammaincinv(freedom / 2, 0.25)) - ratio

    return most if excess(most) > 0 else (1.0 if excess(1.0) < 0 else float(brentq(excess, 1.0, most)))


def _series(frames: Iterable[Frame], places: Tensor, statistics: DarkStatistics) -> Tensor:
    """(N, L) float64, DN: the candidates in every frame, without what their rows have in common."""
    rows = statistics.whole_frame.rows
    rows = rows - rows.mean(0)
    out = []
    for frame in frames:
        out += list(frame.expect("dn").data[:, 0, places[:, 0], places[:, 1]].double())
    if len(out) != statistics.frames:
        raise CampipeError(f"the statistics are of {statistics.frames} frames, but {len(out)} came the second time; give the same ones")
    series = torch.stack(out, 1)
    width = statistics.mean.shape[1]
    # A pixel is a part of its own row's mean.
    even = (series - series.mean(1, keepdim=True) - rows[:, places[:, 0]].T) * (width / (width - 1))
    return even + series.mean(1, keepdim=True)


def _mixture(series: Tensor, k: int, sigma: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Means and shares, (N, k) each, and log likelihood (N,) of k normal laws of one deviation in each series."""
    ordered = series.sort(1).values
    length = series.shape[1]
    # From the ends inward: a rare level is at one of them.
    starts = [[0.5], [0.05, 0.95], [0.05, 0.5, 0.95]][k - 1]
    means = torch.stack([ordered[:, min(length - 1, int(s * length))] for s in starts], 1)
    shares = torch.full_like(means, 1 / k)
    scale = sigma[:, None, None]
    for _ in range(_ROUNDS if k > 1 else 2):
        weight = shares[:, None].log() - ((series[:, :, None] - means[:, None]) / scale).square() / 2
        part = (weight - weight.logsumexp(2, keepdim=True)).exp()
        total = part.sum(1).clamp_min(1e-12)
        means, shares = (part * series[:, :, None]).sum(1) / total, total / length
    weight = shares[:, None].log() - ((series[:, :, None] - means[:, None]) / scale).square() / 2
    order = means.argsort(1)
    return means.gather(1, order), shares.gather(1, order), weight.logsumexp(2).sum(1)
