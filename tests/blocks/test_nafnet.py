"""The learned deblurrers' net: it begins as nothing, and a block as its base; twice the light gives twice as much."""

from __future__ import annotations

import pytest
import torch

from campipe.blocks.deblurring.nafnet import Nafnet
from campipe.blocks.deblurring.wiener_net import WienerNet
from campipe.blocks.learned.nafnet import NafNet
from campipe.core.errors import CampipeError, ShapeError
from campipe.core.frame import Capture, Frame
from campipe.ops.deconvolution import wiener

SMALL = {"width": 4, "blocks": 1, "coarse": 1}


def rand(*shape: int, seed: int = 0, dtype: torch.dtype = torch.float32) -> torch.Tensor:
    return torch.rand(shape, generator=torch.Generator().manual_seed(seed), dtype=dtype)


def wake(net: NafNet) -> None:
    """Let every layer of a net be heard."""
    for number, weight in enumerate(net.parameters()):
        if not bool(weight.any()):
            weight.data.copy_(0.4 * (rand(*weight.shape, seed=number) - 0.5))


def blind(**options: object) -> Nafnet:
    block = Nafnet(weights=None, **{**SMALL, **options})
    wake(block.body)
    return block


def kernel() -> torch.Tensor:
    return torch.tensor([[0.0, 0.2, 0.0], [0.1, 0.4, 0.3]])


@pytest.mark.parametrize("shape", [(1, 1, 2, 3), (2, 3, 9, 17), (1, 3, 16, 8)])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_an_untrained_block_is_its_base_to_the_last_bit(shape, dtype):
    x, sigma = rand(*shape, dtype=dtype), torch.tensor(0.01, dtype=dtype)
    assert torch.equal(Nafnet(weights=None, **SMALL).net(x, None, sigma), x)
    block, told = WienerNet(kernel(), weights=None, **SMALL), kernel()[None].to(dtype)
    assert torch.equal(block.net(x, told, sigma), wiener(x, told, sigma, strength=2.0))
    wake(block.body)
    out = block.net(x, told, sigma)
    assert out.dtype == dtype and out.shape == x.shape
    assert not torch.allclose(out, wiener(x, told, sigma, strength=2.0), atol=1e-3)


@pytest.mark.parametrize("level", [0.0, 0.02])
def test_twice_the_light_with_twice_the_noise_gives_twice_as_much(level):
    block, x, sigma = blind(), rand(2, 3, 24, 17, dtype=torch.float64), torch.tensor(level, dtype=torch.float64)
    out = block.net(x, None, sigma)
    assert torch.allclose(block.net(4 * x, None, 4 * sigma), 4 * out, atol=1e-12)
    assert not torch.allclose(block.net(4 * x, None, 4 * sigma + 0.1), 4 * out, atol=1e-4)


def test_darkness_stays_dark():
    assert blind().net(torch.zeros(1, 3, 8, 8), None, torch.tensor(0.0)).abs().max() < 1e-9


def test_a_batch_is_its_items_and_grey_is_three_equal_channels():
    block, x, sigma = blind(), rand(2, 3, 16, 18), torch.tensor([0.01, 0.1]).reshape(2, 1, 1, 1)
    out = block.net(x, None, sigma)
    for i in range(2):
        assert torch.allclose(block.net(x[i : i + 1], None, sigma[i : i + 1]), out[i : i + 1], atol=1e-6)
    three = block.net(x[:, :1].expand(-1, 3, -1, -1), None, sigma)
    assert torch.allclose(block.net(x[:, :1], None, sigma), three.mean(1, keepdim=True), atol=1e-5)
    with pytest.raises(ShapeError, match="1 or 3 channels, but 4 came"):
        block.net(rand(1, 4, 8, 8), None, sigma[:1])


@pytest.mark.parametrize(("blocks", "coarse"), [(1, 1), (2, 3)])
def test_what_the_net_reaches_is_what_it_says(blocks, coarse):
    net, side = NafNet(2, 2, width=4, blocks=blocks, coarse=coarse), 128
    wake(net)
    net.double()
    x = rand(1, 2, 4, side, dtype=torch.float64)
    changed = 0
    for place in range(64, 68):  # all places in a cell
        other = x.clone()
        other[..., place] += 0.5
        columns = (net(other) - net(x)).abs().sum((0, 1, 2)).nonzero().flatten()
        changed = max(changed, place - int(columns.min()), int(columns.max()) - place)
    assert net.reach - 8 < changed <= net.reach and net.reach % 4 == 0


def test_a_large_picture_is_done_piece_by_piece_with_the_same_result(monkeypatch):
    block, x = blind(), rand(1, 3, 150, 301)
    whole = block.net(x, None, torch.tensor(0.01))
    monkeypatch.setattr("campipe.blocks.learned.base._SIDE", 40)
    seen = []
    block.body.register_forward_hook(lambda module, given, out: seen.append(tuple(out.shape[-2:])))
    assert torch.allclose(block.net(x, None, torch.tensor(0.01)), whole, atol=1e-5)
    assert len(seen) > 4 and max(max(shape) for shape in seen) <= 40 + 2 * block.body.reach


def test_the_noise_level_of_the_capture_is_that_of_the_stage():
    block, x = blind(), rand(1, 3, 16, 16)
    told = block(Frame(x, "linear", Capture(noise=[[0.0, 4e-4]]))).data
    assert torch.allclose(told, block.net(x, None, torch.tensor(0.02)), atol=1e-6)


def test_the_gradient_reaches_picture_level_and_weights():
    block = blind(width=2)
    x, sigma = 0.2 + rand(1, 3, 2, 3, dtype=torch.float64), torch.tensor(0.1, dtype=torch.float64)
    assert torch.autograd.gradcheck(lambda x, s: block.net(x, None, s), (x.requires_grad_(), sigma.requires_grad_()))
    leaves = block.unfreeze()
    slopes = torch.autograd.grad(block.net(x, None, sigma).square().sum(), leaves)
    assert all(torch.isfinite(slope).all() and slope.abs().max() > 0 for slope in slopes)


def test_a_net_begins_with_the_weights_of_its_seed_and_a_variance_that_stays():
    one, same, other = (NafNet(40, 12, width=32, seed=s) for s in (3, 3, 4))
    assert torch.equal(one.first, same.first) and not torch.equal(one.first, other.first)
    x = torch.randn(1, 40, 32, 32, generator=torch.Generator().manual_seed(0))
    assert not one(x).any()
    one.last.data[0, :, 1, 1] = 32**-0.5
    assert 0.3 < float(one(x)[:, 0].detach().square().mean()) < 6  # sums of three levels


def test_the_nets_that_recipes_train_fit_into_their_files(tmp_path):
    block = Nafnet(weights=None)
    assert sum(p.numel() for p in block.body.parameters()) <= 1_400_000
    assert block.save(tmp_path / "w.safetensors").stat().st_size < 3_000_000
    assert Nafnet(weights=tmp_path / "w.safetensors").architecture == {"width": 48, "blocks": 2, "coarse": 3}
    with pytest.raises(CampipeError, match="weights of deblur/nafnet, but deblur/wiener_net needs its own"):
        WienerNet(kernel(), weights=tmp_path / "w.safetensors")


@pytest.mark.parametrize("options", [{"width": 0}, {"blocks": 0}, {"coarse": 0.5}, {"width": True}])
def test_a_net_that_cannot_be_is_refused(options):
    with pytest.raises(CampipeError, match=f"{next(iter(options))} of a net is a whole number from 1 on"):
        Nafnet(weights=None, **options)
