from __future__ import annotations

import json

import numpy as np
import pytest
import torch

from campipe.core.errors import ShapeError
from campipe.ops import colour
from campipe.ops.colour import apply_matrix, srgb_decode, srgb_encode

# Sony ILCE-7S, XYZ to camera, as Adobe's DNG converter has it.
A7S = torch.tensor([[0.5838, -0.1430, -0.0246], [-0.3497, 1.1477, 0.2297], [-0.0748, 0.1885, 0.5778]], dtype=torch.float64)


def noise(*shape: int, seed: int = 0, dtype: torch.dtype = torch.float64) -> torch.Tensor:
    return torch.rand(*shape, generator=torch.Generator().manual_seed(seed), dtype=dtype)


def test_encoding_follows_the_standard():
    # IEC 61966-2-1, written out once more: 12.92 x below 0.0031308, a power of 1/2.4 above.
    x = torch.linspace(0, 1, 10_001, dtype=torch.float64).numpy()
    expected = np.where(x <= 0.0031308, 12.92 * x, 1.055 * x ** (1 / 2.4) - 0.055)
    # The published knee is rounded to five digits; between it and the exact one the branches differ by less than 2e-8.
    assert np.abs(srgb_encode(torch.from_numpy(x)).numpy() - expected).max() < 1e-7


def test_decoding_inverts_encoding_beyond_the_display_too():
    x = torch.linspace(-3, 8, 100_001)
    assert (srgb_decode(srgb_encode(x)) - x).abs().max() < 8 * 2e-6
    assert (srgb_encode(srgb_decode(x)) - x).abs().max() < 8 * 2e-6


def test_the_curves_are_odd():
    x = noise(1000) * 3
    assert torch.equal(srgb_encode(-x), -srgb_encode(x))
    assert torch.equal(srgb_decode(-x), -srgb_decode(x))


@pytest.mark.parametrize("curve", [srgb_encode, srgb_decode])
def test_the_curves_have_finite_and_right_gradients(curve):
    x = torch.tensor([-2.0, -0.5, -0.001, 0.0, 0.001, 0.2, 1.0, 5.0], dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(curve, x)
    (slope,) = torch.autograd.grad(curve(x).sum(), x)
    assert slope[3] == pytest.approx(12.92 if curve is srgb_encode else 1 / 12.92)


def test_the_matrix_of_srgb_has_its_white_and_primaries():
    white = colour.SRGB_TO_XYZ @ torch.ones(3, dtype=torch.float64)
    assert torch.allclose(white, colour.D65, atol=2e-7)
    chromaticity = colour.SRGB_TO_XYZ[:2] / colour.SRGB_TO_XYZ.sum(0)
    primaries = torch.tensor([[0.64, 0.30, 0.15], [0.33, 0.60, 0.06]], dtype=torch.float64)
    assert torch.allclose(chromaticity, primaries, atol=1e-6)


def test_adaptation_agrees_with_colour_science():
    reference = pytest.importorskip("colour")
    expected = reference.adaptation.matrix_chromatic_adaptation_VonKries(colour.D65.numpy(), colour.D50.numpy(), "Bradford")
    assert np.allclose(colour.adaptation(colour.D65, colour.D50).numpy(), expected, atol=1e-9)
    assert torch.allclose(colour.adaptation(colour.D65, colour.D50) @ colour.D65, colour.D50)


def test_a_camera_matrix_keeps_white_and_returns_to_where_it_came_from():
    matrix = colour.cam_to_srgb(A7S)
    assert torch.allclose(matrix.sum(-1), torch.ones(3, dtype=torch.float64))
    # Back to camera RGB before white balance: the same up to one scale per row.
    back = torch.linalg.inv(matrix) @ torch.linalg.inv(colour.SRGB_TO_XYZ)
    ratio = back / A7S
    assert torch.allclose(ratio, ratio[:, :1].expand(3, 3))


def test_the_way_by_xyz_ends_at_the_same_srgb():
    matrix = colour.cam_to_srgb(A7S)
    to_xyz = colour.cam_to_xyz(matrix)
    assert torch.allclose(to_xyz.sum(-1), colour.D50, atol=1e-6)
    assert torch.allclose(colour.xyz_to_srgb(to_xyz), matrix)


def test_libraw_computes_the_same_matrix(shared):
    rawpy = pytest.importorskip("rawpy")
    with rawpy.imread(str(shared / "raw" / "nikon_d750_crop_768x512.dng")) as raw:
        expected, table = raw.color_matrix[:, :3].copy(), raw.rgb_xyz_matrix[:3].copy()
    assert np.allclose(colour.cam_to_srgb(torch.from_numpy(table)).numpy(), expected, atol=2e-6)


def test_every_published_matrix_can_be_inverted(shared):
    rows = json.loads((shared / "calibration" / "libraw_color_matrices.json").read_text())
    tables = torch.tensor([row["cam_xyz"] for row in rows if len(row["cam_xyz"]) == 9], dtype=torch.float64).reshape(-1, 3, 3)
    assert len(tables) > 700
    matrices = colour.cam_to_srgb(tables)
    assert torch.allclose(matrices.sum(-1), torch.ones(1, dtype=torch.float64))
    assert torch.allclose(matrices @ colour.inverse(matrices), torch.eye(3, dtype=torch.float64).expand_as(matrices), atol=1e-9)


@pytest.mark.parametrize("shape", [(2, 3, 5, 4), (2, 2, 3, 3, 5, 4)])
def test_a_matrix_mixes_channels_per_item(shape):
    data, matrices = noise(*shape), noise(2, 3, 3, seed=1)
    expected = torch.stack([torch.einsum("kc,...chw->...khw", m, x) for m, x in zip(matrices, data, strict=True)])
    assert torch.allclose(apply_matrix(data, matrices), expected)
    assert torch.allclose(apply_matrix(data, matrices[0])[0], expected[0])


def test_a_matrix_keeps_full_precision_under_autocast():
    data, matrix = noise(1, 3, 8, 8, dtype=torch.float32), noise(3, 3, seed=1, dtype=torch.float32)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        inside = apply_matrix(data, matrix)
    assert torch.equal(inside, apply_matrix(data, matrix))


def test_matrices_that_do_not_fit_are_refused():
    with pytest.raises(ShapeError, match="3"):
        apply_matrix(noise(1, 3, 4, 4), noise(2, 2))
    with pytest.raises(ShapeError, match="all zeros"):
        colour.inverse(torch.zeros(3, 3))


def test_luminance_of_white_is_one():
    assert torch.allclose(colour.luminance(torch.ones(1, 3, 2, 2, dtype=torch.float64)), torch.ones(1, 1, 2, 2, dtype=torch.float64))
