from __future__ import annotations

import pytest
import torch

from campipe import isp
from campipe.core.errors import CampipeError, SpaceError
from campipe.core.frame import Frame
from campipe.core.pipeline import Pipeline
from campipe.core.stage import Stage
from campipe.recipe.pipelines import from_yaml, to_yaml

CURVES: list[Stage] = [
    isp.LinearCurve(1.3, 0.01),
    isp.PowerCurve(),
    isp.PowerCurve(1.4, 0.02),
    isp.FilmicCurve(),
    isp.FilmicCurve(exposure=2.0, white=5.6),
    isp.PointsCurve([[0.0, 0.0], [0.2, 0.12], [0.6, 0.7], [1.0, 1.0]]),
]
EVERY = pytest.mark.parametrize("curve", CURVES, ids=lambda c: c.name)


def light(dtype: torch.dtype = torch.float64) -> Frame:
    return Frame(torch.rand(2, 3, 5, 6, generator=torch.Generator().manual_seed(0), dtype=dtype) * 1.6 - 0.3, "linear")


@EVERY
def test_the_inverse_gives_back_the_light(curve):
    assert (curve.inverse(curve(light())).data - light().data).abs().max() < 1e-6
    assert (curve(curve.inverse(light())).data - light().data).abs().max() < 1e-6
    assert curve.inverse(light(torch.float32)).data.dtype == torch.float32


@EVERY
def test_the_inverse_undoes_numbers_per_item(curve):
    numbers = {name: torch.stack([getattr(curve, name), getattr(curve, name) * 1.05]) for _, _, name in curve.numbers()}
    toned = Pipeline([curve])(light(), parameters={f"{curve.name}.{name}": value for name, value in numbers.items()})
    again = curve.inverse(toned, parameters=numbers)
    assert (toned.data[1] - curve(light()).data[1]).abs().max() > 1e-4
    assert (again.data - light().data).abs().max() < 1e-6


@EVERY
def test_a_curve_survives_being_written_down(curve):
    pipeline = Pipeline([curve], name="p")
    again = from_yaml(to_yaml(pipeline))
    assert torch.equal(again(light()).data, pipeline(light()).data) and to_yaml(again) == to_yaml(pipeline)


def test_trained_points_stay_in_order_and_are_written_down_where_they_are():
    curve = isp.PointsCurve([[0.0, 0.0], [0.3, 0.1], [0.5, 0.7], [1.0, 1.0]])
    leaves = curve.trainable("runs", "rises")
    fit = torch.optim.SGD(leaves, lr=50.0)  # far too fast: a plain number would have crossed its neighbours
    f = light(torch.float32)
    for _ in range(20):
        fit.zero_grad()
        (curve(f).data - (1 - f.data)).square().mean().backward()  # wants the curve to fall
        fit.step()
    assert (curve.runs > 0).all() and (curve.rises >= 0).all()
    points = torch.tensor(curve.config()["points"])
    assert (points[:, 0].diff() > 0).all()
    curve.freeze()
    ramp = Frame(torch.linspace(-0.5, 1.5, 300).reshape(1, 1, 1, -1), "linear")
    assert (curve(ramp).data.diff() >= 0).all()


def test_a_training_finds_the_curve_that_made_a_picture():
    hidden = isp.PointsCurve([[0.0, 0.0], [0.25, 0.15], [0.5, 0.55], [0.75, 0.85], [1.0, 1.0]])
    curve = isp.PointsCurve([[i / 4, i / 4] for i in range(5)])
    f = Frame(torch.rand(1, 3, 32, 32, generator=torch.Generator().manual_seed(1)), "linear")
    wanted = hidden(f).data
    fit = torch.optim.Adam(curve.trainable("rises"), lr=0.05)
    for _ in range(150):
        fit.zero_grad()
        loss = (curve(f).data - wanted).square().mean()
        loss.backward()
        fit.step()
    curve.freeze()
    assert torch.allclose(curve.rises, hidden.rises, atol=2e-3)


@pytest.mark.parametrize(
    ("make", "match"),
    [
        (lambda: isp.PointsCurve([[0, 0], [0.5, 0.6], [0.4, 0.8]]), "x and y increasing"),
        (lambda: isp.PointsCurve([[0, 0]]), "two or more"),
        (lambda: isp.PointsCurve("steep"), "points are"),
        (lambda: isp.PowerCurve(1.0, 0.1), "above 1"),
        (lambda: isp.PowerCurve(2.4, 0.0), "offset is a number above 0"),
        (lambda: isp.FilmicCurve(lift=0.1), "lift < angle"),
        (lambda: isp.LinearCurve(-1.0), "gain is a number above 0"),
    ],
)
def test_curves_that_do_not_increase_are_refused(make, match):
    with pytest.raises(CampipeError, match=match) as caught:
        make()
    assert "\n" not in str(caught.value)


def test_the_inverse_takes_linear_light_alone():
    with pytest.raises(SpaceError):
        isp.FilmicCurve().inverse(light().replace(space="display"))
