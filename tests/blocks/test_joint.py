"""Joint demosaicking and denoising: it begins as its base, hears the noise level, and keeps what has no noise."""

from __future__ import annotations

import pytest
import torch

from campipe.blocks.demosaicking.joint import Joint
from campipe.blocks.demosaicking.malvar import Malvar
from campipe.blocks.learned.joint_net import JointNet
from campipe.blocks.learned.limit import LARGEST
from campipe.core import pattern as patterns
from campipe.core.errors import CampipeError
from campipe.core.frame import Capture, Frame
from campipe.core.tiles import tiled

PATTERNS = ["RGGB", "GRBG", "GBRG", "BGGR"]


def rand(*shape: int, seed: int = 0, dtype: torch.dtype = torch.float32) -> torch.Tensor:
    return torch.rand(shape, generator=torch.Generator().manual_seed(seed), dtype=dtype)


def awake(width: int = 4, sigma: float | None = None, **options: object) -> Joint:
    """A block whose last layer is not 0, so that its net is heard."""
    block = Joint(sigma, weights=None, width=width, blocks=1, **options)
    last = block.body.last.weight
    last.data.copy_(0.1 * (rand(*last.shape, seed=5) - 0.5))
    return block


def seen(pattern: str, height: int, width: int) -> torch.Tensor:
    """(3, H, W): True where a colour was measured."""
    table = torch.tensor(patterns.channels(pattern)).repeat(height // 2 + 1, width // 2 + 1)[:height, :width]
    return torch.stack([table == c for c in range(3)])


@pytest.mark.parametrize("pattern", PATTERNS)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_an_untrained_block_is_its_base_to_the_last_bit(pattern, dtype):
    x = rand(2, 1, 21, 30, dtype=dtype)
    assert torch.equal(Joint(weights=None, width=4, blocks=1).net(x, pattern, 0.1), Malvar().net(x, pattern))
    assert not torch.equal(awake().net(x, pattern, 0.1), Malvar().net(x, pattern))


@pytest.mark.parametrize("pattern", PATTERNS)
def test_a_measured_pixel_changes_by_no_more_than_its_noise_allows_and_without_noise_not_at_all(pattern):
    block, x, mask = awake(), rand(1, 1, 19, 26), seen(pattern, 19, 26)
    block.body.last.weight.data.mul_(100)
    sigma = torch.where(torch.arange(26) < 13, 0.0, 0.1).expand(1, 1, 19, 26)
    change = (block.net(x, pattern, sigma) - x)[0]
    assert float(change[mask].abs().max()) == pytest.approx(LARGEST * 0.1, rel=1e-4)
    assert change[:, :, :13][mask[:, :, :13]].abs().max() == 0
    assert change[~mask].abs().max() > 1  # a colour that was not seen is not held


@pytest.mark.parametrize("sigma", [0.0, 0.02, 0.3])
def test_one_colour_stays_whatever_the_noise_level_and_at_the_border_too(sigma):
    colour = torch.tensor([0.7, 0.4, 0.2], dtype=torch.float64)[:, None, None]
    flat = (seen("GRBG", 19, 30) * colour).sum(0)[None, None]
    assert (awake().net(flat, "GRBG", sigma) - colour).abs().max() < 1e-12  # rounding, of values below 1


def test_twice_the_mosaic_with_twice_the_noise_gives_twice_the_picture():
    block, x = awake(), rand(1, 1, 24, 26, dtype=torch.float64)
    out = block.net(x, "RGGB", 0.05)
    assert torch.allclose(block.net(4 * x, "RGGB", 0.2), 4 * out, atol=1e-12)
    assert not torch.allclose(block.net(4 * x, "RGGB", 0.05), 4 * out, atol=1e-3)


def test_a_map_of_one_sigma_is_that_sigma():
    block, x = awake(), rand(2, 1, 22, 27, dtype=torch.float64)
    levels = torch.tensor([0.05, 0.2], dtype=torch.float64).reshape(2, 1, 1, 1)
    assert torch.allclose(block.net(x, "BGGR", levels), block.net(x, "BGGR", levels.expand_as(x).contiguous()), atol=1e-12)
    assert torch.allclose(block.net(x, "BGGR", levels)[:1], block.net(x[:1], "BGGR", 0.05), atol=1e-12)


@pytest.mark.parametrize(("place", "pattern"), [((8, 8), "RGGB"), ((8, 9), "GRBG"), ((9, 8), "GBRG"), ((9, 9), "BGGR")])
def test_all_phases_are_treated_alike(place, pattern):
    """The same mosaic begun another row or column later, on the grid of the coarsest level, has the same colours inside."""
    block, x = awake(), rand(1, 1, 160, 168, dtype=torch.float64)
    (y, z), m = place, 2 * block.body.reach
    whole = block.net(x, "RGGB", 0.1)
    out = block.net(x[..., y:, z:], pattern, 0.1)
    inside = out[..., m:-m, m:-m]
    assert inside.numel() > 3000 and torch.allclose(inside, whole[..., y + m : -m, z + m : -m], atol=1e-12)


def test_what_the_net_reaches_is_what_it_says():
    net, side = JointNet(width=2, blocks=1), 96
    for p in net.parameters():
        p.data.abs_().add_(0.01)
    ramp = torch.linspace(1, 2, 9).reshape(3, 3)  # the mean that is taken off leaves something of both signs
    net.first.data.copy_(ramp.expand_as(net.first))
    x = (10 * rand(1, 4, 1, side, dtype=torch.float64)).repeat(1, 1, 4, 1).requires_grad_()
    seen_at = []
    for place in range(44, 48):  # all four places in a cell
        (slope,) = torch.autograd.grad(net(x, torch.zeros(1, 1, 1, 1, dtype=torch.float64))[..., place].sum(), x)
        columns = slope.abs().sum((0, 1, 2)).nonzero().flatten()
        seen_at += [place - int(columns.min()), int(columns.max()) - place]
    assert net.reach - 8 < max(seen_at) <= net.reach and net.reach % 4 == 0


@pytest.mark.parametrize("mapped", [False, True])
def test_a_large_mosaic_is_done_piece_by_piece_with_the_same_result(mapped, monkeypatch):
    block, x = awake(), rand(1, 1, 301, 170)
    sigma = 0.1 + 0.2 * rand(*x.shape, seed=1) if mapped else 0.2
    whole = block.net(x, "GBRG", sigma)
    monkeypatch.setattr("campipe.blocks.learned.base._SIDE", 40)
    pieces = []
    block.body.register_forward_hook(lambda module, given, out: pieces.append(tuple(out.shape[-2:])))
    assert torch.allclose(block.net(x, "GBRG", sigma), whole, atol=1e-6)
    assert len(pieces) > 8 and max(max(shape) for shape in pieces) <= 40 + 2 * block.body.reach


def test_the_noise_level_is_the_blocks_or_the_captures_in_the_unit_of_the_frame():
    x = rand(2, 1, 16, 18)
    mosaic = Frame(x, "mosaic", Capture(pattern="GRBG", noise=[[0.0, 0.01], [0.0, 0.04]]))
    out = awake()(mosaic)
    assert out.space == "camera" and out.capture.noise is None
    for item, sigma in enumerate((0.1, 0.2)):  # a profile without a shot part is one sigma
        assert torch.allclose(out.data[item], awake().net(x[item : item + 1], "GRBG", sigma)[0], atol=1e-5)
    assert torch.allclose(awake(stabilise=False)(mosaic).data, out.data, atol=1e-5)
    raw = Frame(64 + 1000 * x, "dn", Capture(pattern="GRBG", black_level=[64.0] * 2, white_level=[1064.0] * 2))
    assert torch.allclose(awake(sigma=100.0)(raw).data, awake().net(x, "GRBG", 0.1), atol=1e-5)
    given = awake(sigma=1.0)(raw, parameters={"sigma": torch.tensor([100.0, 200.0])}).data
    assert torch.allclose(given, out.data, atol=1e-5)
    assert torch.equal(awake()(mosaic.replace(noise=None)).data, awake().net(x, "GRBG"))  # nothing is said: nothing is taken off


def test_noise_that_grows_with_the_signal_is_made_even_and_the_mean_comes_back():
    """An untrained block changes what is stabilised by its base alone, which keeps a measured pixel: the way there and back stays."""
    x = 0.2 + 0.6 * rand(1, 1, 20, 22, dtype=torch.float64)
    frame = Frame(x, "mosaic", Capture(pattern="RGGB", noise=[[[1e-4, 2e-4, 3e-4], [1e-6, 1e-6, 2e-6]]]))
    out = Joint(weights=None, width=4, blocks=1)(frame).data[0]
    mask = seen("RGGB", 20, 22)
    shift = (out - x[0])[mask]
    # The unbiased inverse lies above the algebraic one by S / 4: 3/8 that the transform added, less the 1/8 of the mean of a root.
    expected = (torch.tensor([1e-4, 2e-4, 3e-4], dtype=torch.float64)[:, None, None] / 4).expand(3, 20, 22)[mask]
    assert torch.allclose(shift, expected, rtol=0.05)


def test_frames_with_views_and_times_are_done_picture_by_picture():
    x = rand(2, 2, 3, 1, 9, 8)
    sigma = torch.tensor([0.1, 0.3])
    out = awake(sigma=1.0)(Frame(x, "mosaic", Capture(pattern="RGGB")), parameters={"sigma": sigma}).data
    assert out.shape == (2, 2, 3, 3, 9, 8)
    assert torch.allclose(out[1, 0, 2], awake().net(x[1, 0, 2][None], "RGGB", 0.3)[0], atol=1e-5)


def test_the_gradient_reaches_mosaic_level_and_weights():
    block = awake(width=2)
    x, sigma = rand(1, 1, 8, 9, dtype=torch.float64).requires_grad_(), torch.tensor(0.3, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(lambda x, sigma: block.net(x, "GBRG", sigma), (x, sigma), fast_mode=True)
    leaves = block.unfreeze()
    slopes = torch.autograd.grad(block.net(x, "GBRG", sigma).square().sum(), leaves)
    assert all(slope.abs().max() > 0 for slope in slopes)


def test_it_cannot_be_cut_into_tiles_and_says_so():
    with pytest.raises(CampipeError, match="needs the whole picture"):
        tiled(awake(sigma=0.1), Frame(rand(1, 1, 40, 40), "mosaic", Capture(pattern="RGGB")), 16)


def test_the_net_that_is_meant_fits_into_its_file(tmp_path):
    block = Joint(weights=None)
    assert block.save(tmp_path / "w.safetensors").stat().st_size < 3_000_000
    assert Joint(weights=tmp_path / "w.safetensors").architecture == {"width": 64, "blocks": 4}


@pytest.mark.parametrize(("options", "words"), [({"width": 1}, "width .* from 2 on, but 1"), ({"blocks": 0}, "blocks .*, but 0")])
def test_a_net_that_cannot_be_is_refused(options, words):
    with pytest.raises(CampipeError, match=words):
        Joint(weights=None, **options)
