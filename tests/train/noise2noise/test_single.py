"""Training on single noisy pictures: hidden pixels are hidden, and the two small pictures share no pixel."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from campipe.blocks.learned.blind_unet import BlindUnet
from campipe.core.errors import ShapeError
from campipe.train.crops import Crops
from campipe.train.loop import Training, fit
from campipe.train.noise2noise.blind_spot import BOX, WINDOW, BlindSpot, hide
from campipe.train.noise2noise.corruptions import Gaussian
from campipe.train.noise2noise.frozen import Frozen
from campipe.train.noise2noise.neighbours import PAIRS, WEIGHT, Neighbours, pair
from campipe.train.noise2noise.pairs import FrozenPairs
from campipe.train.schedules import WarmUpCosine

NOISE = Gaussian(25, 25)


def rand(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.rand(shape, generator=torch.Generator().manual_seed(seed))


@pytest.fixture(scope="module")
def crops(photo_folder) -> Crops:
    return Crops(photo_folder, 16, colour=0, chroma=0, scenes=0, held_out=1)


@pytest.fixture(scope="module")
def frozen(crops) -> Frozen:
    return Frozen(crops, lambda photo, seed, numbers: NOISE(photo, seed, numbers).picture, "noise")


def test_one_pixel_of_each_box_gets_the_value_of_another_nearby():
    x = torch.arange(24 * 32.0).reshape(1, 1, 24, 32).expand(100, 2, -1, -1)
    hidden, where = hide(x, rand(100, 2, 2, 24 // BOX, 32 // BOX))
    assert torch.equal(where.unfold(2, BOX, BOX).unfold(3, BOX, BOX).sum((-2, -1)), torch.ones(100, 2, 24 // BOX, 32 // BOX))
    assert torch.equal(hidden != x, where.bool())  # never its own value, and nothing else is touched
    assert not torch.equal(where[:, 0], where[:, 1])  # each colour by itself
    down, across = hidden // 32 - x // 32, hidden % 32 - x % 32
    assert down.abs().max() < WINDOW and across.abs().max() < WINDOW
    inside = where[..., 4:-4, 4:-4].bool()
    for step in (down, across):
        assert set(step[..., 4:-4, 4:-4][inside].unique().tolist()) == {-2, -1, 0, 1, 2}


def test_every_pixel_of_a_box_is_hidden_as_often_and_the_ends_of_a_draw_are_pixels():
    where = hide(rand(1, 1, 8, 8).expand(2000, -1, -1, -1), rand(2000, 1, 2, 2, 2))[1]
    share = where.reshape(2000, 2, BOX, 2, BOX).mean((0, 1, 3))
    assert (share - 1 / BOX**2).abs().max() < 5 * (1 / BOX**2 / 8000) ** 0.5
    for u in (0.0, 1.0):
        assert hide(rand(1, 1, 8, 8), torch.full((1, 1, 2, 2, 2), u))[1].sum() == 4


def test_a_hidden_value_enters_the_loss_as_the_target_alone(crops, frozen):
    """The net's input does not hang on the values of the pixels that count: their slope is that of the squared distance."""
    task = BlindSpot(BlindUnet(width=6, levels=2), crops, frozen, NOISE)
    noisy = frozen.batch(range(2))[0].double().requires_grad_()
    hidden, where = hide(noisy, rand(2, 3, 2, 4, 4))
    given = torch.autograd.grad(hidden.sum(), noisy, retain_graph=True)[0]
    # A hidden pixel may lend its own value to another one; those that do not must be unseen.
    silent = where.bool() & (given == 0)
    assert silent.sum() > 50
    answer = task.net(hidden)
    slope = torch.autograd.grad(task((hidden, noisy, where)), noisy)[0]
    expected = (2 * (noisy - answer) * where / where.sum()).detach()
    assert torch.allclose(slope[silent], expected[silent], atol=1e-7)  # the net's weights are float32


def test_the_loss_of_blind_spots_is_that_of_the_hidden_pixels_alone(crops, frozen):
    task = BlindSpot(BlindUnet(width=6, levels=2), crops, frozen, NOISE)
    hidden, noisy, where = task.batch(range(3))
    loss = task((hidden, noisy, where)).detach()
    assert float(loss) == pytest.approx(float((task.net(hidden) - noisy)[where.bool()].detach().square().mean()), rel=1e-5)


def test_small_pictures_share_no_pixel_and_their_pixels_are_neighbours():
    x = torch.arange(16 * 12.0).reshape(1, 1, 16, 12).repeat(8, 3, 1, 1) + 1000 * torch.arange(3)[:, None, None]
    way = torch.arange(8)[:, None, None].expand(-1, 8, 6)
    one, two = pair(x, way)
    for number, (a, b) in enumerate(zip(one, two, strict=True)):
        assert not set(a.flatten().tolist()) & set(b.flatten().tolist())
        assert torch.equal(a, x[number][:, PAIRS[number][0] // 2 :: 2, PAIRS[number][0] % 2 :: 2])
        assert torch.equal(b, x[number][:, PAIRS[number][1] // 2 :: 2, PAIRS[number][1] % 2 :: 2])
    assert {float(step) for step in (two - one).unique()} == {-12, -1, 1, 12}


class Identity(nn.Module):
    """A net that gives back what it got."""

    def __init__(self) -> None:
        super().__init__()
        self.architecture = {"name": "identity"}

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x


def test_the_regulariser_takes_away_what_neighbours_differ_by(crops, frozen):
    """For the net that changes nothing its difference is the pictures' own, so that the regulariser is 0 whatever its weight."""
    task = Neighbours(Identity(), crops, frozen, NOISE)
    noisy, way = task.batch(range(2))
    one, two = pair(noisy, way)
    for progress in (0.0, 1.0):
        task.progress = progress
        assert float(task((noisy, way))) == pytest.approx(float((one - two).square().mean()), rel=1e-6)
    task = Neighbours(BlindUnet(width=6, levels=2), crops, frozen, NOISE)
    task.progress = 0.5
    answer = task.net(one)
    whole = pair(task.net(noisy), way)
    regular = (answer - two - (whole[0] - whole[1])).square().mean()
    expected = (answer - two).square().mean() + 0.5 * WEIGHT * regular
    assert task((noisy, way)).item() == pytest.approx(expected.item(), rel=1e-5)


@pytest.mark.parametrize("kind", [FrozenPairs, BlindSpot, Neighbours])
def test_every_way_goes_through_the_loop_and_hangs_on_sample_numbers_alone(kind, crops, frozen, tmp_path):
    task = kind(BlindUnet(width=6, levels=2), crops, frozen, NOISE)
    for whole, part, same in zip(task.batch(range(6)), task.batch([4, 2]), task.batch(torch.tensor([4, 2])), strict=True):
        assert torch.equal(whole[[4, 2]], part) and torch.equal(part, same)
    fitted = fit(task, Training(2, 2, WarmUpCosine(1e-3, 1e-6, 1, 2), precision="bfloat16"), tmp_path)
    assert fitted.steps == 2 and set(fitted.scores) == {"psnr", "base_psnr"}


def test_pictures_that_cannot_be_divided_are_refused():
    with pytest.raises(ShapeError, match="multiples of 4"):
        hide(rand(1, 3, 10, 8), rand(1, 3, 2, 2, 2))
    with pytest.raises(ShapeError, match="sides are even"):
        pair(rand(1, 3, 7, 8), torch.zeros(1, 3, 4, dtype=torch.long))
