"""The small feature network's training: damages that are what they say, views that hang on their number, and a loss that falls."""

from __future__ import annotations

import math

import numpy as np
import pytest
import scipy.fft
import torch

from campipe.core.errors import CampipeError, ShapeError
from campipe.measure.features import CampipeSmall, load_features
from campipe.measure.losses.lpips import lpips
from campipe.ops.demosaick import bilinear
from campipe.studies.features import blur_over_noise, ranked
from campipe.synth.photos import Photos
from campipe.train.crops import Crops
from campipe.train.demosaicking import seen_through
from campipe.train.loop import Training, fit
from campipe.train.perception.damages import KINDS, NOISE, STEP, blurred, coarsened, damaged, mosaicked, noisy, quantised, recoloured
from campipe.train.perception.features import CODE, FeatureLearning, Learner, _contrast, write_features
from campipe.train.schedules import Constant


@pytest.fixture(scope="module")
def picture(photos) -> torch.Tensor:
    return torch.tensor(photos["coffee"][100:164, 200:264]).movedim(-1, 0)[None].float() / 255


@pytest.fixture(scope="module")
def learning(cut_photos) -> FeatureLearning:
    return FeatureLearning(Crops(Photos.under(cut_photos(192, 192)), 32, colour=0.0, scenes=0.0, held_out=1))


def one(strength: float) -> torch.Tensor:
    return torch.tensor([strength])


def some(like: torch.Tensor, seed: int = 0) -> torch.Tensor:
    return torch.randn(like.shape, generator=torch.Generator().manual_seed(seed))


# Damages.


@pytest.mark.parametrize("damage", KINDS)
def test_a_damage_of_no_strength_is_none_and_a_stronger_one_is_further_off(picture, damage):
    none = damage(picture, one(0.0), some(picture))
    assert (none - picture).abs().max() < 1e-3  # the quantiser's least step
    errors = [float((damage(picture, one(s), some(picture)) - picture).square().mean()) for s in (0.1, 0.3, 0.6, 1.0)]
    assert errors == sorted(errors) and errors[0] > 0


def test_noise_has_its_standard_deviation_and_colours_fade_to_grey(picture):
    assert float((noisy(picture, one(0.5), some(picture)) - picture).std()) == pytest.approx(NOISE / 2, rel=0.03)
    faded = recoloured(picture, one(1.0), some(picture))
    assert (faded.amax(1) - faded.amin(1)).mean() < 0.4 * (picture.amax(1) - picture.amin(1)).mean()
    assert faded.mean() > picture.mean()


def test_frequencies_of_blocks_become_multiples_of_the_step(picture):
    out = quantised(picture, one(0.5), some(picture))
    block = scipy.fft.dctn(out[0, 1, 8:16, 16:24].double().numpy(), norm="ortho")
    steps = STEP * 0.5 * (1 + np.add.outer(np.arange(8), np.arange(8)) / 2)
    assert np.abs(block / steps - np.round(block / steps)).max() < 1e-3
    with pytest.raises(ShapeError, match="take whole blocks"):
        quantised(picture[..., :60], one(0.5), some(picture))


def test_a_mosaic_is_filled_in_as_bilinear_demosaicking_does(picture):
    assert torch.allclose(mosaicked(picture, one(1.0), some(picture)), bilinear(seen_through(picture), "RGGB"), atol=1e-6)


def test_each_picture_is_damaged_in_its_own_way(picture):
    batch, strength, noise = picture.repeat(3, 1, 1, 1), torch.tensor([0.8, 0.5, 0.3]), some(picture.repeat(3, 1, 1, 1))
    out = damaged(batch, torch.tensor([0, len(KINDS), 3]), strength, noise)
    assert torch.allclose(out[0:1], blurred(picture, one(0.8), noise[:1]).clamp(0, 1), atol=1e-6)
    assert torch.equal(out[1:2], picture)
    assert torch.allclose(out[2:3], coarsened(picture, one(0.3), noise[:1]).clamp(0, 1), atol=1e-6)


# The task.


def test_views_hang_on_the_numbers_of_their_samples_alone(learning):
    together, alone = learning.batch(range(5)), learning.batch([3])
    assert together[0].shape == (10, 3, 16, 16) and all(len(part) == 10 for part in together)
    for whole, part in zip(together, alone, strict=True):
        assert torch.allclose(whole[[3, 8]], part, atol=1e-6)
    assert int(together[1].max()) <= len(KINDS) and int(together[3].max()) <= 3


def test_the_contrast_is_least_where_partners_are_alike_and_all_others_are_not():
    code = torch.eye(4).repeat(2, 1)
    # Each of eight views sees its partner at a cosine of 1 and six others at 0.
    assert float(_contrast(code)) == pytest.approx(math.log(1 + 6 * math.exp(-10)), rel=1e-3)
    assert float(_contrast(torch.ones(8, 4) / 2)) == pytest.approx(math.log(7), rel=1e-6)


def test_a_learner_begins_with_the_weights_of_its_seed():
    first, again, other = Learner(1), Learner(1), Learner(2)
    assert all(torch.equal(a, b) for a, b in zip(first.parameters(), again.parameters(), strict=True))
    assert not torch.equal(first.trunk.features[0].weight, other.trunk.features[0].weight)
    damage, strength, turn, code = first(torch.rand(4, 3, 16, 16, generator=torch.Generator().manual_seed(0)))
    assert [part.shape[1] for part in (damage, strength, turn, code)] == [len(KINDS) + 1, len(KINDS), 4, CODE]
    assert torch.allclose(code.norm(dim=1), torch.ones(4))


def test_a_training_lowers_the_loss_and_its_weights_are_read_as_features(learning, tmp_path):
    batch = learning.batch(range(100, 116))
    before = float(learning(batch).detach())
    fit(learning, Training(steps=25, batch=16, rate=Constant(2e-3), ema=None, clip=1.0, validate_every=25, log_every=25), tmp_path)
    assert float(learning(batch).detach()) < before - 0.3
    network = load_features(CampipeSmall(), write_features(learning.trunk, tmp_path / "features.safetensors", {"data": "none"}))
    assert torch.allclose(network(batch[0], ["relu2_2"])["relu2_2"], learning.trunk(batch[0], ["relu2_2"])["relu2_2"], rtol=0.02, atol=0.02)


def test_crops_without_whole_blocks_are_refused(learning):
    crops = Crops(learning.crops.photos, 40, colour=0.0, scenes=0.0, held_out=1)
    with pytest.raises(CampipeError, match="a multiple of 16 pixels, but 40 came"):
        FeatureLearning(crops)


# The distance that the study ranks damages by.


def test_ranks_are_counted_over_damages(picture):
    network = CampipeSmall().draw(torch.Generator().manual_seed(0))
    order = ranked(network, [picture])
    assert len(order) == len(KINDS) and all(0 <= value <= 100 for value in order.values())
    assert order["in order, %: noisy"] == 100
    assert blur_over_noise(network, [picture]) > 0
    assert float(lpips(picture, picture, network, data_range=1)) == 0
