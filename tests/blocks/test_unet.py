"""The learned denoiser's net: it begins as nothing, hears the noise level, and leaves what is constant."""

from __future__ import annotations

import pytest
import torch

from campipe.blocks.denoising.unet import Unet
from campipe.blocks.learned.limit import LARGEST
from campipe.blocks.learned.unet import UNet
from campipe.core.errors import CampipeError, ShapeError


def rand(*shape: int, seed: int = 0, dtype: torch.dtype = torch.float32) -> torch.Tensor:
    return torch.rand(shape, generator=torch.Generator().manual_seed(seed), dtype=dtype)


def level(value: float, dtype: torch.dtype = torch.float32) -> torch.Tensor:
    return torch.full((1, 1, 1, 1), value, dtype=dtype)


def awake(channels: int = 1, width: int = 4) -> Unet:
    """A block whose last layer is not 0, so that its net is heard."""
    block = Unet(weights=None, channels=channels, width=width)
    last = block.body.last.weight
    last.data.copy_(0.1 * (rand(*last.shape, seed=5) - 0.5))
    return block


@pytest.mark.parametrize("shape", [(1, 1, 2, 2), (2, 3, 9, 17), (1, 4, 16, 8)])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_an_untrained_block_changes_nothing(shape, dtype):
    x = rand(*shape, dtype=dtype)
    assert torch.equal(Unet(weights=None).net(x, level(0.1, dtype)), x)
    assert not torch.equal(awake().net(x, level(0.1, dtype)), x)


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("sigma", [0.0, 0.02, 0.3])
def test_a_constant_stays_whatever_the_noise_level_and_at_the_border_too(channels, sigma):
    flat = rand(2, channels, 1, 1, dtype=torch.float64).expand(-1, -1, 19, 30).contiguous()
    out = awake(channels).net(flat, level(sigma, torch.float64))
    assert (out - flat).abs().max() < 1e-12  # rounding, of values below 1
    ramp = torch.linspace(0, sigma, 30, dtype=torch.float64).expand(1, 1, 19, 30)
    assert (awake(channels).net(flat, ramp) - flat).abs().max() < 1e-12


def test_twice_the_picture_with_twice_the_noise_gives_twice_as_much():
    block, x = awake(), rand(1, 1, 24, 25, dtype=torch.float64)
    out = block.net(x, level(0.05, torch.float64))
    assert torch.allclose(block.net(4 * x, level(0.2, torch.float64)), 4 * out, atol=1e-12)
    assert not torch.allclose(block.net(4 * x, level(0.05, torch.float64)), 4 * out, atol=1e-2)


def test_a_pixel_changes_by_no_more_than_its_noise_allows_and_without_noise_not_at_all():
    block, x = awake(), 10 * rand(1, 1, 20, 24)
    block.body.last.weight.data.mul_(100)
    sigma = torch.where(torch.arange(24) < 12, 0.0, 0.1).expand(1, 1, 20, 24)
    change = (block.net(x, sigma) - x).abs()
    assert change[..., :12].max() == 0
    assert float(change[..., 12:].max()) == pytest.approx(LARGEST * 0.1, rel=1e-4)


def test_the_noise_level_is_heard_where_it_is():
    """A level that is raised in one place changes the result around it only, and there even where the level itself stayed."""
    block, x = awake(), rand(1, 1, 8, 240, dtype=torch.float64)
    low = torch.full_like(x, 0.2)
    high = low.clone()
    high[..., :24] = 0.6
    changed = (block.net(x, high) - block.net(x, low)).abs().amax((0, 1, 2))
    assert changed[24:32].max() > 1e-6
    assert changed[24 + 2 * block.body.reach :].max() == 0


@pytest.mark.parametrize(("blocks", "coarse"), [(1, None), (2, None), (3, 1)])
def test_what_the_net_reaches_is_what_it_says(blocks, coarse):
    net, side = UNet(1, width=2, blocks=blocks, coarse=coarse), 160
    for p in net.parameters():
        p.data.abs_().add_(0.01)
    net._even = lambda weight: weight  # so that all are heard
    x = rand(1, 4, 1, side, dtype=torch.float64).repeat(1, 1, 4, 1).requires_grad_()
    seen = []
    for place in range(76, 80):  # all four places in a cell
        (slope,) = torch.autograd.grad(net(x, torch.zeros(1, 1, 1, 1, dtype=torch.float64))[..., place].sum(), x)
        columns = slope.abs().sum((0, 1, 2)).nonzero().flatten()
        seen += [place - int(columns.min()), int(columns.max()) - place]
    assert net.reach - 4 < max(seen) <= net.reach and net.reach % 4 == 0


@pytest.mark.parametrize("mapped", [False, True])
def test_a_large_picture_is_done_piece_by_piece_with_the_same_result(mapped, monkeypatch):
    block, x = awake(), rand(1, 1, 301, 170)
    sigma = 0.1 + 0.2 * rand(*x.shape, seed=1) if mapped else level(0.2)
    whole = block.net(x, sigma)
    monkeypatch.setattr("campipe.blocks.learned.base._SIDE", 40)
    seen = []
    block.body.register_forward_hook(lambda module, given, out: seen.append(tuple(out.shape[-2:])))
    assert torch.allclose(block.net(x, sigma), whole, atol=1e-6)
    assert len(seen) > 8 and max(max(shape) for shape in seen) <= 40 + 2 * block.body.reach


def test_grey_weights_take_every_channel_by_itself_and_colour_weights_look_at_all_three():
    x, sigma = rand(2, 3, 16, 18), torch.tensor([0.05, 0.1, 0.2]).reshape(1, 3, 1, 1)
    grey = awake()
    for c in range(3):
        assert torch.allclose(grey.net(x, sigma)[:, c : c + 1], grey.net(x[:, c : c + 1], sigma[:, c : c + 1]), atol=1e-6)
    colour, other = awake(3), x.clone()
    other[:, 2] += 0.3 * rand(2, 16, 18, seed=3)
    assert (colour.net(other, sigma) - colour.net(x, sigma))[:, 0].abs().max() > 1e-4
    with pytest.raises(ShapeError, match="for pictures of 3 channels, but 4 came; take weights='denoise_grey'") as told:
        colour.net(rand(1, 4, 16, 16), sigma[:, :1])
    assert len(str(told.value).splitlines()) == 1


def test_pictures_of_three_channels_have_weights_of_their_own(tmp_path):
    grey, colour = awake(), awake(3)
    one, three = grey.save(tmp_path / "one.safetensors"), colour.save(tmp_path / "three.safetensors")
    both, x, sigma = Unet(weights=one, colour=three), rand(1, 4, 16, 18), level(0.1)
    assert torch.equal(both.net(x[:, :3], sigma), Unet(weights=three).net(x[:, :3], sigma))
    assert torch.equal(both.net(x, sigma), Unet(weights=one, colour=None).net(x, sigma))
    assert len(both.unfreeze()) == 2 * len(grey.unfreeze()) and both.net(x[:, :3], sigma).requires_grad
    both.freeze()
    assert not both.net(x[:, :3], sigma).requires_grad
    with pytest.raises(CampipeError, match=r"weights of three channels, but .* has one"):
        Unet(weights=one, colour=one)


def test_the_gradient_reaches_picture_level_and_weights():
    block = awake(width=2)
    x, sigma = rand(1, 1, 8, 9, dtype=torch.float64).requires_grad_(), level(0.3, torch.float64).requires_grad_()
    assert torch.autograd.gradcheck(block.net, (x, sigma))
    leaves = block.unfreeze()
    slopes = torch.autograd.grad(block.net(x, sigma).square().sum(), leaves)
    assert all(slope.abs().max() > 0 for slope in slopes)


def test_a_net_begins_with_the_weights_of_its_seed_and_a_variance_that_stays():
    one, same, other = (UNet(1, width=32, seed=s) for s in (3, 3, 4))
    assert torch.equal(one.first, same.first) and not torch.equal(one.first, other.first)
    given = []
    one.last.register_forward_pre_hook(lambda module, inputs: given.append(inputs[0]))
    x = torch.randn(1, 4, 32, 32, generator=torch.Generator().manual_seed(0))
    one(x, torch.zeros(1, 1, 1, 1))
    assert 0.5 < float(given[0].detach().square().mean() / (one.gain * x).square().mean()) < 12  # six residual blocks and two ways


def test_the_largest_net_that_is_meant_fits_into_its_file(tmp_path):
    block = Unet(weights=None, channels=3, width=32, blocks=4, coarse=2)
    assert block.save(tmp_path / "w.safetensors").stat().st_size < 3_000_000
    assert Unet(weights=tmp_path / "w.safetensors").architecture == {"channels": 3, "width": 32, "blocks": 4, "coarse": 2}


def test_in_16_bits_a_bright_picture_with_little_detail_keeps_its_result():
    """Of 8 bits of precision, the picture itself would keep steps of 0.004; what is added to it is found to 2 %."""
    net = UNet(4, cell=1, width=8)
    net.last.weight.data.copy_(0.1 * (rand(*net.last.weight.shape, seed=5) - 0.5))
    x, level = 0.8 + 0.004 * rand(1, 4, 32, 32), torch.full((1, 4, 32, 32), 0.002)
    with torch.no_grad():
        wanted = net(torch.cat([x, level], 1))
        with torch.autocast("cpu", torch.bfloat16):
            found = net(torch.cat([x, level], 1))
    assert found.dtype == torch.bfloat16
    assert float((found - wanted).abs().max()) < 0.02 * float(wanted.abs().max())


def test_planes_of_a_cell_of_one_come_as_they_are():
    assert UNet(4, cell=1, width=2).planes == 4 and UNet(1, width=2).planes == 4 and UNet(3, width=2).planes == 12
    with pytest.raises(CampipeError, match="1 or 2 pixels, but 3 came"):
        UNet(4, cell=3, width=2)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"channels": 2}, "1 or 3 channels, but channels=2"),
        ({"width": 0}, "width .*, but 0 came"),
        ({"blocks": 0.5}, "blocks .* 0.5"),
    ],
)
def test_a_net_that_cannot_be_is_refused(options, words):
    with pytest.raises(CampipeError, match=words):
        Unet(weights=None, **options)
