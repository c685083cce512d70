"""The raw denoiser: every phase alike, every exposure alike, told the noise by the capture, and nothing where there is none."""

from __future__ import annotations

import pytest
import torch

from campipe.blocks.denoising.raw_unet import RawUnet, sigma_map
from campipe.blocks.learned.limit import LARGEST
from campipe.core import pattern as patterns
from campipe.core.errors import CampipeError, ShapeError
from campipe.core.frame import Capture, Frame

PHASES = ("RGGB", "GRBG", "GBRG", "BGGR")


def rand(*shape: int, seed: int = 0, dtype: torch.dtype = torch.float64) -> torch.Tensor:
    return torch.rand(shape, generator=torch.Generator().manual_seed(seed), dtype=dtype)


def awake(**options: object) -> RawUnet:
    """A block whose last layer is not 0, so that its net is heard."""
    block = RawUnet(weights=None, others=None, width=4, blocks=1, **options)
    last = block.body.last.weight
    last.data.copy_(0.1 * (rand(*last.shape, seed=5) - 0.5))
    return block


def mosaic(data: torch.Tensor, pattern: str = "RGGB", shot: float = 1e-2, floor: float = 1e-3) -> Frame:
    return Frame(data, "mosaic", Capture(pattern=pattern, noise=torch.tensor([[shot, floor]], dtype=torch.float64)))


def test_an_untrained_block_changes_nothing_and_a_trained_one_does():
    frame = mosaic(rand(1, 1, 17, 22))
    assert torch.allclose(RawUnet(weights=None)(frame).data, frame.data, atol=1e-15)
    assert not torch.allclose(awake()(frame).data, frame.data, atol=1e-4)


@pytest.mark.parametrize("pattern", PHASES)
def test_a_mosaic_that_begins_elsewhere_is_denoised_as_it_was(pattern):
    """Of one mosaic, crops that begin in every phase: inside, away from the border's reach, the result is the same to rounding."""
    block, whole = awake(), mosaic(rand(1, 1, 260, 260))
    block.body.coarse = block.body.coarse[:0]  # a smaller reach
    y, x = {"RGGB": (8, 8), "GRBG": (8, 7), "GBRG": (7, 8), "BGGR": (7, 7)}[pattern]
    part = whole.crop(y, x, 244, 244)
    assert part.capture.pattern == pattern
    near = 2 * block.body.reach + 8
    wanted = block(whole).data[..., y + near : y + 244 - near, x + near : x + 244 - near]
    assert wanted.numel() > 1000
    assert torch.allclose(block(part).data[..., near : 244 - near, near : 244 - near], wanted, atol=1e-12)


def test_twice_the_light_with_twice_the_noise_gives_twice_as_much():
    block, x = awake(), rand(1, 1, 24, 26) + 0.2
    once, twice = block(mosaic(x, shot=1e-2, floor=1e-3)).data, block(mosaic(4 * x, shot=4e-2, floor=16e-3)).data
    assert torch.allclose(twice, 4 * once, atol=1e-12)
    assert not torch.allclose(block(mosaic(4 * x, shot=1e-2, floor=1e-3)).data, 4 * once, atol=1e-2)


def test_a_flat_mosaic_of_any_colour_stays_whatever_the_noise():
    tile = torch.tensor([[0.3, 0.7], [0.71, 0.2]], dtype=torch.float64).repeat(11, 13)[None, None]
    assert (awake()(mosaic(tile)).data - tile).abs().max() < 1e-12


def test_without_noise_a_mosaic_comes_back_and_with_it_nothing_moves_further_than_6_sigma():
    block, x = awake(), rand(1, 1, 20, 24)
    assert torch.allclose(block(mosaic(x, shot=0.0, floor=0.0)).data, x, atol=1e-15)
    block.body.last.weight.data.mul_(1000)
    assert float((block(mosaic(x, shot=0.0, floor=1e-4)).data - x).abs().max()) == pytest.approx(LARGEST * 1e-2, rel=1e-6)


def test_sigma_is_that_of_the_level_around_a_pixel():
    planes = torch.tensor([0.1, 0.5, 0.4, 0.0], dtype=torch.float64)[None, :, None, None].expand(1, 4, 6, 7)
    noise = torch.tensor([[[1e-2, 2e-2, 1e-2, 1e-2], [1e-4, 1e-4, 2e-4, 0.0]]], dtype=torch.float64)
    wanted = (noise[:, 0] * planes[:, :, 0, 0] + noise[:, 1]).sqrt()
    assert torch.allclose(sigma_map(planes, noise), wanted[..., None, None].expand_as(planes), atol=1e-12)
    dark = 1e-2 * torch.randn(1, 4, 64, 64, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    found = sigma_map(dark, torch.tensor([[[1e-3], [1e-4]]], dtype=torch.float64))
    # The level's deviation is 0.273 of a pixel's, half of it counts: on average 1e-4 + 1e-3 x 0.273 x 1e-2 x 0.4.
    assert float(found.square().mean()) == pytest.approx(1.011e-4, rel=0.005)


@pytest.mark.parametrize("pattern", PHASES)
def test_the_capture_says_the_noise_of_each_colour(pattern):
    """Where blue is loud, blue may change by its own 6 sigma, and the other colours by theirs."""
    block, x = awake(), rand(1, 1, 32, 32)
    block.body.last.weight.data.mul_(1000)
    sigma = torch.tensor([[3e-2 if letter == "B" else 1e-3 for letter in pattern]], dtype=torch.float64).reshape(1, 2, 2)
    frame = mosaic(x, pattern).replace(noise=torch.stack([torch.zeros_like(sigma), sigma**2], 1))
    change = (block(frame).data - x).abs().reshape(16, 2, 16, 2).amax((0, 2))
    assert torch.allclose(change, LARGEST * sigma[0], rtol=1e-6)


def test_a_large_mosaic_is_done_piece_by_piece_with_the_same_result(monkeypatch):
    block, frame = awake(), mosaic(rand(1, 1, 402, 340, dtype=torch.float32))
    whole = block(frame).data
    monkeypatch.setattr("campipe.blocks.learned.base._SIDE", 40)
    seen = []
    block.body.register_forward_hook(lambda module, given, out: seen.append(tuple(out.shape[-2:])))
    assert torch.allclose(block(frame).data, whole, atol=1e-6)
    assert len(seen) > 8 and max(max(shape) for shape in seen) <= 40 + 2 * block.body.reach


def test_other_mosaics_are_left_to_the_grey_net_or_refused():
    xtrans = "GGRGGBGGBGGRBRGRBGGGBGGRGGRGGBRBGBRG"
    frame = mosaic(rand(1, 1, 12, 12, dtype=torch.float32), xtrans)
    assert patterns.size(xtrans) == (6, 6)
    assert not torch.equal(RawUnet(0.05, weights=None)(frame).data, frame.data)
    with pytest.raises(ShapeError, match="four planes of a Bayer mosaic, but 36 came; take others='denoise_grey'") as told:
        awake()(frame)
    assert len(str(told.value).splitlines()) == 1
    with pytest.raises(CampipeError, match="says nothing of the noise"):
        awake()(mosaic(rand(1, 1, 8, 8)).replace(noise=None))


def test_the_gradient_reaches_mosaic_level_and_weights():
    block = awake()
    x, sigma = rand(1, 4, 16, 17).requires_grad_(), (0.1 + 0.1 * rand(1, 4, 16, 17, seed=3)).requires_grad_()
    assert torch.autograd.gradcheck(block.net, (x, sigma), fast_mode=True)
    leaves = block.unfreeze()
    slopes = torch.autograd.grad(block.net(x, sigma).square().sum(), leaves)
    assert all(slope.abs().max() > 0 for slope in slopes)


def test_the_net_that_is_trained_fits_into_its_file(tmp_path):
    block = RawUnet(weights=None, others=None, width=32, blocks=5, coarse=2)
    assert sum(weight.numel() for weight in block.body.parameters()) <= 1_450_000
    assert block.save(tmp_path / "w.safetensors").stat().st_size < 3_000_000
    assert RawUnet(weights=tmp_path / "w.safetensors").architecture == {"width": 32, "blocks": 5, "bounded": True, "coarse": 2}
