"""Frames that are not what a sensor gave are known as such."""

from __future__ import annotations

import math

import pytest
import torch

import campipe as cp
from campipe.calibrate.quality import code_step, leak, pair_correlation
from campipe.core.errors import ShapeError


def sensor(**numbers):
    usual = {"full_well": 20000, "gain": 0.2, "black_level": 64, "read_noise": 3, "row_noise": 4, "prnu": 0.02}
    return cp.sensor.FrameSensor(160, 128, "RGGB", serial=3, **usual | numbers)


def pair(light=4000.0, **numbers):
    made = sensor(**numbers)
    return [made.expose(torch.full((1, 1, 128, 160), light), key=cp.Key(7).fold(i)) for i in range(2)]


def averaged(frame):
    """Each pixel with its neighbours of the same colour, 1 : 2 : 1 both ways, as a gentle denoiser does."""
    x = frame.data
    for axis in (-1, -2):
        x = (x.roll(2, axis) + 2 * x + x.roll(-2, axis)) / 4
    return frame.replace(x.round())


def test_a_sensors_noise_has_no_neighbours():
    found = pair_correlation(*pair())
    assert float(torch.cat([found.across.abs(), found.down.abs()]).max()) < 5 * float(found.error[0]) == 5 / math.sqrt(80 * 64)
    assert not found.smoothed


def test_smoothed_noise_has():
    found = pair_correlation(*map(averaged, pair()))
    # Of weights 1 2 1: (1*2 + 2*1) / (1 + 4 + 1)
    assert torch.allclose(found.across, torch.full((4,), 2 / 3, dtype=torch.float64), atol=0.05)
    assert found.smoothed


def test_every_code_occurs_in_a_raw_frame():
    assert torch.equal(code_step(pair()[0]), torch.ones(4, dtype=torch.float64))


def test_eight_bits_in_twelve_come_in_steps_of_sixteen():
    frame = sensor(gain=0.2, read_noise=400.0, full_well=1e5).expose(torch.full((1, 1, 128, 160), 12000.0), key=cp.Key(2))
    coarse = frame.replace((frame.data / 16).round() * 16)
    assert code_step(coarse)[0].item() == pytest.approx(16, rel=0.15)


def test_a_frame_of_few_codes_says_nothing():
    assert bool(code_step(sensor(read_noise=0.1, row_noise=0.0).expose(torch.zeros(1, 1, 128, 160), key=cp.Key(2))).isnan().all())


def test_light_that_creeps_in_is_seen():
    made = sensor(row_noise=0.0)
    ramp = torch.linspace(0, 100, 160).expand(1, 1, 128, 160)
    dark, leaking = (made.expose(light, key=cp.Key(3)) for light in (torch.zeros(1, 1, 128, 160), ramp))
    # 100 photons x 0.6 x 0.2 DN; a plane through noise of 0.67 DN has, of its slope, an error of sqrt(12 / pixels) x 0.67.
    error = math.sqrt(2 * 12 / (80 * 64)) * 0.67
    slopes, errors = leak(dark)
    assert float(slopes.max()) < 5 * error and torch.allclose(errors, torch.full_like(errors, error), rtol=0.3)
    assert torch.allclose(leak(leaking)[0], torch.full((4,), 12.0, dtype=torch.float64), atol=5 * error + 0.2)


def test_frames_of_two_sizes_are_refused():
    first, second = pair()
    with pytest.raises(ShapeError, match="one size"):
        pair_correlation(first, second.crop(0, 0, 64, 64))
