"""Probabilities of deviations, and the smallest deviation that is caught: normal, chi-square and F laws, and a skewed mean.

Power is always stated for a probability of `CAUGHT`.
"""

from __future__ import annotations

import math

import numpy as np

CAUGHT = 0.95
"""The probability with which the stated smallest deviation is caught."""
CAUGHT_Z = 1.6448536269514722  # its normal quantile


def normal_p(z: float) -> float:
    """Probability of |Z| >= |z| of a standard normal number."""
    return math.erfc(abs(z) / math.sqrt(2))


def normal_reach(rate: float, freedom: float = math.inf) -> float:
    """How many standard errors a deviation has that a two-sided test by the normal law, or Student's, catches at this rate."""
    from scipy.special import ndtri, stdtrit

    return float(-ndtri(rate / 2) if math.isinf(freedom) else -stdtrit(freedom, rate / 2)) + CAUGHT_Z


def chi_square_p(statistic: float, freedom: int) -> float:
    """Probability of a chi-square number as large."""
    from scipy.special import chdtrc

    return float(chdtrc(freedom, statistic)) if freedom > 0 else 1.0


def chi_square_reach(freedom: int, rate: float) -> float:
    """The noncentrality that a chi-square test at this rate catches."""
    from scipy.special import chdtri, chndtrinc

    if freedom <= 0:
        return math.inf
    return float(chndtrinc(chdtri(freedom, rate), freedom, 1 - CAUGHT))


def ratio_p(ratio: float, above: float, below: float) -> float:
    """Two-sided probability of a ratio of two mean squares with so many degrees of freedom (Fisher's F)."""
    from scipy.special import fdtr, fdtrc

    if not ratio > 0:
        return 0.0
    return min(1.0, 2 * float(min(fdtr(above, below, ratio), fdtrc(above, below, ratio))))


def ratio_reach(above: float, below: float, rate: float) -> float:
    """The factor on the numerator's expectation that a two-sided F test at this rate catches."""
    from scipy.special import fdtri

    # The upper quantile by way of the reciprocal, whose small probability is exact.
    return float(1 / fdtri(below, above, rate / 2) / fdtri(above, below, 1 - CAUGHT))


def mean_test(values: np.ndarray) -> tuple[float, float, float]:
    """Whether independent numbers, whose law may be skewed, have the mean 0.

    values    (n,), n of 30 or more
    returns   their mean in standard errors, the two-sided probability of as much by Student's law, the standard error

    The studentised mean is transformed so that the skewness of the numbers does not tilt its tails:
    Hall, "On the removal of skewness by transformation", Journal of the Royal Statistical Society B 54, 1992.
    """
    from scipy.special import stdtr

    n = values.size
    mean = float(values.mean())
    deviation = values - mean
    square = deviation * deviation
    spread = math.sqrt(float(square.sum()) / (n - 1))
    if spread <= 1e-13 * abs(mean) or spread == 0:
        return (0.0, 1.0, 0.0) if mean == 0 else (math.copysign(math.inf, mean), 0.0, 0.0)
    skewness = float((square * deviation).mean()) / spread**3
    w = mean / spread
    z = math.sqrt(n) * (w + skewness * w**2 / 3 + skewness**2 * w**3 / 27 + skewness / (6 * n))
    return z, 2 * float(stdtr(n - 1, -abs(z))), spread / math.sqrt(n)
