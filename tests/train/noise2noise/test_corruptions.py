"""Damage has the strength that it says, keeps the statistic that a loss learns, and hangs on the number of the sample alone."""

from __future__ import annotations

import pytest
import scipy.stats
import torch

from campipe.core.errors import CampipeError
from campipe.testing import assert_distribution
from campipe.train.noise2noise.corruptions import Bernoulli, Gaussian, Impulses, Overlaid, Poisson

ALL = [Gaussian(5, 50), Poisson(5, 50), Overlaid(0.1, 0.5), Impulses(0.1, 0.95), Bernoulli(0.1, 0.95)]


def flat(value: float, count: int = 1, side: int = 64) -> torch.Tensor:
    return torch.full((count, 3, side, side), value)


@pytest.mark.parametrize("damage", ALL, ids=lambda d: type(d).__name__)
def test_a_sample_is_damaged_in_the_same_way_alone_and_among_others(damage):
    clean = torch.rand(3, 3, 64, 64, generator=torch.Generator().manual_seed(0))
    batch = damage(clean, 3, [7, 8, 9])
    alone = damage(clean[1:2], 3, [8])
    assert torch.equal(alone.picture[0], batch.picture[1])
    assert torch.equal(damage(clean, 3, torch.tensor([7, 8, 9])).picture, batch.picture)
    assert not torch.equal(damage(clean[1:2], 3, [9]).picture, alone.picture)
    assert not torch.equal(damage(clean[1:2], 4, [8]).picture, alone.picture)
    assert (alone.valid is None) == (not isinstance(damage, Bernoulli))


def test_gaussian_and_poisson_noise_have_the_picture_as_their_mean_and_the_variance_that_is_asked_for():
    clean, count = flat(0.4), 3 * 64 * 64
    for damage, variance in ((Gaussian(25, 25), (25 / 255) ** 2), (Poisson(30, 30), 0.4 / 30)):
        noise = (damage(clean, 0, [5]).picture - clean).double()
        assert abs(noise.mean()) < 5 * (variance / count) ** 0.5  # five standard errors of a mean
        # The variance of a sample variance is (kurtosis - 1) variance^2 / n; the kurtosis is 3, and 3 + 1 / mean for counts.
        kurtosis = 3 + (1 / 12 if isinstance(damage, Poisson) else 0)
        assert abs(noise.var() / variance - 1) < 5 * ((kurtosis - 1) / count) ** 0.5
    counts = Poisson(30, 30)(clean, 0, [5]).picture * 30
    assert torch.allclose(counts, counts.round(), atol=1e-4)


@pytest.mark.parametrize("white", [5.0, 50.0])
def test_counts_follow_the_poisson_law(white):
    counts = (Poisson(white, white)(flat(0.7, 4, 128), 1, [0, 1, 2, 3]).picture.double() * white).round()
    assert_distribution(counts, scipy.stats.poisson(0.7 * white), false_alarm=1e-6)


def test_strengths_are_drawn_evenly_from_their_range_for_each_picture():
    noise = Gaussian(0, 50)(flat(0.5, 200, 32), 0, list(range(200))).picture - 0.5
    sigma = noise.std((1, 2, 3)) * 255
    assert sigma.min() < 3 and sigma.max() > 47  # each fails by chance once in (1 - 0.05)^200 = 3e-5 at most
    assert abs(sigma.mean() - 25) < 5 * 50 / (12 * 200) ** 0.5


@pytest.mark.parametrize("share", [0.1, 0.25, 0.5])
def test_writing_covers_the_share_that_is_asked_for_in_three_colours(share):
    clean = flat(-1.0, 4, 128)
    seen = Overlaid(share, share)(clean, 2, [0, 1, 2, 3]).picture
    covered = (seen != -1).all(1)
    # Layers meet their shares to within a word of some 200 pixels each; that they overlap by chance scatters by less.
    assert abs(covered.float().mean() - share) < 0.03
    colours = seen.permute(0, 2, 3, 1)[covered].unique(dim=0)
    assert len(colours) == 12 and colours.min() >= 0 and colours.max() <= 1


def test_impulses_replace_whole_pixels_by_colours_that_are_even_and_keep_the_others():
    clean = flat(-1.0, 2, 128)
    seen = Impulses(0.7, 0.7)(clean, 1, [3, 4]).picture
    changed = (seen != -1).any(1)
    assert torch.equal(changed, (seen != -1).all(1))
    count = changed.numel()
    assert abs(changed.float().mean() - 0.7) < 5 * (0.7 * 0.3 / count) ** 0.5
    values = seen.permute(1, 0, 2, 3)[:, changed].double()
    quantiles = torch.linspace(0.1, 0.9, 9, dtype=torch.float64)
    below = (values[..., None] < quantiles).double().mean((0, 1))
    assert (below - quantiles).abs().max() < 5 * 0.5 / (3 * count * 0.7) ** 0.5
    colours = torch.corrcoef(values)[~torch.eye(3, dtype=bool)]
    assert colours.abs().max() < 5 / (count * 0.7) ** 0.5  # three draws, not one


def test_missing_pixels_are_black_and_known():
    seen = Bernoulli(0.3, 0.3)(flat(0.6), 1, [0])
    assert seen.valid.shape == (1, 1, 64, 64)
    assert torch.equal(seen.picture, 0.6 * seen.valid.expand(-1, 3, -1, -1))
    assert abs(seen.valid.mean() - 0.7) < 5 * (0.7 * 0.3 / 64**2) ** 0.5


def test_damage_of_one_strength_and_strengths_that_cannot_be():
    assert Gaussian(0, 50).at(25) == Gaussian(25, 25)
    assert Gaussian(0, 50).at(25) != Poisson(25, 25)
    for least, most in ((-1, 2), (3, 2), (0, float("nan"))):
        with pytest.raises(CampipeError, match="strength from 0 on"):
            Gaussian(least, most)
