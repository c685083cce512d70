"""Predicted mean and variance equal those of drawn frames, for every stage and for whole sensors."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from campipe.core.errors import CampipeError
from campipe.core.frame import Capture, Frame
from campipe.core.pipeline import Pipeline
from campipe.core.random import Key
from campipe.sensor import (
    Adc,
    BlackLevel,
    DarkCurrent,
    Dsnu,
    FrameSensor,
    FullWell,
    Gain,
    Prnu,
    QuantumEfficiency,
    ReadNoise,
    RowNoise,
    ShotNoise,
)
from campipe.testing.statistics import standard_errors

SIDE = 512  # 262,144 pixels: the variance of a normal sample is known to sqrt(2 / n) = 0.28 %


def agree(draws, law, within=5.0):
    of_mean, of_variance, precision = standard_errors(draws, law.mean, law.variance)
    assert abs(of_mean) < within and abs(of_variance) < within, (of_mean, of_variance)
    return precision


def flat(value, space="photons", **capture):
    return Frame(torch.full((1, 1, SIDE, SIDE), float(value)), space, Capture(seconds=0.5, **capture))


STAGES = {
    "quantum efficiency": ([QuantumEfficiency(0.6), ShotNoise()], "photons"),
    "prnu": ([Prnu(0.1, 0.02, 0.03), ShotNoise()], "rate"),
    "dark current": ([DarkCurrent(30.0, 28.0, 8.0), ShotNoise()], "rate"),
    "shot noise": ([ShotNoise()], "rate"),
    "full well": ([ShotNoise(), FullWell(21.0)], "rate"),
    "dsnu": ([ShotNoise(), Dsnu(1.0, 2.0, 3.0)], "rate"),
    "read noise": ([ReadNoise(2.5)], "electrons"),
    "heavy-tailed read noise": ([ReadNoise(2.5, shape=-0.15)], "electrons"),
    "gain": ([ShotNoise(), Gain(0.3)], "rate"),
    "black level": ([ShotNoise(), Gain(0.3), BlackLevel(64.0)], "rate"),
    "converter": ([ShotNoise(), ReadNoise(2.0), Gain(0.3), BlackLevel(4.0), Adc(12)], "rate"),
    "converter without read noise": ([ShotNoise(), Gain(0.37), BlackLevel(4.0), Adc(12)], "rate"),
}


@pytest.mark.parametrize("name", STAGES)
@pytest.mark.parametrize("level", [0.0, 0.3, 20.0])
def test_each_stage_predicts_its_draws(name, level):
    stages, space = STAGES[name]
    pipeline = Pipeline(stages)
    frame = flat(level, space)
    agree(pipeline(frame, key=Key(2)).data, pipeline.moments(frame))


def test_row_noise_has_its_variance_over_frames():
    """Rows share their draw, so that the independent sample is one pixel per row of many frames."""
    stage = RowNoise(3.0)
    frame = Frame(torch.zeros(512, 1, 512, 1), "electrons")
    assert agree(stage(frame, key=Key(4)).data, stage.moments(frame)) < 0.003


@settings(max_examples=30, deadline=None)
@given(
    level=st.sampled_from([0.0, 0.4, 3.0, 25.0, 300.0, 2400.0, 4000.0]),
    gain=st.sampled_from([0.05, 0.4, 1.0, 2.3]),
    read=st.sampled_from([0.0, 0.7, 4.0]),
    shape=st.sampled_from([None, 0.1, -0.15]),
    post=st.sampled_from([0.0, 0.4, 2.0]),
    black=st.sampled_from([0.0, 2.0, 64.0]),
    full_well=st.sampled_from([20.0, 2300.5, 30000.0]),
    bits=st.sampled_from([8, 12, 16]),
    fixed=st.booleans(),
    seed=st.integers(0, 2**32),
)
def test_whole_sensors_predict_their_draws(level, gain, read, shape, post, black, full_well, bits, fixed, seed):
    sensor = FrameSensor(
        SIDE,
        SIDE,
        None,
        seed % 1000,
        quantum_efficiency=0.8,
        full_well=full_well,
        dark_current=3.0,
        prnu=0.02 * fixed,
        dsnu=1.5 * fixed,
        dsnu_row=0.5 * fixed,
        read_noise=read,
        read_shape=shape,
        gain=gain,
        post_read_noise=post,
        black_level=black,
        bits=bits,
    )
    photons = torch.full((1, 1, SIDE, SIDE), level)
    # Without a fixed pattern all pixels have one law.
    law = sensor.moments(photons if fixed else photons[..., :1, :1], seconds=0.5)
    agree(sensor.expose(photons, seconds=0.5, key=Key(seed)).data, law)


def test_tails_without_a_variance_are_refused():
    with pytest.raises(CampipeError, match=r"above -0\.5"):
        ReadNoise(1.0, shape=-0.5)


@pytest.mark.parametrize("shape", [-0.3, -0.45])
def test_very_heavy_tails_are_compared_by_quantiles(shape):
    """Below -0.2 the sample variance converges too slowly; order statistics have a known error: sqrt(p (1 - p) / n) in p."""
    from scipy import stats

    draws = ReadNoise(2.0, shape=shape)(flat(0.0, "electrons"), key=Key(9)).data.double().flatten()
    dist = stats.tukeylambda(shape, scale=2.0 / stats.tukeylambda(shape).std())
    for p in (1e-3, 0.01, 0.1, 0.5, 0.9, 0.99, 0.999):
        below = float((draws <= dist.ppf(p)).double().mean())
        assert abs(below - p) < 5 * (p * (1 - p) / draws.numel()) ** 0.5


def test_the_fixed_pattern_is_in_the_mean_and_not_in_the_variance():
    sensor = FrameSensor(64, 64, None, 7, prnu=0.1, dsnu=2.0, read_noise=1.0)
    photons = torch.full((1, 1, 64, 64), 200.0)
    law = sensor.moments(photons)
    stack = sensor.expose(photons.expand(4000, -1, -1, -1), key=Key(1)).data
    # Each pixel's mean over 4000 frames, in its own standard errors: the largest of 4096 stays below 6 (false-alarm rate 8e-6).
    off = (stack.mean(0) - law.mean[0]) / (law.variance[0] / 4000).sqrt()
    assert off.abs().max() < 6
    assert law.mean.std() > 10
