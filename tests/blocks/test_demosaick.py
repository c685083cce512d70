"""One test covers every filler of the slot; what is particular to one comes behind."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from campipe import blocks
from campipe.blocks.demosaicking.slot import Demosaicker, LinearDemosaicker
from campipe.core import pattern as patterns
from campipe.core.errors import CampipeError, ShapeError
from campipe.core.frame import Capture, Frame
from campipe.core.law import Law

FILLERS = blocks.names("demosaick")
LINEAR = [name for name in FILLERS if isinstance(blocks.demosaick(name), LinearDemosaicker)]
PATTERNS = ["RGGB", "GRBG", "GBRG", "BGGR"]


def mosaic(height: int = 16, width: int = 18, *, batch: int = 1, seed: int = 0, dtype: torch.dtype = torch.float32) -> torch.Tensor:
    return torch.rand(batch, 1, height, width, generator=torch.Generator().manual_seed(seed), dtype=dtype)


def measured(height: int, width: int, pattern: str) -> torch.Tensor:
    """(3, height, width): True where a channel was measured."""
    table = torch.tensor(patterns.channels(pattern)).repeat(height, width)[:height, :width]
    return torch.stack([table == c for c in range(3)])


@pytest.fixture(params=FILLERS)
def block(request: pytest.FixtureRequest) -> Demosaicker:
    made = blocks.demosaick(request.param)
    assert isinstance(made, Demosaicker)
    return made


@pytest.mark.parametrize("pattern", PATTERNS)
@pytest.mark.parametrize("size", [(2, 2), (2, 5), (3, 3), (5, 4), (16, 17), (15, 18)])
def test_any_size_and_phase_is_taken_and_a_colour_stays_that_colour(block, pattern, size):
    colour = torch.tensor([0.7, 0.4, 0.2])
    flat = (measured(*size, pattern) * colour[:, None, None]).sum(0)[None, None]
    out = block(Frame(flat, "mosaic", Capture(pattern=pattern)))
    assert out.space == "camera"
    assert out.data.shape == (1, 3, *size)
    # Also where a kernel mixes colours: what it adds is a difference within one colour.
    assert torch.allclose(out.data, colour[None, :, None, None].expand_as(out.data), atol=1e-6)


@pytest.mark.parametrize("pattern", PATTERNS)
@pytest.mark.parametrize("place", [(0, 1), (1, 0), (1, 1), (3, 2), (2, 5)])
def test_a_crop_is_demosaicked_as_the_whole_inside_the_margin(block, pattern, place):
    whole = Frame(mosaic(24, 26), "mosaic", Capture(pattern=pattern))
    y, x = place
    crop = whole.crop(y, x, 15, 14)
    m = block.margin
    inside = block(crop).data[..., m:-m, m:-m]
    assert torch.equal(inside, block(whole).data[..., y + m : y + 15 - m, x + m : x + 14 - m])


@pytest.mark.parametrize("pattern", PATTERNS)
def test_a_mirrored_mosaic_gives_the_mirrored_picture(block, pattern):
    x = mosaic(10, 12)  # an even size: the mirror image begins with the other rows and columns of the tile
    rows, columns = pattern[2:] + pattern[:2], pattern[1] + pattern[0] + pattern[3] + pattern[2]
    assert torch.allclose(block.net(x.flip(-2), rows), block.net(x, pattern).flip(-2), atol=1e-6)
    assert torch.allclose(block.net(x.flip(-1), columns), block.net(x, pattern).flip(-1), atol=1e-6)


@pytest.mark.parametrize("pattern", PATTERNS)
def test_red_and_blue_are_treated_alike(block, pattern):
    x = mosaic()
    swapped = pattern.translate(str.maketrans("RB", "BR"))
    assert torch.allclose(block.net(x, swapped), block.net(x, pattern).flip(-3), atol=1e-6)


@pytest.mark.parametrize("pattern", PATTERNS)
def test_what_was_measured_is_kept(block, pattern):
    x = mosaic()
    mask = measured(16, 18, pattern)
    assert torch.equal(block.net(x, pattern)[0][mask], x[0].expand(3, -1, -1)[mask])


@pytest.mark.parametrize("pattern", PATTERNS)
def test_the_gradient_is_right(block, pattern):
    x = mosaic(5, 6, dtype=torch.float64).requires_grad_()
    assert torch.autograd.gradcheck(lambda x: block.net(x, pattern), x)


def test_views_and_times_are_treated_alike(block):
    x = torch.rand(2, 2, 3, 1, 6, 8, generator=torch.Generator().manual_seed(0))
    out = block(Frame(x, "mosaic", Capture(pattern="GRBG"))).data
    assert out.shape == (2, 2, 3, 3, 6, 8)
    assert torch.equal(out[1, 0, 2], block.net(x[1, 0, 2], "GRBG"))


def test_the_stage_is_the_function(block):
    x = mosaic(batch=2)
    assert torch.equal(block(Frame(x, "mosaic", Capture(pattern="BGGR"))).data, block.net(x, "BGGR"))


def test_raw_numbers_are_levelled_from_the_capture(block):
    x = mosaic(batch=2, dtype=torch.float64)
    black, white = torch.tensor([64.0, 128.0]), torch.tensor([1023.0, 4095.0])
    raw = x * (white - black).reshape(2, 1, 1, 1) + black.reshape(2, 1, 1, 1)
    out = block(Frame(raw, "dn", Capture(pattern="RGGB", black_level=black, white_level=white, wb=[[2.0, 1.0, 1.5]])))
    assert torch.allclose(out.data, block.net(x, "RGGB"))


def test_without_a_filter_there_are_three_equal_channels(block):
    x = mosaic()
    out = block(Frame(x, "mosaic", Capture(noise=[[1e-3, 1e-6]])))
    assert torch.equal(out.data, x.expand(1, 3, -1, -1))
    assert out.capture.noise is not None and out.capture.noise.shape == (1, 2, 3)


def test_the_noise_profile_becomes_one_per_colour(block):
    f = Frame(mosaic(), "mosaic", Capture(pattern="GRBG", noise=torch.arange(8.0).reshape(1, 2, 2, 2)))
    assert block(f).capture.noise.tolist() == [[[1, 1.5, 2], [5, 5.5, 6]]]


def test_the_configuration_builds_the_block_again(block):
    assert torch.equal(type(block)(**block.config()).net(mosaic(), "RGGB"), block.net(mosaic(), "RGGB"))


def test_an_unknown_pattern_and_too_few_pixels_are_refused(block):
    with pytest.raises(CampipeError, match="RGGB, GRBG, GBRG or BGGR"):
        block(Frame(mosaic(), "mosaic", Capture(pattern="RGBG")))
    with pytest.raises(CampipeError, match="RGGB, GRBG, GBRG or BGGR"):
        block(Frame(mosaic(), "mosaic", Capture(pattern="GGRGGBGGBGGRBRGRBGGGBGGRGGRGGBRBGBRG")))
    with pytest.raises(ShapeError, match="at least 2 x 2 pixels, but 1 x 8"):
        block(Frame(mosaic(1, 8), "mosaic", Capture(pattern="RGGB")))


@pytest.mark.parametrize("name", LINEAR)
def test_a_linear_method_superposes(name):
    net, a, b = blocks.demosaick(name).net, mosaic(dtype=torch.float64), mosaic(seed=1, dtype=torch.float64)
    assert torch.allclose(net(2 * a - 3 * b, "RGGB"), 2 * net(a, "RGGB") - 3 * net(b, "RGGB"))


@pytest.mark.parametrize("name", LINEAR)
def test_a_ramp_of_grey_stays_a_ramp_inside(name):
    # Means of symmetric neighbours are exact on planes, and their Laplacian is 0.
    y, x = torch.meshgrid(torch.arange(16.0), torch.arange(18.0), indexing="ij")
    ramp = (0.3 + 0.01 * y + 0.02 * x)[None, None]
    out = blocks.demosaick(name).net(ramp, "GBRG")
    assert torch.allclose(out[..., 3:-3, 3:-3], ramp.expand_as(out)[..., 3:-3, 3:-3], atol=1e-6)


@pytest.mark.parametrize("name", LINEAR)
def test_the_law_carries_the_variance_of_independent_pixels(name):
    block, x = blocks.demosaick(name), mosaic(8, 9, dtype=torch.float64)
    f, std = Frame(x, "mosaic", Capture(pattern="GRBG")), mosaic(8, 9, seed=2, dtype=torch.float64)
    law = block.run_law(Law.certain(f, block.shot(None, True, None, None)).with_noise(std))
    # The oracle: the whole Jacobian, squared.
    jacobian = torch.autograd.functional.jacobian(lambda x: block.net(x, "GRBG"), x).reshape(3 * 72, 72)
    # At the border the mirror image uses a sample more than once, which kernels that are squared one by one leave out.
    m = block.margin
    expected = (jacobian**2 @ (std.flatten() ** 2)).reshape(1, 3, 8, 9)
    assert torch.allclose(law.mean, block.net(x, "GRBG"))
    assert torch.allclose(law.variance[..., m:-m, m:-m], expected[..., m:-m, m:-m])
    assert torch.equal(block.moments(f).mean, block(f).data)


@pytest.mark.parametrize("pattern", PATTERNS)
@pytest.mark.parametrize(("name", "peer"), [("bilinear", "demosaicing_CFA_Bayer_bilinear"), ("malvar", "demosaicing_CFA_Bayer_Malvar2004")])
def test_inside_it_is_the_same_as_colour_demosaicing(name, peer, pattern):
    peers = pytest.importorskip("colour_demosaicing")
    x = mosaic(20, 22, dtype=torch.float64)
    expected = getattr(peers, peer)(x[0, 0].numpy(), pattern)
    out = blocks.demosaick(name).net(x, pattern)[0].permute(1, 2, 0).numpy()
    assert np.abs(out - expected)[2:-2, 2:-2].max() < 1e-12


def test_names_are_listed_and_unknown_ones_are_answered_with_the_list():
    assert {"bilinear", "malvar"} <= set(FILLERS)
    with pytest.raises(CampipeError, match="bilinear, malvar"):
        blocks.demosaick("nearest")
    with pytest.raises(CampipeError, match="demosaick"):
        blocks.names("demosaic")


def test_a_block_takes_the_name_of_its_place():
    assert blocks.demosaick("malvar", name="demosaick").name == "demosaick"
