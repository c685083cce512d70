"""A lens and a net as one task: what is trained changes, what is not stays; and the sensor's noise is what it says."""

from __future__ import annotations

import imageio.v3 as imageio
import pytest
import torch

from campipe.blocks.deblurring.nafnet import Nafnet
from campipe.core.errors import CampipeError
from campipe.optics.wavefront import defocus_of
from campipe.synth.photos import Photos
from campipe.train.crops import Crops
from campipe.train.lens import DEFOCUS, F_NUMBER, FOCAL_LENGTH, FOCUS, LensAndDeblurring, electrons, lens_with, rough, scores
from campipe.train.loop import fit
from campipe.train.schedules import Constant
from campipe.train.task import Training


@pytest.fixture(scope="module")
def crops(tmp_path_factory, photos) -> Crops:
    folder = tmp_path_factory.mktemp("photos")
    for name in ("coffee", "astronaut"):
        imageio.imwrite(folder / f"{name}.png", photos[name][:110, :110])
    return Crops(Photos.under(folder), 84, colour=0.0, chroma=0.0, scenes=0.0, held_out=1)


def net() -> Nafnet:
    return Nafnet(weights=None, width=4, blocks=1, coarse=1)


def training(steps: int) -> Training:
    return Training(steps, 2, Constant(2e-3), betas=(0.9, 0.99), ema=None, validate_every=steps)


def test_the_range_of_distances_is_what_is_said():
    diameter = FOCAL_LENGTH / F_NUMBER
    assert defocus_of(diameter, float("inf"), FOCUS) == pytest.approx(-DEFOCUS)
    assert defocus_of(diameter, FOCUS / 2, FOCUS) == pytest.approx(DEFOCUS)


def test_the_sensor_is_that_of_the_profile():
    # 3839 DN of 12 bits above black at 1.914 DN/e-, and one stop less; the read noise that the profile states.
    assert electrons() == (pytest.approx(3839 / 1.9141 / 2, rel=1e-3), 3.0)


@pytest.mark.parametrize("trained", [("net",), ("lens",), ("lens", "net")])
def test_what_is_trained_changes_and_nothing_else(crops, tmp_path, trained):
    task = LensAndDeblurring(lens_with(rough()), net(), crops, trained)
    lens, weights = task.lens.coefficients.clone(), task.block.body.last.clone()
    fit(task, training(1), tmp_path)
    assert torch.equal(task.lens.coefficients, lens) == ("lens" not in trained)
    assert torch.equal(task.block.body.last, weights) == ("net" not in trained)
    if "lens" in trained:  # Adam's first step is the rate itself, for the lens times its pace
        assert torch.allclose((task.lens.coefficients - lens).abs(), torch.full((18,), 2e-3 * 5), rtol=1e-2)


def test_a_sample_hangs_on_its_number_alone(crops):
    task = LensAndDeblurring(lens_with(), net(), crops)
    together, alone = task.batch(range(6)), task.batch([4])
    assert [tuple(part.shape) for part in together] == [(6, 3, 84, 84), (6,), (6, 3, 40, 40)]
    assert all(torch.equal(part[4:5], own) for part, own in zip(together, alone, strict=True))
    assert float(together[1].abs().max()) <= DEFOCUS and len(together[1].unique()) == 6


def test_the_noise_of_a_grey_wall_is_what_counting_and_reading_make(crops):
    """In training, by a normal law of the same mean and variance, and in scores, by Poisson's: the same error, that of S x + O."""
    task = LensAndDeblurring(lens_with(), None, crops, ("lens",))
    light = 0.5
    wall = torch.full((1, 3, 84, 84), 1.055 * light ** (1 / 2.4) - 0.055)
    slope = 1.055 / 2.4 * light ** (1 / 2.4 - 1)  # of the display's curve
    variance = light / task.white + (task.read / task.white) ** 2
    draws = torch.randn(8, 3, 40, 40, generator=torch.Generator().manual_seed(0))
    loss = float(task((wall.expand(8, -1, -1, -1), torch.zeros(8), draws)))
    count = 8 * 3 * 24**2
    assert loss == pytest.approx(slope**2 * variance, rel=5 * (2 / count) ** 0.5 + 0.01)
    errors = [task.error(wall, 0.0, number) for number in range(8)]
    assert sum(errors) / 8 == pytest.approx(slope**2 * variance + 1 / 12 / 255**2, rel=5 * (2 / count) ** 0.5 + 0.01)


def test_both_ends_of_the_range_are_alike_and_worse_than_the_focus(crops):
    task = LensAndDeblurring(lens_with(), None, crops, ("lens",))
    photo = crops.validation()[0]
    assert task.error(photo, -1.0, 0) == pytest.approx(task.error(photo, 1.0, 0), rel=1e-3)
    found = scores(task, [photo])
    assert found["focus"] > found["psnr"] + 1 > found["ends"] + 1.5


def test_a_lens_that_is_designed_for_sharpness_gets_sharper(crops, tmp_path):
    task = LensAndDeblurring(lens_with([0.0, 0.0, 0.0, 0.25, 0.25] + [0.0] * 13), None, crops, ("lens",), pace=10.0)
    before = task.validate()["psnr"]
    fitted = fit(task, training(12), tmp_path)
    assert fitted.scores["psnr"] > before + 0.1


@pytest.mark.parametrize("trained", [(), ("optics",)])
def test_what_cannot_be_trained_is_refused(crops, trained):
    with pytest.raises(CampipeError, match="the lens, the net, or both are trained"):
        LensAndDeblurring(lens_with(), net(), crops, trained)
    with pytest.raises(CampipeError, match="the net where there is one"):
        LensAndDeblurring(lens_with(), None, crops, ("net",))
