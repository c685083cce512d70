"""What learned blocks share: they begin as their base, see all phases alike, and their weights say what they are."""

from __future__ import annotations

import json

import pytest
import torch
from safetensors.torch import load_file, save_file

from campipe.blocks.demosaicking.malvar import Malvar
from campipe.blocks.demosaicking.residual import Residual
from campipe.blocks.learned import ResidualNet, Weights, read_weights, write_weights
from campipe.core.errors import CampipeError
from campipe.core.frame import Capture, Frame
from campipe.core.tiles import tiled

PATTERNS = ["RGGB", "GRBG", "GBRG", "BGGR"]


def rand(*shape: int, seed: int = 0, dtype: torch.dtype = torch.float32) -> torch.Tensor:
    return torch.rand(shape, generator=torch.Generator().manual_seed(seed), dtype=dtype)


def awake(width: int = 8, blocks: int = 2) -> Residual:
    """A block whose last layer is not 0, so that its net is heard."""
    block = Residual(weights=None, width=width, blocks=blocks)
    last = block.body.last.weight
    last.data.copy_(0.02 * (rand(*last.shape, seed=5) - 0.5))
    return block


@pytest.mark.parametrize("pattern", PATTERNS)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_an_untrained_block_is_its_base_to_the_last_bit(pattern, dtype):
    x = rand(2, 1, 21, 30, dtype=dtype)
    assert torch.equal(Residual(weights=None).net(x, pattern), Malvar().net(x, pattern))
    assert not torch.equal(awake().net(x, pattern), Malvar().net(x, pattern))


def test_all_phases_are_treated_alike():
    """The same mosaic begun one row or column later has another pattern and, inside, the same colours."""
    block, x = awake(), rand(1, 1, 50, 52)
    m = block.margin
    whole = block.net(x, "RGGB")
    for (y, z), pattern in {(0, 1): "GRBG", (1, 0): "GBRG", (1, 1): "BGGR"}.items():
        out = block.net(x[..., y:, z:], pattern)
        assert torch.allclose(out[..., m:-m, m:-m], whole[..., y + m : -m, z + m : -m], atol=1e-6)


def test_a_tile_gives_what_the_whole_gives_and_no_less_margin_would_do():
    block = awake()
    frame = Frame(rand(1, 1, 90, 100), "mosaic", Capture(pattern="GBRG"))
    whole = block(frame).data
    assert (tiled(block, frame, 32).data - whole).abs().max() < 1e-5
    m = block.margin
    crop = block(frame.crop(2, 2, 80, 80)).data
    ring = (crop - whole[..., 2:82, 2:82]).abs().amax((0, 1))
    assert float(ring[m:-m, m:-m].max()) < 1e-5
    assert float(torch.cat([ring[m - 2, m:-m], ring[m:-m, m - 2]]).max()) > 1e-5


def test_a_large_picture_is_done_piece_by_piece_with_the_same_result(monkeypatch):
    block, x = awake(), rand(1, 1, 300, 170)
    whole = block.net(x, "GRBG")
    monkeypatch.setattr("campipe.blocks.learned.base._SIDE", 40)
    seen = []
    block.body.register_forward_hook(lambda module, given, out: seen.append(tuple(out.shape[-2:])))
    assert torch.allclose(block.net(x, "GRBG"), whole, atol=1e-6)
    assert len(seen) > 8 and max(max(shape) for shape in seen) <= 40 + 2 * block.body.reach


def test_twice_the_light_gives_twice_the_picture_and_a_constant_changes_nothing_else():
    block, x = awake(), rand(1, 1, 30, 32, dtype=torch.float64)
    out = block.net(x, "RGGB")
    assert torch.allclose(block.net(4 * x, "RGGB"), 4 * out, atol=1e-12)
    colour = torch.tensor([0.3, -0.2, 0.1], dtype=torch.float64)
    offset = torch.zeros_like(x)
    offset[..., ::2, ::2], offset[..., 1::2, 1::2] = colour[0], colour[2]
    offset[..., ::2, 1::2] = offset[..., 1::2, ::2] = colour[1]
    assert torch.allclose(block.net(x + offset, "RGGB"), out + colour.reshape(3, 1, 1), atol=1e-12)


def test_what_the_net_reaches_is_what_it_says():
    net = ResidualNet(2, 3, width=4, blocks=2)
    net.last.weight.data.fill_(0.1)
    x = rand(1, 2, 31, 31, dtype=torch.float64).requires_grad_()
    net(x)[0, :, 15, 15].sum().backward()
    rows = x.grad.abs().sum((0, 1)).sum(1).nonzero().flatten()
    assert (int(rows.min()), int(rows.max())) == (15 - net.reach, 15 + net.reach)


def test_a_net_begins_with_the_weights_of_its_seed_and_a_variance_that_stays():
    one, same, other = (ResidualNet(4, 8, width=64, blocks=6, seed=s) for s in (3, 3, 4))
    assert torch.equal(one.first.weight, same.first.weight) and not torch.equal(one.first.weight, other.first.weight)
    x = torch.randn(1, 4, 64, 64, generator=torch.Generator().manual_seed(0))
    first = torch.relu(one.first(x))
    last = []
    one.last.register_forward_pre_hook(lambda module, given: last.append(given[0]))
    one(x)
    assert 0.5 < float(last[0].square().mean() / first.square().mean()) < 4  # six times two layers


def test_weights_are_frozen_until_they_are_unfrozen():
    block, x = awake(), rand(1, 1, 8, 8)
    assert not block.net(x, "RGGB").requires_grad
    leaves = block.unfreeze()
    assert leaves and block.net(x, "RGGB").requires_grad
    block.freeze()
    assert not block.net(x, "RGGB").requires_grad


def test_weights_come_back_from_their_file_as_16_bit_numbers(tmp_path):
    block, x = awake(), rand(1, 1, 20, 22)
    path = block.save(tmp_path / "some.safetensors", {"data": "none"})
    again = Residual.load(path)
    assert again.architecture == {"width": 8, "blocks": 2}
    for name, tensor in block.body.state_dict().items():
        assert torch.equal(again.body.state_dict()[name], tensor.half().float())
    assert torch.allclose(again.net(x, "RGGB"), block.net(x, "RGGB"), atol=2e-3)  # 11 bits of each weight
    assert read_weights(path).about == {"data": "none"}
    assert all(tensor.dtype == torch.float16 for tensor in load_file(path).values())
    assert torch.equal(type(again)(**again.config()).net(x, "RGGB"), again.net(x, "RGGB"))


def refused(path, words: str) -> None:
    with pytest.raises(CampipeError, match=words) as told:
        Residual(weights=path)
    assert len(str(told.value).splitlines()) == 1


def test_weights_that_do_not_fit_are_refused_in_one_line(tmp_path):
    block = awake()
    good, path = block.body.state_dict(), tmp_path / "w.safetensors"
    refused(tmp_path / "none.safetensors", "there is no")
    refused("nothing_of_that_name", "no weights 'nothing_of_that_name' ship")
    path.write_bytes(b"\x08\0\0\0\0\0\0\0{}")
    refused(path, "cannot be read as weights")
    block.save(path)
    path.write_bytes(path.read_bytes()[:-100])
    refused(path, "cannot be read as weights")
    save_file(dict(good), path)
    refused(path, "holds no weights of a campipe block")
    write_weights(path, Weights("denoise/other", block.architecture, good))
    refused(path, "holds weights of denoise/other, but demosaick/residual")
    write_weights(path, Weights(block.block, {"width": 16, "blocks": 2}, good))
    refused(path, r"another architecture: first.weight is \(16, 4, 3, 3\) in demosaick/residual, but \(8, 4, 3, 3\) came")
    write_weights(path, Weights(block.block, {"width": 8, "blocks": 1}, good))
    refused(path, r"inner.2.weight is absent in demosaick/residual")
    write_weights(path, Weights(block.block, {"width": 8, "heads": 2}, good))
    refused(path, "not built from width, heads")
    write_weights(path, Weights(block.block, {"width": 0, "blocks": 2}, good))
    refused(path, "width of a net is a whole number from 1 on, but 0 came")
    header = {"campipe_weights": "1", "block": block.block, "architecture": json.dumps([1])}
    save_file({k: v.half() for k, v in good.items()}, path, header)
    refused(path, "does not say its architecture")


def test_weights_that_no_file_should_hold_are_not_written(tmp_path):
    block = awake()
    block.body.last.weight.data[0, 0, 0, 0] = 1e6
    with pytest.raises(CampipeError, match=r"last\.weight is not"):
        block.save(tmp_path / "w.safetensors")
    with pytest.raises(CampipeError, match="at most 3000000 bytes"):
        Residual(weights=None, width=128, blocks=8).save(tmp_path / "w.safetensors")
    with pytest.raises(CampipeError, match="choose that suffix"):
        Residual(weights=None).save(tmp_path / "w.pt")
    assert list(tmp_path.iterdir()) == []


def test_the_gradient_through_the_net_is_right():
    block = awake(4, 1)
    x = rand(1, 1, 6, 7, dtype=torch.float64).requires_grad_()
    assert torch.autograd.gradcheck(lambda x: block.net(x, "GRBG"), x)
