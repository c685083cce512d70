from __future__ import annotations

import math

import pytest
import torch

from campipe.calibrate.psf_width import psf_width_of_edge, psf_width_of_point
from campipe.core.errors import CampipeError
from campipe.core.frame import Frame
from campipe.core.random import Key
from campipe.ops.blurred_edge import edge_profile
from campipe.optics import GaussianBlur
from campipe.scenes.charts import slanted_edge
from campipe.sensor import FrameSensor


def averaged(points: torch.Tensor, fine: int) -> torch.Tensor:
    return torch.nn.functional.avg_pool2d(points[None, None], fine)


def grid(size: int, fine: int) -> torch.Tensor:
    return (torch.arange(size * fine, dtype=torch.float64) + 0.5) / fine - 0.5 - (size - 1) / 2


def edge(angle: float, sigma: float, size: int = 40, fine: int = 16) -> torch.Tensor:
    place = grid(size, fine)
    normal = math.cos(math.radians(angle)), math.sin(math.radians(angle))
    return 100 + 900 * averaged(torch.special.ndtr((normal[0] * place + normal[1] * place[:, None] - 0.3) / sigma), fine)


def point(sigma: float, size: int = 21, fine: int = 16, flux: float = 2e4) -> torch.Tensor:
    place = grid(size, fine)
    one, two = (torch.exp(-(((place - c) / sigma) ** 2) / 2) / (sigma * math.sqrt(2 * math.pi)) for c in (0.21, -0.37))
    return 50 + flux * averaged(one[:, None] * two, fine)


@pytest.mark.parametrize("sigma", [0.5, 0.8, 1.7])
@pytest.mark.parametrize("angle", [0.0, 5.0, 45.0, -120.0])
def test_the_width_of_an_edge_is_that_of_its_gaussian_without_the_pixels_area(angle, sigma):
    found = psf_width_of_edge(Frame(edge(angle, sigma), "photons"))
    assert found.sigma.value == pytest.approx(sigma, rel=0.005) and found.fit < 1e-3
    assert found.fwhm.value == pytest.approx(sigma * 2.354820045, rel=0.005)


@pytest.mark.parametrize("sigma", [0.5, 0.8, 1.7])
def test_the_width_of_a_point_is_that_of_its_gaussian(sigma):
    found = psf_width_of_point(Frame(point(sigma), "photons"))
    assert found.sigma.value == pytest.approx(sigma, rel=0.005) and found.fit < 1e-3
    # With the pixel's area in it, the variance is larger by 1/12.
    whole = psf_width_of_point(Frame(point(sigma), "photons"), aperture=0.0)
    assert whole.sigma.value == pytest.approx(math.sqrt(sigma**2 + 1 / 12), rel=0.01)


@pytest.mark.parametrize(("make", "measure", "scale"), [(edge, psf_width_of_edge, 3.0), (point, psf_width_of_point, 1.0)])
def test_stated_errors_are_those_of_repeats_under_shot_noise(make, measure, scale):
    clean = make(6.0, 0.9, size=24) if make is edge else make(0.9)
    z, repeats = [], 24
    for key in range(repeats):
        noise = torch.randn(clean.shape, generator=torch.Generator().manual_seed(key), dtype=torch.float64)
        found = measure(Frame(clean + scale * clean.sqrt() * noise, "photons")).sigma
        z.append((found.value - 0.9) / found.error)
    z = torch.tensor(z)
    # The point is sharp: few pixels carry its width, and White's covariance hears their own noise, which makes it a little small.
    assert abs(float(z.mean())) < 5 / math.sqrt(repeats) + 0.1
    assert abs(float(z.std()) - 1) < 5 / math.sqrt(2 * repeats) + (0.0 if make is edge else 0.15)


def test_the_blur_of_a_simulated_capture_comes_back(figure):
    off = []
    for key, sigma in enumerate((0.7, 1.4)):
        light = GaussianBlur(sigma)(slanted_edge(height=72, width=72, angle=8.0 + key, low=400.0, high=6000.0, space="photons"))
        sensor = FrameSensor(72, 72, None, quantum_efficiency=1.0, gain=0.4, full_well=9000.0, read_noise=3.0, black_level=64.0, bits=12)
        found = psf_width_of_edge(sensor(light, key=Key(key)), box=(8, 8, 56, 56)).sigma
        off.append(abs(found.value - sigma) / sigma)
        assert abs(found.value - sigma) < 5 * found.error + 0.01 * sigma
    figure("blur of a simulated capture, sigma from an edge, relative error", max(off), "<= 0.02")
    assert max(off) < 0.02


def test_a_sharp_edge_gives_an_upper_limit():
    found = psf_width_of_edge(Frame(slanted_edge(height=40, width=40, angle=5.0).data.double(), "scene"))
    assert found.sigma.bound and found.sigma.value < 0.3


def test_the_profile_of_an_edge_is_the_average_of_a_blurred_step_over_the_pixel():
    distance = torch.linspace(-3, 3, 13, dtype=torch.float64)
    for angle in (0.0, 0.4, math.pi / 4, 1.5):
        fine = grid(1, 400)
        shift = (math.cos(angle) * fine + math.sin(angle) * fine[:, None]).reshape(1, -1)
        wanted = torch.special.ndtr((distance[:, None] + shift) / 0.4).mean(1)
        assert torch.allclose(edge_profile(distance, angle, 0.4), wanted, atol=1e-4)


@pytest.mark.parametrize(
    ("make", "match"),
    [
        (lambda: psf_width_of_edge(Frame(torch.ones(1, 1, 20, 20), "linear")), "alike"),
        (lambda: psf_width_of_point(Frame(torch.ones(1, 1, 20, 20), "photons")), "alike"),
    ],
)
def test_bad_input_is_refused_in_one_line(make, match):
    with pytest.raises(CampipeError, match=match) as caught:
        make()
    assert "\n" not in str(caught.value)
