from __future__ import annotations

import colour
import numpy as np
import pytest
import torch

from campipe.core.errors import CampipeError
from campipe.ops.colour import SRGB_TO_XYZ
from campipe.ops.colour_spaces import COLOUR_SPACES, between, colour_space, decode, encode, rec2020_decode, rec2020_encode, to_xyz

NAMES = list(COLOUR_SPACES)
THEIRS = {"srgb": "sRGB", "display-p3": "Display P3", "rec2020": "ITU-R BT.2020"}  # names in colour-science


def picture(*, seed: int = 0, dtype: torch.dtype = torch.float64) -> torch.Tensor:
    return torch.rand(2, 3, 8, 9, generator=torch.Generator().manual_seed(seed), dtype=dtype) * 1.6 - 0.3


@pytest.mark.parametrize("name", NAMES)
def test_the_primaries_give_the_matrices_of_colour_science(name):
    theirs = colour.RGB_COLOURSPACES[THEIRS[name]]
    assert np.abs(to_xyz(name).numpy() - theirs.matrix_RGB_to_XYZ).max() < 1e-4
    assert np.abs(torch.linalg.inv(to_xyz(name)).numpy() - theirs.matrix_XYZ_to_RGB).max() < 4e-4  # the inverse has entries up to 3


@pytest.mark.parametrize("name", NAMES)
def test_the_curve_is_that_of_colour_science(name):
    x = torch.linspace(0, 1, 1001, dtype=torch.float64)
    theirs = colour.RGB_COLOURSPACES[THEIRS[name]].cctf_encoding(x.numpy())
    # Theirs has the curve of Rec. 2020 with constants of four digits.
    assert np.abs(colour_space(name).encode(x).numpy() - theirs).max() < 3e-4


def test_the_matrix_of_srgb_is_the_one_that_luminance_uses():
    assert (to_xyz("srgb") - SRGB_TO_XYZ).abs().max() < 3e-4  # whose white is that of ASTM E308


@pytest.mark.parametrize("name", NAMES)
def test_white_and_grey_stay_grey(name):
    grey = torch.linspace(0, 1, 12, dtype=torch.float64).reshape(1, 1, 3, 4)
    out = encode(grey.expand(1, 3, 3, 4), name)
    assert torch.allclose(out, colour_space(name).encode(grey).expand_as(out), atol=1e-14)
    assert torch.equal(encode(grey, name), colour_space(name).encode(grey))


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize(("dtype", "close"), [(torch.float64, 1e-14), (torch.float32, 5e-6)])
def test_decoding_undoes_encoding_beyond_the_gamut_too(name, dtype, close):
    linear = picture(dtype=dtype)
    assert (decode(encode(linear, name), name) - linear).abs().max() < close


def test_a_primary_of_a_wide_space_is_outside_srgb_and_comes_out_pure():
    for name in ("display-p3", "rec2020"):
        for channel in range(3):
            pure = torch.zeros(1, 3, 1, 1, dtype=torch.float64)
            pure[0, channel] = 1
            linear = decode(pure, name)
            assert linear.min() < -0.01 or linear.max() > 1.01  # blue of P3 is that of sRGB, and brighter
            assert (encode(linear, name) - pure).abs().max() < 1e-12
    assert (decode(torch.eye(3, dtype=torch.float64).reshape(1, 3, 3, 1), "srgb")).min() == 0


def test_the_ways_between_spaces_close():
    around = between("display-p3", "srgb") @ between("rec2020", "display-p3") @ between("srgb", "rec2020")
    assert (around - torch.eye(3)).abs().max() < 1e-14


def test_the_curve_of_rec2020_is_smooth_where_its_parts_meet_and_odd():
    knee = torch.tensor([0.018053968510807 - 1e-9, 0.018053968510807 + 1e-9], dtype=torch.float64, requires_grad=True)
    values = rec2020_encode(knee)
    (slopes,) = torch.autograd.grad(values.sum(), knee)
    assert (values[1] - values[0]).abs() < 1e-8 and (slopes - 4.5).abs().max() < 1e-5
    x = torch.linspace(-2, 2, 41, dtype=torch.float64)
    assert torch.equal(rec2020_encode(-x), -rec2020_encode(x)) and torch.equal(rec2020_decode(-x), -rec2020_decode(x))


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("way", [encode, decode])
def test_the_gradient_is_that_of_the_forward(name, way):
    assert torch.autograd.gradcheck(lambda x: way(x, name), picture(seed=2)[:1, :, :3, :3].clone().requires_grad_())


@pytest.mark.parametrize("way", [encode, decode])
def test_black_has_a_finite_gradient(way):
    for name in NAMES:
        x = torch.zeros(1, 3, 1, 1, requires_grad=True)
        way(x, name).sum().backward()
        assert x.grad is not None and torch.isfinite(x.grad).all() and (x.grad > 0).all()


def test_an_unknown_space_has_its_nearest_name():
    with pytest.raises(CampipeError, match="srgb, display-p3, rec2020, but 'rec2002' came; did you mean 'rec2020'"):
        colour_space("rec2002")
