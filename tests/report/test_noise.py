"""The statistics of the report: they agree with the law where it holds, and notice where it does not."""

from __future__ import annotations

import pytest
import torch

from campipe.camera import Camera
from campipe.core.frame import Frame
from campipe.core.random import Key
from campipe.report.noise import noise_statistics


def ramp(height: int, width: int) -> Frame:
    """A scene from dark to white, left to right."""
    return Frame(torch.linspace(0.02, 0.9, width).expand(1, 3, height, width).contiguous(), "scene")


def test_measured_variances_lie_within_their_errors_of_the_law():
    camera = Camera.load("rpi-imx477")
    found = noise_statistics(camera, ramp(64, 64), iso=100, ev=0.0, seconds=0.01, key=Key(1), frames=64, window=64)
    assert (found.frames, found.pixels) == (64, 4096)
    # 24 groups, normal to a good approximation at hundreds of electrons: 5 standard errors are passed by chance once in 70,000 runs.
    assert bool(((found.measured - found.predicted).abs() < 5 * found.error).all())
    assert found.deviation == pytest.approx(1, abs=5 * (1 / (2 * 64 * 4096)) ** 0.5)
    assert bool((found.signal.diff() > 0).all())


def test_a_camera_with_other_noise_is_noticed():
    camera, other = Camera.load("rpi-imx477"), Camera.load("rpi-imx477")
    # The law is asked of the one, the frames are taken by the other, whose read noise is 20 % larger.
    truth = other.capture

    def louder(scene, **shot):
        return truth(scene, parameters={"sensor.read_noise": 1.2 * float(other.profile.at_iso(shot["iso"])["read_noise"])}, **shot)

    camera.capture = louder
    found = noise_statistics(camera, ramp(64, 64), iso=1600, ev=-4.0, seconds=0.01, key=Key(1), frames=64, window=64)
    assert float(((found.measured - found.predicted) / found.error).max()) > 5
    assert found.deviation > 1.02


def test_the_density_is_that_of_the_residuals():
    camera = Camera.load("sony-a7s2")
    found = noise_statistics(camera, ramp(48, 48), iso=400, ev=0.0, seconds=0.01, key=Key(2), frames=32, window=48)
    width = found.edges[1] - found.edges[0]
    assert float((found.density * width).sum()) == pytest.approx(1, abs=1e-4)  # 6e-7 of a normal law lies beyond 5


def test_the_window_is_the_part_of_the_scene_with_the_widest_range():
    camera = Camera.load("rpi-imx477")
    data = torch.full((1, 3, 64, 128), 0.5)
    data[..., :64] = torch.linspace(0.01, 0.9, 64)
    found = noise_statistics(camera, Frame(data, "scene"), iso=100, ev=0.0, seconds=0.01, key=Key(1), frames=8, window=64)
    white = float(camera.profile.white_level(100.0)) - camera.profile.black_level
    assert float(found.signal.min()) < 0.1 * white < float(found.signal.max())
