"""Nets that learn from patches: samples hang on their numbers, corruptions are what they say, and losses fall."""

from __future__ import annotations

import imageio.v3 as imageio
import numpy as np
import pytest
import torch

from campipe.blocks.denoising.mlp import Mlp
from campipe.blocks.denoising.ssda import Ssda
from campipe.blocks.inpainting.ssda import SsdaInpainting
from campipe.blocks.learned.dense import StackedAutoencoder, TiedAutoencoder
from campipe.core.errors import CampipeError
from campipe.synth.photos import Photos
from campipe.train.crops import Crops
from campipe.train.loop import Task, fit
from campipe.train.patches.autoencoding import CorruptedPatches, LayerTraining, TiedTraining
from campipe.train.patches.patchwise import NoisyPatches, OverlaidPatches, PatchLearning, written_over
from campipe.train.schedules import Constant
from campipe.train.task import Training


@pytest.fixture(scope="module")
def photos(tmp_path_factory):
    """Three photos of stripes of many widths and directions."""
    place = tmp_path_factory.mktemp("photos")
    y, x = np.mgrid[:64, :64] / 64
    for number in range(3):
        wave = np.sin(40 * (1 + number) * x * y + 8 * x) * np.cos(9 * y + number)
        imageio.imwrite(place / f"{number}.png", np.repeat((128 + 90 * wave)[..., None], 3, 2).astype(np.uint8))
    return Photos.under(place)


@pytest.fixture(scope="module")
def crops(photos):
    return Crops(photos, 32, colour=0.0, chroma=0.0, scenes=0.0, held_out=1)


def some(crops: Crops) -> list[NoisyPatches | OverlaidPatches]:
    return [NoisyPatches(crops, 8, 4), OverlaidPatches(crops, 8, 4)]


def test_patches_hang_on_the_numbers_of_their_samples_alone(crops):
    for patches in some(crops):
        together = patches.pairs(range(40, 44))
        assert patches.count == 49 and all(len(part) == 4 * 49 for part in together)
        for part, alone in zip(together, patches.pairs(torch.tensor([42])), strict=True):
            assert torch.allclose(part[2 * 49 : 3 * 49], alone, atol=1e-6)
            assert not torch.allclose(part[:49], part[49 : 2 * 49])


def test_every_noisy_patch_has_noise_of_its_own_level_and_comes_less_its_mean(crops):
    exact, given, wanted = NoisyPatches(crops, 8, 8).pairs(range(60))
    level = given[:, -1] / 10
    assert 0 <= float(level.min()) < 0.01 and 0.2 < float(level.max()) <= 55 / 255 and float(exact[:, -1].abs().max()) == 0
    assert given[:, :-1].mean(1).abs().max() < 1e-5 and exact[:, :-1].mean(1).abs().max() < 1e-5
    noise = (given[:, :-1] - wanted) / 5 / level[:, None]
    # Of 960 patches of 64 numbers: five standard errors of a variance; the noise of a patch is not less its mean here.
    assert abs(float(noise.square().mean()) - 1) < 5 * (2 / noise.numel()) ** 0.5
    assert abs(float((noise.square().mean(1) * level).mean() / level.mean()) - 1) < 0.05


def test_writing_is_black_or_white_by_the_parity_of_the_number(crops):
    clean = torch.full((4, 1, 48, 48), 0.5)
    seen, mask = written_over(clean, 0, range(4), 0.3, 0.3)
    for number in range(4):
        ink = seen[number][mask[number] > 0]
        assert bool((ink == number % 2).all()) and bool((seen[number][mask[number] == 0] == 0.5).all())
        assert 0.15 < float(mask[number].mean()) < 0.45


def test_a_share_of_the_pixels_is_masked_and_noise_has_its_sigma(crops):
    patches = CorruptedPatches(crops, 8, 8, sigma=0.1, masked=0.25)
    clean, noisy, holed = patches.batch(range(80))
    assert clean.mean(1).abs().max() < 1e-6 and noisy.mean(1).abs().max() < 1e-6
    count = clean.numel()
    assert abs(float(((noisy - clean) / 0.1).square().mean()) * 64 / 63 - 1) < 5 * (2 / count) ** 0.5
    assert abs(float((holed != clean).float().mean()) - 0.25) < 5 * (0.25 * 0.75 / count) ** 0.5
    assert bool((holed[holed != clean] == 0).all())


def _tasks(crops: Crops) -> dict[str, Task]:
    noisy, written = some(crops)
    stack = StackedAutoencoder(65, 64, widths=(32, 24))
    return {
        "perceptron": PatchLearning(Mlp(weights=None, side=8, width=32, layers=2), noisy),
        "stack": PatchLearning(Ssda(weights=None, side=8, widths=(48, 32)), noisy, decay=1e-6),
        "inpainting": PatchLearning(SsdaInpainting(weights=None, side=8, widths=(48, 32)), written),
        "first layer": LayerTraining(stack, 0, noisy),
        "second layer": LayerTraining(stack, 1, noisy),
        "tied": TiedTraining(
            {"gaussian_9": TiedAutoencoder(64, width=9), "masking_9": TiedAutoencoder(64, width=9)}, CorruptedPatches(crops, 8, 8)
        ),
    }


@pytest.mark.parametrize("name", ["perceptron", "stack", "inpainting", "first layer", "second layer", "tied"])
def test_the_loss_falls(name, crops, tmp_path):
    task = _tasks(crops)[name]
    losses = []
    fit(
        task,
        Training(60, 4, Constant(5e-3), ema=None),
        tmp_path,
        progress=lambda done, total, words: losses.append(float(words.split()[1].strip(","))),
    )
    assert sum(losses[-10:]) < 0.9 * sum(losses[:3]) * 10 / 3
    assert all(np.isfinite(value) for value in task.validate().values())
    assert str(task.about()) == str(_tasks(crops)[name].about())


def test_a_layer_learns_what_the_clean_patch_is_behind_the_layers_before(crops):
    noisy, stack = NoisyPatches(crops, 8, 4), StackedAutoencoder(65, 64, widths=(32, 24))
    given, wanted = LayerTraining(stack, 1, noisy).batch(range(3))
    exact, seen, _ = noisy.pairs(range(3))
    assert torch.equal(given, torch.sigmoid(stack.up[0](seen))) and torch.equal(wanted, torch.sigmoid(stack.up[0](exact)))
    before = stack.up[0].weight.clone()
    assert {id(p) for p in LayerTraining(stack, 1, noisy).net.parameters()} == {
        id(p) for layer in (stack.up[1], stack.down[1]) for p in layer.parameters()
    }
    assert torch.equal(before, stack.up[0].weight)


def test_tied_weights_are_one_matrix_both_ways():
    net = TiedAutoencoder(6, width=4)
    x = torch.rand(3, 6, generator=torch.Generator().manual_seed(0))
    weight, bias = net.layer.weight, net.layer.bias
    assert torch.allclose(net(x), torch.sigmoid(x @ weight.T + bias) @ weight + net.back)
    assert net(torch.zeros(1, 6)).abs().max() < 1e-6
    assert sum(p.numel() for p in net.parameters()) == 6 * 4 + 4 + 6


def test_patches_that_do_not_fit_are_refused(crops):
    with pytest.raises(CampipeError, match="crops of 32 came"):
        NoisyPatches(crops, 33, 1)
