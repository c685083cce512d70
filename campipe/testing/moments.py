"""assert_moments: mean and variance of independent draws."""

from __future__ import annotations

from typing import Any

import numpy as np

from campipe.core.errors import CampipeError
from campipe.testing.arrays import array
from campipe.testing.budget import Budget, rate_of
from campipe.testing.chance import mean_test, normal_reach
from campipe.testing.verdict import Finding, Verdict, judge

LEAST_SHARE = 40.0
"""The spread has to rest on as many draws as this, or a standard error of them says little."""


def assert_moments(
    draws: Any, mean: Any = None, variance: Any = None, *, false_alarm: float | Budget, count: int = 16, name: str = "moments"
) -> Verdict:
    """Fail unless draws have the stated means and variances.

    draws      any shape, independent; array, tensor, Frame, or a function of 0 .. count - 1 that returns arrays of one shape
    mean       broadcasting with the draws: each may have its own; None: not looked at (the variance then lies about the sample's mean)
    variance   likewise; None: not looked at
    returns    `smallest`: "mean" in the unit of the draws, "variance": an excess as a fraction of the mean variance

    Statistic: the studentised means of (draw - mean) and of (draw - mean)^2 - variance, corrected for skewness (Hall 1992), normal for
    many draws; each has half of the rate. Assumes independent draws: of pixels that share row noise or are correlated the error is larger.
    Catches a wrong level, gain or efficiency, truncation, clipping, doubled quantisation. Raises CampipeError where the draws' spread
    rests on fewer than 40 of them (rare events): draw more, or compare with the whole law by `assert_distribution`.
    """
    rate = rate_of(false_alarm, name)
    if mean is None and variance is None:
        raise CampipeError("a mean, a variance or both are needed to compare the draws with")
    values = np.stack([array(draws(i)) for i in range(count)]) if callable(draws) and not hasattr(draws, "shape") else array(draws)
    deviation = (values - (values.mean() if mean is None else array(mean, "the means"))).ravel()
    if mean is None:
        deviation = deviation * np.sqrt(values.size / max(values.size - 1, 1))  # the sample's mean took one degree of freedom
    _rests_on_many(deviation, variance)
    weight = 0.5 if mean is not None and variance is not None else 1.0
    reach = normal_reach(rate * weight, deviation.size - 1)
    findings, smallest, power = [], {}, []
    if mean is not None:
        z, p, error = mean_test(deviation)
        came, wanted = float(values.mean()), float(values.mean() - deviation.mean())
        sentence = f"a mean of {wanted:.6g} was expected, but {came:.6g} came, {z:.1f} standard errors off"
        findings.append(Finding("mean", z, p, weight, sentence, _mean_cause(came - wanted, error, wanted)))
        smallest["mean"] = reach * error
        power.append(f"a mean {reach * error:.2g} off")
    if variance is not None:
        spread = np.broadcast_to(array(variance, "the variances"), values.shape).ravel()
        z, p, error = mean_test(deviation**2 - spread)
        wanted = float(spread.mean())
        came = float((deviation**2).mean())
        sentence = f"a variance of {wanted:.6g} was expected, but {came:.6g} came, {z:.1f} standard errors off"
        findings.append(Finding("variance", z, p, weight, sentence, variance_cause(came - wanted, error, wanted)))
        # Its standard error grows with the variance that is there.
        relative = reach * error / wanted if wanted > 0 else np.inf
        smallest["variance"] = relative / (1 - relative) if relative < 1 else np.inf
        power.append(f"a variance {100 * smallest['variance']:.2g} % off")
    return judge(name, findings, rate, false_alarm, smallest, " or ".join(power))


def _rests_on_many(deviation: np.ndarray, variance: Any) -> None:
    """Refuse samples so small, or events so rare, that a standard error means nothing."""
    n = deviation.size
    square = deviation**2
    total = float(square.sum())
    if total == 0 or float(np.ptp(deviation)) == 0:
        # A constant is judged as it is; whether so few events were likely cannot be told where less than one a draw is expected.
        if variance is not None and 0 < float(np.mean(array(variance, "the variances"))) * n < LEAST_SHARE:
            raise CampipeError(f"all {n} draws are equal, as rare events may be; draw more, or use assert_distribution")
        return
    share = total**2 / float((square**2).sum())
    if n < 100 or share < LEAST_SHARE:
        raise CampipeError(
            f"the spread of the draws rests on {min(n, share):.0f} of them, and {100 if n < 100 else LEAST_SHARE:.0f} or more are needed; "
            "draw more, or use assert_distribution"
        )


def variance_cause(excess: float, error: float, wanted: float) -> str:
    """What a deviation of a variance in DN^2 usually comes from."""
    if abs(excess - 1 / 12) < 4 * error:
        return "It is 1/12 too high: quantisation noise added to a signal that is rounded as well?"
    if abs(excess + 1 / 12) < 4 * error:
        return "It is 1/12 too low: a signal that was not rounded?"
    if wanted + excess < 1e-12:
        return "There is no noise at all: is it switched off, or its seed repeated?"
    return ""


def _mean_cause(excess: float, error: float, wanted: float) -> str:
    if abs(abs(excess) - 0.5) < 4 * error:
        return f"It is half a digital number too {'low: cut off instead of rounded?' if excess < 0 else 'high.'}"
    if wanted and abs(excess) > 0.005 * abs(wanted):
        return f"The ratio is {1 + excess / wanted:.4g}: efficiency or gain applied twice, black level left out, or clipped noise?"
    return ""
