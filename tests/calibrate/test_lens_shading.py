from __future__ import annotations

import math

import pytest
import torch

from campipe.calibrate.lens_shading import lens_shading, shading_fraction
from campipe.core.errors import CampipeError, ShapeError
from campipe.core.frame import Capture, Frame
from campipe.core.random import Key
from campipe.isp import CorrectShading, Levels
from campipe.optics.vignetting import PolynomialVignetting
from campipe.scenes.charts import flat
from campipe.sensor import FrameSensor

TRUTH = (-0.35, 0.12, -0.08)
SIZE = (200, 260)


def shot(key: int, coefficients: tuple[float, ...] = TRUTH, tilt: float = 0.0, level: float = 6000.0, **numbers: float) -> Frame:
    light = PolynomialVignetting(coefficients)(flat((level * 0.5, level, level * 0.6), height=SIZE[0], width=SIZE[1], space="photons"))
    light = light.replace(light.data * (1 + tilt * torch.linspace(-1, 1, SIZE[1])))
    settings = {"gain": 0.4, "full_well": 9000.0, "read_noise": 3.0, "black_level": 64.0, "bits": 12, **numbers}
    return FrameSensor(SIZE[1], SIZE[0], "RGGB", quantum_efficiency=1.0, serial=1, **settings)(light, key=Key(key))


def test_the_polynomial_that_dims_a_flat_comes_back_within_honest_errors():
    repeats, z = 16, []
    for key in range(repeats):
        found = lens_shading(shot(key), grid=(3, 3))
        z.append([(e.value - t) / e.error for e, t in zip((*found.coefficients, found.corner), (*TRUTH, 1 + sum(TRUTH)), strict=True)])
    z = torch.tensor(z)
    assert (z.mean(0).abs() < 5 / math.sqrt(repeats)).all(), z.mean(0)
    assert ((z.std(0) - 1).abs() < 5 / math.sqrt(2 * repeats)).all(), z.std(0)


def test_a_flat_without_noise_gives_the_coefficients_exactly(figure):
    light = PolynomialVignetting(TRUTH)(flat((0.5, 0.8, 0.6), height=SIZE[0], width=SIZE[1]))
    found = lens_shading(Frame(light.data.double(), "camera"), grid=(9, 11))
    off = max(abs(k - t) for k, t in zip(found.vignetting, TRUTH, strict=True))
    figure("lens shading without noise, coefficients off", off, "<= 1e-4")
    assert off < 1e-4 and found.residual < 1e-5 and found.notes == ()


def test_what_was_measured_makes_another_flat_even():
    found = lens_shading(shot(0), grid=(7, 9))
    other = Levels()(shot(1))
    for stage in (CorrectShading(coefficients=found.vignetting), CorrectShading(grid=found.grid)):
        planes = torch.nn.functional.pixel_unshuffle(stage(other).data, 2)
        blocks = torch.nn.functional.avg_pool2d(planes, 15)
        uneven = (blocks / blocks.mean((-2, -1), keepdim=True) - 1).abs().amax()
        # Noise of a block of 225 pixels with 1,600 electrons or more: 0.17 %; five of it, and what the grid leaves.
        assert float(uneven) < 0.012


def test_errors_of_the_grid_are_those_of_repeats():
    grids = [lens_shading(shot(key, coefficients=(-0.3,)), grid=(5, 6)) for key in range(24)]
    logs = torch.stack([g.grid.log() - g.grid.log().mean((1, 2), keepdim=True) for g in grids])
    scatter = logs.std(0).square().mean((1, 2)).sqrt()
    stated = torch.stack([g.grid_error for g in grids]).square().mean(0).sqrt()
    # 24 repeats of 30 nodes: 3 % of the scatter; neighbouring nodes share noise.
    assert ((scatter / stated - 1).abs() < 0.2).all(), scatter / stated


def test_uneven_light_is_told_from_shading():
    found = lens_shading(shot(0, tilt=0.06), grid=(3, 3))
    assert abs(found.tilt[0].value - 0.06) < 5 * found.tilt[0].error and "unevenly" in found.notes[0]
    assert abs(found.corner.value - 1 - sum(TRUTH)) < 5 * found.corner.error
    assert float(shading_fraction(found.vignetting, torch.tensor(1.0))) == pytest.approx(found.corner.value)


def test_a_single_colour_without_a_filter_and_other_numbers_of_terms_are_measured():
    light = PolynomialVignetting((-0.4,))(flat(0.7, height=90, width=130))
    found = lens_shading(Frame(light.data.double(), "mosaic"), terms=1, grid=(3, 4))
    assert found.vignetting == pytest.approx((-0.4,), abs=1e-5) and found.grid.shape == (1, 3, 4)
    with pytest.raises(CampipeError, match="1 to 5 powers"):
        lens_shading(light.replace(space="camera", data=light.data.repeat(1, 3, 1, 1)), terms=0)


@pytest.mark.parametrize(
    ("make", "error", "match"),
    [
        (lambda: lens_shading(shot(0, level=30000.0)), CampipeError, "clipped"),
        (lambda: lens_shading(shot(0).crop(2, 2, 160, 160)), CampipeError, "crop"),
        (lambda: lens_shading(Frame(torch.rand(1, 1, 90, 90) + 1, "dn", Capture(pattern="RGGB"))), CampipeError, "black_level and"),
        (lambda: lens_shading(Frame(torch.rand(1, 1, 90, 90) - 0.9, "mosaic")), CampipeError, "brighter than black"),
        (lambda: lens_shading(Frame(torch.rand(2, 1, 90, 90), "mosaic")), ShapeError, "one frame"),
    ],
)
def test_bad_input_is_refused_in_one_line(make, error, match):
    with pytest.raises(error, match=match) as caught:
        make()
    assert "\n" not in str(caught.value)
