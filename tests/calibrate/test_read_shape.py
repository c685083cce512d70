"""The Tukey-lambda shape of read noise: by likelihood, by the probability plot, and as published."""

import json
import math

import numpy as np
import pytest
import scipy.stats
import torch

from campipe.calibrate.dark import dark_statistics, temporal_components
from campipe.calibrate.read_shape import _histograms, _Likelihood, filliben_medians, probability_plot, read_shape, tukey_quantile, tukey_std
from campipe.core.errors import CampipeError
from campipe.core.random import Key
from campipe.sensor import FrameSensor


def shapes(seed, shape, *, side=64, frames=8, normal=0.0, pattern="RGGB", **numbers):
    sensor = FrameSensor(side, side, pattern, read_shape=shape, black_level=64.0, gain=1.0, **numbers)
    stack = sensor.expose(torch.zeros(frames, 1, side, side), key=Key(seed))
    return read_shape(dark_statistics([stack]), normal=normal)


@pytest.mark.parametrize("shape", [-0.2, pytest.param(0.0, marks=pytest.mark.slow), 0.14])
def test_the_shape_comes_back_with_an_honest_error(shape):
    z = []
    for seed in range(16):
        for found in shapes(seed, shape, read_noise=2.0, row_noise=0.3, dsnu=1.0):
            z.append(((found.shape.value - shape) / found.shape.error, (found.std.value - 2.0) / found.std.error))
    z = np.array(z)
    # 64 scores; 0.004 of bias at -0.2 from eight frames' mean is a quarter of an error.
    assert np.all(np.abs(z.mean(0)) < 4 / math.sqrt(len(z)) + 0.3)
    assert np.all(np.abs(z.std(0) - 1) < 4 / math.sqrt(2 * len(z)))


@pytest.mark.parametrize("shape", [-0.3, 0.2])
def test_the_shape_is_where_the_likelihood_is_largest(shape):
    # Of tails as heavy as -0.3, whole steps of scoring go to and fro about it, by 0.003 for ever.
    sensor = FrameSensor(64, 64, None, read_shape=shape, black_level=64.0, gain=1.0, read_noise=2.0, row_noise=0.3, dsnu=1.0)
    seen = dark_statistics([sensor.expose(torch.zeros(8, 1, 64, 64), key=Key(0))])
    (found,) = read_shape(seen)
    counts, centres, _, width = _histograms(seen.planes[0], math.sqrt(temporal_components(seen.planes[0]).pixel.variance), True)
    likelihood = _Likelihood(centres, width, 0.0, 8 / 7 * 64 / 63 - 1)
    slopes, total = likelihood.slopes(np.array([found.shape.value, math.log(found.std.value)])), counts.sum(0)
    step = np.linalg.solve((slopes * total) @ slopes.T, slopes @ total)
    assert np.abs(step).max() < 1e-4


@pytest.mark.parametrize("sigma", [0.6, 1.0, 6.0])
@pytest.mark.parametrize("shape", [-0.2, 0.1])
def test_rounding_leaves_the_shape_where_it_was(sigma, shape, figure):
    # A million values: 0.03 is asked for down to 1 DN.
    (found,) = shapes(1, shape, side=256, frames=16, pattern=None, read_noise=sigma, row_noise=0.1, dsnu=0.4)
    figure(f"Tukey-lambda shape {shape} at {sigma} DN, a million values: error", found.shape.value - shape, "at most 0.03")
    assert abs(found.shape.value - shape) < 0.03 and abs(found.shape.value - shape) < 4.5 * found.shape.error + 0.006
    assert found.scale.value == pytest.approx(found.std.value / tukey_std(found.shape.value))
    assert found.outliers < 1e-4


def test_a_known_normal_part_is_taken_out():
    # Read noise before the gain is Tukey-lambda, noise behind it normal: together they look nearer to normal than the first is.
    numbers = {"side": 256, "frames": 16, "pattern": None, "read_noise": 2.0, "post_read_noise": 1.5}
    (mixed,) = shapes(2, -0.15, **numbers)
    (alone,) = shapes(2, -0.15, normal=1.5, **numbers)
    assert mixed.shape.value > -0.1
    assert abs(alone.shape.value + 0.15) < 0.03
    assert abs(alone.std.value - 2.0) < 0.02
    with pytest.raises(CampipeError, match="leaves nothing of the noise"):
        shapes(2, -0.15, normal=4.0, **numbers)


def test_the_probability_plot_agrees_with_scipy_s():
    values = scipy.stats.tukeylambda(-0.1).rvs(4000, random_state=1)
    shape, correlation = probability_plot(torch.tensor(values))
    theirs = scipy.stats.ppcc_max(values, brack=(-0.4, 0.4), dist="tukeylambda")
    assert shape == pytest.approx(float(theirs), abs=2e-4)
    assert correlation == pytest.approx(scipy.stats.probplot(values, sparams=(shape,), dist="tukeylambda")[1][2], abs=1e-9)


def test_filliben_s_medians_are_those_of_order_statistics():
    exact = scipy.stats.beta(np.arange(1, 41), np.arange(40, 0, -1)).median()
    assert np.abs(filliben_medians(40) - exact).max() < 3e-4


@pytest.mark.parametrize("shape", [-0.3, 0.14, 0.5])
def test_quantiles_are_scipy_s_and_go_over_into_the_logistic_law(shape):
    u = np.linspace(0.001, 0.999, 99)
    assert np.allclose(tukey_quantile(u, shape), scipy.stats.tukeylambda(shape).ppf(u), rtol=1e-10)
    assert np.allclose(tukey_quantile(u, 1e-9), tukey_quantile(u, 0.0), rtol=1e-7)
    assert tukey_std(shape) == pytest.approx(math.sqrt(scipy.stats.tukeylambda(shape).stats("v")), rel=1e-6)


def test_published_scales_have_the_standard_deviation_that_is_published_beside_them(shared, figure):
    table = json.loads((shared / "calibration" / "paper_calibrations.json").read_text())["PNNP"]["SonyA7S2_per_iso"]
    assert len(table) == 28
    off = [row["sigTL"] * tukey_std(row["lam"]) / row["sigGs"] - 1 for row in table.values()]
    figure("28 published ISO steps: Tukey-lambda deviation against the normal one, worst", max(map(abs, off)), "<= 0.012")
    assert max(map(abs, off)) < 0.012 and np.mean(np.abs(off)) < 0.005


def test_values_without_a_shape_are_refused():
    with pytest.raises(CampipeError, match="ten values that differ"):
        probability_plot(torch.full((100,), 3.0))


@pytest.mark.slow
@pytest.mark.parametrize("shape", [-0.1, 0.05])
def test_stated_intervals_of_the_shape_hold_the_truth_in_two_thousand_repeats(shape, figure):
    inside = total = 0
    for seed in range(500):
        for found in shapes(1000 + seed, shape, read_noise=2.0, row_noise=0.3):
            low, high = found.shape.interval()
            inside, total = inside + (low < shape < high), total + 1
    figure(f"dark frames: 95 % intervals of the Tukey-lambda shape {shape} that hold the truth", inside / total, "0.93 to 0.97")
    assert total == 2000 and 0.93 <= inside / total <= 0.97
