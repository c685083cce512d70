"""One test covers every filler of the slot; what is particular to one comes behind."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from campipe import blocks
from campipe.blocks.demosaicking.slot import Demosaicker, LinearDemosaicker
from campipe.blocks.learned.base import Learned
from campipe.core import pattern as patterns
from campipe.core.errors import CampipeError, ShapeError
from campipe.core.frame import Capture, Frame
from campipe.core.law import Law

FILLERS = blocks.names("demosaick")
LINEAR = [name for name in FILLERS if isinstance(blocks.demosaick(name), LinearDemosaicker)]
# What a training found is as symmetric as its data: nearly, which is no contract.
CLASSICAL = [name for name in FILLERS if not issubclass(blocks.filler("demosaick", name), Learned)]
PATTERNS = ["RGGB", "GRBG", "GBRG", "BGGR"]
X_TRANS = "GBGGRGRGRBGBGBGGRGGRGGBGBGBRGRGRGGBG"
ALL_PATTERNS = {"bayer": PATTERNS, "xtrans": [X_TRANS, patterns.roll(X_TRANS, 2, 5)]}


def patterns_of(name: str) -> list[str]:
    block = blocks.demosaick(name)
    assert isinstance(block, Demosaicker)
    return [pattern for kind in block.patterns for pattern in ALL_PATTERNS[kind]]


CASES = [pytest.param(name, pattern, id=f"{name}-{pattern[:4]}{len(pattern)}") for name in FILLERS for pattern in patterns_of(name)]
every_case = pytest.mark.parametrize(("name", "pattern"), CASES)
classical_case = pytest.mark.parametrize(("name", "pattern"), [case for case in CASES if case.values[0] in CLASSICAL])

# One that sees a picture at several scales lays its grid anew over every crop; it is large, and what is compiled in it is its base.
bounded_case = pytest.mark.parametrize(("name", "pattern"), [c for c in CASES if blocks.filler("demosaick", c.values[0]).tiles])

SEVERAL_STRIPS, SEVERAL_THREADS = {True: [(70, 1031)], False: []}, {True: (260, 540), False: (90, 140)}


def mosaic(height: int = 16, width: int = 18, *, batch: int = 1, seed: int = 0, dtype: torch.dtype = torch.float32) -> torch.Tensor:
    return torch.rand(batch, 1, height, width, generator=torch.Generator().manual_seed(seed), dtype=dtype)


def sees(height: int, width: int, pattern: str) -> torch.Tensor:
    """(height, width): the channel that each pixel measures."""
    table = torch.tensor(patterns.channels(pattern))
    return table.repeat(height // table.shape[0] + 1, width // table.shape[1] + 1)[:height, :width]


def measured(height: int, width: int, pattern: str) -> torch.Tensor:
    """(3, height, width): True where a channel was measured."""
    return torch.stack([sees(height, width, pattern) == c for c in range(3)])


def changed(pattern: str, change) -> str:
    """The pattern after a change of its tile, as of an array."""
    tile = np.array(list(pattern)).reshape(patterns.size(pattern))
    return "".join(change(tile).ravel())


@pytest.fixture(params=FILLERS)
def block(request: pytest.FixtureRequest) -> Demosaicker:
    made = blocks.demosaick(request.param)
    assert isinstance(made, Demosaicker)
    return made


@every_case
@pytest.mark.parametrize("more", [(0, 0), (0, 3), (1, 1), (3, 2), (14, 15), (13, 16)])
def test_any_size_and_phase_is_taken_and_a_colour_stays_that_colour(name, pattern, more):
    colour = torch.tensor([0.7, 0.4, 0.2])
    tile = patterns.size(pattern)
    size = (tile[0] + more[0], tile[1] + more[1])
    flat = (measured(*size, pattern) * colour[:, None, None]).sum(0)[None, None]
    for data in (flat, flat.double()):
        out = blocks.demosaick(name)(Frame(data, "mosaic", Capture(pattern=pattern)))
        assert out.space == "camera"
        assert out.data.shape == (1, 3, *size) and out.data.dtype == data.dtype
        # Also where a kernel mixes colours: what it adds is a difference within one colour.
        assert torch.allclose(out.data, colour[None, :, None, None].expand_as(out.data).to(data.dtype), atol=1e-6)


@bounded_case
@pytest.mark.parametrize("place", [(0, 1), (1, 0), (1, 1), (3, 2), (2, 5)])
def test_a_crop_is_demosaicked_as_the_whole_inside_the_margin(name, pattern, place):
    block = blocks.demosaick(name)
    y, x = place
    m = block.margin
    for dtype in (torch.float32, torch.float64):  # the compiled loop, and the torch path
        whole = Frame(mosaic(40 + 2 * m, 47 + 2 * m, dtype=dtype), "mosaic", Capture(pattern=pattern))
        inside = block(whole.crop(y, x, 31 + 2 * m, 30 + 2 * m)).data[..., m:-m, m:-m]
        expected = block(whole).data[..., y + m : y + m + 31, x + m : x + m + 30]
        # The library that convolves may add in another order in another size.
        assert torch.allclose(inside, expected, atol=1e-5 if name not in CLASSICAL else 0, rtol=0)


@classical_case
def test_a_mirrored_or_transposed_mosaic_gives_such_a_picture(name, pattern):
    net = blocks.demosaick(name).net
    x = mosaic(24, 30)  # whole tiles, so that the mirror image begins with the other end of the tile
    out = net(x, pattern)
    assert torch.allclose(net(x.flip(-2), changed(pattern, np.flipud)), out.flip(-2), atol=1e-6)
    assert torch.allclose(net(x.flip(-1), changed(pattern, np.fliplr)), out.flip(-1), atol=1e-6)
    assert torch.allclose(net(x.mT, changed(pattern, np.transpose)), out.mT, atol=1e-6)


@classical_case
def test_red_and_blue_are_treated_alike(name, pattern):
    net, x = blocks.demosaick(name).net, mosaic()
    swapped = pattern.translate(str.maketrans("RB", "BR"))
    assert torch.allclose(net(x, swapped), net(x, pattern).flip(-3), atol=1e-6)


@every_case
def test_what_was_measured_is_kept(name, pattern):
    x, net = mosaic(), blocks.demosaick(name).net
    mask = measured(16, 18, pattern)
    assert torch.equal(net(x, pattern)[0][mask], x[0].expand(3, -1, -1)[mask])
    assert torch.equal(net(x.double(), pattern)[0][mask], x[0].expand(3, -1, -1)[mask].double())


@every_case
def test_the_gradient_is_right(name, pattern):
    net, tile = blocks.demosaick(name).net, patterns.size(pattern)
    x = mosaic(max(5, tile[0]), 1 + max(5, tile[1]), dtype=torch.float64).requires_grad_()
    assert torch.autograd.gradcheck(lambda x: net(x, pattern), x, fast_mode=name in LINEAR or name not in CLASSICAL)


@every_case
def test_the_gradient_is_finite_where_nothing_changes(name, pattern):
    x = torch.full((1, 1, 12, 13), 0.25, requires_grad=True)
    blocks.demosaick(name).net(x, pattern).square().sum().backward()
    # A flat mosaic is a flat picture, and a little more of all pixels is a little more of it.
    assert torch.isfinite(x.grad).all() and float(x.grad.sum()) == pytest.approx(2 * 0.25 * 3 * 12 * 13, rel=1e-5)


@every_case
def test_the_compiled_loop_gives_what_torch_gives(name, pattern):
    net = blocks.demosaick(name).net
    for size in ((6, 7), (33, 35), *SEVERAL_STRIPS[blocks.filler("demosaick", name).tiles]):  # a tile or less, a strip, and several strips
        x = mosaic(*size, batch=2)
        by_torch = net(x.clone().requires_grad_(), pattern).detach()
        # Rounding in another order; a method that decides must decide alike, or its difference would be that of two directions.
        assert torch.allclose(net(x, pattern), by_torch, atol=2e-6)


@every_case
def test_threads_and_strides_change_no_bit(name, pattern):
    net, x = blocks.demosaick(name).net, mosaic(*SEVERAL_THREADS[blocks.filler("demosaick", name).tiles])
    alone = net(x, pattern)
    torch.set_num_threads(2)
    try:
        assert torch.equal(net(x, pattern), alone)
    finally:
        torch.set_num_threads(1)
    assert torch.equal(net(x.mT.contiguous().mT, pattern), alone)


def test_a_batch_with_views_and_times_is_treated_picture_by_picture_and_stays_as_it_was(block):
    pattern = ALL_PATTERNS[block.patterns[-1]][0]
    x = torch.rand(2, 2, 3, 1, 9, 8, generator=torch.Generator().manual_seed(0))
    before = x.clone()
    out = block(Frame(x, "mosaic", Capture(pattern=pattern))).data
    assert out.shape == (2, 2, 3, 3, 9, 8)
    # The library that convolves may add in another order in a batch.
    assert torch.allclose(out[1, 0, 2], block.net(x[1, 0, 2], pattern), atol=1e-5 if isinstance(block, Learned) else 0, rtol=0)
    assert torch.equal(x, before)


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
    noise = block(f).capture.noise
    if block.primary == "sigma":  # it takes noise away, and nothing is known of what it leaves
        assert noise is None
    else:
        assert noise.tolist() == [[[1, 1.5, 2], [5, 5.5, 6]]]


def test_the_configuration_builds_the_block_again(block):
    assert torch.equal(type(block)(**block.config()).net(mosaic(), "RGGB"), block.net(mosaic(), "RGGB"))


def test_a_pattern_that_does_not_fit_is_answered_with_a_filler_that_does(block):
    for pattern in ("RGBG", X_TRANS):
        frame = Frame(mosaic(), "mosaic", Capture(pattern=pattern))
        if "xtrans" in block.patterns:
            assert block(frame).data.shape == (1, 3, 16, 18)
            continue
        with pytest.raises(CampipeError, match=r"takes RGGB, GRBG, GBRG or BGGR, but .*; take 'wiener'"):
            block(frame)
    with pytest.raises(CampipeError, match="takes"):
        block(Frame(mosaic(), "mosaic", Capture(pattern="RGGG")))


@every_case
def test_less_than_one_tile_is_refused(name, pattern):
    h, w = patterns.size(pattern)
    with pytest.raises(ShapeError, match=f"at least {h} x {w} pixels, but {h - 1} x 8"):
        blocks.demosaick(name)(Frame(mosaic(h - 1, 8), "mosaic", Capture(pattern=pattern)))


@pytest.mark.parametrize("name", LINEAR)
def test_a_linear_method_superposes(name):
    net, a, b = blocks.demosaick(name).net, mosaic(dtype=torch.float64), mosaic(seed=1, dtype=torch.float64)
    assert torch.allclose(net(2 * a - 3 * b, "RGGB"), 2 * net(a, "RGGB") - 3 * net(b, "RGGB"))


@pytest.mark.parametrize("name", CLASSICAL)
def test_a_ramp_of_grey_stays_a_ramp_inside(name):
    # Means of symmetric neighbours are exact on planes, their Laplacian is 0, and differences of colours are too.
    y, x = torch.meshgrid(torch.arange(20.0), torch.arange(22.0), indexing="ij")
    ramp = (0.3 + 0.01 * y + 0.02 * x)[None, None]
    block = blocks.demosaick(name)
    m = block.margin
    out = block.net(ramp, "GBRG")
    assert torch.allclose(out[..., m:-m, m:-m], ramp.expand_as(out)[..., m:-m, m:-m], atol=1e-6)


@pytest.mark.parametrize("name", LINEAR)
def test_the_law_carries_the_variance_of_independent_pixels(name):
    block, x = blocks.demosaick(name), mosaic(8, 9, dtype=torch.float64)
    f, std = Frame(x, "mosaic", Capture(pattern="GRBG")), mosaic(8, 9, seed=2, dtype=torch.float64)
    law = block.run_law(Law.certain(f, block.shot(None, True, None, None)).with_noise(std))
    # The oracle: the whole Jacobian, squared; its columns are what single pixels of light become.
    jacobian = block.net(torch.eye(72, dtype=torch.float64).reshape(72, 1, 8, 9), "GRBG").reshape(72, 3 * 72).T
    # At the border the mirror image uses a sample more than once, which kernels that are squared one by one leave out.
    m = block.margin
    expected = (jacobian**2 @ (std.flatten() ** 2)).reshape(1, 3, 8, 9)
    assert torch.allclose(law.mean, block.net(x, "GRBG"))
    assert torch.allclose(law.variance[..., m:-m, m:-m], expected[..., m:-m, m:-m])
    assert torch.equal(block.moments(f).mean, block(f).data)


@pytest.mark.parametrize("pattern", PATTERNS)
@pytest.mark.parametrize(
    ("name", "options", "peer", "peer_options"),
    [
        ("bilinear", {}, "demosaicing_CFA_Bayer_bilinear", {}),
        ("malvar", {}, "demosaicing_CFA_Bayer_Malvar2004", {}),
        ("menon", {}, "demosaicing_CFA_Bayer_Menon2007", {}),
        ("menon", {"refine": False}, "demosaicing_CFA_Bayer_Menon2007", {"refining_step": False}),
    ],
)
@pytest.mark.parametrize("photo", [None, "coffee"])
def test_inside_it_is_the_same_as_colour_demosaicing(name, options, peer, peer_options, pattern, photo, photos):
    peers = pytest.importorskip("colour_demosaicing")
    if photo is None:
        x = mosaic(40, 46, dtype=torch.float64)
    else:
        picture = torch.from_numpy(photos[photo][100:180, 200:301] / 255.0).permute(2, 0, 1)
        # Whole levels would make both directions tie here and there, which rounding decides.
        noise = 1e-4 * mosaic(*picture.shape[1:], dtype=torch.float64)
        x = picture.gather(0, sees(*picture.shape[1:], pattern)[None])[None] + noise
    expected = getattr(peers, peer)(x[0, 0].numpy(), pattern, **peer_options)
    block = blocks.demosaick(name, **options)
    m = block.margin + block.margin % 2
    out = block.net(x, pattern)[0].permute(1, 2, 0).numpy()
    assert np.abs(out - expected)[m:-m, m:-m].max() < 1e-12
    out = block.net(x.float(), pattern)[0].permute(1, 2, 0).numpy()
    assert np.abs(out - expected)[m:-m, m:-m].max() < 1e-5


def test_names_are_listed_and_unknown_ones_are_answered_with_the_list():
    assert {"bilinear", "malvar", "menon", "hamilton_adams", "wiener"} <= set(FILLERS)
    with pytest.raises(CampipeError, match="bilinear, hamilton_adams, joint, malvar"):
        blocks.demosaick("nearest")
    with pytest.raises(CampipeError, match="demosaick"):
        blocks.names("demosaic")


def test_a_block_takes_the_name_of_its_place():
    assert blocks.demosaick("malvar", name="demosaick").name == "demosaick"
