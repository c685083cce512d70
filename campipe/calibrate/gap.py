"""The gap between frames of a real camera and simulated ones: noise by noise, in numbers that have an error."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from campipe.calibrate.estimate import Estimate
from campipe.calibrate.planes import named_planes
from campipe.core.errors import CampipeError, ShapeError
from campipe.core.frame import Frame

_EXPECTED = 10  # draws that a bin holds at least, of both histograms together


@dataclass(frozen=True)
class NoiseSummary:
    """The temporal noise of pairs of frames that were taken alike, for one plane.

    plane        its name
    counts       (n,) histogram of the whole-numbered differences of the two frames of each pair, each pair's mean taken off; DN
    lowest       the difference that counts[0] belongs to
    mean         DN, of both frames
    variance     DN^2, temporal: half that of the differences
    row, column  DN^2, half the variance of the differences' row and column means: line noise, and what pixels leave of theirs
    across, down lag-1 autocorrelation of the differences without row and column means
    size         (rows, columns) of the plane; pairs: their number
    """

    plane: str
    counts: np.ndarray
    lowest: int
    mean: float
    variance: float
    row: float
    column: float
    across: float
    down: float
    size: tuple[int, int]
    pairs: int

    @property
    def pixels(self) -> int:
        return self.size[0] * self.size[1] * self.pairs


@dataclass(frozen=True)
class Gap:
    """How far simulated noise is from real noise, for one plane of one exposure. The real value comes first.

    plane         its name
    level         DN, mean of the real frames
    offset        DN, simulated less real mean
    divergence    Kullback-Leibler divergence of the noise, real from simulated, nats; 0 where both have one law. What the finite number
                  of pixels adds is taken off, so that it scatters around 0 then
    variance      simulated over real temporal variance
    row, column   the same of the means of rows and columns
    across, down  simulated less real lag-1 autocorrelation
    """

    plane: str
    level: float
    offset: float
    divergence: Estimate
    variance: Estimate
    row: Estimate
    column: Estimate
    across: Estimate
    down: Estimate


def noise_summary(pairs: Iterable[tuple[Frame, Frame]]) -> list[NoiseSummary]:
    """Summarise pairs of frames that were taken alike, plane by plane; one pair is in memory at a time."""
    gathered: dict[str, list[NoiseSummary]] = {}
    for first, second in pairs:
        if first.data.shape != second.data.shape:
            raise ShapeError(f"the two frames of a pair are of one size, but {_size(first)} and {_size(second)} came")
        for (name, one), (_, two) in zip(named_planes(first.expect("dn")), named_planes(second.expect("dn")), strict=True):
            gathered.setdefault(name, []).append(_summary(name, one[0].double(), two[0].double()))
    if not gathered:
        raise CampipeError("noise is compared on one pair of frames or more, but none came")
    return [_joined(summaries) for summaries in gathered.values()]


def noise_gap(real: list[NoiseSummary], simulated: list[NoiseSummary]) -> list[Gap]:
    """Compare the noise of real and simulated pairs of the same exposure, plane by plane.

    Standard errors: of the divergence from the multinomial law of both histograms; of ratios of variances sqrt(2 (1/n + 1/m)), relative,
    as for normal noise, n and m being the numbers of pixels, rows or columns; of autocorrelations sqrt(1/n + 1/m).
    """
    others = {summary.plane: summary for summary in simulated}
    missing = [summary.plane for summary in real if summary.plane not in others]
    if missing:
        raise CampipeError(f"real and simulated frames have the same planes, but {missing[0]} is in the real ones alone")
    return [_gap(summary, others[summary.plane]) for summary in real]


def divergence(counts: np.ndarray, other: np.ndarray) -> Estimate:
    """Kullback-Leibler divergence of one law from another, nats, from a histogram of draws of each on the same points.

    counts, other   (n,) numbers of draws

    Neighbouring bins are merged until both together hold 10 draws. Finite samples add (bins - 1) (1/n + 1/m) / 2, which is taken off; the
    error is that of the multinomial law to first order, and where both laws are one that of chi-square.
    """
    p, q = _merged(np.asarray(counts, dtype=np.float64), np.asarray(other, dtype=np.float64))
    n, m, bins = p.sum(), q.sum(), len(p)
    if n == 0 or m == 0:
        raise CampipeError("a divergence is taken between two histograms that hold draws, but one is empty")
    # Half a draw more in each bin keeps what was never drawn finite.
    p, q = (p + 0.5) / (n + 0.5 * bins), (q + 0.5) / (m + 0.5 * bins)
    log = np.log(p / q)
    value = float((p * log).sum())
    bias = (bins - 1) / 2 * (1 / n + 1 / m)
    first = (float((p * log**2).sum()) - value**2) / n + (float((p**2 / q).sum()) - 1) / m
    # Scatter alone brings twice the second order into the first.
    second = (bins - 1) / 2 * (1 / n + 1 / m) ** 2
    return Estimate(value - bias, math.sqrt(max(first - 2 * second, 0.0) + second), "nat")


def _summary(name: str, one: Tensor, two: Tensor) -> NoiseSummary:
    rows, columns = one.shape
    d = one - two
    d = d - d.mean()
    whole = d.round().long()
    lowest = int(whole.min())
    counts = torch.bincount((whole - lowest).flatten()).numpy()
    row, column = d.mean(1), d.mean(0)
    rest = d - row[:, None] - column
    power = float(rest.square().mean()) or 1.0
    across = float((rest[:, 1:] * rest[:, :-1]).mean()) / power + 1 / columns
    down = float((rest[1:] * rest[:-1]).mean()) / power + 1 / rows
    n = rows * columns
    shares = ((d, n), (row, rows), (column, columns))
    variance, of_rows, of_columns = (float(part.square().sum()) / (count - 1) / 2 for part, count in shares)
    level = float((one.mean() + two.mean()) / 2)
    return NoiseSummary(name, counts, lowest, level, variance, of_rows, of_columns, across, down, (rows, columns), 1)


def _joined(summaries: list[NoiseSummary]) -> NoiseSummary:
    if len({summary.size for summary in summaries}) > 1:
        raise ShapeError("pairs that are summarised together are of one size; sort them first")
    lowest = min(s.lowest for s in summaries)
    counts = np.zeros(max(s.lowest + len(s.counts) for s in summaries) - lowest, dtype=np.int64)
    for s in summaries:
        counts[s.lowest - lowest : s.lowest - lowest + len(s.counts)] += s.counts
    names = ("mean", "variance", "row", "column", "across", "down")
    means = {name: float(np.mean([getattr(s, name) for s in summaries])) for name in names}
    return NoiseSummary(summaries[0].plane, counts, lowest, **means, size=summaries[0].size, pairs=len(summaries))


def _gap(real: NoiseSummary, other: NoiseSummary) -> Gap:
    lowest = min(real.lowest, other.lowest)
    length = max(s.lowest + len(s.counts) for s in (real, other)) - lowest
    p, q = (np.pad(s.counts, (s.lowest - lowest, length - len(s.counts) - s.lowest + lowest)) for s in (real, other))

    def ratio(name: str, counts: tuple[int, int]) -> Estimate:
        value = getattr(other, name) / max(getattr(real, name), 1e-12)
        return Estimate(value, value * math.sqrt(2 * (1 / counts[0] + 1 / counts[1])))

    lag = math.sqrt(1 / real.pixels + 1 / other.pixels)
    return Gap(
        real.plane,
        real.mean,
        other.mean - real.mean,
        divergence(p, q),
        ratio("variance", (real.pixels, other.pixels)),
        ratio("row", (real.size[0] * real.pairs, other.size[0] * other.pairs)),
        ratio("column", (real.size[1] * real.pairs, other.size[1] * other.pairs)),
        Estimate(other.across - real.across, lag),
        Estimate(other.down - real.down, lag),
    )


def _merged(p: np.ndarray, q: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Bins merged from the left until each holds enough of both together; what is left at the end joins the last one."""
    total = np.cumsum(p + q)
    label = np.minimum((np.concatenate([[0.0], total[:-1]]) // _EXPECTED).astype(np.int64), max(int(total[-1] // _EXPECTED) - 1, 0))
    index = np.unique(label, return_inverse=True)[1]
    return np.bincount(index, p), np.bincount(index, q)


def _size(frame: Frame) -> str:
    return f"{frame.height} x {frame.width}"
