"""Moments behind the converter, against sums over counts and levels with scipy's distributions."""

from __future__ import annotations

import math

import numpy as np
import pytest
import scipy.special
import scipy.stats
import torch
from hypothesis import example, given, settings
from hypothesis import strategies as st

from campipe.core.errors import CampipeError, LawError
from campipe.core.law import Noise
from campipe.ops.moments import capped_poisson, digitised, digitised_pmf, sums
from campipe.ops.moments.noise import Tukey

RATES = (0.0, 0.01, 0.5, 3.0, 20.0, 400.0, 2500.0, 15000.0)
# What double precision leaves of a mean or variance that is next to nothing.
FLOOR = 1e-9


def double(value: object) -> torch.Tensor:
    return torch.as_tensor(value, dtype=torch.float64)


def counts(rate: float, cap: float) -> tuple[np.ndarray, np.ndarray]:
    """Oracle: the values of min(N, cap), with their probabilities."""
    width = 12 * math.sqrt(rate)
    n = np.arange(max(0, int(rate - width) - 5), int(rate + width) + 45)
    p = scipy.stats.poisson.pmf(n, rate)
    return np.minimum(n, cap), p / p.sum()


def spread(values: np.ndarray, p: np.ndarray) -> tuple[float, float]:
    mean = float(p @ values)
    return mean, float(p @ (values - mean) ** 2)


def tukey_cdf(x: np.ndarray, std: float, shape: float) -> np.ndarray:
    """Oracle: scipy's Tukey-lambda law, scaled to this standard deviation by its numerically integrated variance."""
    return scipy.stats.tukeylambda.cdf(x / std * math.sqrt(scipy.stats.tukeylambda.var(shape)), shape)


def sum_cdf(x: np.ndarray, normal: float, std: float, shape: float) -> np.ndarray:
    """Oracle: the law of a sum of a normal and a Tukey-lambda term, by a quadrature rule over the narrower one."""
    if normal < std:
        z, w = np.polynomial.hermite_e.hermegauss(60)
        return tukey_cdf(x[:, None] - normal * z, std, shape) @ (w / w.sum())
    u = scipy.special.expit(np.arange(-34, 34.01, 0.1))
    q = scipy.stats.tukeylambda.ppf(u, shape) * std / math.sqrt(scipy.stats.tukeylambda.var(shape))
    return scipy.special.ndtr((x[:, None] - q) / normal) @ (u * (1 - u) * 0.1)


def levels(rate: float | None, cap: float, scale: float, offset: float, cdf, reach: float, top: int) -> np.ndarray:
    """Oracle: the probability of each level, summed over every count and every level within reach of the noise."""
    n, p = (np.zeros(1), np.ones(1)) if rate is None else counts(rate, cap)
    keep = p > 1e-18
    n, p = n[keep], p[keep]
    result = np.zeros(top + 1)
    for value, weight in zip(scale * n + offset, p, strict=True):
        if cdf is None:
            result[int(np.clip(np.round(value), 0, top))] += weight
            continue
        first = max(1, math.floor(value - reach))
        k = np.arange(first, max(first, min(top, math.ceil(value + reach))) + 1)
        k = k[k <= top]
        low = cdf(k - 0.5 - value)
        high = cdf(value - k + 0.5)
        # P(level) between two thresholds as a difference of what is small.
        at_or_above = np.append(high, 0.0)
        below = np.append(low, 1.0)
        inner = np.where(k - value > 0, at_or_above[:-1] - at_or_above[1:], below[1:] - below[:-1])
        if len(k) and k[-1] == top:
            inner[-1] = high[-1]
        result[k] += weight * inner
        result[np.clip(first - 1, 0, top)] += weight * (low[0] if len(k) else 1.0)
    return result


def moments_of(pmf: np.ndarray) -> tuple[float, float]:
    return spread(np.arange(len(pmf)), pmf / pmf.sum())


def normal_oracle(rate, cap, scale, offset, std, top) -> tuple[float, float]:
    cdf = None if std == 0 else lambda x: scipy.special.ndtr(x / std)
    return moments_of(levels(rate, math.inf if cap is None else cap, scale, offset, cdf, 13 * std + 2, top))


def ours(rate, cap, scale, offset, noise, top) -> tuple[float, float]:
    mean, variance = digitised(
        None if rate is None else double([rate]), None if cap is None else double(cap), double(scale), double([offset]), noise, top
    )
    return float(mean), float(variance)


def assert_close(found: tuple[float, float], expected: tuple[float, float], relative: float) -> None:
    for name, x, y in zip(("mean", "variance"), found, expected, strict=True):
        assert abs(x - y) <= relative * abs(y) + FLOOR, f"{name}: {x!r} came, the sum over counts and levels says {y!r}"


# --- the cap ----------------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("rate", RATES)
@pytest.mark.parametrize("place", [-30.0, -6.0, -1.0, 0.0, 0.3, 1.0, 6.0, 30.0])
def test_capped_counts_have_the_moments_of_the_sum_over_counts(rate, place):
    cap = max(rate + place * math.sqrt(rate), 0.7)
    for c in (cap, math.floor(cap) + 0.25, max(1.0, round(cap))):
        mean, variance = capped_poisson(double(rate), double(c))
        expected = spread(*counts(rate, c))
        assert float(mean) == pytest.approx(expected[0], rel=1e-9)
        assert float(variance) == pytest.approx(expected[1], rel=1e-6, abs=1e-9)


def test_a_cap_that_is_out_of_reach_changes_nothing():
    rate = double([0.0, 0.01, 3.0, 15000.0, 1e6])
    for cap in (math.inf, 1e9):
        mean, variance = capped_poisson(rate, cap)
        assert torch.equal(mean, rate) and torch.equal(variance, rate)


def test_a_cap_of_nothing_leaves_nothing():
    mean, variance = capped_poisson(double([0.0, 3.0]), 0.0)
    assert mean.tolist() == [0, 0] and variance.tolist() == [0, 0]


def test_capped_counts_pass_their_gradient():
    rate = double([0.4, 3.0, 17.0, 20.0, 390.0, 430.0]).requires_grad_()
    cap = double([0.8, 2.5, 20.3, 20.6, 400.5, 400.5]).requires_grad_()
    assert torch.autograd.gradcheck(capped_poisson, (rate, cap), eps=1e-5)


def test_a_dark_pixel_has_the_gradient_of_its_first_electron():
    rate = double(0.0).requires_grad_()
    mean, variance = capped_poisson(rate, 10.0)
    assert torch.autograd.grad(mean, rate, retain_graph=True)[0] == 1
    assert torch.autograd.grad(variance, rate)[0] == 1


# --- normal noise -----------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("rate", RATES)
@pytest.mark.parametrize(
    ("scale", "offset", "std", "bits"), [(0.2, 64.0, 0.6, 12), (0.02, -4.7, 0.03, 8), (5.0, 1.3, 3.1, 14), (1.3, 30.2, 30.0, 16)]
)
@pytest.mark.parametrize("place", [None, -7.0, 0.0, 2.0])
def test_moments_are_those_of_the_sum_over_counts_and_levels(rate, scale, offset, std, bits, place):
    cap = None if place is None else max(rate + place * math.sqrt(rate), 1.4)
    top = 2**bits - 1
    found = ours(rate, cap, scale, offset, (Noise(double(std)),), top)
    assert_close(found, normal_oracle(rate, cap, scale, offset, std, top), 1e-6)


@given(
    rate=st.one_of(st.sampled_from(RATES), st.floats(0, 3000)),
    place=st.one_of(st.none(), st.floats(-9, 9)),
    scale=st.floats(math.log(0.02), math.log(5)).map(math.exp),
    offset=st.floats(-5, 70),
    std=st.one_of(st.just(0.0), st.floats(1e-6, 2), st.floats(1e-6, 30)),
    bits=st.integers(8, 16),
)
@settings(max_examples=200)
@example(rate=0.5, place=None, scale=0.5, offset=0.0, std=1e-9, bits=8)
@example(rate=15000.0, place=None, scale=4.36, offset=70.0, std=1.19, bits=16)
@example(rate=2500.0, place=0.0, scale=1.0, offset=16.0, std=0.0701, bits=12)
@example(rate=400.0, place=None, scale=0.64, offset=0.0, std=1.3, bits=8)
@example(rate=15000.0, place=None, scale=0.27, offset=64.0, std=25.0, bits=12)
def test_moments_hold_over_the_whole_family(rate, place, scale, offset, std, bits):
    cap = None if place is None else max(rate + place * math.sqrt(rate), 0.6)
    top = 2**bits - 1
    noise = (Noise(double(std)),) if std else ()
    found = ours(rate, cap, scale, offset, noise, top)
    assert_close(found, normal_oracle(rate, cap, scale, offset, std, top), 1e-6)


@given(offset=st.floats(-40, 300), std=st.floats(0.001, 30))
def test_moments_hold_where_nothing_is_counted(offset, std):
    found = ours(None, None, 1.0, offset, (Noise(double(std)),), 255)
    assert_close(found, normal_oracle(None, None, 1.0, offset, std, 255), 1e-6)


def test_independent_normal_terms_add_their_variances():
    together = ours(20.0, None, 0.7, 3.0, (Noise(double(1.5)),), 255)
    assert ours(20.0, None, 0.7, 3.0, (Noise(double(0.9)), Noise(double(1.2))), 255) == pytest.approx(together, rel=1e-12)


# --- no noise ---------------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("rate", RATES[:-1])
@pytest.mark.parametrize(("scale", "offset"), [(0.5, 0.0), (0.25, 3.5), (1.5, -2.5), (1.0, 254.5), (0.1875, 60.0)])
def test_ties_of_a_lattice_go_to_the_even_level(rate, scale, offset):
    # Every number is exact in binary, so that ties are ties in the oracle too.
    assert_close(ours(rate, None, scale, offset, (), 255), normal_oracle(rate, None, scale, offset, 0.0, 255), 1e-9)
    assert_close(ours(rate, 17.25, scale, offset, (), 255), normal_oracle(rate, 17.25, scale, offset, 0.0, 255), 1e-9)


def test_noise_of_next_to_nothing_is_none():
    assert ours(3.0, None, 0.5, 0.0, (Noise(double(1e-180)),), 255) == ours(3.0, None, 0.5, 0.0, (), 255)


def test_a_known_value_is_rounded_and_clipped():
    offset = double([-3.0, 0.5, 1.5, 2.4, 254.6, 300.0])
    mean, variance = digitised(None, None, double(1.0), offset, (), 255)
    assert mean.tolist() == [0, 0, 2, 2, 255, 255] and not variance.any()


# --- Tukey-lambda noise -----------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("shape", [-0.45, -0.3, -0.1, -1e-5, 0.0, 5e-5, 2e-4, 0.14, 0.5, 1.0, 3.0])
def test_the_tukey_lambda_law_has_unit_variance(shape):
    # 1e-6: what an integral over the quantile function to 1e-300 of its ends can leave at -0.45.
    variance, _ = scipy.integrate.quad(
        lambda v: (float(Tukey(shape).quantile(double(v))) / np.cosh(v / 2) / 2) ** 2, -400, 400, limit=2000, points=[0]
    )
    assert variance == pytest.approx(1, rel=1e-6)


@given(
    rate=st.sampled_from((0.0, 0.5, 3.0, 20.0)),
    place=st.one_of(st.none(), st.floats(-2, 5)),
    scale=st.floats(math.log(0.02), math.log(5)).map(math.exp),
    offset=st.floats(-5, 140),
    std=st.floats(0.1, 15),
    shape=st.sampled_from((-0.4, -0.3, -0.2, -0.1, 0.0, 0.14, 0.5)),
)
@settings(max_examples=50)
@example(rate=0.0, place=None, scale=1.0, offset=40.0, std=0.6, shape=-0.4)
@example(rate=20.0, place=0.0, scale=2.0, offset=100.0, std=2.0, shape=-0.2)
@example(rate=0.0, place=None, scale=1.0, offset=5.0, std=0.125, shape=0.14)
def test_moments_hold_with_tukey_lambda_noise(rate, place, scale, offset, std, shape):
    cap = None if place is None else max(rate + place * math.sqrt(rate), 0.6)
    found = ours(rate, cap, scale, offset, (Noise(double(std), double(shape)),), 255)
    pmf = levels(rate, math.inf if cap is None else cap, scale, offset, lambda x: tukey_cdf(x, std, shape), 1000.0, 255)
    expected = moments_of(pmf)
    assert_close(found, expected, 1e-4)


@pytest.mark.parametrize(("normal", "std", "offset"), [(0.3, 1.0, 2.0), (2.0, 0.5, 2.0), (0.05, 3.0, 2.0), (0.2, 0.25, 100.3)])
@pytest.mark.parametrize("shape", [-0.25, 0.1])
def test_normal_and_tukey_lambda_terms_are_convolved(normal, std, offset, shape):
    found = ours(0.5, None, 1.7, offset, (Noise(double(normal)), Noise(double(std), double(shape))), 255)
    pmf = levels(0.5, math.inf, 1.7, offset, lambda x: sum_cdf(x, normal, std, shape), 300.0, 255)
    assert_close(found, moments_of(pmf), 1e-4)


def test_two_tukey_lambda_terms_far_from_the_rails_add_their_variances():
    mean, variance = ours(400.0, None, 0.8, 500.0, (Noise(double(3.0), double(0.1)), Noise(double(2.0), double(0.14))), 4095)
    assert mean == pytest.approx(820, rel=1e-6)
    assert variance == pytest.approx(400 * 0.64 + 9 + 4 + 1 / 12, rel=1e-6)


def test_noise_that_has_no_closed_form_is_refused():
    with pytest.raises(LawError, match=r"above -0\.5"):
        ours(3.0, None, 1.0, 0.0, (Noise(double(1.0), double(-0.5)),), 255)
    with pytest.raises(LawError, match="one standard deviation per item"):
        digitised(None, None, double(1.0), torch.zeros(1, 1, 2, 2), (Noise(torch.rand(1, 1, 2, 2) + 1, double(0.1)),), 255)


# --- the whole law ----------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("rate", [None, *RATES[:-1]])
@pytest.mark.parametrize("cap", [None, 2.5, 410.0])
@pytest.mark.parametrize("std", [0.0, 0.02, 0.8, 12.0])
def test_the_mass_function_is_that_of_every_count_and_level(rate, cap, std):
    level, p = digitised_pmf(rate, cap, 0.8, 5.0, std, 1023)
    cdf = None if std == 0 else lambda x: scipy.special.ndtr(x / std)
    expected = levels(rate, math.inf if cap is None else cap, 0.8, 5.0, cdf, 13 * std + 2, 1023)
    assert torch.equal(level, torch.arange(1024, dtype=torch.float64))
    np.testing.assert_allclose(p.numpy(), expected, rtol=1e-8, atol=1e-14)
    assert float(p.sum()) == pytest.approx(1, abs=1e-10)


def test_rare_levels_keep_their_relative_precision_on_both_sides():
    _, p = digitised_pmf(None, None, 1.0, 100.0, 1.5, 255)
    assert float(p[114]) == pytest.approx(float(p[86]), rel=1e-12, abs=0)
    edges = scipy.stats.norm(0, 1.5).sf([13.5, 14.5])
    assert float(p[114]) == pytest.approx(edges[0] - edges[1], rel=1e-9, abs=0)


def test_the_mass_function_refuses_what_is_no_law():
    with pytest.raises(CampipeError, match="0 or more"):
        digitised_pmf(-1.0, None, 1.0, 0.0, 1.0, 255)


# --- gradients --------------------------------------------------------------------------------------------------------------------------

# One for each way that a pixel may take: closed form, with series, sums with every count and with a stride, at each rail, at the cap.
WAYS = {
    "far from everything": (400.0, None, 0.5, 60.0, 1.6, 4095),
    "single levels show": (400.0, None, 0.03, 60.2, 0.31, 4095),
    "near black": (3.1, None, 0.7, 0.3, 0.9, 255),
    "dark": (0.0, None, 0.7, 1.3, 0.4, 255),
    "near the top": (400.0, None, 0.62, 5.0, 1.7, 255),
    "at the cap": (400.0, 405.4, 0.5, 10.0, 0.4, 4095),
    "sharp": (20.0, None, 0.37, 8.1, 0.05, 255),
    "with a stride": (2500.0, None, 0.1, 4.0, 8.0, 255),
}


@pytest.mark.parametrize("way", WAYS)
def test_gradients_are_those_of_the_sum_over_counts_and_levels(way):
    rate, cap, scale, offset, std, top = WAYS[way]
    at = [double([rate]), double(scale), double([offset]), double(std)]
    for value in at:
        value.requires_grad_()
    moments = digitised(at[0], None if cap is None else double(cap), at[1], at[2], (Noise(at[3]),), top)
    for which in (0, 1):
        found = torch.autograd.grad(moments[which].sum(), at, retain_graph=True, materialize_grads=True)
        for i in range(4):
            h = 2e-6 * (at[i].item() or 1)

            def moved(step: float, i: int = i, which: int = which) -> float:
                numbers = [v.item() for v in at]
                numbers[i] += step
                return normal_oracle(numbers[0], cap, *numbers[1:], top)[which]

            # A dark pixel has no rate below: three points forward.
            slope = (
                (moved(h) - moved(-h)) / (2 * h)
                if numbers_allow(at[i].item())
                else (4 * moved(h) - 3 * moved(0.0) - moved(2 * h)) / (2 * h)
            )
            size = max(1.0, *(abs(float(f)) for f in found))
            assert float(found[i]) == pytest.approx(slope, rel=1e-4, abs=1e-5 * size)


def numbers_allow(value: float) -> bool:
    return value != 0


def test_gradients_pass_through_tukey_lambda_noise():
    rate, std, offset = (
        double([0.0, 3.0, 40.0, 110.0]).requires_grad_(),
        double(1.7).requires_grad_(),
        double([3.0, 3.0, 60.0, 3.0]).requires_grad_(),
    )

    def both(r: torch.Tensor, s: torch.Tensor, b: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        return digitised(r, None, double(2.0), b, (Noise(s, double(-0.15)), Noise(double(0.3))), 255)

    moments = both(rate, std, offset)
    for which in (0, 1):
        found = torch.autograd.grad(moments[which].sum(), (std, offset), retain_graph=True)
        with torch.no_grad():
            h = 1e-3
            slope_std = (both(rate, std + h, offset)[which] - both(rate, std - h, offset)[which]).sum() / (2 * h)
            slope = (both(rate, std, offset + h)[which] - both(rate, std, offset - h)[which]) / (2 * h)
        assert float(found[0]) == pytest.approx(float(slope_std), rel=1e-3)
        torch.testing.assert_close(found[1], slope, rtol=1e-3, atol=1e-6)
    assert torch.autograd.grad(moments[0].sum(), rate)[0].isfinite().all()


def test_without_noise_the_rate_still_has_its_gradient():
    rate, scale = double([0.0, 3.0, 400.0]).requires_grad_(), double(0.5).requires_grad_()
    mean, variance = digitised(rate, None, scale, double([4.0]), (), 255)
    found = torch.autograd.grad((mean + variance).sum(), rate)[0]
    h = 1e-5
    ahead, behind, here = (normal_pair(r, 0.5, 4.0) for r in ((h, 3 + h, 400 + h), (h, 3 - h, 400 - h), (0.0, 3.0, 400.0)))
    assert float(found[0]) == pytest.approx((ahead[0] - here[0]) / h, abs=1e-4)
    assert float(found[1]) == pytest.approx((ahead[1] - behind[1]) / (2 * h), rel=1e-4)
    assert float(found[2]) == pytest.approx((ahead[2] - behind[2]) / (2 * h), rel=1e-3)


def normal_pair(rates: tuple[float, ...], scale: float, offset: float) -> list[float]:
    return [sum(normal_oracle(r, None, scale, offset, 0.0, 255)) for r in rates]


# --- frames -----------------------------------------------------------------------------------------------------------------------------


def frame(generator: torch.Generator, shape: tuple[int, ...] = (2, 1, 24, 20)) -> dict[str, torch.Tensor]:
    def uniform(*size: int) -> torch.Tensor:
        return torch.rand(size, generator=generator, dtype=torch.float64)

    return {
        "rate": uniform(*shape) ** 3 * 2000,
        "cap": 1500 + 100 * uniform(shape[0], 1, 1, 1),
        "scale": 0.2 + 0.4 * uniform(shape[0], 1, 1, 1),
        "offset": 10 + uniform(*shape),
        "std": 0.5 + 2 * uniform(shape[0], 1, 1, 1),
    }


def of(numbers: dict[str, torch.Tensor], top: float = 511) -> tuple[torch.Tensor, torch.Tensor]:
    return digitised(numbers["rate"], numbers["cap"], numbers["scale"], numbers["offset"], (Noise(numbers["std"]),), top)


def test_each_pixel_of_a_frame_has_the_moments_that_it_has_alone():
    numbers = frame(torch.Generator().manual_seed(0))
    mean, variance = of(numbers)
    assert mean.shape == variance.shape == (2, 1, 24, 20)
    for b, y, x in [(0, 0, 0), (0, 11, 7), (1, 23, 19), (1, 5, 5), (1, 12, 0)]:
        one = {k: v[b, 0, 0, 0] if v.numel() == 2 else v[b, 0, y, x] for k, v in numbers.items()}
        alone = of({k: v.reshape(1) for k, v in one.items()})
        assert float(mean[b, 0, y, x]) == pytest.approx(float(alone[0]), rel=1e-8)
        assert float(variance[b, 0, y, x]) == pytest.approx(float(alone[1]), rel=1e-8)


def test_each_pixel_may_have_its_own_cap_and_scale():
    # Whole caps among them: a count at the cap is held, and counted once.
    rate, cap, scale = double([[20.0, 21.0, 400.0, 3.0]]), double([[20.0, 22.5, 390.0, 1e9]]), double([[0.7, 1.3, 0.2, 2.0]])
    mean, variance = digitised(rate, cap, scale, double([[4.0]]), (Noise(double(0.3)),), 255)
    for i in range(4):
        expected = normal_oracle(float(rate[0, i]), float(cap[0, i]), float(scale[0, i]), 4.0, 0.3, 255)
        assert_close((float(mean[0, i]), float(variance[0, i])), expected, 1e-6)


def test_a_deviation_per_pixel_agrees_with_one_for_all():
    numbers = frame(torch.Generator().manual_seed(1))
    each = {**numbers, "std": numbers["std"].expand(2, 1, 24, 20).contiguous()}
    each["std"][:, :, 0, 0] *= 1.5
    for one, many in zip(of(numbers), of(each), strict=True):
        torch.testing.assert_close(one[..., 1:], many[..., 1:], rtol=1e-7, atol=1e-9)


def test_the_size_of_a_chunk_changes_nothing(monkeypatch):
    numbers = frame(torch.Generator().manual_seed(2))
    numbers["rate"].requires_grad_()
    whole = of(numbers)
    slope = torch.autograd.grad(whole[1].sum(), numbers["rate"])[0]
    monkeypatch.setattr(sums, "CHUNK", 2**10)
    parts = of(numbers)
    for one, many in zip(whole, parts, strict=True):
        torch.testing.assert_close(one, many, rtol=1e-8, atol=1e-9)
    torch.testing.assert_close(slope, torch.autograd.grad(parts[1].sum(), numbers["rate"])[0], rtol=1e-6, atol=1e-9)


def test_frames_of_views_and_times_and_of_single_precision_pass():
    numbers = frame(torch.Generator().manual_seed(3), (2, 1, 6, 4))
    long = of(numbers)
    mean, variance = of({k: v.float() for k, v in numbers.items()})
    assert mean.dtype == variance.dtype == torch.float32
    torch.testing.assert_close(mean.double(), long[0], rtol=1e-5, atol=1e-5)
    six = {k: v[:, None, None] for k, v in numbers.items()}
    six["rate"] = six["rate"].expand(2, 2, 3, 1, 6, 4)
    assert torch.equal(of(six)[0][:, 1, 2], long[0])


def test_a_flat_field_costs_one_pixel_and_has_one_value():
    mean, variance = of({k: double(v) for k, v in {"rate": 900.0, "cap": 1500.0, "scale": 0.4, "offset": 10.0, "std": 0.5}.items()})
    flat = {
        "rate": torch.full((1, 1, 64, 64), 900.0),
        "cap": double(1500.0),
        "scale": double(0.4),
        "offset": double(10.0),
        "std": double(0.5),
    }
    assert torch.equal(of(flat)[0], mean.expand(1, 1, 64, 64)) and torch.equal(of(flat)[1], variance.expand(1, 1, 64, 64))
