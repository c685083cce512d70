"""Statistical assertions with a stated false-alarm rate.

Each compares draws with a law and fails with the probability `false_alarm` when the law holds, and no more often: a test suite of a
thousand of them at 1e-9 fails by chance once in a million runs.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

RARE = 10.0
"""Expected events below which counting them replaces standard errors: three times as many have a probability below 1e-6."""
LEAST_EXPECTED = 10.0
"""Bins are merged until each is expected to hold so many draws, where the chi-square law is a good approximation."""


def merged_bins(observed: np.ndarray, expected: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Merge neighbouring bins until each is expected to hold at least `LEAST_EXPECTED` draws.

    observed, expected   (n,), counts
    returns              the two of them, (m,), m <= n
    """
    group = np.minimum((np.cumsum(expected) / LEAST_EXPECTED).astype(np.int64), math.floor(expected.sum() / LEAST_EXPECTED) - 1)
    label = np.unique(group, return_inverse=True)[1]
    seen, wanted = np.bincount(label, observed), np.bincount(label, expected)
    while len(wanted) > 1 and wanted.min() < LEAST_EXPECTED:
        i = int(wanted.argmin())
        j = i - 1 if i == len(wanted) - 1 or (i > 0 and wanted[i - 1] < wanted[i + 1]) else i + 1
        wanted[j] += wanted[i]
        seen[j] += seen[i]
        wanted, seen = np.delete(wanted, i), np.delete(seen, i)
    return seen, wanted


def chi_square(draws: Tensor, probabilities: np.ndarray) -> tuple[float, int, float]:
    """Pearson's test of whole-numbered draws against a law on 0 .. n - 1.

    draws           any shape, whole numbers in [0, n)
    probabilities   (n,), float64, summing to 1
    returns         statistic, degrees of freedom, probability of so large a statistic under the law
    """
    from scipy.stats import chi2

    observed = torch.bincount(draws.reshape(-1).long(), minlength=len(probabilities)).numpy().astype(np.float64)
    if len(observed) > len(probabilities):
        return math.inf, 1, 0.0
    seen, wanted = merged_bins(observed, probabilities * observed.sum())
    if len(wanted) == 1:
        return 0.0, 0, 1.0
    statistic = float(((seen - wanted) ** 2 / wanted).sum())
    return statistic, len(wanted) - 1, float(chi2.sf(statistic, len(wanted) - 1))


def assert_distribution(draws: Tensor, probabilities: np.ndarray, *, false_alarm: float, tests: int = 1) -> None:
    """Fail unless whole-numbered draws follow a law on 0 .. n - 1.

    draws           any shape
    probabilities   (n,)
    false_alarm     probability of failing somewhere in the whole family when the law holds
    tests           how many tests the family has; the rate is divided among them (Bonferroni)
    """
    if bool((draws != draws.round()).any()):
        raise AssertionError("the draws are not whole numbers")
    statistic, freedom, p = chi_square(draws, probabilities)
    if p < false_alarm / tests:
        raise AssertionError(f"chi-square {statistic:.1f} at {freedom} degrees of freedom: probability {p:.2g} < {false_alarm:g} / {tests}")


def standard_errors(draws: Tensor, mean: Tensor | float, variance: Tensor | float) -> tuple[float, float, float]:
    """How far the mean and the variance of draws lie from the ones predicted, in standard errors.

    draws            any shape; each value has its own mean and variance
    mean, variance   broadcasting with the draws
    returns          error of the mean, error of the variance, relative standard error of the variance
    """
    wanted = torch.as_tensor(mean, dtype=torch.float64)
    spread = torch.as_tensor(variance, dtype=torch.float64).expand(draws.shape)
    deviation = draws.double() - wanted
    n = draws.numel()
    total = float(spread.mean())
    rounding = 1e-6 * max(1.0, float(wanted.abs().max()))  # of float32 draws and predictions
    if n * total < RARE:
        # So few events of one unit are expected that their number, and not a standard error, says what is likely.
        events = float((deviation.abs() > 0.5).sum())
        off = max(0.0, float(deviation.abs().mean()) - rounding) * n
        return (0.0 if max(events, off) < 3 * RARE else math.inf), 0.0, 0.0
    of_mean = float(deviation.mean()) / math.sqrt(total / n)
    excess = deviation**2 - spread
    # Rare events of one unit with the probability `total` have this error, even where too few of them were seen to show it.
    error = max(float(excess.std()) / math.sqrt(n), math.sqrt(total / n) if n * total < 100 * RARE else 0.0)
    return of_mean, float(excess.mean()) / error, error / total


def assert_moments(draws: Tensor, mean: Tensor | float, variance: Tensor | float, *, within: float = 5.0) -> None:
    """Fail unless mean and variance of draws lie within so many standard errors of the predicted ones.

    within   standard errors; 5 is a false-alarm rate of 6e-7 each
    """
    of_mean, of_variance, _ = standard_errors(draws, mean, variance)
    if abs(of_mean) > within or abs(of_variance) > within:
        raise AssertionError(f"off by {of_mean:.1f} (mean) and {of_variance:.1f} (variance) standard errors; {within:g} are allowed")


def total_variation(p: Sequence[float] | np.ndarray, q: Sequence[float] | np.ndarray) -> float:
    """Total variation distance of two laws on the same points: half the sum of absolute differences."""
    return 0.5 * float(np.abs(np.asarray(p) - np.asarray(q)).sum())
