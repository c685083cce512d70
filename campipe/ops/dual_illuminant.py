"""Colour matrices that were measured under two lights, interpolated for the light of a shot.

`first` and `second` are ColorMatrix1 and 2 of a DNG: (..., 3, 3), XYZ to the camera's own RGB; `cct` holds the temperatures of both lights.
Source: DNG specification 1.4, chapter 6, "Mapping Camera Color Space to CIE XYZ Space".
"""

from __future__ import annotations

import torch
from torch import Tensor

from campipe.ops.colour import BRADFORD, D50, rows_to_one, xyz_to_srgb
from campipe.ops.illuminants import xy_to_cct, xy_to_xyz, xyz_to_xy

_D50_XY = (0.3457, 0.3585)


def interpolated(first: Tensor, second: Tensor, cct: tuple[float, float] | Tensor, temperature: Tensor) -> Tensor:
    """The matrix for a temperature, linear in 1/T between the two and constant outside.

    first, second   (..., 3, 3)
    cct             temperatures of the two, K
    temperature     (...), K
    returns         (..., 3, 3) float64

    Gradient: exact.
    """
    one, two = (torch.as_tensor(c, dtype=torch.float64, device=first.device) for c in cct)
    weight = ((1 / temperature.double() - 1 / two) / (1 / one - 1 / two)).clamp(0, 1)[..., None, None]
    return weight * first.double() + (1 - weight) * second.double()


def neutral_of_xy(xy: Tensor, first: Tensor, second: Tensor, cct: tuple[float, float] | Tensor) -> Tensor:
    """What the camera reads of a white surface under a light of white point (..., 2): (..., 3) float64, the largest is 1."""
    reading = (interpolated(first, second, cct, xy_to_cct(xy)) @ xy_to_xyz(xy)[..., None])[..., 0]
    return reading / reading.amax(-1, keepdim=True)


def xy_of_neutral(neutral: Tensor, first: Tensor, second: Tensor, cct: tuple[float, float] | Tensor) -> Tensor:
    """White point of the light under which the camera reads a white surface so: (..., 3) to (..., 2) float64.

    The matrix hangs on the white point and the white point on the matrix. From D50, three rounds of one and the other, as the specification
    says, come near, and two steps of Newton's method, which does not swing, go the rest of the way. Gradient: of the fixed point, by the
    implicit function theorem.
    """
    neutral = neutral.double()
    with torch.no_grad():
        xy = torch.tensor(_D50_XY, dtype=torch.float64, device=neutral.device).expand(*neutral.shape[:-1], 2)
        for _ in range(3):
            xy = _round(xy, neutral, first, second, cct)
        xy = xy + _solved(xy, _round(xy, neutral, first, second, cct), neutral, first, second, cct)
    return xy + _solved(xy, _round(xy, neutral, first, second, cct), neutral, first, second, cct)


def _round(xy: Tensor, neutral: Tensor, first: Tensor, second: Tensor, cct: tuple[float, float] | Tensor) -> Tensor:
    """The white point that the matrix for a white point gives."""
    matrix = interpolated(first, second, cct, xy_to_cct(xy))
    return xyz_to_xy(torch.linalg.solve(matrix, neutral[..., None])[..., 0])


def _solved(xy: Tensor, after: Tensor, neutral: Tensor, first: Tensor, second: Tensor, cct: tuple[float, float] | Tensor) -> Tensor:
    """Newton's step for round(xy) = xy: (I - J)^-1 (after - xy), with the slopes J of a round by small differences."""
    with torch.no_grad():
        step = 1e-6
        moved = xy + step * torch.eye(2, dtype=xy.dtype, device=xy.device).reshape(2, *([1] * (xy.ndim - 1)), 2)
        slopes = (_round(moved, neutral, first, second, cct) - after) / step  # (moved, ..., result)
        inverse = torch.linalg.inv(torch.eye(2, dtype=xy.dtype, device=xy.device) - slopes.movedim(0, -1))
    return (inverse @ (after - xy)[..., None])[..., 0]


def balanced_to_xyz(
    neutral: Tensor,
    first: Tensor,
    second: Tensor,
    cct: tuple[float, float] | Tensor,
    forward: tuple[Tensor, Tensor] | None = None,
) -> Tensor:
    """White-balanced camera RGB to XYZ (D50), (..., 3, 3) float64; camera white becomes D50 white.

    neutral   (..., 3), what the camera reads of white: 1 / white-balance gains
    forward   ForwardMatrix1 and 2, which say it directly; None: the inverse of the interpolated matrix, adapted from the light to D50

    Gradient: exact.
    """
    xy = xy_of_neutral(neutral, first, second, cct)
    temperature = xy_to_cct(xy)
    d50 = D50.to(neutral.device)
    if forward is not None:
        to_d50 = interpolated(*forward, cct, temperature)
        return to_d50 * (d50 / to_d50.sum(-1))[..., None]
    to_xyz = torch.linalg.inv(interpolated(first, second, cct, temperature)) * neutral.double()[..., None, :]
    to_d50 = _to_d50(xy) @ to_xyz
    return to_d50 / to_d50[..., 1:2, :].sum(-1, keepdim=True)  # white has Y = 1


def balanced_to_srgb(
    neutral: Tensor,
    first: Tensor,
    second: Tensor,
    cct: tuple[float, float] | Tensor,
    forward: tuple[Tensor, Tensor] | None = None,
) -> Tensor:
    """As `balanced_to_xyz`, to linear sRGB: rows sum to 1."""
    return rows_to_one(xyz_to_srgb(balanced_to_xyz(neutral, first, second, cct, forward)))


def _to_d50(xy: Tensor) -> Tensor:
    """Bradford adaptation from white points (..., 2) to D50: (..., 3, 3)."""
    bradford = BRADFORD.to(xy.device)
    gains = (bradford @ D50.to(xy.device)) / (xy_to_xyz(xy) @ bradford.T)
    return torch.linalg.inv(bradford) @ (gains[..., None] * bradford)
