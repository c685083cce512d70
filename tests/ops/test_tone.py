from __future__ import annotations

import pytest
import torch

from campipe.ops.tone import tone_curve, tone_curve_inverse

STRENGTHS = [0.0, 1e-6, 0.1, 0.5, 0.9, 0.999, 1.0]


def test_strength_0_is_the_identity_and_strength_1_the_smoothstep():
    x = torch.linspace(0, 1, 1001, dtype=torch.float64)
    assert torch.equal(tone_curve(x, 0.0), x)
    assert torch.allclose(tone_curve(x, 1.0), 3 * x**2 - 2 * x**3)


@pytest.mark.parametrize("strength", STRENGTHS)
def test_the_curve_increases_and_goes_on_as_a_line(strength):
    x = torch.linspace(-2, 3, 5001, dtype=torch.float64)
    y = tone_curve(x, strength)
    assert (y.diff() >= 0).all()
    assert torch.allclose(y[x > 1], 1 + (1 - strength) * (x[x > 1] - 1))
    assert torch.allclose(y[x < 0], (1 - strength) * x[x < 0])


@pytest.mark.parametrize("strength", STRENGTHS)
@pytest.mark.parametrize(("dtype", "close"), [(torch.float32, 4e-7), (torch.float64, 1e-15)])
def test_the_curve_of_the_inverse_is_where_it_came_from(strength, dtype, close):
    y = torch.cat([torch.linspace(0, 1, 100_001, dtype=dtype), torch.logspace(-30, 0, 1000, dtype=dtype)])
    assert (tone_curve(tone_curve_inverse(y, strength), strength) - y).abs().max() <= close


@pytest.mark.parametrize("strength", [0.0, 0.3, 0.99])
def test_the_inverse_goes_on_beyond_the_ends(strength):
    y = torch.linspace(-2, 3, 5001, dtype=torch.float64)
    assert (tone_curve(tone_curve_inverse(y, strength), strength) - y).abs().max() < 1e-12


def test_at_strength_1_what_lies_outside_comes_back_at_the_ends():
    assert tone_curve_inverse(torch.tensor([-0.5, 0.0, 1.0, 1.5]), 1.0).tolist() == [0, 0, 1, 1]


def test_small_values_keep_their_relative_precision():
    # Near 0 the smoothstep is 3 x^2 (1 - 2 x / 3), so that the inverse is sqrt(y / 3) to within a third of it, relatively.
    y = torch.logspace(-20, -8, 100)
    x = tone_curve_inverse(y, 1.0)
    assert ((x / (y / 3).sqrt() - 1).abs() < 2e-6 + x).all()


def test_the_inverse_has_the_gradient_of_the_implicit_function():
    y = torch.tensor([-0.3, 0.02, 0.3, 0.5, 0.8, 0.97, 1.4], dtype=torch.float64, requires_grad=True)
    strength = torch.tensor(0.7, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(tone_curve_inverse, (y, strength))
    assert torch.autograd.gradcheck(tone_curve, (y, strength))


@pytest.mark.parametrize("strength", [0.0, 1.0])
def test_gradients_are_finite_at_the_ends(strength):
    y = torch.tensor([0.0, 1e-30, 0.5, 1.0], requires_grad=True)
    t = torch.tensor(strength, requires_grad=True)
    slopes = torch.autograd.grad(tone_curve_inverse(y, t).sum(), (y, t))
    assert all(torch.isfinite(s).all() for s in slopes)


def test_each_item_has_its_own_strength():
    y, t = torch.rand(3, 1, 4, 4, generator=torch.Generator().manual_seed(0)), torch.tensor([0.0, 0.5, 1.0]).reshape(3, 1, 1, 1)
    together = tone_curve_inverse(y, t)
    for i in range(3):
        assert torch.equal(together[i], tone_curve_inverse(y[i], float(t[i])))
