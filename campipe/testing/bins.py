"""Counts in bins: merging, exact normal scores, and how much a shift or a stretching of the law shows in them."""

from __future__ import annotations

import math

import numpy as np

LEAST_EXPECTED = 10.0
"""Bins are merged until each is expected to hold so many draws."""


def merged_bins(observed: np.ndarray, expected: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Merge neighbouring bins until each is expected to hold at least `LEAST_EXPECTED` draws.

    observed, expected   (n,), counts
    returns              the two of them, (m,), m <= n
    """
    label = merged_labels(expected)
    return np.bincount(label, observed), np.bincount(label, expected)


def merged_labels(expected: np.ndarray, least: float = LEAST_EXPECTED) -> np.ndarray:
    """The number of the merged bin that each bin goes to, (n,), never decreasing."""
    whole = max(math.floor(expected.sum() / least), 1)
    group = np.minimum((np.cumsum(expected) / least).astype(np.int64), whole - 1)
    label = np.unique(group, return_inverse=True)[1]
    wanted = np.bincount(label, expected)
    while len(wanted) > 1 and wanted.min() < least:
        i = int(wanted.argmin())
        j = i - 1 if i == len(wanted) - 1 or (i > 0 and wanted[i - 1] < wanted[i + 1]) else i + 1
        label = np.where(label > min(i, j), label - 1, label)
        wanted = np.bincount(label, expected)
    return label


def binomial_scores(observed: np.ndarray, expected: np.ndarray) -> np.ndarray:
    """Multinomial counts as independent standard normal numbers, (n - 1,).

    observed, expected   (n,), counts with the same sum

    Given the bins before it, a bin's count is binomial. Its probability, half of the count's own included, is taken to the normal
    quantile. So the sum of squares is chi-square with n - 1 degrees of freedom, as Pearson's statistic, but far into the tails as well.
    """
    from scipy.special import bdtr, bdtrc

    rest = np.cumsum(observed[::-1])[::-1][:-1].astype(np.int64)
    share = np.minimum(expected[:-1] / np.cumsum(expected[::-1])[::-1][:-1], 1.0)
    k = observed[:-1]
    with np.errstate(all="ignore"):
        below = np.where(k > 0, bdtr(np.maximum(k - 1, 0), rest, share), 0.0)
        above = np.where(k < rest, bdtrc(k, rest, share), 0.0)
    return _scores(below, above)


def hypergeometric_scores(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Counts of two samples in common bins as standard normal numbers, (n - 1,), if both have one law.

    first, second   (n,), counts

    Given the totals of the bins, the first sample's count in a bin is hypergeometric given the bins before it. As `binomial_scores`.
    """
    from scipy.stats import hypergeom

    both = first + second
    left = np.cumsum(both[::-1])[::-1][:-1]  # of both samples, from this bin on
    ours = np.cumsum(first[::-1])[::-1][:-1]
    k, here = first[:-1], both[:-1]
    return _scores(hypergeom.cdf(k - 1, left, here, ours), hypergeom.sf(k, left, here, ours))


def _scores(below: np.ndarray, above: np.ndarray) -> np.ndarray:
    from scipy.special import ndtri

    own = np.clip(1 - below - above, 0.0, 1.0)
    # From the smaller side, whose probability is exact.
    return np.where(below < above, ndtri(below + own / 2), -ndtri(above + own / 2))


def smallest_step(filled: np.ndarray, change: np.ndarray, n: float, need: float) -> float:
    """How large a step along a change of the law has to be for the noncentrality that is needed, in the harder direction.

    filled   (m,), probabilities of the bins
    change   (m,), their change per unit of the step
    n        draws

    The scores of counts follow their roots, so that the noncentrality is 4 n sum (sqrt(q) - sqrt(p))^2 (Freeman and Tukey).
    """
    root = np.sqrt(filled)
    flat = float((change**2 / np.maximum(filled, 1e-300)).sum()) * n
    if not flat > 0 or math.isinf(need):
        return math.inf
    steps = []
    for sign in (1.0, -1.0):
        step = math.sqrt(need / flat)
        for _ in range(6):
            there = 4 * n * float(((np.sqrt(np.maximum(filled + sign * step * change, 0.0)) - root) ** 2).sum())
            step *= math.sqrt(need / there)
        steps.append(step)
    return max(steps)


def smallest_shift_and_scale(probabilities: np.ndarray, n: float, need: float) -> tuple[float, float]:
    """The smallest shift, and the smallest stretching about the mean, of a law of whole numbers with the noncentrality that is needed.

    probabilities   (m,), of 0 .. m - 1
    n               draws
    """
    k = np.arange(len(probabilities))
    label = merged_labels(probabilities * n)
    filled = np.bincount(label, probabilities)
    # What flows over the edge above each number, per unit of a shift upwards, and downwards.
    up, down = probabilities, np.append(probabilities[1:], 0.0)
    stretch = (up + down) / 2 * (k + 0.5 - float(probabilities @ k))

    def step(flux: np.ndarray) -> float:
        change = np.bincount(label, np.append(0.0, flux[:-1]) - np.append(flux[:-1], 0.0))
        return smallest_step(filled, change, n, need)

    return max(step(up), step(down)), step(stretch)
