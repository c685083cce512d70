"""Shrinkage rules and opponent axes."""

import itertools

import pytest
import torch

from campipe.core.errors import CampipeError
from campipe.ops.opponent import from_opponent, to_opponent
from campipe.ops.shrink import check_rule, shrink


def test_the_three_rules_do_as_they_say():
    c, t = torch.tensor([-3.0, -0.5, 0.0, 1.0, 2.0]), torch.tensor(1.0)
    assert shrink(c, t, "hard").tolist() == [-3, 0, 0, 0, 2]
    assert shrink(c, t, "soft").tolist() == [-2, 0, 0, 0, 1]
    assert shrink(c, t, "garrote").tolist() == pytest.approx([-3 + 1 / 3, 0, 0, 0, 1.5])
    for rule in ("hard", "soft", "garrote"):
        assert torch.equal(shrink(c, torch.tensor(0.0), rule), c)


def test_an_unknown_rule_is_answered_with_the_list():
    with pytest.raises(CampipeError, match="hard, soft or garrote, but 'firm' came"):
        check_rule("firm")


@pytest.mark.parametrize("channels", [1, 3, 4, 36])
def test_opponent_axes_are_orthonormal_and_come_back(channels):
    x = torch.randn(2, channels, 5, 6, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    y, sigma = to_opponent(x, torch.ones(1, 1, 1, 1))
    assert torch.allclose(y.square().sum(1), x.square().sum(1))
    assert torch.allclose(from_opponent(y), x)
    assert sigma.shape == (1, 1, 1, 1)


@pytest.mark.parametrize("channels", [3, 4])
def test_grey_is_in_the_first_axis_alone(channels):
    y, _ = to_opponent(torch.ones(1, channels, 1, 1, dtype=torch.float64), torch.ones(()))
    assert torch.allclose(y.flatten(), torch.tensor([channels**0.5, *[0.0] * (channels - 1)], dtype=torch.float64), atol=1e-15)


@pytest.mark.parametrize("channels", [3, 4])
def test_the_noise_of_the_axes_is_that_of_independent_channels(channels):
    sigmas = torch.tensor([0.5, 1.0, 2.0, 0.1])[:channels].reshape(1, channels, 1, 1).double()
    draws = sigmas * torch.randn(1, channels, 400, 400, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    y, level = to_opponent(draws, sigmas)
    assert torch.allclose(y.std((-2, -1)), level[..., 0, 0], rtol=5 / (2 * 160_000) ** 0.5)


def test_the_order_of_the_planes_of_a_bayer_pattern_changes_signs_and_order_only():
    x = torch.rand(1, 4, 1, 1)
    sizes = [sorted(to_opponent(x[:, list(p)], torch.ones(()))[0].abs().flatten().tolist()) for p in itertools.permutations(range(4))]
    assert all(s == pytest.approx(sizes[0], abs=1e-6) for s in sizes)
