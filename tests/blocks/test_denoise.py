"""One test covers every filler of the slot, in every place where a denoiser may stand."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from campipe import blocks
from campipe.blocks.denoising.slot import Denoiser, one_sigma
from campipe.core.errors import CampipeError, ShapeError
from campipe.core.frame import Capture, Frame
from campipe.core.pipeline import Pipeline

FILLERS = blocks.names("denoise")
XTRANS = "GGRGGBGGBGGRBRGRBGGGBGGRGGRGGBRBGBRG"
SIGMA = 0.1


def picture(height: int, width: int, *, channels: int = 1, batch: int = 1, dtype: torch.dtype = torch.float32) -> torch.Tensor:
    """A slope, an edge and a wave, with noise of SIGMA."""
    y, x = torch.meshgrid(torch.arange(height, dtype=dtype), torch.arange(width, dtype=dtype), indexing="ij")
    clean = 0.3 + 0.004 * y + 0.2 * (x > width / 2) + 0.1 * torch.sin(0.7 * y + 0.4 * x)
    draws = torch.Generator().manual_seed(height * width + channels)
    return clean + SIGMA * torch.randn(batch, channels, height, width, generator=draws, dtype=dtype)


def level(value: float = SIGMA, dtype: torch.dtype = torch.float32) -> torch.Tensor:
    return torch.tensor(value, dtype=dtype).reshape(1, 1, 1, 1)


def room(block: Denoiser, more: int = 9) -> tuple[int, int]:
    """A size that the block takes, odd and even."""
    return block.least + more, block.least + more + 3


@pytest.fixture(params=FILLERS)
def block(request: pytest.FixtureRequest) -> Denoiser:
    made = blocks.denoise(request.param)
    assert isinstance(made, Denoiser)
    return made


@pytest.mark.parametrize("channels", [1, 3, 4])
@pytest.mark.parametrize("more", [(0, 0), (1, 0), (2, 7)])
def test_any_size_from_the_least_on_is_taken_and_left_as_it_was(block, channels, more):
    x = picture(block.least + more[0], block.least + more[1], channels=channels)
    before = x.clone()
    out = block.net(x, level())
    assert out.shape == x.shape and out.dtype == torch.float32
    assert torch.isfinite(out).all()
    assert torch.equal(x, before)


def test_smaller_pictures_are_refused_in_one_line():
    for name in FILLERS:
        block = blocks.denoise(name, sigma=SIGMA)
        if block.least > 1:
            with pytest.raises(ShapeError, match=f"at least {block.least} x {block.least} pixels"):
                block(Frame(torch.zeros(1, 3, block.least - 1, 99), "camera"))
        with pytest.raises(ShapeError, match=f"at least {block.least * 2} x {block.least * 2} pixels"):
            block(Frame(torch.zeros(1, 1, 99, 2 * block.least - 1), "mosaic", Capture(pattern="RGGB")))


def test_float64_gives_what_float32_gives_in_float64(block):
    x = picture(*room(block), channels=3, dtype=torch.float64)
    out = block.net(x, level(dtype=torch.float64))
    assert out.dtype == torch.float64
    # On average, since a coefficient or match that lies on a threshold may fall to either side.
    assert (out - block.net(x.float(), level()).double()).abs().mean() < 1e-4


def test_a_batch_is_its_items_and_each_has_its_sigma(block):
    x = picture(*room(block), channels=3, batch=3)
    sigmas = torch.tensor([0.02, 0.1, 0.3]).reshape(3, 1, 1, 1)
    together = block.net(x, sigmas)
    for i in range(3):
        assert torch.allclose(together[i : i + 1], block.net(x[i : i + 1], sigmas[i : i + 1]), atol=1e-6)
    frame = Frame(x, "linear")
    given = Pipeline([blocks.denoise(block_name(block), sigma=0.5, name="d")])
    out = given(frame, parameters={"d.sigma": sigmas.reshape(3)}).data
    assert torch.allclose(out, together, atol=1e-6)


def block_name(block: Denoiser) -> str:
    return next(name for name in FILLERS if type(blocks.denoise(name)) is type(block))


def test_a_tile_with_its_margin_is_the_whole_or_the_block_says_that_it_is_not(block):
    if not block.tiles or block.margin is None:
        assert not block.tiles
        return
    m = block.margin
    whole = Frame(picture(2 * m + 14, 2 * m + 15, channels=3), "camera")
    given = blocks.denoise(block_name(block), sigma=SIGMA)
    y, x, height, width = 3, 2, 2 * m + 9, 2 * m + 11
    tile = given(whole.crop(y, x, height, width)).data[..., m:-m, m:-m]
    assert torch.allclose(tile, given(whole).data[..., y + m : y + height - m, x + m : x + width - m], atol=1e-5)


@pytest.mark.parametrize("sigma", [0.0, SIGMA, 10.0])
@pytest.mark.parametrize("channels", [1, 3, 4])
def test_a_constant_stays_that_constant(block, channels, sigma):
    colour = torch.tensor([0.7, 0.4, 0.2, 0.45])[:channels].reshape(1, channels, 1, 1)
    x = colour.expand(1, channels, *room(block)).contiguous()
    assert torch.allclose(block.net(x, level(sigma)), x, atol=1e-5)


def test_without_noise_the_picture_comes_back(block):
    x = picture(*room(block), channels=3)
    assert torch.allclose(block.net(x, level(0.0)), x, atol=1e-4)


def test_the_gradient_is_right_or_refused(block):
    x = picture(*room(block, 1), channels=2, dtype=torch.float64).requires_grad_()
    if not block.differentiable:
        with pytest.raises(CampipeError, match="has no gradient"):
            block.net(x, level(dtype=torch.float64)).sum().backward()
        return
    sigma = level(dtype=torch.float64).requires_grad_()
    assert torch.autograd.gradcheck(block.net, (x, sigma), fast_mode=True, atol=1e-4)
    (slope,) = torch.autograd.grad(block.net(x, sigma).square().sum(), x)
    assert torch.isfinite(slope).all() and slope.abs().max() > 0


def test_the_gradient_stays_finite_where_nothing_differs_and_there_is_no_noise(block):
    if not block.differentiable:
        return
    for value in (0.0, SIGMA):
        x = torch.full((1, 3, *room(block, 1)), 0.4).requires_grad_()
        sigma = level(value).requires_grad_()
        slopes = torch.autograd.grad(block.net(x, sigma).square().sum(), (x, sigma), allow_unused=True)
        assert all(s is None or torch.isfinite(s).all() for s in slopes)


def test_with_and_without_a_graph_the_result_is_the_same(block):
    x = picture(*room(block), channels=3)
    tracked = block.net(x.clone().requires_grad_(), level()).detach()
    assert (tracked - block.net(x, level())).abs().mean() < 1e-6


@pytest.mark.parametrize("spread", [1.0, 3.0])
def test_a_sigma_map_is_taken(block, spread):
    x = picture(*room(block), channels=3)
    ramp = torch.linspace(SIGMA / spread, SIGMA * spread, x.shape[-1]).expand(1, 1, *x.shape[-2:]).contiguous()
    out = block.net(x, ramp)
    assert out.shape == x.shape and torch.isfinite(out).all()
    if spread == 1.0:  # the same everywhere: a number
        assert (out - block.net(x, level())).abs().mean() < 1e-5


def test_a_map_counts_by_its_root_mean_square_where_one_number_is_wanted():
    assert one_sigma(torch.tensor([3.0, 4.0]).reshape(1, 1, 1, 2)).item() == pytest.approx(12.5**0.5)
    assert one_sigma(level()) is not None and one_sigma(torch.zeros(1, 1, 2, 2)).item() == 0


@pytest.mark.parametrize("pattern", ["RGGB", "GRBG", "GBRG", "BGGR", XTRANS])
def test_a_mosaic_keeps_its_colours_apart(block, pattern):
    from campipe.core import pattern as patterns

    least, (h, w) = block.least, patterns.size(pattern)
    height, width = least * h + 1, least * w + w + 1  # no multiple of the pattern
    table = torch.tensor(patterns.channels(pattern)).repeat(least + 2, least + 2)[:height, :width]
    flat = torch.tensor([0.7, 0.4, 0.2])[table].reshape(1, 1, height, width)
    given = blocks.denoise(block_name(block), sigma=0.05)
    out = given(Frame(flat, "mosaic", Capture(pattern=pattern, noise=[[1e-4, 1e-6]])))
    assert out.space == "mosaic" and out.capture.noise is None and out.capture.pattern == pattern
    assert torch.allclose(out.data, flat, atol=1e-5)


@pytest.mark.parametrize("place", [(0, 1), (1, 0), (1, 1)])  # which make an RGGB mosaic a GRBG, GBRG and BGGR one
@pytest.mark.parametrize("known", [True, False])
def test_a_mosaic_is_denoised_alike_in_every_phase(block, place, known):
    if not block.tiles or block.margin is None:
        return
    m = 2 * block.margin + 1  # a tile that the border cuts is completed otherwise
    noise = torch.tensor([[[0.0, 0.0], [1e-3, 0.0]], [[0.02, 0.01], [0.005, 0.002]]])[None]  # of each position its own
    whole = Frame(picture(2 * m + 8, 2 * m + 10), "mosaic", Capture(pattern="RGGB", noise=noise))
    given = blocks.denoise(block_name(block), sigma=None if known else SIGMA)
    (y, x), height, width = place, 2 * m + 6, 2 * m + 8
    tile = given(whole.crop(y, x, height, width)).data[..., m:-m, m:-m]
    assert torch.allclose(tile, given(whole).data[..., y + m : y + height - m, x + m : x + width - m], atol=1e-5)


def test_raw_numbers_stay_raw_numbers_and_sigma_is_in_their_unit(block):
    height, width = (2 * n for n in room(block))
    unit = picture(height, width)
    black, white = 64.0, 1023.0
    raw = Frame(unit * (white - black) + black, "dn", Capture(pattern="GRBG", black_level=black, white_level=white))
    name = block_name(block)
    out = blocks.denoise(name, sigma=SIGMA * (white - black))(raw)
    assert out.space == "dn"
    expected = blocks.denoise(name, sigma=SIGMA)(Frame(unit, "mosaic", Capture(pattern="GRBG"))).data * (white - black) + black
    assert (out.data - expected).abs().mean() < 0.1  # of 96 DN of noise; a match on a threshold may fall to either side


@pytest.mark.parametrize("stabilise", [True, False])
def test_the_profile_of_the_capture_says_how_much_noise_there_is(block, stabilise):
    # 60 and 20 electrons at S = 1e-3, read noise of 3 electrons, two greens that differ in their profile.
    shot, floor = torch.full((1, 2, 2), 1e-3), torch.full((1, 2, 2), 9e-6)
    shot[0, 1, 0] = 2e-3
    height = width = 2 * max(32, block.least)
    clean = torch.full((1, 1, height, width), 0.06)
    clean[..., ::2, ::2] = 0.02
    draws = torch.Generator().manual_seed(5)
    gain = shot.repeat(1, height // 2, width // 2)[:, None]
    noisy = torch.poisson(clean / gain, generator=draws) * gain + 3e-3 * torch.randn(clean.shape, generator=draws)
    frame = Frame(noisy, "mosaic", Capture(pattern="RGGB", noise=torch.stack([shot, floor], 1)))
    out = blocks.denoise(block_name(block), stabilise=stabilise)(frame)
    assert out.space == "mosaic" and out.capture.noise is None
    for i in (0, 1):
        for j in (0, 1):
            plane, was, should = (t[0, 0, i::2, j::2] for t in (out.data, noisy, clean))
            assert plane.var() < was.var() / 3
            if stabilise:  # unbiased: within five deviations of the mean of what came, and 1 % for what is flattened around it
                assert abs(plane.mean() - should.mean()) < 5 * was.std() / plane.numel() ** 0.5 + 0.01 * should.mean()


def test_a_profile_per_colour_is_taken_behind_demosaicking(block):
    x = picture(*room(block), channels=3)
    frame = Frame(x, "camera", Capture(noise=[[[0.0] * 3, [SIGMA**2] * 3]]))
    expected = blocks.denoise(block_name(block), sigma=SIGMA)(frame).data
    for stabilise in (True, False):
        out = blocks.denoise(block_name(block), stabilise=stabilise)(frame).data
        assert (out - expected).abs().mean() < 1e-4


def test_noise_that_nobody_knows_is_an_error(block):
    with pytest.raises(CampipeError, match="says nothing of the noise; give the block sigma="):
        block(Frame(picture(*room(block), channels=3), "linear"))


@pytest.mark.parametrize("space", ["camera", "linear", "display"])
def test_colours_stay_where_they_are_on_the_light_path_and_their_noise_is_unknown_after(block, space):
    x = picture(*room(block), channels=3)
    out = blocks.denoise(block_name(block), sigma=SIGMA)(Frame(x, space, Capture(noise=[[1e-3, 1e-4]])))
    assert out.space == space and out.capture.noise is None
    assert torch.equal(out.data, block.net(x, level()))


def test_views_and_times_are_pictures_of_their_own(block):
    height, width = room(block)
    x = picture(height, width, channels=3, batch=4).reshape(1, 2, 2, 3, height, width)
    out = blocks.denoise(block_name(block), sigma=SIGMA)(Frame(x, "linear")).data
    assert out.shape == x.shape
    assert torch.allclose(out[0, 1, 0], block.net(x[0, 1, 0][None], level())[0], atol=1e-6)


def test_the_configuration_builds_the_block_again(block):
    given = blocks.denoise(block_name(block), sigma=0.03, stabilise=False)
    again = type(given)(**given.config())
    assert again.config() == given.config() and again.config()["sigma"] == pytest.approx(0.03)
    x = picture(*room(block), channels=3)
    assert torch.equal(again(Frame(x, "linear")).data, given(Frame(x, "linear")).data)


def test_numbers_other_than_sigma_are_not_given_per_item(block):
    given = Pipeline([blocks.denoise(block_name(block), sigma=SIGMA, name="d")])
    for path, _, name in given.numbers():
        if name != "sigma":
            with pytest.raises(CampipeError, match=f"{name} is one number for the whole batch"):
                given(Frame(picture(*room(block)), "linear"), parameters={path: torch.ones(1)})
            return


@pytest.mark.parametrize("channels", [1, 3])
def test_flat_noise_falls_to_a_quarter_of_its_power_at_least(block, channels):
    side = max(48, block.least)
    draws = torch.Generator().manual_seed(9)
    noise = SIGMA * torch.randn(1, channels, side, side, generator=draws)
    out = block.net(0.5 + noise, level())
    assert out.var() < noise.var() / 4  # the mean of four pixels would reach this
    assert abs(out.mean() - 0.5) < 5 * SIGMA / side


@pytest.mark.parametrize(("sigma", "gain"), [(25 / 255, 3.0), (10 / 255, 0.7)])
def test_a_photo_comes_nearer_to_what_it_was(block, photos, sigma, gain):
    side = max(96, block.least)
    clean = torch.from_numpy(np.ascontiguousarray(photos["astronaut"][60 : 60 + side, 160 : 160 + side])).permute(2, 0, 1)[None] / 255
    draws = torch.Generator().manual_seed(1)
    noisy = clean + sigma * torch.randn(clean.shape, generator=draws)
    error = (block.net(noisy, level(sigma)).clamp(0, 1) - clean).square().mean()
    assert 10 * torch.log10((noisy - clean).square().mean() / error) > gain
