"""Colour: the sRGB transfer function, matrices between colour spaces, and chromatic adaptation.

Matrices are float64 tensors and act on column vectors.
"""

from __future__ import annotations

import torch
from torch import Tensor

from campipe.core.errors import ShapeError

SRGB_TO_XYZ = torch.tensor(
    [[0.4124564, 0.3575761, 0.1804375], [0.2126729, 0.7151522, 0.0721750], [0.0193339, 0.1191920, 0.9503041]], dtype=torch.float64
)
"""Linear sRGB to CIE XYZ (D65). From the primaries and white of IEC 61966-2-1, to seven digits as Lindbloom tabulates them."""
D65 = torch.tensor([0.95047, 1.0, 1.08883], dtype=torch.float64)
"""White of sRGB, XYZ. ASTM E308."""
D50 = torch.tensor([0.96422, 1.0, 0.82521], dtype=torch.float64)
"""White of the ICC profile connection space, XYZ. ASTM E308."""
BRADFORD = torch.tensor([[0.8951, 0.2664, -0.1614], [-0.7502, 1.7135, 0.0367], [0.0389, -0.0685, 1.0296]], dtype=torch.float64)
"""XYZ to the cone responses in which Bradford adaptation scales. Lam, thesis, University of Bradford, 1985."""

_KNEE_DISPLAY = 0.04045
_KNEE_LINEAR = _KNEE_DISPLAY / 12.92


def srgb_encode(linear: Tensor) -> Tensor:
    """Encode linear light for display: the opto-electronic transfer function of sRGB.

    linear    any shape, 1 = display white; negative values and values above 1 are kept: the curve is odd and goes on
    returns   the same shape; finite, with finite gradient, wherever the input is finite

    Gradient: exact, 12.92 at 0. Source: IEC 61966-2-1:1999.
    """
    size = linear.abs().clamp_min(_KNEE_LINEAR)
    curved = torch.sign(linear) * (1.055 * size ** (1 / 2.4) - 0.055)
    return torch.where(linear.abs() > _KNEE_LINEAR, curved, 12.92 * linear)


def srgb_decode(display: Tensor) -> Tensor:
    """Decode a display value to linear light: the inverse of `srgb_encode`, odd and without limits as it is.

    display   any shape, sRGB-encoded
    returns   the same shape, linear, 1 = display white

    Gradient: exact. Source: IEC 61966-2-1:1999.
    """
    size = display.abs().clamp_min(_KNEE_DISPLAY)
    curved = torch.sign(display) * ((size + 0.055) / 1.055) ** 2.4
    return torch.where(display.abs() > _KNEE_DISPLAY, curved, display / 12.92)


def apply_matrix(data: Tensor, matrix: Tensor) -> Tensor:
    """Mix channels: out[i] = sum over j of matrix[i, j] * data[j].

    data      (B, ..., C, H, W)
    matrix    (K, C), or (B, K, C): one per item
    returns   (B, ..., K, H, W)

    Written as products and sums, which keep full precision where matrix units or autocast would round to 8 or 11 bits.
    """
    if matrix.shape[-1] != data.shape[-3] or matrix.ndim not in (2, 3):
        raise ShapeError(f"a matrix is (K, {data.shape[-3]}) or (B, K, {data.shape[-3]}) here, but {tuple(matrix.shape)} came")
    rows = matrix if matrix.ndim == 3 else matrix[None]
    rows = rows.reshape(rows.shape[0], *([1] * (data.ndim - 4)), *rows.shape[-2:], 1, 1)
    mixed = rows[..., :, 0, :, :] * data[..., 0:1, :, :]
    for j in range(1, data.shape[-3]):
        mixed = torch.addcmul(mixed, rows[..., :, j, :, :], data[..., j : j + 1, :, :])
    return mixed


def luminance(linear: Tensor) -> Tensor:
    """Relative luminance of linear sRGB: (B, ..., 3, H, W) to (B, ..., 1, H, W); white is 1."""
    weights = (SRGB_TO_XYZ[1:2] / SRGB_TO_XYZ[1].sum()).to(linear)
    return apply_matrix(linear, weights)


def inverse(matrix: Tensor) -> Tensor:
    """Invert a colour matrix in float64 and return it in its own precision. (..., 3, 3) to the same."""
    if not torch.compiler.is_compiling() and bool((torch.linalg.det(matrix.double()).abs() < 1e-9).any()):
        raise ShapeError("a colour matrix that is to be inverted has a determinant other than 0; check that it is not all zeros")
    return torch.linalg.inv(matrix.double()).to(matrix.dtype)


def adaptation(source: Tensor, target: Tensor) -> Tensor:
    """Chromatic adaptation from one white to another: the (3, 3) matrix on XYZ that turns the source white into the target white.

    source, target   (3,), XYZ, such as `D65` and `D50`

    Source: the linear Bradford transform, as in ICC.1:2022 annex E.
    """
    gains = (BRADFORD @ target.double()) / (BRADFORD @ source.double())
    return torch.linalg.inv(BRADFORD) @ torch.diag(gains) @ BRADFORD


def rows_to_one(matrix: Tensor) -> Tensor:
    """Scale each row so that it sums to 1: white stays white. (..., K, C) to the same."""
    return matrix / matrix.sum(-1, keepdim=True)


def cam_to_srgb(xyz_to_cam: Tensor) -> Tensor:
    """From a DNG or LibRaw colour matrix to the matrix that rendering uses.

    xyz_to_cam   (..., 3, 3) XYZ under D65 to camera RGB before white balance, any scale
    returns      (..., 3, 3) float64, white-balanced camera RGB to linear sRGB, rows sum to 1

    The rows of sRGB-to-camera are scaled to sum to 1, which is what white balance does to a white surface. Source: LibRaw, cam_xyz_coeff.
    """
    return inverse(rows_to_one(xyz_to_cam.double() @ SRGB_TO_XYZ))


def cam_to_xyz(cam_to_srgb: Tensor) -> Tensor:
    """White-balanced camera RGB to XYZ (D50), (..., 3, 3) float64, by way of sRGB: camera white becomes the D50 white."""
    return adaptation(D65, D50) @ SRGB_TO_XYZ @ cam_to_srgb.double()


def xyz_to_srgb(cam_to_xyz: Tensor) -> Tensor:
    """The inverse of `cam_to_xyz`: a camera's matrix to XYZ (D50) becomes its matrix to linear sRGB, (..., 3, 3) float64."""
    return torch.linalg.inv(adaptation(D65, D50) @ SRGB_TO_XYZ) @ cam_to_xyz.double()
