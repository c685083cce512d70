"""Each assertion fails on true data as often as it says, and catches the deviation that it states in 95 % of cases.

A trial is a function of a generator, a false-alarm rate and one deviation, by the name that `Verdict.smallest` gives it.
"""

import math

import numpy as np
import pytest
import torch
from scipy import special

from campipe import testing as kit

RATE = 0.05
SIZE = 32  # frames of SIZE x SIZE pixels, unless said otherwise


def moments(rng, rate, mean=0.0, variance=0.0):
    """Poisson counts of pixels that each have their own rate: skewed, and no two of one law."""
    rates = np.linspace(2, 40, 4000)
    noise = rng.poisson(rates) - rates
    return kit.assert_moments(rates + mean + noise * math.sqrt(1 + variance), rates, rates, false_alarm=rate)


CODES = np.diff(special.ndtr((np.arange(42) - 0.5 - 20) / 3), prepend=0.0, append=1.0)[1:]
CODES = CODES / CODES.sum()


def counts(rng, rate, mean=0.0, scale=0.0):
    """Rounded normal numbers of mean 20 and standard deviation 3."""
    draws = np.round(20 + mean + 3 * (1 + scale) * rng.normal(size=8000))
    return kit.assert_distribution(draws, CODES, false_alarm=rate)


def normals(rng, rate, mean=0.0, scale=0.0):
    return kit.assert_distribution(mean + (1 + scale) * rng.normal(size=5000), special.ndtr, false_alarm=rate)


GAIN, READ, BLACK = 0.8, 2.5, 64.0
LIGHT = np.array([0.0, 100.0, 400.0, 1000.0])


def transfer(rng, rate, gain=0.0, intercept=0.0, bend=0.0, row_noise=0.0):
    """Pairs of frames with a fixed pattern, at four levels of light."""
    shape = (2, SIZE, SIZE)
    k = GAIN * (1 + gain)
    top = k * LIGHT[-1]
    curve = bend * (GAIN * top + (GAIN * READ) ** 2 + 1 / 12) / (top**2 / 4)
    response, offset = 1 + 0.02 * rng.normal(size=shape[1:]), rng.normal(size=shape[1:])
    offset -= offset.mean()
    levels = []
    for light in LIGHT:
        charge = rng.poisson(light * response, shape) + offset + READ * GAIN / k * rng.normal(size=shape)
        charge = charge + row_noise * rng.normal(size=(2, SIZE, 1))
        more = math.sqrt(intercept + curve * (k * light) ** 2) * rng.normal(size=shape)
        levels.append(np.round(BLACK + k * charge + more))
    return kit.assert_photon_transfer(levels, gain=GAIN, read_noise=READ, black=BLACK, row_noise=row_noise, false_alarm=rate)


def transfer_of_rows(rng, rate, **deviation):
    return transfer(rng, rate, row_noise=1.0, **deviation)


def white(rng, rate, correlation=0.0, row=0.0, column=0.0, ripple=0.0, frames=6):
    """Noise on a fixed pattern; the correlated kind is a moving sum along rows."""
    draws = rng.normal(size=(frames, SIZE, SIZE + 1))
    a = math.sqrt((1 + math.sqrt(1 - 4 * correlation**2)) / 2)
    noise = a * draws[..., 1:] + (correlation / a) * draws[..., :-1]
    noise = noise + row * rng.normal(size=(frames, SIZE, 1)) + column * rng.normal(size=(frames, 1, SIZE))
    # The differences of pairs, over the root of 2, have the amplitude that is stated.
    sign = np.where(np.arange(frames) % 2, -1, 1)[:, None, None] * (math.sqrt(0.5) if frames > 1 else 1.0)
    wave = np.sin(2 * np.pi * 7 * np.arange(SIZE) / SIZE + rng.uniform(0, 2 * np.pi))
    fixed = rng.normal(size=(SIZE, SIZE)) if frames > 1 else 0.0
    return kit.assert_white(noise + ripple * sign * wave + fixed, false_alarm=rate)


def one_white(rng, rate, **deviation):
    return white(rng, rate, frames=1, **deviation)


STATED = {"pixel": 1.5, "row": 0.4, "column": 0.3}


def fixed(rng, rate, pixel=0.0, row=0.0, column=0.0, drift=0.0):
    """A map on temporal noise by pixel and by row."""
    pixels = (STATED["pixel"] + pixel) * rng.normal(size=(1, SIZE, SIZE))
    rows = (STATED["row"] + row) * rng.normal(size=(1, SIZE, 1))
    columns = (STATED["column"] + column) * rng.normal(size=(1, 1, SIZE))
    noise = 2 * rng.normal(size=(8, SIZE, SIZE)) + 0.3 * rng.normal(size=(8, SIZE, 1))
    late = drift * rng.normal(size=(1, SIZE, SIZE)) * (np.arange(8) >= 4)[:, None, None]
    # What drifts in the second half adds to the mean map as well.
    pixels = pixels * math.sqrt(max(0.0, 1 - (drift / 2 / STATED["pixel"]) ** 2)) if drift else pixels
    return kit.assert_fixed_pattern(pixels + rows + columns + noise + late, **STATED, false_alarm=rate)


def rows(rng, rate, row=0.0, column=0.0, neighbours=0.0, std=0.6):
    offsets = rng.normal(size=(24, SIZE + 1, 1))
    total = std**2 + 1 / SIZE  # the correlation that is stated is that of the row means
    c = neighbours * total / std**2 if std else 0.0
    a = math.sqrt((1 + math.sqrt(max(0.0, 1 - 4 * c**2))) / 2)
    shared = (std + row) * (a * offsets[:, 1:] + c / a * offsets[:, :-1])
    frames = rng.normal(size=(24, SIZE, SIZE)) + shared + column * rng.normal(size=(24, 1, SIZE))
    return kit.assert_row_noise(frames, std=std, false_alarm=rate)


def no_rows(rng, rate, **deviation):
    return rows(rng, rate, std=0.0, **deviation)


def two_samples(rng, rate, mean=0.0, scale=0.0):
    return kit.assert_same_law(rng.gamma(9, size=3000), 9 + mean + (1 + scale) * (rng.gamma(9, size=4000) - 9), false_alarm=rate)


def two_counts(rng, rate, mean=0.0):
    other = rng.poisson(5.0, 6000).astype(float)
    return kit.assert_same_law(rng.poisson(5.0, 4000), other + (rng.random(other.size) < mean), false_alarm=rate)


def slope(rng, rate, gradient=0.0):
    """The square of normal numbers about the parameter: d E[(m + z)^2] / d m = 2 m."""
    z = torch.from_numpy(rng.normal(size=800))
    function = lambda m, seed: (m + z) ** 2 + gradient * (m - m.detach())  # noqa: E731
    return kit.assert_gradient_of_expectation(function, 1.5, wanted=3.0, draws=800, false_alarm=rate)


TRIALS = {
    "moments": moments,
    "law of counts": counts,
    "law of continuous numbers": normals,
    "photon transfer": transfer,
    "photon transfer with row noise": transfer_of_rows,
    "white noise": white,
    "white noise of one frame": one_white,
    "fixed pattern": fixed,
    "row noise": rows,
    "no row noise": no_rows,
    "same law": two_samples,
    "same law of counts": two_counts,
    "gradient of the expectation": slope,
}


def failures(trial, rng, rate, repeats, **deviation):
    failed = 0
    for _ in range(repeats):
        try:
            trial(rng, rate, **deviation)
        except AssertionError:
            failed += 1
    return failed / repeats


def few_or_many(few, many):
    """A few trials in every run, many where time does not matter."""
    return pytest.mark.parametrize("repeats", [few, pytest.param(many, marks=pytest.mark.slow)])


@few_or_many(200, 4000)
@pytest.mark.parametrize("name", TRIALS)
def test_true_data_fail_as_often_as_stated(name, repeats, figure):
    """Within four standard errors of the rate or below, and in the long run not below a third of it."""
    share = failures(TRIALS[name], np.random.default_rng(1), RATE, repeats)
    limit = RATE + 4 * math.sqrt(RATE * (1 - RATE) / repeats)
    figure(f"testing kit, {name}: false alarms at a rate of {RATE}, {repeats} trials", share, f"<= {limit:.3f}")
    assert share < limit and (share > RATE / 3 or repeats < 1000)


DEVIATIONS = [
    (name, what)
    for name, trial in TRIALS.items()
    for what in trial(np.random.default_rng(0), 1e-9).smallest
    if (name, what) not in {("no row noise", "neighbours"), ("same law of counts", "scale")}
]


@few_or_many(40, 1000)
@pytest.mark.parametrize(("name", "what"), DEVIATIONS, ids=lambda v: v)
def test_the_stated_deviation_is_caught_as_often_as_stated(name, what, repeats, figure):
    """In 95 % of the trials: at least 0.9, which allows for terms of the next order in the deviation, less four standard errors."""
    trial, rate = TRIALS[name], 1e-3
    size = _smallest(trial, rate, what)
    share = failures(trial, np.random.default_rng(2), rate, repeats, **{what: size})
    limit = 0.9 - 4 * math.sqrt(0.9 * 0.1 / repeats)
    figure(f"testing kit, {name}: {what} of the stated size is caught, {repeats} trials", share, f">= {limit:.3f}")
    assert share >= limit
    # A fifth of that is hardly ever seen: the assertion does not just fail on everything.
    if repeats < 1000:
        assert failures(trial, np.random.default_rng(3), rate, repeats, **{what: size / 5}) < 0.5


def _smallest(trial, rate, what):
    """What a true trial that passes states."""
    for seed in range(10):
        try:
            return trial(np.random.default_rng(seed), rate).smallest[what]
        except AssertionError:
            continue
    raise AssertionError("ten true trials failed")
