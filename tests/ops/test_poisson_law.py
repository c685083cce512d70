"""How far the drawn counts are from the Poisson law: computed by counting the 2**32 words that give each count, not sampled.

A larger word never gives a smaller count, so the words of a count lie together, and bisection with the real kernel finds where they end.
"""

from __future__ import annotations

import numpy as np
import pytest
import scipy.special
import scipy.stats
import torch

from campipe.ops.kernels import portable

ALL = 2**32
# (largest total variation, rates in e-)
CLAIMS = [
    (1e-6, (1e-6, 0.01, 0.5, 3.0, 3.9999, 4.0001, 9.9, 10.1, 20.0, 33.3, 49.9, 50.1, 100.0, 400.0, 1000.0)),
    (2e-5, (2500.0, 1e4, 1e5, 1e6)),
]
RATES = [rate for _, rates in CLAIMS for rate in rates]


def counts(words: np.ndarray, rate: float | np.ndarray) -> np.ndarray:
    """The kernel's counts of words (any shape, int64) at a rate, as whole numbers."""
    from campipe.ops.kernels.rows import count_words

    flat = np.ascontiguousarray(words, np.uint32).ravel()
    out = np.empty(flat.size, np.float32)
    count_words(flat.view(np.int32), np.broadcast_to(np.float32(rate), flat.shape).copy(), out)
    return out.astype(np.int64).reshape(words.shape)


def ends(rate: float) -> tuple[np.ndarray, np.ndarray]:
    """The counts k that are drawn, and for each the number of words that give k or fewer."""
    lowest, highest = counts(np.array([0, ALL - 1]), rate)
    k = np.arange(lowest, highest + 1)
    low, high = np.zeros(k.size, np.int64), np.full(k.size, ALL, np.int64)  # the answer is above low - 1 and at most high
    while (low < high).any():
        middle = (low + high) // 2
        reached = (counts(np.minimum(middle, ALL - 1), rate) <= k) & (middle < ALL)
        low, high = np.where(reached, middle + 1, low), np.where(reached, high, middle)
    return k, low


@pytest.mark.parametrize("bound, rate", [(bound, rate) for bound, rates in CLAIMS for rate in rates])
def test_the_total_variation_from_the_law_is_within_the_claim(bound, rate, figure):
    k, end = ends(rate)
    drawn = np.diff(end, prepend=0) / ALL
    assert end[-1] == ALL
    law = scipy.stats.poisson(float(np.float32(rate)))
    distance = 0.5 * (np.abs(drawn - law.pmf(k)).sum() + law.cdf(k[0] - 1) + law.sf(k[-1]))
    figure(f"Poisson counts at {rate:g} e-, total variation from the law", distance, f"at most {bound:g}")
    assert distance < bound, distance


@pytest.mark.parametrize("rate", [0.01, 0.5, 3.0, 9.9, 33.3, 400.0, 1000.0])
def test_each_count_gets_the_words_that_exact_inversion_gives_it(rate):
    k, end = ends(rate)
    rate = float(np.float32(rate))
    # F(k) >= (w + 0.5) / 2**32 for the words w < end: end = floor(F(k) 2**32 + 0.5), but for float64's error of F, about 1e-5 of a word.
    exact = np.floor(scipy.special.gammaincc(k + 1.0, rate) * ALL + 0.5)
    assert np.abs(end - exact).max() <= (0 if rate < 100 else 1)


@pytest.mark.parametrize("rate", RATES)
def test_counts_never_fall_as_words_rise_around_every_step(rate):
    _, end = ends(rate)
    steps = np.unique(end[(end > 0) & (end < ALL)])
    if steps.size > 300:
        steps = np.random.default_rng(0).choice(steps, 300, replace=False)
    near = np.clip(steps[:, None] + np.arange(-2000, 2001), 0, ALL - 1)
    assert (np.diff(counts(near, rate), axis=1) >= 0).all()


def test_counts_never_fall_as_words_rise_over_a_dense_grid():
    words = np.arange(0, ALL, 4099)
    for rate in RATES:
        assert (np.diff(counts(words, rate)) >= 0).all()


@pytest.mark.slow
@pytest.mark.parametrize("rate", [0.5, 7.3, 100.0, 1e4])
def test_counts_never_fall_as_words_rise_over_all_words(rate):
    last = -1
    for start in range(0, ALL, 2**25):
        drawn = counts(np.arange(start, start + 2**25), rate)
        assert drawn[0] >= last and (np.diff(drawn) >= 0).all()
        last = drawn[-1]


@pytest.mark.parametrize("low, high", [(1e-3, 4), (4, 10), (10, 50), (50, 1e3), (1e3, 1e5)])
def test_compiled_counts_are_those_of_torch_s_incomplete_gamma_function(low, high):
    rng = np.random.default_rng(5)
    n = 40_000
    rate = np.exp(rng.uniform(np.log(low), np.log(high), n)).astype(np.float32)
    half = (2**31 * np.exp(-rng.uniform(0, 21.4, n))).astype(np.int64)  # far into both tails
    words = np.concatenate([rng.integers(0, ALL, n // 2), half[: n // 4], ALL - 1 - half[n // 4 : n // 2]])
    expected = portable.poisson(torch.from_numpy(words), torch.from_numpy(rate)).numpy()
    assert (counts(words, rate) == expected).all()


def test_words_next_to_a_step_are_decided_rightly():
    """The hardest pixels: those where the float32 expansion is closest to a whole number, at random rates and places."""
    rng = np.random.default_rng(6)
    n = 4000
    rate = np.exp(rng.uniform(np.log(4.0), np.log(9e4), n)).astype(np.float32)
    place = rng.normal(size=n) * 2
    k = np.maximum(np.rint(rate + np.sqrt(rate) * place), 0)
    below, above = (f(k + 1, rate.astype(float)) for f in (scipy.special.gammaincc, scipy.special.gammainc))
    # end of the words that give k or fewer, in the smaller tail so that it keeps its bits
    end = np.where(below < 0.5, np.floor(below * ALL + 0.5), ALL - np.ceil(above * ALL - 0.5)).astype(np.int64)
    inside = (end > 3) & (end < ALL - 3)
    end, rate, k = end[inside], rate[inside], k[inside]
    # scipy's F is good to about 1e-12 here, 0.004 words; 2 words off are beyond doubt.
    assert (counts(end - 3, rate) <= k).all() and (counts(end + 2, rate) > k).all()


def test_rates_at_and_beyond_the_ends():
    words = np.array([0, 1, 2**31, ALL - 1] * 7)
    rates = np.repeat(np.array([0.0, -0.0, -5.0, -np.inf, np.nan, np.inf, 1e-30], np.float32), 4)
    from campipe.ops.kernels.rows import count_words

    for copies in (1, 40):  # alone and in whole blocks
        out = np.empty(28 * copies, np.float32)
        count_words(np.tile(words, copies).astype(np.uint32).view(np.int32), np.tile(rates, copies), out)
        drawn = out.reshape(copies, 7, 4)
        assert (drawn[:, [0, 1, 2, 3, 6]] == 0).all() and np.isnan(drawn[:, 4]).all() and np.isposinf(drawn[:, 5]).all()


def test_the_law_is_missed_by_a_rounded_normal_number():
    """The yardstick measures: a rounded normal number at rate 100 is 1.3e-2 away."""
    k = np.arange(0, 300)
    law = scipy.stats.poisson(100.0)
    normal = scipy.stats.norm(100.0, 10.0)
    distance = 0.5 * np.abs(normal.cdf(k + 0.5) - normal.cdf(k - 0.5) - law.pmf(k)).sum()
    assert 1e-2 < distance < 2e-2
