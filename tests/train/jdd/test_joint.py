"""What a joint demosaicker is trained on, and a training of seconds that takes noise away; the nets of Zhao et al. beside it."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from campipe.blocks.demosaicking.bilinear import Bilinear
from campipe.blocks.demosaicking.joint import Joint
from campipe.core.errors import CampipeError
from campipe.measure.losses.ms_ssim_l1 import ms_ssim_l1_loss
from campipe.measure.losses.pixel import l1_loss
from campipe.ops.demosaick import malvar
from campipe.synth.photos import Photos
from campipe.train.crops import Crops
from campipe.train.demosaicking import seen_through
from campipe.train.jdd.interpolated import REACH, Interpolated, InterpolatedNet
from campipe.train.jdd.joint import BORDER, JointDemosaicking
from campipe.train.loop import fit
from campipe.train.recipe import TrainingRecipe

RECIPE = """train: 1
about: a very small joint demosaicker
block: demosaick/joint
network: {width: 8, blocks: 1}
data: {crop: 40, colour: 0.0, chroma: 0.0, scenes: 0.0, held_out: 1, sigma: [10, 20]}
optimiser:
  steps: 120
  batch: 4
  rate: {kind: cosine, peak: 0.01, end: 1.0e-4, warm_up: 10}
  betas: [0.9, 0.99]
  ema: 0.95
  validate_every: 120
  log_every: 40
card: {data: photos of a test, licence: none}
"""


@pytest.fixture(scope="module")
def folder(cut_photos) -> Path:
    return cut_photos(128, 128)


def crops(folder: Path, size: int = 40, **options: object) -> Crops:
    return Crops(Photos.under(folder), size, colour=0.2, scenes=0.0, held_out=1, **options)


def task(folder: Path, size: int = 40, **options: object) -> JointDemosaicking:
    return JointDemosaicking(Joint(weights=None, width=4, blocks=1), crops(folder, size), l1_loss, "l1", **options)


def test_a_sample_hangs_on_its_number_alone(folder):
    clean, mosaic, sigma = task(folder).batch(range(6))
    assert clean.shape == (6, 3, 40, 40) and mosaic.shape == (6, 1, 40, 40) and sigma.shape == (6, 1, 1, 1)
    for alone, together in zip(task(folder).batch([4]), (clean, mosaic, sigma), strict=True):
        assert torch.equal(alone[0], together[4])
    assert not torch.equal(mosaic[4], mosaic[5])


def test_the_noise_is_on_the_mosaic_white_not_clipped_and_of_the_sigma_that_is_told(folder):
    clean, mosaic, sigma = task(folder).batch(range(300))
    z = (mosaic - seen_through(clean)) / sigma
    count = z[0].numel()
    assert (z.flatten(1).std(1) - 1).abs().max() < 5 / (2 * count) ** 0.5
    assert z.flatten(1).mean(1).abs().max() < 5 / count**0.5
    for other in (z[..., 1:, :] * z[..., :-1, :], z[..., 1:] * z[..., :-1]):
        assert abs(float(other.mean())) < 5 / other.numel() ** 0.5
    assert float(mosaic.min()) < -0.05 and float(mosaic.max()) > 1.05
    levels = 255 * sigma.flatten()
    assert 0 <= float(levels.min()) < 1 and 19 < float(levels.max()) <= 20
    assert abs(float(levels.mean()) - 10) < 5 * 20 / 12**0.5 / 300**0.5  # evenly drawn


def test_the_loss_of_an_untrained_net_is_that_of_its_base_inside_the_border(folder):
    one = task(folder)
    clean, mosaic, _ = batch = one.batch(range(5))
    inside = slice(BORDER, -BORDER)
    assert float(one(batch)) == pytest.approx(float((malvar(mosaic, "RGGB") - clean)[..., inside, inside].abs().mean()), rel=1e-5)


def test_a_training_of_seconds_is_above_the_base(folder, tmp_path):
    recipe = TrainingRecipe.parse(RECIPE)
    task = recipe.task(recipe.block(), folder)
    assert task.about()["sigma"] == [10.0, 20.0]
    scores = fit(task, recipe.training, tmp_path).scores
    assert scores["psnr"] > scores["base_psnr"] + 0.5 and set(scores) == {"psnr", "base_psnr", "psnr_5", "psnr_15", "psnr_20"}


@pytest.mark.parametrize("size", [16, 36])
def test_crops_that_do_not_fit_the_net_are_refused(folder, size):
    with pytest.raises(CampipeError, match=f"a multiple of 8 pixels, from 24 on, but {size} came; take 96"):
        task(folder, size)


def test_the_net_of_zhao_has_its_size_and_sees_what_it_says():
    net = InterpolatedNet()
    assert sum(p.numel() for p in net.parameters()) == 123_011
    x = torch.zeros(1, 3, 17, 17)
    x[0, 0, 8, 8] = 1.0
    assert net(x).shape == (1, 3, 1, 1)
    corner = torch.zeros(1, 3, 19, 19)
    corner[0, 0, 0, 0] = 1.0
    changed = (net(corner) - net(torch.zeros_like(corner))).abs().sum(1)[0]
    assert changed[0, 0] > 0 and changed[1:].max() == 0 and changed[:, 1:].max() == 0


@torch.no_grad()
def test_a_picture_is_restored_as_its_inside_is_trained(folder):
    one = Interpolated(InterpolatedNet(width=4), crops(folder, 48), "mix")
    clean, mosaic = one.batch(range(2))
    assert torch.equal(one.batch([1])[0][0], clean[1])
    assert ((mosaic - seen_through(clean)).std() - 10 / 255).abs() < 5 * 10 / 255 / (2 * mosaic.numel()) ** 0.5
    inside = slice(REACH, -REACH)
    answer = one.net.restored(mosaic)
    assert answer.shape == clean.shape
    found = one.net(Bilinear().net(mosaic, "RGGB"))
    wanted = ms_ssim_l1_loss(found, clean[..., inside, inside], data_range=1)
    assert float(one((clean, mosaic))) == pytest.approx(float(wanted), rel=1e-6)
    # From the second pixel of the inside on nothing beyond the border is used, and the whole picture gives what the crop gives.
    assert torch.allclose(answer[..., 10:-10, 10:-10], found[..., 2:-2, 2:-2], atol=1e-6)


def test_a_loss_that_is_none_of_the_compared_is_refused(folder):
    with pytest.raises(CampipeError, match="l2, l1, mix, but 'ssim'"):
        Interpolated(InterpolatedNet(width=2), crops(folder), "ssim")
    with pytest.raises(CampipeError, match="more than 16 pixels"):
        Interpolated(InterpolatedNet(width=2), crops(folder, 16), "l1")
