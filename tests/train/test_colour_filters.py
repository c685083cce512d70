"""Learned colour filters: what they pass, how they harden, and how light becomes counts behind them."""

from __future__ import annotations

import itertools

import pytest
import torch

from campipe.core import pattern as patterns
from campipe.core.errors import CampipeError
from campipe.synth.photos import Photos
from campipe.train import Constant, Crops, Training, fit
from campipe.train.colour_filters import BANK, ColourFilters, FilterPattern, PatternNet, expose


@pytest.fixture(scope="module")
def crops(photos, tmp_path_factory) -> Crops:
    from skimage import io

    folder = tmp_path_factory.mktemp("photos")
    for name in ("astronaut", "coffee"):
        io.imsave(folder / f"{name}.png", photos[name][:128, :128], check_contrast=False)
    return Crops(Photos.under(folder), 16, scenes=0.0, held_out=1)


def white(level: float, count: int = 1) -> torch.Tensor:
    return torch.full((count, 1, 1, 1), level)


def test_bayer_s_filters_are_those_of_the_sensor_s_pattern():
    passed = FilterPattern(4, "RGGB").transmittance(0.0)
    table = torch.tensor(patterns.channels("RGGB")).repeat(2, 2)
    assert torch.equal(passed.argmax(0), table) and torch.equal(passed.sum(0), torch.ones(4, 4))
    assert FilterPattern(4, "RGGB").letters == "RGRGGBGB" * 2
    assert torch.equal(FilterPattern(2, "WWWW").transmittance(), torch.ones(3, 2, 2))


def test_a_learned_pattern_hardens_from_a_mixture_to_its_largest_share():
    filters = FilterPattern(4)
    early, late, end = (filters.transmittance(progress).detach() for progress in (0.0, 0.49, 0.5))
    assert early.min() > 0.4 and early.max() < 0.6  # every pixel passes nearly the mean of the bank, 2 of its 4 filters a band
    assert set(end.unique().tolist()) == {0.0, 1.0}
    letters = list(filters.letters)
    assert [tuple(p) for p in end.flatten(1).T.tolist()] == [BANK[letter] for letter in letters]
    assert (late - end).abs().mean() < 0.1 < (early - end).abs().mean()
    assert not filters.transmittance(0.5).requires_grad and filters.transmittance(0.4).requires_grad


def test_counts_have_mean_and_variance_of_the_light_that_a_filter_passes():
    light = torch.tensor([0.2, 0.5, 1.0])[None, :, None, None].expand(1, 3, 256, 256)
    filters = FilterPattern(2, "RGBW")
    counts = expose(light, filters.transmittance(), white(10.0), [7], read_noise=2.0)
    for place, rate in zip(torch.nn.functional.pixel_unshuffle(counts, 2)[0], (2.0, 5.0, 10.0, 17.0), strict=True):
        variance, n = rate + 4.0, place.numel()
        assert float(place.mean()) == pytest.approx(rate, abs=5 * (variance / n) ** 0.5)
        # A fourth moment of 3 v^2 + m for the count and 3 v^2 for the read noise: the variance's error is about sqrt((2 v^2 + m) / n).
        assert float(place.var()) == pytest.approx(variance, abs=5 * ((2 * variance**2 + rate) / n) ** 0.5)


def test_the_same_seed_gives_the_same_counts_alone_and_in_a_batch():
    light, passed = torch.rand(3, 3, 8, 8, generator=torch.Generator().manual_seed(0)), FilterPattern(4, "RGGB").transmittance()
    both = expose(light, passed, white(20.0, 3), [4, 5, 6])
    assert torch.equal(expose(light[1:2], passed, white(20.0), [5]), both[1:2])
    assert not torch.equal(expose(light[1:2], passed, white(20.0), [6]), both[1:2])


def test_a_gradient_through_the_counts_tells_which_filter_lets_more_light_in():
    """The mean count's slope in the transmittance of a band is its light times the photons at white, over the tile's pixels."""
    light = torch.tensor([0.2, 0.5, 0.9])[None, :, None, None].expand(1, 3, 512, 512)
    passed = torch.full((3, 2, 2), 0.5, requires_grad=True)
    expose(light, passed, white(40.0), [1]).mean().backward()
    wanted = torch.tensor([0.2, 0.5, 0.9])[:, None, None].expand(3, 2, 2) * 40 / 4
    # The slope of a count is (1 + count / rate) / 2: its mean over 65,536 pixels is exact to 1 / (2 sqrt(rate n)), 0.04 %.
    assert torch.allclose(passed.grad, wanted, rtol=2e-3)


def test_filters_learn_while_they_mix_and_stay_when_they_have_settled(crops, tmp_path):
    task = ColourFilters(FilterPattern(4), PatternNet(4, width=8, blocks=0), crops, pace=5.0)
    seen = []
    task.register_forward_hook(lambda module, given, out: seen.append(task.filters.weights.detach().clone()))
    fit(task, Training(6, 2, Constant(0.01), ema=None), tmp_path)
    moved = [float((b - a).abs().max()) for a, b in itertools.pairwise(seen)]
    assert moved[0] == pytest.approx(0.05, rel=1e-3)  # Adam's first step, at the pace of the filters
    assert all(step > 0 for step in moved[:3]) and moved[3:] == [0.0, 0.0]


def test_a_net_behind_fixed_filters_trains_alone_and_raises_the_score(crops, tmp_path):
    task = ColourFilters(FilterPattern(2, "RGGB"), PatternNet(2, width=8, blocks=0), crops)
    before, pattern = task.validate()["psnr"], task.filters.weights.clone()
    fit(task, Training(60, 4, Constant(0.005)), tmp_path)
    assert list(task.groups()) == ["picture"] and torch.equal(task.filters.weights, pattern)
    assert task.validate()["psnr"] > before + 1
    assert set(task.validate()) == {"psnr", "psnr_8", "psnr_32"}


@pytest.mark.parametrize("letters", ["RGB", "RGGX", "", "RGGBRGGBR"])
def test_letters_that_are_no_pattern_are_refused(letters):
    with pytest.raises(CampipeError, match="a square of the letters R, G, B, W that fills a tile of 4"):
        FilterPattern(4, letters)


def test_a_net_of_another_tile_is_refused(crops):
    with pytest.raises(CampipeError, match="one tile, but 2, 4 and crops of 16"):
        ColourFilters(FilterPattern(2), PatternNet(4), crops)
