"""The black level: per plane, and whether it stands still."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from campipe.calibrate.dark import DarkPlane, DarkStatistics, temporal_components
from campipe.calibrate.estimate import Estimate


@dataclass(frozen=True)
class BlackLevel:
    """The black level of one plane.

    plane     its name
    level     DN, mean over pixels and frames
    drift     DN per frame, slope of the frames' means against their number
    chance    probability that a level which stands still shows such a drift
    jump      DN, largest step from one frame to the next
    nominal   DN, what the file says, or None
    """

    plane: str
    level: Estimate
    drift: Estimate
    chance: float
    jump: float
    nominal: float | None

    def drifts(self, false_alarm: float = 1e-3) -> bool:
        """True where the drift would happen by chance less often than that."""
        return self.chance < false_alarm


def black_level(statistics: DarkStatistics) -> tuple[BlackLevel, ...]:
    """Black level of each plane, and its drift over the frames.

    The level's standard error is what another stack of the same sensor would change: by analysis of variance the mean of L frames has the
    variance of frames' means over L. It does not hold the fixed pattern, which the next stack shares. The drift is a line by least squares
    through the frames' means, with Student's test of L - 2 degrees of freedom; three frames or more, else nan. The error of one frame's
    mean is known from its pixels and lines as well, and the larger of the two is taken for the level where frames wander.
    """
    table = statistics.capture.black_level
    nominal = None if table is None else table[0]
    out = []
    for p, plane in enumerate(statistics.planes):
        said = None if nominal is None else float(nominal.flatten()[p if nominal.numel() > 1 else 0])
        out.append(_plane(plane, said))
    return tuple(out)


def black_table(levels: tuple[BlackLevel, ...], pattern: str | None) -> Tensor:
    """(h, w) levels by position of the pattern, DN: `black_level` of a profile or a capture."""
    side = math.isqrt(len(levels)) if pattern is not None else 1
    return torch.tensor([b.level.value for b in levels], dtype=torch.float64).reshape(-1, side)


def _plane(plane: DarkPlane, nominal: float | None) -> BlackLevel:
    means = plane.rows.mean(1)
    count = len(means)
    h, w = plane.mean.shape
    parts = temporal_components(plane)
    # Of one frame's mean: pixels, rows and columns are known to many degrees of freedom, the frames' own wander to few.
    inner = max(0.0, parts.pixel.variance) / (h * w) + max(0.0, parts.row.variance) / h + max(0.0, parts.column.variance) / w
    seen = float(means.var())
    freedom = math.inf
    if seen > inner * _wander(count):
        inner, freedom = seen, count - 1.0
    level = Estimate(float(plane.mean.mean()), math.sqrt(inner / count), "DN", freedom)
    drift, chance = trend(means)
    jump = float(means.diff().abs().max())
    return BlackLevel(plane.name, level, drift, chance, jump, nominal)


def _wander(count: int) -> float:
    """How many times too large a variance of so many means is by chance once in a thousand."""
    from scipy.stats import chi2

    return float(chi2.isf(1e-3, count - 1)) / (count - 1)


def trend(values: Tensor) -> tuple[Estimate, float]:
    """Slope of values against their number, and the two-sided probability of Student's test that there is none."""
    n = len(values)
    if n < 3:
        return Estimate(math.nan, math.nan, "DN/frame", note="a drift needs three frames or more"), 1.0
    x = torch.arange(n, dtype=torch.float64) - (n - 1) / 2
    y = values.double() - values.double().mean()
    slope = float((x * y).sum() / x.square().sum())
    rest = float((y - slope * x).square().sum())
    error = math.sqrt(rest / (n - 2) / float(x.square().sum()))
    if error == 0:
        return Estimate(slope, 0.0, "DN/frame", n - 2), 1.0 if slope == 0 else 0.0
    from scipy.stats import t

    return Estimate(slope, error, "DN/frame", n - 2), 2 * float(t.sf(abs(slope) / error, n - 2))
