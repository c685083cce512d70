"""What a camera of a lower resolution gives of a photo, and the task of giving the photo back."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from torch.nn import functional

from campipe.blocks.super_resolving.srresnet import SrResNet
from campipe.core.errors import CampipeError, ShapeError
from campipe.jobs.train import train
from campipe.measure.losses.pixel import l1_loss
from campipe.ops.colour import srgb_decode, srgb_encode
from campipe.ops.upsample import cubic, upsample
from campipe.synth.photos import Photos
from campipe.train.crops import Crops
from campipe.train.super_resolution.camera import Shot, photographed, seen
from campipe.train.super_resolution.task import BORDER, SuperResolution, scored


@pytest.fixture(scope="module")
def folder(cut_photos) -> Path:
    return cut_photos(192, 192)


def task(folder: Path, factor: int = 2, size: int = 64) -> SuperResolution:
    crops = Crops(Photos.under(folder), size, colour=0.2, scenes=0.0, held_out=1)  # drawing scenes takes seconds
    return SuperResolution(SrResNet(factor, weights=None, width=8, blocks=1), crops, l1_loss, "l1")


def shot(blur: float = 0.0, electrons: float = 1e9, read: float = 0.0, gains: tuple[float, ...] = (1.0, 1.0, 1.0)) -> Shot:
    return Shot(*(torch.tensor([value]) for value in (blur, electrons, read)), torch.tensor([gains]))


@pytest.mark.parametrize("factor", [2, 4])
def test_noise_has_the_variance_of_counting_and_reading_before_the_colours_are_balanced(factor):
    """Malvar's method keeps what was measured: at the pixels of a colour its noise is that of the mosaic."""
    light, side = torch.tensor([0.2, 0.4, 0.3]), 256
    flat = srgb_encode(light).reshape(1, 3, 1, 1).expand(1, 3, side * factor, side * factor)
    camera = shot(0.4, 2000.0, 9.0, (2.0, 1.0, 1.5))
    noise = torch.randn(1, 1, side, side, generator=torch.Generator().manual_seed(0))
    out = srgb_decode(photographed(flat, factor, camera, noise))[0]
    for channel, y, x in ((0, 0, 0), (1, 0, 1), (1, 1, 0), (2, 1, 1)):
        own, gain, count = out[channel, y::2, x::2], float(camera.gains[0, channel]), (side // 2) ** 2
        expected = gain**2 * (float(light[channel]) / gain / 2000 + (9 / 2000) ** 2)
        assert float(own.mean()) == pytest.approx(float(light[channel]), abs=5 * (expected / count) ** 0.5)
        assert float(own.var()) == pytest.approx(expected, rel=5 * (2 / count) ** 0.5)


@pytest.mark.parametrize("factor", [2, 3])
def test_without_noise_light_is_averaged_over_pixels_and_a_grey_ramp_stays_one(factor):
    """Malvar's kernels are exact for what is linear and equal in all colours."""
    ramp = torch.linspace(0.1, 0.9, 24 * factor).expand(1, 3, 16 * factor, -1)
    out = photographed(srgb_encode(ramp), factor, shot(), torch.zeros(1, 1, 16, 24))
    expected = srgb_encode(functional.avg_pool2d(ramp, factor))
    assert torch.allclose(out[..., 2:-2, 2:-2], expected[..., 2:-2, 2:-2], atol=2e-6)


@pytest.mark.parametrize("blur", [0.0, 0.5])
def test_the_lens_takes_from_a_point_what_a_gaussian_has_outside_of_the_pixel(blur):
    factor, side = 4, 16
    point = torch.zeros(1, 3, side * factor, side * factor)
    row, column = side * factor // 2 + 1, side * factor // 2 + 2  # the middle four rows and columns make one red pixel
    point[..., row, column] = 1.0
    out = srgb_decode(photographed(srgb_encode(point), factor, shot(blur), torch.zeros(1, 1, side, side)))
    place = np.arange(-10, 11)
    weights = np.exp(-0.5 * (place / (blur * factor)) ** 2) if blur else (place == 0).astype(float)
    weights /= weights.sum()
    share = weights[(place >= -1) & (place <= 2)].sum() * weights[(place >= -2) & (place <= 1)].sum()
    assert float(out[0, 0].max()) == pytest.approx(share / factor**2, rel=1e-4)


def test_an_rggb_filter_is_laid_over_the_picture():
    picture = torch.arange(3.0).reshape(1, 3, 1, 1).expand(2, 3, 5, 6)
    assert seen(picture)[1, 0, :3, :4].tolist() == [[0, 1, 0, 1], [1, 2, 1, 2], [0, 1, 0, 1]]


def test_a_photo_that_is_no_whole_number_of_pixels_is_refused():
    with pytest.raises(ShapeError, match="whole pixels of 4 x 4"):
        photographed(torch.zeros(1, 3, 18, 16), 4, shot(), torch.zeros(1, 1, 4, 4))


@pytest.mark.parametrize("factor", [2, 4])
def test_a_sample_hangs_on_its_number_alone(folder, factor):
    low, picture = task(folder, factor, 96).batch(range(4))
    assert low.shape == (4, 3, 96 // factor, 96 // factor) and picture.shape == (4, 3, 96, 96)
    again = task(folder, factor, 96).batch([2])
    assert torch.equal(again[0][0], low[2]) and torch.equal(again[1][0], picture[2])
    assert not torch.equal(low[0], low[1])


def test_the_loss_of_an_untrained_net_is_that_of_bicubic(folder):
    one = task(folder)
    low, picture = one.batch(range(3))
    inside = slice(2 * BORDER, -2 * BORDER)
    expected = (upsample(low, 2, cubic, 2) - picture)[..., inside, inside].abs().mean()
    assert float(one((low, picture)).detach()) == pytest.approx(float(expected), rel=1e-5)
    scores = one.validate()
    assert scores["psnr"] == scores["base_psnr"] and 15 < scores["psnr"] < 40


def test_the_question_of_a_score_is_the_same_each_time_and_has_whole_pixels():
    photo = torch.rand(1, 3, 37, 42, generator=torch.Generator().manual_seed(0))
    low, whole = scored(photo, 4, 7)
    assert low.shape == (1, 3, 8, 10) and whole.shape == (1, 3, 32, 40)
    assert torch.equal(scored(photo, 4, 7)[0], low) and not torch.equal(scored(photo, 4, 8)[0], low)


def test_crops_that_do_not_fit_are_refused(folder):
    with pytest.raises(CampipeError, match=r"multiple of 8 pixels from 40 on, but 44 came; take 192"):
        task(folder, 4, 44)


RECIPE = """train: 1
about: a very small super-resolver
block: super_resolve/srresnet
network: {factor: 2, width: 8, blocks: 1}
data: {crop: 48, colour: 0.0, chroma: 0.0, scenes: 0.0, held_out: 1}
optimiser:
  steps: 60
  batch: 4
  rate: {kind: cosine, peak: 0.003, end: 1.0e-4, warm_up: 5}
  betas: [0.9, 0.99]
  ema: 0.9
  validate_every: 60
  log_every: 30
card: {data: photos of a test, licence: none}
"""


def test_a_recipe_trains_a_net_that_is_better_than_bicubic(folder, tmp_path):
    (tmp_path / "recipe.yaml").write_text(RECIPE, encoding="utf-8")
    trained = train(tmp_path / "recipe.yaml", folder, tmp_path / "out")
    assert trained.scores["psnr"] > trained.scores["base_psnr"] + 0.05
    assert SrResNet(weights=tmp_path / "out" / "weights.safetensors").factor == 2
