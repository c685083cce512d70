"""The slot of super-resolution: one set of tests for every filler, and what is particular to the learned one."""

from __future__ import annotations

import pytest
import torch
from torch.nn import functional

from campipe import blocks
from campipe.blocks.super_resolving import BackProjection, Bicubic, SrResNet
from campipe.core.errors import CampipeError, ShapeError, SpaceError
from campipe.core.frame import Capture, Frame


def rand(*shape: int, seed: int = 0, dtype: torch.dtype = torch.float32) -> torch.Tensor:
    return torch.rand(shape, generator=torch.Generator().manual_seed(seed), dtype=dtype)


def made(name: str, factor: int = 2):
    options = {"weights": None, "width": 4, "blocks": 1} if name == "srresnet" else {}
    return blocks.super_resolve(name, factor=factor, **options)


def awake(factor: int = 2, width: int = 4, count: int = 1) -> SrResNet:
    """A block whose last layer is not 0, so that its net is heard."""
    block = SrResNet(factor, weights=None, width=width, blocks=count)
    last = block.body.last.weight
    last.data.copy_(0.1 * (rand(*last.shape, seed=5) - 0.5))
    return block


FILLERS = blocks.names("super_resolve")


@pytest.mark.parametrize("name", FILLERS)
@pytest.mark.parametrize("factor", [1, 2, 4])
def test_a_frame_gets_factor_times_the_pixels_and_covers_the_same_place(name, factor):
    capture = Capture(origin=torch.tensor([[4, 6]]), noise=torch.tensor([[1e-3, 1e-6]]))
    out = made(name, factor)(Frame(rand(1, 3, 7, 9), "display", capture))
    assert out.space == "display" and out.data.shape == (1, 3, 7 * factor, 9 * factor)
    assert out.capture.origin.tolist() == [[4 * factor, 6 * factor]] and out.capture.noise is None


@pytest.mark.parametrize("name", FILLERS)
def test_a_constant_stays_and_a_single_pixel_is_one(name):
    flat = torch.tensor([0.2, 0.5, 0.9]).reshape(1, 3, 1, 1)
    for shape in ((1, 3, 1, 1), (1, 3, 5, 8)):
        assert torch.allclose(made(name).net(flat.expand(shape)), flat, atol=1e-6)


@pytest.mark.parametrize("name", FILLERS)
def test_views_and_times_are_done_picture_by_picture(name):
    block, data = made(name), rand(2, 2, 1, 3, 6, 5)
    out = block(Frame(data, "display"))
    assert out.data.shape == (2, 2, 1, 3, 12, 10)
    alone = block(Frame(data[1, 1], "display"))
    assert torch.allclose(out.data[1, 1], alone.data, atol=1e-6)


@pytest.mark.parametrize("name", FILLERS)
def test_a_pixel_further_than_the_margin_is_not_heard(name):
    block = awake() if name == "srresnet" else made(name)
    x = rand(1, 3, 2 * block.margin + 8, 6)
    other = x.clone()
    other[..., -1, :] += 0.5
    changed = (block.net(other) - block.net(x)).abs().amax((0, 1, 3)) > 1e-7
    heard = changed.nonzero().min() // block.factor
    assert x.shape[-2] - 1 - heard <= block.margin


@pytest.mark.parametrize("name", FILLERS)
def test_the_gradient_is_right(name):
    kinds = {"srresnet": awake(), "back_projection": BackProjection(rounds=1)}
    block = (kinds[name] if name in kinds else made(name)).double()
    x = rand(1, 3, 2, 3, dtype=torch.float64).requires_grad_()
    assert torch.autograd.gradcheck(block.net, x)


def test_back_projection_ends_at_a_picture_that_looks_like_the_one_that_came():
    x = functional.avg_pool2d(rand(1, 3, 64, 64, seed=3), 4)
    block = BackProjection(blur=0.0, rounds=12)
    error = (functional.avg_pool2d(block.net(x), 2) - x).abs().max()
    assert error < 0.02 * (functional.avg_pool2d(Bicubic(2).net(x), 2) - x).abs().max()


@pytest.mark.parametrize("factor", [2, 3, 4])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_an_untrained_net_is_bicubic_to_the_last_bit(factor, dtype):
    x = rand(2, 3, 9, 11, dtype=dtype)
    assert torch.equal(SrResNet(factor, weights=None, width=8, blocks=2).net(x), Bicubic(factor).net(x))
    assert not torch.equal(awake(factor).net(x), Bicubic(factor).net(x))


def test_a_large_picture_is_done_piece_by_piece_with_the_same_result(monkeypatch):
    block, x = awake(3), rand(1, 3, 150, 101)
    whole = block.net(x)
    monkeypatch.setattr("campipe.blocks.learned.base._SIDE", 32)
    seen = []
    block.body.register_forward_hook(lambda module, given, out: seen.append(tuple(out.shape[-2:])))
    assert torch.allclose(block.net(x), whole, atol=1e-6)
    assert len(seen) > 8 and max(max(shape) for shape in seen) <= 32 + 2 * block.body.reach


def test_weights_know_their_factor(tmp_path):
    path = awake(4).save(tmp_path / "x4.safetensors")
    block = SrResNet(weights=path)
    assert block.factor == 4 and block.net(rand(1, 3, 4, 5)).shape == (1, 3, 16, 20)
    assert SrResNet(4, weights=path).architecture == {"factor": 4, "width": 4, "blocks": 1}
    with pytest.raises(CampipeError, match="these weights are for a factor of 4, but factor=2 came"):
        SrResNet(2, weights=path)
    assert torch.equal(type(block)(**block.config()).net(rand(1, 3, 4, 5)), block.net(rand(1, 3, 4, 5)))


@pytest.mark.parametrize("factor", [2, 4])
def test_the_net_that_is_meant_has_at_most_1_4_million_weights_and_fits_into_its_file(factor, tmp_path):
    block = SrResNet(factor, weights=None)
    assert sum(weight.numel() for weight in block.body.parameters()) <= 1.4e6
    assert block.save(tmp_path / "w.safetensors").stat().st_size < 3_000_000


def test_what_cannot_be_done_is_refused():
    with pytest.raises(ShapeError, match="pictures of 3 channels, but 1 came"):
        awake().net(rand(1, 1, 8, 8))
    with pytest.raises(SpaceError):
        awake()(Frame(rand(1, 3, 8, 8), "linear"))
    with pytest.raises(CampipeError, match="a factor of resolution is a whole number"):
        blocks.super_resolve("bicubic", factor=1.5)
    with pytest.raises(CampipeError, match="rounds is a whole number"):
        BackProjection(rounds=-1)
    with pytest.raises(CampipeError, match="from 0 to 10 pixels"):
        BackProjection(blur=-1.0)
