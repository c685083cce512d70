from __future__ import annotations

import math

import pytest
import torch

from campipe.core.errors import CampipeError, SpaceError
from campipe.core.frame import Capture, Frame
from campipe.ops import noise as profiles
from campipe.ops.levels import levels_of, to_dn, to_unit
from campipe.ops.sigma import sigma_map

SO = torch.tensor([[2e-3, 1e-5], [1e-3, 4e-6]])


def frame(space: str = "mosaic", channels: int = 1, **entries: object) -> Frame:
    data = torch.rand(2, channels, 6, 8, generator=torch.Generator().manual_seed(0))
    return Frame(data, space, Capture(pattern="RGGB", noise=SO)).replace(**entries)


def test_a_profile_for_all_pixels_gives_the_formula():
    f = frame()
    expected = torch.sqrt(SO[:, 0].reshape(2, 1, 1, 1) * f.data + SO[:, 1].reshape(2, 1, 1, 1))
    assert torch.allclose(sigma_map(f), expected)


def test_the_dng_default_at_18_percent_grey_is_a_fifth_of_a_percent():
    # DNG specification 1.4: S = 2e-5, O = 4.5e-7 is noise typical of ISO 100.
    grey = Frame(torch.full((1, 1, 2, 2), 0.18), "mosaic", Capture(noise=torch.tensor([[2e-5, 4.5e-7]])))
    assert float(sigma_map(grey)[0, 0, 0, 0]) == pytest.approx(0.00201, abs=5e-6)


def test_a_profile_per_position_follows_the_pattern():
    table = torch.rand(2, 2, 2, 2, generator=torch.Generator().manual_seed(1))
    f = frame(noise=table)
    sigma = sigma_map(f)
    for y in range(6):
        for x in range(8):
            variance = table[:, 0, y % 2, x % 2] * f.data[:, 0, y, x] + table[:, 1, y % 2, x % 2]
            assert torch.allclose(sigma[:, 0, y, x] ** 2, variance)
    assert torch.equal(sigma_map(f.crop(1, 3, 4, 5)), sigma[..., 1:5, 3:8])


def test_a_profile_per_channel_follows_the_channels():
    table = torch.rand(2, 2, 3, generator=torch.Generator().manual_seed(1))
    f = frame("camera", 3, noise=table)
    expected = table[:, 0, :, None, None] * f.data + table[:, 1, :, None, None]
    assert torch.allclose(sigma_map(f) ** 2, expected)


def test_raw_numbers_have_their_noise_in_raw_numbers():
    f = frame()
    black, white = torch.tensor([64.0, 512.0]), torch.tensor([1023.0, 16383.0])
    raw = f.replace(to_dn(f.data, black.reshape(2, 1, 1, 1), white.reshape(2, 1, 1, 1)), "dn", black_level=black, white_level=white)
    assert torch.allclose(sigma_map(raw), sigma_map(f) * (white - black).reshape(2, 1, 1, 1), rtol=1e-4)


def test_below_black_there_may_be_no_noise_left_and_gradients_stay_finite():
    f = Frame(torch.tensor([[[[-1.0, 0.5]]]], requires_grad=True), "mosaic", Capture(noise=torch.tensor([[1e-2, 1e-6]])))
    sigma = sigma_map(f)
    sigma.sum().backward()
    assert sigma[0, 0, 0, 0] == 0
    assert f.data.grad is not None
    assert f.data.grad[0, 0, 0].tolist() == [0, pytest.approx(1e-2 / (2 * math.sqrt(0.005001)))]


def test_a_frame_that_knows_nothing_of_its_noise_says_so():
    with pytest.raises(CampipeError, match="noise"):
        sigma_map(frame(noise=None))
    with pytest.raises(SpaceError, match="display"):
        sigma_map(frame("display", 3))


def test_levels_go_there_and_back_per_position():
    dn = 600 + 3000 * torch.rand(1, 1, 4, 6, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    black = torch.tensor([[[600.0, 601.0], [602.0, 603.0]]], dtype=torch.float64)
    raw = Frame(dn, "dn", Capture(pattern="RGGB", black_level=black, white_level=torch.tensor([4095.0])))
    unit = to_unit(dn, *levels_of(raw))
    assert float(unit[0, 0, 1, 2]) == pytest.approx((float(dn[0, 0, 1, 2]) - 602) / (4095 - 602))
    assert torch.allclose(to_dn(unit, *levels_of(raw)), dn)


@pytest.mark.parametrize(("entries", "what"), [({}, "black_level"), ({"black_level": 64.0}, "white_level")])
def test_raw_numbers_without_levels_are_refused(entries, what):
    with pytest.raises(CampipeError, match=what):
        levels_of(frame("dn", **entries))


def test_a_white_level_below_black_is_refused():
    with pytest.raises(CampipeError, match="above the black level"):
        levels_of(frame("dn", black_level=64.0, white_level=60.0))


@pytest.mark.parametrize("shape", [(2, 2), (2, 2, 2, 2), (2, 2, 3)])
@pytest.mark.parametrize("gain", [torch.tensor(3.0), torch.tensor([3.0, 0.5])])
def test_a_gain_scales_shot_and_floor(shape, gain):
    table = torch.rand(*shape, generator=torch.Generator().manual_seed(0))
    scaled = profiles.scaled(table, gain)
    for i in range(2):
        g = float(gain if gain.ndim == 0 else gain[i])
        assert torch.allclose(scaled[i, 0], table[i, 0] * g)
        assert torch.allclose(scaled[i, 1], table[i, 1] * g * g)


def test_a_gain_per_position_makes_a_profile_per_position():
    gains = torch.tensor([[[2.0, 1.0], [1.0, 1.5]]])
    assert torch.allclose(profiles.scaled(SO, gains)[:, 1], SO[:, 1, None, None] * gains**2)


def test_after_demosaicking_a_channel_has_the_noise_of_its_measured_pixels():
    table = torch.arange(8.0).reshape(1, 2, 2, 2)
    assert torch.equal(profiles.per_colour(table, "RGGB"), torch.tensor([[[0.0, 1.5, 3.0], [4.0, 5.5, 7.0]]]))
    assert torch.equal(profiles.per_colour(table, "GBRG"), torch.tensor([[[2.0, 1.5, 1.0], [6.0, 5.5, 5.0]]]))


def test_a_matrix_mixes_the_noise_of_grey():
    matrix = torch.tensor([[1.6, -0.4, -0.2], [-0.2, 1.6, -0.4], [0.0, -0.5, 1.5]])
    grey, table = 0.4, torch.rand(1, 2, 3, generator=torch.Generator().manual_seed(0))
    variance = matrix**2 @ (table[0, 0] * grey + table[0, 1])
    mixed = profiles.mixed(table, matrix)[0]
    assert torch.allclose(mixed[0] * grey + mixed[1], variance)
