"""Noise that was put in is estimated from the picture alone."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from campipe.calibrate.noise import estimate_noise, estimate_sigma, noise_estimate
from campipe.core.errors import CampipeError, ShapeError, SpaceError
from campipe.core.frame import Capture, Frame
from campipe.core.random import Key
from campipe.io.photos import read_photo
from campipe.ops.colour import srgb_decode
from campipe.ops.noise_estimation import dct_level, laplace_level, mad_level
from campipe.sensor import FrameSensor

METHODS = ["dct", "laplace", "mad"]


def normal(*shape: int, seed: int = 0, dtype: torch.dtype = torch.float32) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=dtype)


def halved(photo: np.ndarray) -> torch.Tensor:
    """(1, 3, H/2, W/2) in [0, 1]: a photo without most of its own noise."""
    return torch.nn.functional.avg_pool2d(torch.from_numpy(photo.copy()).movedim(-1, 0)[None].float() / 255, 2)


def steps(height: int, width: int, dtype: torch.dtype = torch.float32) -> torch.Tensor:
    """(1, 1, height, width): 16 flat bars from 0.02 to 0.8."""
    bars = torch.arange(width) * 16 // width
    return torch.linspace(0.02, 0.8, 16, dtype=dtype)[bars].expand(1, 1, height, width)


def raw(photo: np.ndarray, gain: float, read: float, seed: int = 0) -> Frame:
    """A raw frame of a photo: 12 bit, black at 256 DN, white in green at the white level."""
    linear = srgb_decode(torch.from_numpy(photo.copy()).movedim(-1, 0)[None].float() / 255)
    photons = linear * torch.tensor([0.5, 1.0, 0.6]).reshape(3, 1, 1) * (4095 - 256) / gain / 0.6
    sensor = FrameSensor(
        photo.shape[1],
        photo.shape[0],
        "RGGB",
        quantum_efficiency=0.6,
        full_well=1e9,
        read_noise=read,
        gain=gain,
        black_level=256.0,
        bits=12,
    )
    return sensor(Frame(photons, "photons"), key=Key(seed))


# One level.


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("size", [(128, 128), (96, 301)])
def test_the_level_of_a_flat_field_is_found_within_its_statistical_error(method, size):
    level = torch.tensor([0.002, 0.05, 1.0]).reshape(3, 1, 1)
    x = 0.5 + level * normal(2, 3, *size)
    found = estimate_sigma(Frame(x, "linear"), method) / level[:, 0, 0]
    assert found.shape == (2, 3)
    # 500 overlapping blocks know the level to about 2.5 %, one standard deviation, and six of them are looked at.
    assert (found - 1).abs().max() < 0.08


@pytest.mark.parametrize("function", [dct_level, laplace_level, mad_level])
def test_a_level_scales_with_the_picture_and_knows_no_offset_and_no_ramp(function):
    x = normal(1, 1, 40, 40, dtype=torch.float64)
    ramp = torch.linspace(0, 3, 40, dtype=torch.float64)
    expected = function(x)
    assert torch.allclose(function(7 * x + 100), 7 * expected)
    assert torch.allclose(function(x + ramp), expected, rtol=0.05)
    assert torch.allclose(function(x.flip(-1)), expected)
    assert function(torch.full((1, 2, 16, 16), 0.3)).tolist() == [[0, 0]]


@pytest.mark.parametrize("sigma", [2, 10, 50, *(pytest.param(s, marks=pytest.mark.slow) for s in (5, 25))])
def test_the_level_of_photos_is_found(photos, figure, sigma):
    off = {method: [] for method in METHODS}
    for i, photo in enumerate(photos.values()):
        x = halved(photo)
        frame = Frame(x + sigma / 255 * normal(*x.shape, seed=i), "display")
        for method in METHODS:
            off[method] += (estimate_sigma(frame, method) * 255 / sigma - 1).abs().flatten().tolist()
    median = {method: float(np.median(values)) for method, values in off.items()}
    # The photos' own noise, halved, is about 0.7: it makes a sigma of 2 one of 2.1.
    limit = 0.08 if sigma == 2 else 0.05
    figure(f"noise level of photos, sigma {sigma}: median relative error", median["dct"], f"< {limit}")
    assert median["dct"] < limit
    if sigma <= 10:
        assert median["dct"] < median["mad"] and median["dct"] < median["laplace"]


@pytest.mark.slow
def test_the_level_of_kodak_photos_is_found(shared, figure):
    for sigma in (5, 10, 25, 50):
        off = []
        for i, path in enumerate(sorted((shared / "photos_test_kodak24").glob("*.webp"))):
            x = torch.nn.functional.avg_pool2d(read_photo(path).data[:, 1:2], 2)
            off.append(float(estimate_sigma(Frame(x + sigma / 255 * normal(*x.shape, seed=i), "dn"), "dct") * 255 / sigma - 1))
        figure(f"noise level of Kodak at half size, sigma {sigma}: median relative error", float(np.median(np.abs(off))), "< 0.05")
        figure(f"noise level of Kodak at half size, sigma {sigma}: largest relative error", float(np.max(np.abs(off))), "reported")
        assert np.median(np.abs(off)) < 0.05


def test_a_clipped_picture_does_not_look_quieter_than_it_is(photos):
    x = halved(photos["rocket"])  # a dark sky, which clips half of its noise
    noisy = (x - 0.1 + 0.1 * normal(*x.shape)).clamp(0, 1)
    assert (noisy == 0).double().mean() > 0.1
    assert estimate_sigma(Frame(noisy, "display")).tolist()[0] == pytest.approx([0.1] * 3, rel=0.08)


def test_positions_of_a_mosaic_have_levels_of_their_own_in_raw_numbers():
    table = torch.tensor([[1.0, 2.0], [3.0, 4.0]])
    x = 500 + table.repeat(64, 65) * normal(2, 1, 128, 130)
    x[1] = 500 + 2 * (x[1] - 500)
    found = estimate_sigma(Frame(x, "dn", Capture(pattern="RGGB", black_level=64.0, white_level=1023.0)))
    assert found.shape == (2, 2, 2)
    assert torch.allclose(found[0], table, rtol=0.1) and torch.allclose(found[1], 2 * table, rtol=0.1)


def test_views_and_times_are_averaged():
    x = 0.5 + normal(2, 2, 3, 1, 40, 40) * torch.tensor([0.1, 0.2]).reshape(2, 1, 1, 1, 1, 1)
    assert estimate_sigma(Frame(x, "linear")).flatten().tolist() == pytest.approx([0.1, 0.2], rel=0.06)


# S and O.


@pytest.mark.parametrize("truth", [(1e-3, 1e-5), (1e-4, 0.0), (0.0, 1e-4), (0.02, 1e-3)])
def test_s_and_o_of_flat_bars_are_found_within_their_stated_errors(truth):
    shot, floor = truth
    x = steps(256, 320, torch.float64)
    found = noise_estimate(Frame(x + (shot * x + floor).sqrt() * normal(*x.shape, dtype=torch.float64), "linear"))
    off = (found.noise[0] - torch.tensor(truth)).abs() / found.error[0]
    assert off.max() < 4.5
    middle = 0.4 * shot + floor
    assert float(found.noise[0] @ torch.tensor([0.4, 1.0], dtype=torch.float64)) == pytest.approx(middle, rel=0.04)
    assert found.flat > 0.02


@pytest.mark.parametrize(("gain", "read"), [(4.0, 2.5), pytest.param(16.0, 2.0, marks=pytest.mark.slow)])
def test_the_profile_of_raw_photos_is_found(photos, figure, gain, read):
    of_s, of_curve = [], []
    for i, photo in enumerate(photos.values()):
        frame = raw(photo, gain, read, i)
        true, found = frame.capture.noise[0], estimate_noise(frame).capture.noise[0]
        x = (frame.data - 256) / (4095 - 256)
        levels = torch.linspace(max(0.0, float(x.quantile(0.02))), float(x.quantile(0.98)), 20)
        curve = ((found[0] * levels + found[1]) / (true[0] * levels + true[1])).sqrt() - 1
        of_s.append(abs(float(found[0] / true[0] - 1)))
        of_curve.append(float(curve.abs().max()))
    figure(f"S of raw photos, {gain:g} DN/e-: median relative error", float(np.median(of_s)), "< 0.12")
    figure(f"noise of raw photos, {gain:g} DN/e-: median of the largest relative error", float(np.median(of_curve)), "< 0.1")
    assert np.median(of_s) < 0.12
    assert np.median(of_curve) < 0.10


@pytest.mark.slow
def test_the_profile_of_raw_training_photos_is_found(shared, figure):
    of_s, of_curve, refused = [], [], 0
    for i, path in enumerate(sorted((shared / "photos_train").glob("*.webp"))):
        photo = (read_photo(path).data[0].movedim(0, -1).numpy() * 255).round().astype(np.uint8)
        frame = raw(photo[:512, :512], 16.0, 2.0, i)
        true = frame.capture.noise[0]
        try:
            found = estimate_noise(frame).capture.noise[0]
        except CampipeError:
            refused += 1
            continue
        x = (frame.data - 256) / (4095 - 256)
        levels = torch.linspace(max(0.0, float(x.quantile(0.02))), float(x.quantile(0.98)), 20)
        curve = ((found[0] * levels + found[1]) / (true[0] * levels + true[1])).sqrt() - 1
        of_s.append(abs(float(found[0] / true[0] - 1)))
        of_curve.append(float(curve.abs().max()))
    figure("S of raw training photos: median relative error", float(np.median(of_s)), "< 0.12")
    figure("noise of raw training photos: median of the largest relative error", float(np.median(of_curve)), "< 0.1")
    figure("noise of raw training photos: 80 % quantile of the largest error", float(np.quantile(of_curve, 0.8)), "reported")
    figure("raw training photos refused as too textured, of all", refused, "reported")
    assert np.median(of_s) < 0.12 and np.median(of_curve) < 0.10
    assert refused < 0.2 * (refused + len(of_s))


def test_white_balance_gives_each_position_a_profile_of_its_own():
    x = steps(384, 512)
    gains = torch.tensor([[2.0, 1.0], [1.0, 1.5]])
    noise = torch.stack([1e-3 * gains, 1e-5 * gains**2])[None]
    noisy = x + (noise[:, 0].repeat(1, 192, 256) * x[:, 0] + noise[:, 1].repeat(1, 192, 256)).sqrt() * normal(*x.shape)
    found = noise_estimate(Frame(noisy, "mosaic", Capture(pattern="RGGB")), each=True)
    assert found.noise.shape == found.error.shape == (1, 2, 2, 2) and found.flat.shape == (1, 2, 2)
    sigma = [(n[:, 0] * 0.25 + n[:, 1]).sqrt() for n in (found.noise, noise)]
    assert torch.allclose(*sigma, rtol=0.06)
    colours = noise_estimate(Frame(noisy[..., :256].expand(1, 3, 384, 256), "linear"), each=True)
    assert colours.noise.shape == (1, 2, 3)


def test_the_frame_takes_the_profile_and_a_batch_is_its_items():
    x = steps(200, 256).expand(2, 1, 200, 256)
    scale = torch.tensor([1.0, 2.0]).reshape(2, 1, 1, 1)
    frame = Frame(x + scale * (1e-3 * x + 1e-5).sqrt() * normal(*x.shape), "mosaic", Capture(pattern="GRBG"))
    found = estimate_noise(frame)
    assert found.capture.noise.shape == (2, 2) and torch.equal(found.data, frame.data)
    assert found.capture.noise.dtype == torch.float32
    assert torch.equal(found.capture.noise[1], estimate_noise(frame.item(1)).capture.noise[0])


def test_saturated_and_black_regions_do_not_pull_the_line_down():
    x = torch.linspace(-0.2, 1.4, 400, dtype=torch.float64).clamp_min(0).expand(1, 1, 256, 400)
    noisy = (x + (2e-3 * x + 1e-4).sqrt() * normal(*x.shape, dtype=torch.float64)).clamp(0, 1)
    assert (noisy == 1).double().mean() > 0.2
    found = noise_estimate(Frame(noisy, "linear")).noise[0]
    assert found.tolist() == pytest.approx([2e-3, 1e-4], rel=0.12)


def test_pictures_that_cannot_tell_are_refused():
    flat = Frame(0.5 + 0.01 * normal(1, 1, 128, 128), "mosaic")
    with pytest.raises(CampipeError, match="several brightness levels"):
        noise_estimate(flat)
    texture = Frame(torch.rand(1, 1, 64, 64, generator=torch.Generator().manual_seed(0)).repeat_interleave(4, -1), "mosaic")
    with pytest.raises(CampipeError, match="estimate one sigma"):
        noise_estimate(texture)
    with pytest.raises(SpaceError, match="display"):
        noise_estimate(Frame(torch.rand(1, 3, 64, 64), "display"))
    with pytest.raises(ShapeError, match="8 x 8"):
        estimate_sigma(Frame(torch.zeros(1, 1, 7, 9), "mosaic"))
    with pytest.raises(CampipeError, match="dct, laplace, mad"):
        estimate_sigma(flat, "guess")


def test_a_gradient_through_an_estimate_is_refused():
    x = (0.5 + 0.1 * normal(1, 1, 32, 32)).requires_grad_()
    level = estimate_sigma(Frame(x, "linear"))
    with pytest.raises(CampipeError, match="noise estimation has no gradient"):
        level.sum().backward()
