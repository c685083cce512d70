"""assert_distribution: draws against a whole law."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from campipe.core.errors import CampipeError
from campipe.testing import arrays
from campipe.testing.bins import binomial_scores, merged_bins, smallest_shift_and_scale, smallest_step
from campipe.testing.budget import Budget, rate_of
from campipe.testing.chance import chi_square_p, chi_square_reach
from campipe.testing.verdict import Finding, Verdict, judge

LARGEST = 2**22  # a table of a discrete law is not made longer than this


def assert_distribution(draws: Any, law: Any, *, false_alarm: float | Budget, count: int = 16, name: str = "distribution") -> Verdict:
    """Fail unless draws follow a law.

    draws     any shape, independent; array, tensor, Frame, or a function of 0 .. count - 1 that returns some
    law       probabilities of 0, 1, 2, ... (n,); or a frozen law of scipy.stats; or the cumulative distribution function of a
              continuous law, taking and returning an array
    returns   `smallest`: "mean", a shift in the unit of the draws, and "scale", a stretching about the mean as a fraction

    Statistic: chi-square over bins that are expected to hold 10 draws or more (discrete law) or about equally many (continuous law, at
    most 128 bins). Each bin's count is turned into a normal number by its exact binomial law given the bins before it, so that the
    tails hold at rates of 1e-9 too. Assumes independent draws and a law without a free parameter.
    Catches what moments do not see: Gaussian for Poisson, floor for round, clipping, missing codes, float16 in between.
    """
    rate = rate_of(false_alarm, name)
    values = arrays.draws(draws, count)
    if callable(getattr(law, "cdf", None)):
        discrete = callable(getattr(law, "pmf", None)) or hasattr(getattr(law, "dist", None), "pmf")
        if discrete:
            return _discrete(values, _table(law, values), rate, false_alarm, name)
        law = law.cdf
    if callable(law):
        return _continuous(values, law, rate, false_alarm, name)
    return _discrete(values, arrays.array(law, "the probabilities"), rate, false_alarm, name)


def chi_square(draws: Any, probabilities: np.ndarray) -> tuple[float, int, float]:
    """The test of `assert_distribution` for whole numbers alone.

    draws           any shape, whole numbers
    probabilities   (n,), of 0 .. n - 1, summing to 1
    returns         statistic, degrees of freedom, probability of so large a statistic under the law; infinity where a draw lies outside
    """
    values = arrays.draws(draws, 1)
    if values.min() < 0 or values.max() >= len(probabilities):
        return math.inf, 1, 0.0
    observed = np.bincount(values.astype(np.int64), minlength=len(probabilities)).astype(np.float64)
    seen, wanted = merged_bins(observed, probabilities * values.size)
    if len(wanted) == 1:
        return 0.0, 0, 1.0
    statistic = float((binomial_scores(seen, wanted) ** 2).sum())
    return statistic, len(wanted) - 1, chi_square_p(statistic, len(wanted) - 1)


def _table(law: Any, values: np.ndarray) -> np.ndarray:
    """The probabilities of 0, 1, ... of a discrete law of scipy."""
    if law.support()[0] < 0:
        raise CampipeError("a discrete law starts at 0 or above; add an offset to draws and law")
    last = int(max(law.isf(1e-14), values.max())) + 1
    if last > LARGEST:
        raise CampipeError(f"a discrete law reaches at most {LARGEST}, but {last} came; compare with a continuous one")
    table = np.asarray(law.pmf(np.arange(last + 1)), dtype=np.float64)
    return table / table.sum()


def _discrete(values: np.ndarray, probabilities: np.ndarray, rate: float, false_alarm: float | Budget, name: str) -> Verdict:
    if probabilities.ndim != 1 or probabilities.min() < 0 or abs(probabilities.sum() - 1) > 1e-6:
        raise CampipeError(f"probabilities are (n,), not negative, and sum to 1, but the sum is {probabilities.sum():.6g}")
    n = values.size
    mean = float(probabilities @ np.arange(len(probabilities)))
    if (values != np.round(values)).any():
        words = f"whole numbers were expected, but {100 * float((values != np.round(values)).mean()):.3g} % of the draws are none"
        return _impossible(words, "Not rounded?", rate, false_alarm, name)
    if values.min() < 0 or values.max() >= len(probabilities):
        at = values.min() if values.min() < 0 else values.max()
        words = f"draws from 0 to {len(probabilities) - 1} were expected, but {at:g} came"
        return _impossible(words, "Not clipped to the converter's range?", rate, false_alarm, name)
    statistic, freedom, p = chi_square(values, probabilities)
    observed = np.bincount(values.astype(np.int64), minlength=len(probabilities)).astype(np.float64)
    cause = _cause(observed, probabilities * n, mean, float(values.mean()))
    shift, scale = smallest_shift_and_scale(probabilities, n, chi_square_reach(freedom, rate))
    return _judge(statistic, freedom, p, n, {"mean": shift, "scale": scale}, cause, rate, false_alarm, name)


def _continuous(
    values: np.ndarray, cdf: Callable[[np.ndarray], np.ndarray], rate: float, false_alarm: float | Budget, name: str
) -> Verdict:
    n = values.size
    bins = int(min(128, max(2, n // 40)))
    u = np.asarray(cdf(values), dtype=np.float64)
    if u.min() < 0 or u.max() > 1:
        raise CampipeError(f"a cumulative distribution function lies between 0 and 1, but {u.min():.3g} to {u.max():.3g} came")
    seen = np.bincount(np.minimum((u * bins).astype(np.int64), bins - 1), minlength=bins).astype(np.float64)
    wanted = np.full(bins, n / bins)
    statistic = float((binomial_scores(seen, wanted) ** 2).sum())
    # The sample's own quantiles stand in for the law's, of which only the function is known: good enough to state a power.
    edges = np.quantile(values, np.arange(1, bins) / bins)
    centre, size = float(values.mean()), 1e-2 * float(values.std()) or 1.0

    def step(direction: np.ndarray) -> float:
        flux = (np.asarray(cdf(edges + size * direction)) - np.asarray(cdf(edges - size * direction))) / (2 * size)
        return smallest_step(wanted / n, np.diff(np.concatenate([[0.0], flux, [0.0]])), n, chi_square_reach(bins - 1, rate))

    smallest = {"mean": step(np.ones(bins - 1)), "scale": step(edges - centre)}
    return _judge(statistic, bins - 1, chi_square_p(statistic, bins - 1), n, smallest, "", rate, false_alarm, name)


def _judge(
    statistic: float,
    freedom: int,
    p: float,
    n: int,
    smallest: dict[str, float],
    cause: str,
    rate: float,
    false_alarm: float | Budget,
    name: str,
) -> Verdict:
    words = f"the stated law was expected of {n} draws, but chi-square is {statistic:.1f} at {freedom} degrees of freedom"
    power = f"a mean {smallest['mean']:.2g} off or a spread {100 * smallest['scale']:.2g} % off"
    return judge(name, [Finding("chi-square", statistic, p, 1.0, words, cause)], rate, false_alarm, smallest, power)


def _impossible(words: str, cause: str, rate: float, false_alarm: float | Budget, name: str) -> Verdict:
    finding = Finding("chi-square", math.inf, 0.0, 1.0, f"{words} (chi-square infinite)", cause)
    return judge(name, [finding], rate, false_alarm, {}, "any such draw")


def _cause(observed: np.ndarray, expected: np.ndarray, mean: float, came: float) -> str:
    """What the shape of the deviation usually comes from."""
    n = expected.sum()
    first = int(np.flatnonzero(observed)[0])
    if expected[:first].sum() > 30 and observed[first] > expected[first] / 2:
        return f"Nothing lies below {first}, where {expected[:first].sum():.0f} were expected: noise clipped at black, or at no charge?"
    likely = expected > 20
    if likely.sum() > 8 and (observed[likely] == 0).mean() > 0.2:
        return f"{int((observed[likely] == 0).sum())} of {int(likely.sum())} likely codes never came: fewer bits, or float16, upstream?"
    error = math.sqrt(max(float(expected @ (np.arange(len(expected)) - mean) ** 2) / n / n, 1e-30))
    if abs(abs(came - mean) - 0.5) < 5 * error:
        return f"The mean is half a step too {'low: cut off instead of rounded?' if came < mean else 'high.'}"
    if abs(came - mean) > 5 * error:
        return f"The mean is {came:.6g} where the law has {mean:.6g}: gain, efficiency or black level?"
    return "The mean is right: a wrong spread, or another family (Gaussian for Poisson)?"
