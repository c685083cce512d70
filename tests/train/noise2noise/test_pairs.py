"""What a net learns from damaged targets: the mean, the median or the mode of their values, as the loss says."""

from __future__ import annotations

import pytest
import torch

from campipe.blocks.learned.blind_unet import BlindUnet
from campipe.core.errors import CampipeError
from campipe.train.crops import Crops
from campipe.train.loop import Training, fit
from campipe.train.noise2noise.corruptions import Bernoulli, Gaussian, Overlaid
from campipe.train.noise2noise.pairs import EXPONENT, Pairs, compared
from campipe.train.schedules import WarmUpCosine


@pytest.mark.parametrize(("loss", "statistic", "value"), [("l2", "mean", 0.38), ("l1", "median", 0.2857), ("l0", "mode", 0.1)])
def test_the_minimiser_over_noisy_targets_is_their_mean_median_or_mode(loss, statistic, value):
    """0.1 in three of ten targets and the others even from 0 to 1, as of a dark pixel under 70 % random colours: 0.7 x + 0.3 = 0.5."""
    targets = torch.cat([torch.full((300,), 0.1), (torch.arange(700) + 0.5) / 700])
    wanted = {"mean": targets.mean(), "median": targets.median(), "mode": targets.mode().values}[statistic]
    assert float(wanted) == pytest.approx(value, abs=0.001)
    assert minimiser(targets.reshape(1, 1, 20, 50), loss) == pytest.approx(value, abs=0.01)


def minimiser(targets: torch.Tensor, loss: str, steps: int = 300) -> float:
    """Where Adam ends on the loss, its rate falling evenly to 0, as the share of the training goes from 0 to 1."""
    answer = torch.tensor(0.5, requires_grad=True)
    optimiser = torch.optim.Adam([answer], lr=0.02)
    for step in range(steps):
        optimiser.param_groups[0]["lr"] = 0.02 * (1 - step / steps)
        optimiser.zero_grad()
        compared(answer.expand_as(targets), targets, loss, step / steps).backward()
        optimiser.step()
    return float(answer.detach())


@pytest.fixture(scope="module")
def crops(photo_folder) -> Crops:
    return Crops(photo_folder, 16, colour=0, chroma=0, scenes=0, held_out=1)


def pairs(crops: Crops, corruption, loss: str = "l2", clean: bool = False) -> Pairs:
    return Pairs(BlindUnet(width=6, levels=2), crops, corruption, loss, clean=clean, strength=0.3)


def test_the_target_is_another_version_and_the_input_the_same_with_clean_targets(crops):
    noisy, clean = (pairs(crops, Gaussian(10, 50), clean=clean).batch(range(4)) for clean in (False, True))
    assert torch.equal(noisy[0], clean[0])
    assert torch.equal(clean[1], crops.batch(range(4)))
    one, two = noisy[0] - clean[1], noisy[1] - clean[1]
    assert two.std() > 0.01
    together = torch.corrcoef(torch.stack([one[0].flatten(), two[0].flatten()]))[0, 1]
    assert abs(together) < 5 / one[0].numel() ** 0.5


def test_a_batch_hangs_on_its_numbers_alone(crops):
    task = pairs(crops, Overlaid(0, 0.5))
    for whole, part, same in zip(task.batch(range(6)), task.batch([4, 2]), task.batch(torch.tensor([4, 2])), strict=True):
        assert torch.equal(whole[[4, 2]], part) and torch.equal(part, same)


def test_missing_pixels_of_the_target_say_nothing(crops):
    task = pairs(crops, Bernoulli(0.5, 0.5))
    seen, target, valid = task.batch(range(2))
    loss = task((seen, target, valid))
    assert torch.equal(task((seen, torch.where(valid > 0, target, 9.0), valid)), loss)
    assert not torch.equal(task((seen, torch.where(valid > 0, 9.0, target), valid)), loss)


def test_the_exponent_of_the_annealed_loss_follows_the_training(crops):
    task = pairs(crops, Gaussian(10, 50), "l0")
    batch = task.batch(range(2))
    for progress, exponent in ((0.0, 2.0), (1.0, EXPONENT[1])):
        task.progress = progress
        distance = (task.net(batch[0]) - batch[1]).detach().abs().double()
        assert float(task(batch).detach()) == pytest.approx(float((distance + 1e-8).pow(exponent).mean()), rel=1e-4)


def test_a_training_goes_through_the_loop_and_its_checkpoint_names_what_it_hangs_on(crops, tmp_path):
    task = pairs(crops, Gaussian(0, 50))
    fitted = fit(task, Training(3, 2, WarmUpCosine(1e-3, 1e-6, 1, 3), clip=1.0), tmp_path)
    assert fitted.steps == 3 and set(fitted.scores) == {"psnr", "base_psnr"}
    with pytest.raises(CampipeError, match="corruption"):
        fit(pairs(crops, Gaussian(0, 40)), Training(3, 2, WarmUpCosine(1e-3, 1e-6, 1, 3), clip=1.0), tmp_path)


def test_an_unknown_loss_is_refused(crops):
    with pytest.raises(CampipeError, match="one of l2, l1, l0, but 'l3' came"):
        pairs(crops, Gaussian(0, 50), "l3")
