"""The training of the raw denoiser: cameras held out are never drawn, the loss is the share of noise that is left, and seconds lower it."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from campipe.blocks.denoising.raw_unet import RawUnet
from campipe.core.errors import CampipeError, RecipeError
from campipe.jobs.train import train
from campipe.measure.losses.pixel import l1_loss
from campipe.synth.photos import Photos
from campipe.train.crops import Crops
from campipe.train.raw.task import RawDenoising
from campipe.train.recipe import TrainingRecipe

RECIPE = """train: 1
about: a very small raw denoiser
block: denoise/raw_unet
network: {width: 8, blocks: 1, coarse: 1}
data: {crop: 48, colour: 0.0, chroma: 0.0, scenes: 0.0, held_out: 1, held_out_cameras: [google-pixel], ev: [-4, -3]}
optimiser:
  steps: 60
  batch: 4
  rate: {kind: cosine, peak: 0.01, end: 1.0e-3, warm_up: 5}
  betas: [0.9, 0.99]
  ema: 0.9
  clip: 0.5
  validate_every: 60
  log_every: 20
card: {data: photos of a test, licence: none}
"""


@pytest.fixture(scope="module")
def folder(cut_photos) -> Path:
    return cut_photos(256, 256)


def task(folder: Path, size: int = 48, **options: object) -> RawDenoising:
    crops = Crops(Photos.under(folder), size, colour=0.0, chroma=0.0, scenes=0.0, held_out=1)
    return RawDenoising(RawUnet(weights=None, others=None, width=4, blocks=1), crops, l1_loss, "l1", **options)


def test_cameras_that_are_held_out_are_never_trained_on_but_validated(folder):
    one = task(folder, held_out_cameras=("nikon-d850", "google-pixel"))
    assert not {"nikon-d850", "google-pixel"} & set(one.about()["cameras"])
    assert one.further.table.cameras == ("nikon-d850", "google-pixel")
    drawn = one.sampler.shots(range(500))["camera"]
    assert set(drawn.tolist()) == set(range(len(one.sampler.table)))


def test_the_loss_of_a_net_that_does_nothing_is_all_of_the_noise(folder):
    one = task(folder)
    batch = one.batch(range(6))
    assert float(one(batch)) == pytest.approx(1, abs=0.2)  # below 1 where a sample's noise is less than what counts
    clean = batch._replace(noisy=batch.clean)
    assert float(one(clean)) == 0


def test_a_batch_hangs_on_its_numbers_alone(folder):
    one, other = task(folder).batch([7, 8]), task(folder).batch([8])
    assert all(torch.equal(a[1], b[0]) for a, b in zip(one, other, strict=True))


def test_a_training_of_seconds_takes_noise_away_from_a_camera_that_it_never_saw(folder, tmp_path):
    path = tmp_path / "raw.yaml"
    path.write_text(RECIPE)
    done = train(path, folder, tmp_path / "out")
    assert done.scores["psnr"] > done.scores["base_psnr"] + 1 and done.scores["raw_psnr"] > done.scores["base_raw_psnr"] + 1
    block = RawUnet(weights=tmp_path / "out" / "weights.safetensors", others=None)
    assert block.architecture == {"width": 8, "blocks": 1, "bounded": True, "coarse": 1}


def test_the_recipe_that_ships_holds_cameras_out_and_its_net_fits():
    recipe = TrainingRecipe.load("raw_denoise")
    block = recipe.block()
    assert sum(weight.numel() for weight in block.body.parameters()) <= 1_450_000
    with pytest.raises(RecipeError, match="held_out_camera"):
        TrainingRecipe.parse(RECIPE.replace("held_out_cameras", "held_out_camera"))


def test_what_cannot_be_trained_is_refused(folder):
    with pytest.raises(CampipeError, match="multiple of 8 pixels, but 44 came"):
        task(folder, size=44)
    with pytest.raises(CampipeError, match="no 'nikon-d851'"):
        task(folder, held_out_cameras=("nikon-d851",))
