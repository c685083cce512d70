"""What a denoiser is trained on: noise that hangs on the number of the sample alone; and a training of seconds that takes noise away."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from campipe.blocks.denoising.unet import Unet
from campipe.core.errors import CampipeError, RecipeError
from campipe.jobs.train import train
from campipe.measure.losses.pixel import l1_loss
from campipe.synth.photos import Photos
from campipe.train.crops import Crops
from campipe.train.denoising import Denoising
from campipe.train.recipe import TrainingRecipe

RECIPE = """train: 1
about: a very small denoiser
block: denoise/unet
network: {channels: 1, width: 8}
data: {crop: 48, colour: 0.0, chroma: 0.0, scenes: 0.0, held_out: 1, sigma: [15, 35]}
optimiser:
  steps: 150
  batch: 4
  rate: {kind: cosine, peak: 0.01, end: 1.0e-4, warm_up: 10}
  betas: [0.9, 0.99]
  ema: 0.95
  validate_every: 150
  log_every: 50
card: {data: photos of a test, licence: none}
"""


@pytest.fixture(scope="module")
def folder(cut_photos) -> Path:
    return cut_photos(256, 256)


def task(folder: Path, channels: int = 1, size: int = 48, **options: object) -> Denoising:
    crops = Crops(Photos.under(folder), size, colour=0.2, scenes=0.1, held_out=1)
    return Denoising(Unet(weights=None, channels=channels, width=4), crops, l1_loss, "l1", **options)


@pytest.mark.parametrize("channels", [1, 3])
def test_a_sample_hangs_on_its_number_alone(folder, channels):
    one = task(folder, channels)
    together = one.batch(range(6))
    assert together.shape == (6, 2 * channels + 1, 48, 48)
    assert torch.equal(task(folder, channels).batch([4])[0], together[4])
    assert not torch.equal(together[4], together[5])


def test_the_noise_is_white_not_clipped_and_of_the_sigma_that_is_told(folder):
    clean, noisy, sigma = task(folder, 3).batch(range(200)).split([3, 3, 1], 1)
    z = (noisy - clean) / sigma
    count = z[0].numel()
    spread = z.flatten(1).std(1)
    assert (spread - 1).abs().max() < 5 / (2 * count) ** 0.5
    assert z.flatten(1).mean(1).abs().max() < 5 / count**0.5
    for other in (z[..., 1:, :] * z[..., :-1, :], z[..., 1:] * z[..., :-1], z[:, 1:] * z[:, :-1]):  # rows, columns, colours
        assert abs(float(other.mean())) < 5 / other.numel() ** 0.5
    assert float(noisy.min()) < -0.1 and float(noisy.max()) > 1.1
    levels = 255 * sigma[:, 0, 0, 0]
    assert float(levels.min()) < 3 and float(levels.max()) > 52 and float(levels.max()) < 55
    assert abs(float(levels.mean()) - 27.5) < 5 * 55 / 12**0.5 / 200**0.5  # evenly drawn


def test_grey_pictures_are_the_luma_of_the_field(folder):
    grey, colour = task(folder, 1).batch([3])[0, :1], task(folder, 3).batch([3])[0, :3]
    assert torch.allclose(grey[0], 0.299 * colour[0] + 0.587 * colour[1] + 0.114 * colour[2], atol=1e-6)


def test_the_loss_of_an_untrained_net_is_that_of_the_noise(folder):
    one = task(folder, 1, sigma=(30.0, 30.0))
    expected = (2 / torch.pi) ** 0.5 * 30 / 255  # the mean of the absolute value of a Gaussian
    assert float(one(one.batch(range(4)))) == pytest.approx(expected, rel=0.05)
    scores = one.validate()
    assert scores["psnr"] == scores["base_psnr"] and scores["psnr_15"] > scores["psnr"] > scores["psnr_50"]


@pytest.mark.parametrize(
    ("options", "words"),
    [({"sigma": (9.0, 3.0)}, r"its smaller end first, but \[9.0, 3.0\] came"), ({"size": 44}, "a multiple of 8 pixels, but 44 came")],
)
def test_what_cannot_be_trained_on_is_refused(folder, options, words):
    with pytest.raises(CampipeError, match=words):
        task(folder, **options)


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("sigma: [15, 35]", "sigma: [35, 15]", r"r.yaml:5: data.sigma: the smaller end"),
        ("sigma: [15, 35]", "sigma: [-1, 15]", r"r.yaml:5: data.sigma"),
        ("channels: 1", "channels: 2", r"r.yaml:4: network.channels"),
        ("denoise/unet\nnetwork: {channels: 1, width: 8}", "demosaick/residual", r"r.yaml:4: data.sigma: unknown key; there are crop"),
        ("denoise/unet", "demosaick/residual", r"r.yaml:4: network.channels: unknown key; there are weights, width, blocks"),
    ],
)
def test_a_recipe_of_what_the_block_has_not_is_refused_with_file_line_and_key(old, new, words):
    assert old in RECIPE
    with pytest.raises(RecipeError, match=words) as told:
        TrainingRecipe.parse(RECIPE.replace(old, new), "r.yaml")
    assert len(str(told.value).splitlines()) == 1


def test_a_training_of_seconds_takes_noise_away_at_every_level(folder, tmp_path, figure):
    (tmp_path / "tiny.yaml").write_text(RECIPE)
    trained = train(tmp_path / "tiny.yaml", folder, tmp_path / "out")
    gain = trained.scores["psnr"] - trained.scores["base_psnr"]
    figure("training: 150 steps of a denoiser of 37 k parameters, gain over the noisy picture, dB", gain, ">= 4")
    assert gain > 4
    block = Unet(weights=trained.files[0])
    assert block.architecture == {"channels": 1, "width": 8, "blocks": 1}
    assert "psnr_50" in Path(trained.files[1]).read_text()
