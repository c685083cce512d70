"""Patches: a picture that is cut and laid together again is the picture, and what patches say is averaged by their weights."""

from __future__ import annotations

import pytest
import torch
from torch.nn import functional

from campipe.ops import patches
from campipe.ops.patches import by_patches, patches_of, window


def planes(count: int, height: int, width: int) -> torch.Tensor:
    return torch.rand(count, height, width, generator=torch.Generator().manual_seed(0), dtype=torch.float64)


@pytest.mark.parametrize(("side", "stride"), [(5, 1), (5, 3), (6, 2), (6, 6)])
@pytest.mark.parametrize("size", [(2, 2), (7, 11), (20, 13)])
@pytest.mark.parametrize("spread", [None, 1.5])
def test_what_is_cut_and_laid_together_is_what_it_was(side, stride, size, spread):
    x = planes(2, *size)
    assert torch.allclose(by_patches(lambda p: p, side, stride, window(side, spread, x), x), x, atol=1e-12)


def test_the_mean_of_the_means_of_all_patches_is_a_triangle_filter():
    x, side = planes(1, 30, 30), 5
    out = by_patches(lambda p: p.mean(-1, keepdim=True).expand_as(p), side, 1, window(side, None, x), x)
    box = torch.full((1, 1, side, side), 1 / side**2, dtype=torch.float64)
    inner = functional.conv2d(functional.conv2d(x[None], box), box)[0]
    assert torch.allclose(out[:, 4:-4, 4:-4], inner, atol=1e-12)


def test_strips_and_maps_change_nothing_but_what_they_say(monkeypatch):
    x, level = planes(3, 25, 18), planes(3, 25, 18) + 1

    def answer(p: torch.Tensor, m: torch.Tensor) -> torch.Tensor:
        assert p.shape == m.shape
        return p.square() * m

    whole = by_patches(answer, 4, 3, window(4, 1.0, x), x, level)
    monkeypatch.setattr(patches, "MOST", 1)
    assert torch.allclose(by_patches(answer, 4, 3, window(4, 1.0, x), x, level), whole, atol=1e-12)
    assert torch.allclose(whole, x.square() * level, atol=1e-12)


def test_patches_are_those_of_unfold():
    x = planes(2, 11, 9)
    expected = functional.unfold(x[:, None], 4, stride=2).mT
    assert torch.equal(patches_of(x, 4, 2).flatten(1, 2), expected)


def test_the_gradient_is_exact():
    x = planes(1, 6, 7).requires_grad_()
    assert torch.autograd.gradcheck(lambda y: by_patches(torch.tanh, 4, 3, window(4, 1.0, y), y), (x,))


def test_the_window_is_a_gaussian_about_the_middle():
    w = window(5, 2.0, torch.zeros((), dtype=torch.float64)).reshape(5, 5)
    assert torch.equal(w, w.flip(0)) and torch.equal(w, w.mT) and w[2, 2] == 1
    assert float(w[2, 4]) == pytest.approx(float(torch.exp(torch.tensor(-0.5))), rel=1e-6)
