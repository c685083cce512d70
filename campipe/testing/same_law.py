"""assert_same_law: two samples, one law that need not be known."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from campipe.core.errors import CampipeError
from campipe.testing import arrays
from campipe.testing.bins import LEAST_EXPECTED, hypergeometric_scores, merged_labels, smallest_step
from campipe.testing.budget import Budget, rate_of
from campipe.testing.chance import chi_square_p, chi_square_reach
from campipe.testing.verdict import Finding, Verdict, judge

_CODES = 4096  # whole numbers over at most such a range have a bin each before merging
_BINS = 64  # of other numbers, equally filled


def assert_same_law(first: Any, second: Any, *, false_alarm: float | Budget, count: int = 16, name: str = "same law") -> Verdict:
    """Fail unless two samples come from one law.

    first, second   any shapes, independent draws; arrays, tensors, Frames, or functions of 0 .. count - 1 that return some
    returns         `smallest`: "mean", a shift of one of them in the unit of the draws, and "scale", a stretching as a fraction

    Statistic: chi-square of the two histograms, in bins of one number each (whole numbers) or equally filled by both together (at most
    64), merged until the smaller sample is expected to hold 10 draws in each. Counts become normal numbers by their exact
    hypergeometric law, so that the tails hold at small rates. Assumes independent draws in both samples.
    Catches a port of a simulator that differs from its original, a fast path from the slow one, one device from another.
    """
    rate = rate_of(false_alarm, name)
    a, b = arrays.draws(first, count, "the first draws"), arrays.draws(second, count, "the second draws")
    if min(a.size, b.size) < 2 * LEAST_EXPECTED:
        raise CampipeError(f"{2 * LEAST_EXPECTED:.0f} draws or more of each are needed, but {a.size} and {b.size} came")
    both = np.concatenate([a, b])
    edges = _edges(both, min(a.size, b.size))
    seen = [np.bincount(np.searchsorted(edges, x, "right"), minlength=len(edges) + 1).astype(np.float64) for x in (a, b)]
    label = merged_labels((seen[0] + seen[1]) * min(a.size, b.size) / both.size)
    ours, theirs = np.bincount(label, seen[0]), np.bincount(label, seen[1])
    freedom = len(ours) - 1
    statistic = float((hypergeometric_scores(ours, theirs) ** 2).sum()) if freedom else 0.0
    smallest = _smallest(both, edges, label, a.size * b.size / both.size, chi_square_reach(freedom, rate))
    words = (
        f"one law was expected, but chi-square is {statistic:.1f} at {freedom} degrees of freedom "
        f"(means {a.mean():.6g} and {b.mean():.6g}, standard deviations {a.std():.6g} and {b.std():.6g})"
    )
    power = f"a mean {smallest['mean']:.2g} off or a spread {100 * smallest['scale']:.2g} % off"
    return judge(name, [Finding("chi-square", statistic, chi_square_p(statistic, freedom), 1.0, words)], rate, false_alarm, smallest, power)


def _edges(both: np.ndarray, least: int) -> np.ndarray:
    """Edges between bins, increasing; they hang on the two samples together and not on which is which."""
    low, high = float(both.min()), float(both.max())
    if high - low <= _CODES and not (both != np.round(both)).any():
        return np.arange(low, high) + 0.5
    return np.unique(np.quantile(both, np.arange(1, bins := max(2, min(_BINS, least // 40))) / bins))


def _smallest(both: np.ndarray, edges: np.ndarray, label: np.ndarray, n: float, need: float) -> dict[str, float]:
    """The shift and the stretching with the noncentrality that is needed, from the density of both together at the edges."""
    kept = edges[np.flatnonzero(np.diff(label))]
    if not kept.size:
        return {"mean": math.inf, "scale": math.inf}
    ordered = np.sort(both)

    def below(x: np.ndarray) -> np.ndarray:
        return np.searchsorted(ordered, x, "right") / both.size

    filled = np.diff(np.concatenate([[0.0], below(kept), [1.0]]))
    whole = edges.size > 1 and float(np.ptp(edges)) == edges.size - 1
    size = 1.0 if whole else 0.1 * float(both.std())
    # What flows over each edge, per unit of a shift: upwards and downwards where the numbers are whole.
    up, down = (below(kept) - below(kept - size)) / size, (below(kept + size) - below(kept)) / size

    def step(flux: np.ndarray) -> float:
        return smallest_step(filled, np.diff(np.concatenate([[0.0], flux, [0.0]])), n, need)

    shift = max(step(up), step(down)) if whole else step((up + down) / 2)
    return {"mean": shift, "scale": step((up + down) / 2 * (kept - float(both.mean())))}
