"""The path of a shaking hand is a point-spread function: not negative, of sum 1, about the middle, and the same for the same key."""

from __future__ import annotations

import pytest
import torch

from campipe.core.random import Key
from campipe.ops.shake import shake_kernel


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize(("size", "length"), [(19, 14.0), (9, 5.0)])
def test_it_is_a_point_spread_function_about_the_middle(seed, size, length):
    kernel = shake_kernel(Key(seed), size, length)
    places = torch.arange(size, dtype=torch.float64)
    assert kernel.shape == (size, size)
    assert float(kernel.sum()) == pytest.approx(1)
    assert bool((kernel >= 0).all())
    # The path keeps its whole length inside, so that its centre of mass can lie a little beside the middle.
    for axis in (0, 1):
        assert abs(float((kernel.sum(1 - axis) * places).sum()) - (size - 1) / 2) < length / 2 - (size - 1 - length) / 2 + 1e-9


def test_it_reaches_as_far_as_was_asked():
    kernel = shake_kernel(Key(1), 25, 16.0)
    seen = [torch.nonzero(kernel.sum(axis)).flatten() for axis in (0, 1)]
    # Spreading a position over four pixels adds at most one pixel at either end.
    assert 16 <= max(int(s[-1] - s[0]) for s in seen) <= 18


def test_another_key_is_another_path_and_the_same_key_the_same():
    assert torch.equal(shake_kernel(Key(1)), shake_kernel(Key(1)))
    assert not torch.equal(shake_kernel(Key(1)), shake_kernel(Key(2)))
