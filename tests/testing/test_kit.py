"""Budget, verdict, messages, and what the assertions take and refuse."""

import numpy as np
import pytest
import torch
from scipy import stats

from campipe import testing as kit
from campipe.core.errors import CampipeError, ShapeError
from campipe.core.frame import Frame
from campipe.testing.bins import binomial_scores, hypergeometric_scores, merged_bins
from campipe.testing.chance import chi_square_reach, mean_test, normal_reach, ratio_p, ratio_reach

RNG = np.random.default_rng(3)
DRAWS = RNG.poisson(9.0, 4000).astype(float)


def test_a_budget_of_known_size_gives_equal_parts_and_refuses_one_more():
    with kit.Budget(1e-6, tests=3) as budget:
        for _ in range(2):
            assert kit.assert_moments(DRAWS, 9, 9, false_alarm=budget).false_alarm == pytest.approx(1e-6 / 3)
        assert budget.share(4) == pytest.approx(1e-6 / 12)
    assert budget.spent == pytest.approx(1e-6) and budget.left == pytest.approx(0)
    with pytest.raises(CampipeError, match="one more"):
        budget.share()
    assert budget.report().count("moments") == 2 and "in 3 assertions" in budget.report()


def test_a_budget_of_unknown_size_is_never_overspent():
    budget = kit.Budget(1e-3)
    rates = [budget.share() for _ in range(1000)]
    assert rates[0] == 5e-4 and sum(rates) == pytest.approx(1e-3 * (1 - 1 / 1001))
    assert budget.spent < 1e-3


@pytest.mark.parametrize("rate", [0, 1, -1e-6, 2.0, None, "small", float("nan")])
def test_rates_that_are_none_are_refused(rate):
    with pytest.raises(CampipeError, match="between 0 and 1"):
        kit.assert_moments(DRAWS, 9, 9, false_alarm=rate)


def test_a_verdict_says_what_came_and_what_would_be_caught():
    verdict = kit.assert_moments(DRAWS, 9, 9, false_alarm=1e-6)
    assert verdict.passed and 1e-6 < verdict.p <= 1 and set(verdict.smallest) == {"mean", "variance"}
    # 5.03 + 1.645 standard errors of 3 / sqrt(4000): two comparisons share the rate.
    assert verdict.smallest["mean"] == pytest.approx((stats.norm.isf(1e-6 / 4) + stats.norm.isf(0.05)) * 3 / 4000**0.5, rel=0.05)
    assert "a mean" in str(verdict) and "variance" in verdict.power


def test_a_failure_is_one_sentence_with_its_verdict():
    words = r"^moments: a mean of 9.5 was expected, but 8\.\d+ came.*allowed\..*cut off instead of rounded\?$"
    with pytest.raises(kit.VerdictError, match=words):
        kit.assert_moments(DRAWS, 9.5, 9, false_alarm=1e-6)
    with pytest.raises(kit.VerdictError) as caught:
        kit.assert_moments(DRAWS, 12, 9, false_alarm=1e-6)
    assert not caught.value.verdict.passed and caught.value.verdict.p < 1e-12


def test_arrays_tensors_frames_lists_and_functions_are_judged_alike():
    noise = RNG.normal(size=(6, 32, 32))
    kinds = [
        noise,
        torch.from_numpy(noise),
        Frame(torch.from_numpy(noise)[:, None], "dn"),
        list(noise),
        [torch.from_numpy(noise[:3]), noise[3:]],
        lambda i: noise[i],
    ]
    p = {kit.assert_white(kind, false_alarm=1e-6, count=6).p for kind in kinds}
    assert len(p) == 1
    assert kit.assert_moments(lambda i: noise[i], 0, 1, false_alarm=1e-6, count=6).p == kit.assert_moments(noise, 0, 1, false_alarm=1e-6).p


def test_inputs_stay_as_they_are():
    noise = RNG.normal(size=(6, 32, 32))
    before = noise.copy()
    kit.assert_white(noise, false_alarm=1e-6)
    kit.assert_fixed_pattern(noise, pixel=0, false_alarm=1e-6)
    kit.assert_row_noise(noise, std=0, false_alarm=1e-6)
    assert (noise == before).all()


REFUSED = {
    "no numbers": (lambda: kit.assert_moments("no", 0, 1, false_alarm=0.1), "numbers"),
    "nan": (lambda: kit.assert_moments([np.nan] * 200, 0, 1, false_alarm=0.1), "finite"),
    "nothing": (lambda: kit.assert_moments([], 0, 1, false_alarm=0.1), "empty"),
    "nothing to compare with": (lambda: kit.assert_moments(DRAWS, false_alarm=0.1), "mean, a variance or both"),
    "rare events": (lambda: kit.assert_moments([0.0] * 999 + [1.0], 1e-3, 1e-3, false_alarm=0.1), "rests on"),
    "one frame": (lambda: kit.assert_row_noise(np.zeros((1, 16, 16)), std=1, false_alarm=0.1), "2 frames"),
    "colours": (lambda: kit.assert_white(np.zeros((2, 3, 16, 16)), false_alarm=0.1), "one plane"),
    "a small frame": (lambda: kit.assert_white(np.zeros((2, 4, 4)), false_alarm=0.1), "8 pixels"),
    "another axis": (lambda: kit.assert_row_noise(np.zeros((2, 16, 16)), std=1, axis="z", false_alarm=0.1), "axis"),
    "one level": (lambda: kit.assert_photon_transfer([np.zeros((2, 9, 9))], gain=1, read_noise=1, black=0, false_alarm=0.1), "two levels"),
    "no noise to round": (
        lambda: kit.assert_photon_transfer([np.zeros((2, 9, 9))] * 2, gain=0.1, read_noise=1, black=0, false_alarm=0.1),
        "rounding does not just",
    ),
    "a law that is none": (lambda: kit.assert_distribution(DRAWS, [0.5, 0.6], false_alarm=0.1), "sum to 1"),
    "few draws": (lambda: kit.assert_same_law([1, 2], [1, 2], false_alarm=0.1), "20 draws"),
    "few gradients": (lambda: kit.assert_gradient_of_expectation(lambda p, s: p, 1.0, draws=5, false_alarm=0.1), "100 draws"),
    "one loss": (lambda: kit.assert_gradient_of_expectation(lambda p, s: p.sum(), 1.0, draws=200, false_alarm=0.1), "as many losses"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_cannot_be_judged_is_refused(name):
    call, words = REFUSED[name]
    with pytest.raises((CampipeError, ShapeError), match=words):
        call()


@pytest.mark.parametrize("probability", [1e-9, 1e-6, 0.01])
def test_scores_of_one_bin_have_the_exact_binomial_tail(probability):
    """Pearson's statistic is off by a factor of 18 here at 1e-6: 10 of 100,000 expected, 26 come."""
    n, wanted = 100_000, 10.0
    law = stats.binom(n, wanted / n)
    k = float(law.isf(probability))
    (score,) = binomial_scores(np.array([k, n - k]), np.array([wanted, n - wanted]))
    assert stats.norm.sf(score) == pytest.approx(law.sf(k) + law.pmf(k) / 2, rel=1e-6)


def test_scores_of_two_samples_have_the_exact_hypergeometric_tail():
    (score,) = hypergeometric_scores(np.array([30.0, 970.0]), np.array([8.0, 1992.0]))
    law = stats.hypergeom(3000, 38, 1000)
    assert stats.norm.sf(score) == pytest.approx(law.sf(30) + law.pmf(30) / 2, rel=1e-9)


def test_merging_keeps_every_draw():
    observed, expected = RNG.poisson(3.0, 200).astype(float), np.exp(-np.linspace(-4, 4, 200) ** 2)
    seen, wanted = merged_bins(observed, expected * 300)
    assert seen.sum() == observed.sum() and wanted.sum() == pytest.approx(300 * expected.sum()) and wanted.min() >= 10


def test_reaches_have_the_power_that_they_are_named_for():
    for rate in (0.05, 1e-4, 1e-9):
        assert stats.norm.sf(stats.norm.isf(rate / 2) - normal_reach(rate)) == pytest.approx(0.95)
        assert stats.ncx2.sf(stats.chi2.isf(rate, 20), 20, chi_square_reach(20, rate)) == pytest.approx(0.95, abs=1e-6)
        bound = stats.f.isf(rate / 2, 30, 900)
        assert stats.f.sf(bound / ratio_reach(30, 900, rate), 30, 900) == pytest.approx(0.95, abs=1e-6)
        assert ratio_p(bound, 30, 900) == pytest.approx(rate, rel=1e-6)


def test_the_mean_of_skewed_numbers_has_even_tails():
    """Studentised means of 60 exponential numbers: 2.5 % on each side beyond 1.96, and 5.6 % on one without Hall's correction."""
    rng = np.random.default_rng(5)
    z = np.array([mean_test(rng.exponential(size=60) - 1)[0] for _ in range(8000)])
    for side in (z > 1.96, z < -1.96):
        assert abs(side.mean() - 0.025) < 0.012
    plain = np.array([np.sqrt(60) * x.mean() / x.std(ddof=1) for x in rng.exponential(size=(8000, 60)) - 1])
    assert (plain < -1.96).mean() > 0.05
