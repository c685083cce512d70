"""Learned denoisers of patches: they begin as their base, leave what is constant and what has no noise, and hear the noise level."""

from __future__ import annotations

import pytest
import torch

from campipe.blocks.denoising.mlp import Mlp
from campipe.blocks.denoising.patchwise import HIGHEST, PatchDenoiser
from campipe.blocks.denoising.ssda import Ssda
from campipe.blocks.inpainting.ssda import SsdaInpainting
from campipe.blocks.learned.limit import LARGEST
from campipe.core.errors import CampipeError
from campipe.core.frame import Frame
from campipe.ops.patches import by_patches, window


def rand(*shape: int, seed: int = 0, dtype: torch.dtype = torch.float64) -> torch.Tensor:
    return torch.rand(shape, generator=torch.Generator().manual_seed(seed), dtype=dtype)


def level(value: float, dtype: torch.dtype = torch.float64) -> torch.Tensor:
    return torch.full((1, 1, 1, 1), value, dtype=dtype)


def awake(kind: str, **options: object) -> PatchDenoiser:
    """A small block whose layers all say something."""
    block = (
        Mlp(weights=None, side=5, width=8, layers=2, **options) if kind == "mlp" else Ssda(weights=None, side=4, widths=(9, 6), **options)
    )
    for number, p in enumerate(block.body.parameters()):
        p.data.copy_(0.4 * (rand(*p.shape, seed=number) - 0.5))
    return block


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_untrained_the_perceptron_changes_nothing_and_the_stack_gives_means(dtype):
    x = rand(2, 3, 9, 13, dtype=dtype)
    assert torch.equal(Mlp(weights=None, side=5, width=8).net(x, level(0.1, dtype)), x)
    stack = Ssda(weights=None, side=4, widths=(9, 6), stride=1)
    mean = by_patches(lambda p: p.mean(-1, keepdim=True).expand_as(p), 4, 1, window(4, None, x), x.flatten(0, 1)).reshape(x.shape)
    assert torch.allclose(stack.net(x, level(1.0, dtype)), mean, atol=1e-6)


@pytest.mark.parametrize("kind", ["mlp", "ssda"])
@pytest.mark.parametrize("sigma", [0.0, 0.1, 7.0])
def test_a_constant_stays_and_so_does_what_has_no_noise(kind, sigma):
    block = awake(kind)
    flat = rand(2, 3, 1, 1).expand(-1, -1, 11, 10).contiguous()
    assert (block.net(flat, level(sigma)) - flat).abs().max() < 1e-12
    x = rand(1, 1, 11, 10)
    assert torch.equal(block.net(x, level(0.0)), x)
    assert (block.net(x, level(0.01)) - x).abs().max() <= LARGEST * 0.01 + 1e-12


@pytest.mark.parametrize("kind", ["mlp", "ssda"])
def test_the_noise_level_is_heard_where_it_is(kind):
    block, x = awake(kind), rand(1, 1, 8, 60)
    low = torch.full_like(x, 0.1)
    high = low.clone()
    high[..., :10] = 0.2
    changed = (block.net(x, high) - block.net(x, low)).abs().amax((0, 1, 2))
    assert changed[:10].max() > 1e-7 and changed[10 + 2 * block.side :].max() < 1e-12
    assert torch.allclose(block.net(x, low), block.net(x, level(0.1)), atol=1e-10)


@pytest.mark.parametrize("kind", ["mlp", "ssda"])
def test_more_noise_than_was_trained_on_is_a_smaller_picture_with_less(kind):
    block, x = awake(kind), rand(1, 2, 12, 9)
    at_most = block.net(x, level(HIGHEST))
    assert torch.allclose(block.net(3 * x, level(3 * HIGHEST)), 3 * at_most, atol=1e-12)
    assert not torch.allclose(block.net(0.5 * x, level(0.5 * HIGHEST)), 0.5 * at_most, atol=1e-6)


@pytest.mark.parametrize("kind", ["mlp", "ssda"])
def test_channels_and_pictures_are_denoised_each_by_itself(kind):
    block, x, sigma = awake(kind), rand(2, 3, 10, 12), rand(2, 3, 1, 1) * 0.2
    together = block.net(x, sigma)
    for b in range(2):
        for c in range(3):
            assert torch.allclose(together[b, c], block.net(x[b : b + 1, c : c + 1], sigma[b : b + 1, c : c + 1])[0, 0], atol=1e-12)


@pytest.mark.parametrize("kind", ["mlp", "ssda"])
def test_the_gradient_reaches_picture_level_and_weights(kind):
    block = awake(kind)
    x, sigma = rand(1, 1, 5, 6).requires_grad_(), level(0.1).requires_grad_()
    assert torch.autograd.gradcheck(block.net, (x, sigma))
    spread = (0.1 + 0.1 * rand(1, 1, 5, 6, seed=2)).requires_grad_()
    assert torch.autograd.gradcheck(block.net, (x, spread))
    leaves = block.unfreeze()
    slopes = torch.autograd.grad(block.net(x, sigma).square().sum(), leaves, allow_unused=True)
    silent = [slope for slope in slopes if slope is None or slope.abs().max() < 1e-12]
    assert len(silent) <= 1  # the last constant, which is taken off again


@pytest.mark.parametrize("kind", ["mlp", "ssda"])
def test_weights_come_back_from_their_file(kind, tmp_path):
    block, x = awake(kind), rand(1, 1, 9, 9)
    for p in block.body.parameters():
        p.data.copy_(p.data.half().float())
    again = type(block).load(block.save(tmp_path / "w.safetensors"))
    assert again.architecture == block.architecture and torch.equal(again.net(x, level(0.1)), block.net(x, level(0.1)))


def test_the_nets_that_are_meant_fit_into_their_files(tmp_path):
    for block in (Mlp(weights=None), Ssda(weights=None), SsdaInpainting(weights=None)):
        assert block.save(tmp_path / "w.safetensors").stat().st_size < 3_000_000


def test_blind_inpainting_changes_what_the_net_changes_much_and_keeps_the_rest():
    block, x = SsdaInpainting(weights=None, side=4, widths=(9, 6), keep=0.2), rand(1, 3, 10, 11)
    out = block.net(x)  # the untrained net answers with 0, the middle grey
    far = (x - 0.5).abs() > 0.2
    assert torch.equal(out[~far], x[~far]) and (out[far] - 0.5).abs().max() < 1e-12 and far.any() and not far.all()
    assert (SsdaInpainting(weights=None, side=4, widths=(9, 6), keep=0).net(x) - 0.5).abs().max() < 1e-12
    assert torch.equal(block(Frame(x.float(), "display")).data, block.net(x.float()))


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"stride": 0}, "1 to 17 pixels apart, but stride=0"),
        ({"stride": 18}, "1 to 17 pixels apart, but stride=18"),
        ({"spread": 0.0}, "more than 0 pixels, but 0.0 came"),
        ({"width": 0}, "width of a net is a whole number from 1 on, but 0 came"),
    ],
)
def test_a_block_that_cannot_be_is_refused(options, words):
    with pytest.raises(CampipeError, match=words):
        Mlp(weights=None, **{"width": 4, **options})
