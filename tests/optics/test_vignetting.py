from __future__ import annotations

import math

import pytest
import torch

from campipe.core.errors import CampipeError, ShapeError
from campipe.core.frame import Capture, Frame
from campipe.core.pipeline import Pipeline
from campipe.core.stage import Stage
from campipe.optics import PolynomialVignetting, Vignetting

EVERY = pytest.mark.parametrize(
    "make", [lambda **size: Vignetting(0.4, **size), lambda **size: PolynomialVignetting((-0.5, 0.2), **size)], ids=["cos4", "polynomial"]
)


def light(height: int = 30, width: int = 40, channels: int = 3, batch: int = 1, dtype: torch.dtype = torch.float64) -> Frame:
    return Frame(torch.rand(batch, channels, height, width, generator=torch.Generator().manual_seed(0), dtype=dtype), "photons")


def test_the_fall_is_the_fourth_power_of_the_cosine():
    angle = math.radians(25)  # of the ray to the corner, so that a lens at half a diagonal / tan(angle) sees it
    height, width = 31, 41
    out = Vignetting(1 - math.cos(angle) ** 4)(Frame(torch.ones(1, 1, height, width, dtype=torch.float64), "photons")).data[0, 0]
    focal = math.hypot(height, width) / 2 / math.tan(angle)
    for y, x in ((15, 20), (0, 0), (30, 3), (7, 40)):
        off = math.hypot(y - 15, x - 20)
        assert float(out[y, x]) == pytest.approx(math.cos(math.atan(off / focal)) ** 4, rel=1e-6)
    assert float(out[15, 20]) == 1.0


def test_the_polynomial_is_written_out():
    out = PolynomialVignetting((-0.4, 0.1, -0.05))(Frame(torch.ones(1, 1, 9, 13, dtype=torch.float64), "photons")).data[0, 0]
    for y, x in ((4, 6), (0, 0), (8, 2)):
        square = ((y - 4) ** 2 + (x - 6) ** 2) / ((9**2 + 13**2) / 4)
        assert float(out[y, x]) == pytest.approx(1 - 0.4 * square + 0.1 * square**2 - 0.05 * square**3, rel=1e-6)


@EVERY
def test_a_crop_gets_the_light_of_its_place(make):
    stage, whole = make(width=40, height=30), light()
    crop = whole.crop(5, 11, 12, 17)
    assert torch.equal(stage(crop).data, stage(whole).data[..., 5:17, 11:28])


@EVERY
def test_items_may_come_from_different_places(make):
    stage, whole = make(width=40, height=30), light()
    both = Frame(torch.cat([whole.data[..., 0:8, 0:8], whole.data[..., 9:17, 20:28]]), "photons", Capture(origin=[[0, 0], [9, 20]]))
    expected = stage(whole).data
    assert torch.equal(stage(both).data, torch.cat([expected[..., 0:8, 0:8], expected[..., 9:17, 20:28]]))


@EVERY
def test_without_a_size_a_part_of_the_sensor_is_refused(make):
    assert torch.equal(make()(light()).data, make(width=40, height=30)(light()).data)
    with pytest.raises(ShapeError, match="width and height"):
        make()(light().crop(2, 2, 4, 4))


@EVERY
def test_views_and_times_are_treated_alike(make):
    f = light(batch=2)
    views = Frame(f.data[:, None, None].expand(2, 2, 3, 3, 30, 40), "photons")
    assert torch.equal(make()(views).data[:, 1, 2], make()(f).data)


@EVERY
def test_the_gradient_is_right(make):
    f, pipeline = light(3, 4, batch=2), Pipeline([make(name="lens")])
    name = pipeline.stages[0].primary
    number = getattr(pipeline.stages[0], name).double().expand(2, *getattr(pipeline.stages[0], name).shape).clone()
    number[1] *= 1.1

    def shaded(x: torch.Tensor, v: torch.Tensor) -> torch.Tensor:
        return pipeline(f.replace(x), parameters={"lens": v}).data

    assert torch.autograd.gradcheck(shaded, (f.data.requires_grad_(), number.requires_grad_()))


@EVERY
def test_the_law_is_scaled_by_the_map(make):
    stage: Stage = make()
    f = light()
    assert torch.allclose(stage.moments(f).mean, stage(f).data)
    assert torch.equal(type(stage)(**stage.config())(f).data, stage(f).data)


@pytest.mark.parametrize(
    "make",
    [
        lambda: Vignetting(1.0),
        lambda: Vignetting(-0.1),
        lambda: Vignetting(width=3),
        lambda: PolynomialVignetting(()),
        lambda: Vignetting(width=0, height=2),
    ],
)
def test_bad_numbers_are_refused(make):
    with pytest.raises(CampipeError):
        make()
