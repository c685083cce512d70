"""What a deblurrer is trained on: shakes and noise that hang on the number of the sample alone, in linear light; and a short training."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from campipe.blocks.deblurring.nafnet import Nafnet
from campipe.blocks.deblurring.wiener_net import WienerNet
from campipe.core.errors import CampipeError, RecipeError
from campipe.core.random import Key
from campipe.measure.losses.pixel import l1_loss
from campipe.ops.colour import srgb_decode, srgb_encode
from campipe.ops.convolution import convolve
from campipe.ops.deconvolution import wiener
from campipe.ops.shake import shake_kernel
from campipe.synth.photos import Photos
from campipe.train.crops import Crops
from campipe.train.deblurring.shakes import SIZE, Shakes
from campipe.train.deblurring.task import Deblurring, examined, score
from campipe.train.loop import fit
from campipe.train.recipe import TrainingRecipe
from campipe.train.schedules import WarmUpCosine
from campipe.train.task import Training

SMALL = {"weights": None, "width": 8, "blocks": 1, "coarse": 1}


@pytest.fixture(scope="module")
def folder(cut_photos) -> Path:
    return cut_photos(160, 160)


def task(folder: Path, blind: bool = False, size: int = 88, **options: object) -> Deblurring:
    crops = Crops(Photos.under(folder), size, colour=0.2, chroma=0.0, scenes=0.0, held_out=1)
    block = Nafnet(**SMALL) if blind else WienerNet(**SMALL)
    return Deblurring(block, crops, l1_loss, "l1", **{"shakes": 4, **options})


def test_shakes_are_kernels_that_hang_on_the_number_of_the_sample():
    shakes = Shakes(5, seed=1)
    lent = shakes.batch(range(64))
    assert lent.shape == (64, SIZE, SIZE) and float(lent.min()) >= 0
    assert torch.allclose(lent.sum((-2, -1)), torch.ones(64), atol=1e-5)
    assert torch.equal(Shakes(5, seed=1).batch([17])[0], lent[17])
    assert not torch.equal(Shakes(5, seed=2).kernels, shakes.kernels)
    # Each is one of the bank, mirrored or transposed; of 40 ways 64 draws see 32, give or take 3.
    ways = torch.stack([k.flip(dims) for k in (*shakes.kernels, *shakes.kernels.mT) for dims in ((), (-1,), (-2,), (-1, -2))])
    distance, nearest = torch.cdist(lent.flatten(1), ways.flatten(1), p=1).min(1)
    assert float(distance.max()) < 1e-6 and len(nearest.unique()) > 15


def test_the_kernels_that_are_scored_are_not_trained_on():
    tested = torch.nn.functional.pad(shake_kernel(Key(2026).fold("shake")).float(), (3, 3, 3, 3))
    for seed in (0, 2026):
        assert float((Shakes(32, seed).kernels - tested).abs().sum((-2, -1)).min()) > 0.5  # 2 is the distance of kernels without overlap


@pytest.mark.parametrize("blind", [False, True])
def test_a_sample_hangs_on_its_number_alone(folder, blind):
    together = task(folder, blind).batch(range(5))
    assert [tuple(part.shape) for part in together] == [(5, 3, 64, 64)] * 3 + [(5, 1, 1, 1)]
    alone = task(folder, blind).batch([3])
    for part, own in zip(together, alone, strict=True):
        assert torch.allclose(part[3:4], own, atol=1e-5)  # transforms of a batch are rounded otherwise


def test_light_is_blurred_before_it_is_encoded_and_the_noise_is_what_is_told(folder):
    one = task(folder)
    numbers = range(24)
    sharp, blurred, base, sigma = one.batch(numbers)
    kernels, pictures = one.shakes.batch(numbers), one.crops.batch(numbers)
    assert torch.equal(sharp, pictures[..., 12:-12, 12:-12])
    z = (blurred - convolve(srgb_decode(pictures), kernels)) / sigma
    count = z[0].numel()
    assert (z.flatten(1).std(1) - 1).abs().max() < 5 / (2 * count) ** 0.5
    assert z.flatten(1).mean(1).abs().max() < 5 / count**0.5
    levels = 255 * sigma.flatten()
    assert float(levels.min()) >= 0.25 and float(levels.max()) <= 10 and float(levels.max() / levels.min()) > 5
    assert torch.allclose(base, wiener(blurred, kernels, sigma, strength=2.0), atol=1e-5)


def test_a_picture_that_was_not_blurred_stands_where_the_sharp_one_does(folder):
    one = task(folder, blind=True, sigma=(1e-4, 1e-4))
    one.shakes.kernels.zero_()
    one.shakes.kernels[:, SIZE // 2, SIZE // 2] = 1
    sharp, blurred, _, _ = one.batch(range(3))
    assert (srgb_encode(blurred) - sharp).abs().max() < 1e-3
    photo = one.crops.validation()[0]
    sharp, blurred = examined(photo, one.shakes.kernels[0], 0.0, Key(0))
    assert score(blurred, sharp) > 50


def test_the_loss_of_an_untrained_block_is_that_of_its_base(folder):
    one = task(folder)
    batch = one.batch(range(3))
    inside = (..., slice(8, -8), slice(8, -8))
    assert float(one(batch)) == pytest.approx(float((srgb_encode(batch[2]) - batch[0])[inside].abs().mean()), rel=1e-5)
    scores = one.validate()
    assert scores["psnr"] == scores["base_psnr"] > scores["psnr_5"] == scores["base_psnr_5"]


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"sigma": (9.0, 3.0)}, r"its smaller end first, but \[9.0, 3.0\] came"),
        ({"sigma": (0.0, 3.0)}, "a range above 0"),
        ({"size": 90}, "a multiple of 8 and 24 more, above 41, pixels, but 90 came; take 152"),
        ({"size": 40}, "but 40 came"),
    ],
)
def test_what_cannot_be_trained_on_is_refused(folder, options, words):
    with pytest.raises(CampipeError, match=words):
        task(folder, **options)


@pytest.mark.parametrize("name", ["deblur_known", "deblur_blind"])
def test_the_recipes_name_blocks_that_can_be_trained(name):
    recipe = TrainingRecipe.load(name)
    block = recipe.block()
    assert isinstance(block, WienerNet if name == "deblur_known" else Nafnet)
    assert sum(p.numel() for p in block.body.parameters()) <= 1_400_000
    written = (Path(__file__).parents[3] / "pipelines" / "train" / f"{name}.yaml").read_text()
    with pytest.raises(RecipeError, match=r"data.shakes"):
        TrainingRecipe.parse(written.replace("shakes: 512", "shakes: 0"), "r.yaml")


def test_a_short_training_lifts_the_wiener_filter(folder, tmp_path, figure):
    one = task(folder, size=72, sigma=(5.0, 5.0))
    rate = WarmUpCosine(5e-3, 1e-4, 5, 50)
    fitted = fit(one, Training(50, 4, rate, betas=(0.9, 0.99), ema=None, clip=1.0, validate_every=50), tmp_path)
    gain = fitted.scores["psnr_5"] - fitted.scores["base_psnr_5"]
    figure("training: 50 steps of a deblurrer of 21 k parameters, gain over the Wiener filter at sigma 5, dB", gain, ">= 0.15")
    assert gain > 0.15
