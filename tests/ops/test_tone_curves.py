from __future__ import annotations

import hypothesis
import hypothesis.strategies as st
import numpy as np
import pytest
import torch
from scipy.interpolate import CubicHermiteSpline

from campipe.ops.colour import srgb_encode
from campipe.ops.monotone import _tangents, monotone_cubic, monotone_cubic_inverse
from campipe.ops.tone_curves import filmic_curve, filmic_curve_inverse, power_curve, power_curve_inverse

DOUBLE = torch.float64


def numbers(*values: float, dtype: torch.dtype = DOUBLE) -> list[torch.Tensor]:
    return [torch.tensor(value, dtype=dtype) for value in values]


HABLE = (0.22, 0.30, 0.10, 0.20, 0.01, 0.30)
FILMS = [(*HABLE, 1.0, 1.0), (*HABLE, 2.0, 5.6), (0.15, 0.5, 0.1, 0.2, 0.02, 0.3, 2.0, 1.0)]
POWERS = [(2.4, 0.055), (1.2, 0.05), (3.0, 0.2)]


# The filmic curve.


def test_the_filmic_curve_is_the_published_formula():
    a, b, c, d, e, f = HABLE
    x = torch.linspace(0, 5.6, 200, dtype=DOUBLE)

    def h(x):
        return (x * (a * x + c * b) + d * e) / (x * (a * x + b) + d * f) - e / f

    assert torch.allclose(filmic_curve(x, *numbers(*HABLE, 2.0, 5.6)), h(2 * x) / h(torch.tensor(11.2, dtype=DOUBLE)), atol=1e-14)


@pytest.mark.parametrize("film", FILMS)
def test_the_filmic_curve_keeps_black_and_white_increases_and_goes_on_smoothly(film):
    ends = torch.tensor([0.0, film[-1]], dtype=DOUBLE)
    assert torch.allclose(filmic_curve(ends, *numbers(*film)), torch.tensor([0.0, 1.0], dtype=DOUBLE), atol=1e-14)
    x = torch.linspace(-1, 2 * film[-1], 4001, dtype=DOUBLE).requires_grad_()
    y = filmic_curve(x, *numbers(*film))
    assert (y.diff() > 0).all()
    (slope,) = torch.autograd.grad(y.sum(), x)
    step = (x[1] - x[0]).item()
    assert slope.diff().abs().max() < 20 * step  # continuous: no jump larger than the curvature makes in one step


@pytest.mark.parametrize("film", FILMS)
@pytest.mark.parametrize(("dtype", "close"), [(DOUBLE, 1e-12), (torch.float32, 5e-6)])
def test_the_inverse_of_the_filmic_curve_is_where_it_came_from(film, dtype, close):
    x = torch.linspace(-0.5, 1.5 * film[-1], 3001, dtype=dtype)
    again = filmic_curve_inverse(filmic_curve(x, *numbers(*film, dtype=dtype)), *numbers(*film, dtype=dtype))
    assert ((again - x).abs() / x.abs().clamp_min(1)).max() < close


# The power curve.


def test_the_power_curve_of_srgb_is_that_of_srgb():
    x = torch.linspace(-1.2, 1.2, 24001, dtype=DOUBLE)
    assert (power_curve(x, *numbers(2.4, 0.055)) - srgb_encode(x)).abs().max() < 3e-5  # 12.92 instead of 12.9232


@pytest.mark.parametrize("power", POWERS)
def test_the_power_curve_is_odd_keeps_black_and_white_and_is_inverted(power):
    x = torch.linspace(-1.5, 1.5, 3001, dtype=DOUBLE)
    y = power_curve(x, *numbers(*power))
    assert (y.diff() > 0).all() and torch.allclose(y, -y.flip(0), atol=1e-14)
    assert torch.allclose(power_curve(torch.tensor([0.0, 1.0], dtype=DOUBLE), *numbers(*power)), torch.tensor([0.0, 1.0], dtype=DOUBLE))
    assert (power_curve_inverse(y, *numbers(*power)) - x).abs().max() < 1e-12


@pytest.mark.parametrize("power", POWERS)
def test_the_slopes_of_line_and_power_meet(power):
    gamma, offset = numbers(*power)
    knee = (offset * gamma / ((1 + offset) * (gamma - 1))) ** gamma
    x = torch.stack([knee * (1 - 1e-7), knee * (1 + 1e-7)]).requires_grad_()
    (slope,) = torch.autograd.grad(power_curve(x, gamma, offset).sum(), x)
    assert abs(slope[0] / slope[1] - 1) < 1e-6


# Gradients.


@pytest.mark.parametrize("curve", [filmic_curve, filmic_curve_inverse])
@pytest.mark.parametrize("film", FILMS)
def test_the_filmic_curve_has_its_gradient_in_the_value_and_in_every_number(curve, film):
    x = torch.tensor([-0.3, 0.01, 0.2, 0.7, 1.3, 7.0], dtype=DOUBLE)
    assert torch.autograd.gradcheck(curve, [t.requires_grad_() for t in (x, *numbers(*film))])


@pytest.mark.parametrize("curve", [power_curve, power_curve_inverse])
@pytest.mark.parametrize("power", POWERS)
def test_the_power_curve_has_its_gradient_in_the_value_and_in_both_numbers(curve, power):
    x = torch.tensor([-0.3, 0.0, 0.001, 0.2, 0.7, 1.3], dtype=DOUBLE)
    assert torch.autograd.gradcheck(curve, [t.requires_grad_() for t in (x, *numbers(*power))])


# Points.

STEPS = st.lists(st.tuples(st.floats(0.01, 1), st.floats(0.001, 1)), min_size=1, max_size=8)


def knots(steps: list[tuple[float, float]]) -> tuple[torch.Tensor, torch.Tensor]:
    table = torch.tensor([(-0.1, 0.2), *steps], dtype=DOUBLE).cumsum(0)
    return table[:, 0], table[:, 1]


@hypothesis.settings(max_examples=25)
@hypothesis.given(STEPS)
def test_the_curve_goes_through_the_points_and_never_turns_back(steps):
    x, y = knots(steps)
    assert torch.allclose(monotone_cubic(x[None], x, y)[0], y, atol=1e-12)
    dense = torch.linspace(float(x[0]) - 0.5, float(x[-1]) + 0.5, 2001, dtype=DOUBLE)[None]
    assert (monotone_cubic(dense, x, y).diff() >= -1e-13).all()


@hypothesis.settings(max_examples=25)
@hypothesis.given(STEPS)
def test_the_inverse_of_the_points_curve_is_where_it_came_from(steps):
    x, y = knots(steps)
    y_dense = torch.linspace(float(y[0]) - 0.3, float(y[-1]) + 0.3, 501, dtype=DOUBLE)[None]
    assert (monotone_cubic(monotone_cubic_inverse(y_dense, x, y), x, y) - y_dense).abs().max() < 1e-6


def test_the_inverse_of_a_mild_curve_is_exact():
    x, y = knots([(0.2, 0.1), (0.3, 0.5), (0.4, 0.2)])
    dense = torch.linspace(-0.5, 1.5, 2001, dtype=DOUBLE)[None]
    assert (monotone_cubic_inverse(monotone_cubic(dense, x, y), x, y) - dense).abs().max() < 1e-9


def test_between_the_points_it_is_scipys_cubic_with_the_same_tangents():
    x, y = knots([(0.2, 0.1), (0.3, 0.9), (0.4, 0.01), (0.1, 0.3)])
    spline = CubicHermiteSpline(x.numpy(), y.numpy(), _tangents(x[None], y[None])[0].numpy())
    dense = torch.linspace(float(x[0]), float(x[-1]), 999, dtype=DOUBLE)
    assert np.abs(monotone_cubic(dense[None], x, y)[0].numpy() - spline(dense.numpy())).max() < 1e-12


def test_tangents_that_need_no_limit_are_those_of_the_parabola():
    x = torch.tensor([[0.0, 0.1, 0.4, 1.0]], dtype=DOUBLE)
    assert torch.allclose(_tangents(x, x**2 + x)[0, 1:-1], 2 * x[0, 1:-1] + 1)


def test_points_on_a_line_give_the_line():
    x = torch.tensor([0.0, 0.1, 0.7, 1.0], dtype=DOUBLE)
    dense = torch.linspace(-1, 2, 300, dtype=DOUBLE)[None]
    assert torch.allclose(monotone_cubic(dense, x, 3 * x - 1), 3 * dense - 1, atol=1e-14)


def test_more_points_come_closer_to_a_smooth_curve_with_the_third_power():
    dense = torch.linspace(0.2, 0.8, 1000, dtype=DOUBLE)[None]
    off = []
    for count in (21, 41, 81):
        x = torch.linspace(0, 1, count, dtype=DOUBLE)
        off.append(float((monotone_cubic(dense, x, x.exp()) - dense.exp()).abs().max()))
    assert off[0] / off[1] > 7 and off[1] / off[2] > 7


@pytest.mark.parametrize("curve", [monotone_cubic, monotone_cubic_inverse])
@pytest.mark.parametrize("batched", [False, True])
def test_the_points_curve_has_its_gradient_in_the_value_and_in_the_points(curve, batched):
    x, y = knots([(0.2, 0.1), (0.3, 0.9), (0.4, 0.01), (0.1, 0.3)])
    if batched:
        x, y = torch.stack([x, 1.3 * x]), torch.stack([y, y + 0.1])
    value = torch.rand(2, 7, generator=torch.Generator().manual_seed(0), dtype=DOUBLE) * 2 - 0.3
    assert torch.autograd.gradcheck(curve, [t.clone().requires_grad_() for t in (value, x, y)], atol=1e-5, rtol=1e-4)
