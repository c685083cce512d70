"""Output colour spaces: their primaries, their transfer functions, and the way from linear sRGB to each and back.

Matrices are float64 tensors and act on column vectors.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from difflib import get_close_matches

import torch
from torch import Tensor

from campipe.core.errors import CampipeError
from campipe.ops.colour import apply_matrix, srgb_decode, srgb_encode

_ALPHA = 1.09929682680944
_BETA = 0.018053968510807
"""The curve of Rec. 2020 in full precision: where the line and the power meet with one slope (ITU-R BT.2020-2, table 4, note 1)."""
D65_CHROMATICITY = (0.3127, 0.3290)
"""CIE x, y of the white of all three spaces, as their standards write it."""


def rec2020_encode(linear: Tensor) -> Tensor:
    """Encode linear light by the curve of Rec. 2020: 4.5 x near black, 1.0993 x^0.45 - 0.0993 above 0.018.

    linear    any shape, 1 = white; negative values and values above 1 are kept: the curve is odd and goes on
    returns   the same shape; finite, with finite gradient, wherever the input is finite

    Gradient: exact. Source: ITU-R BT.2020-2, table 4.
    """
    size = linear.abs().clamp_min(_BETA)
    curved = torch.sign(linear) * (_ALPHA * size**0.45 - (_ALPHA - 1))
    return torch.where(linear.abs() > _BETA, curved, 4.5 * linear)


def rec2020_decode(display: Tensor) -> Tensor:
    """Decode a value to linear light: the inverse of `rec2020_encode`, odd and without limits as it is.

    display   any shape
    returns   the same shape, linear, 1 = white

    Gradient: exact. Source: ITU-R BT.2020-2, table 4.
    """
    size = display.abs().clamp_min(4.5 * _BETA)
    curved = torch.sign(display) * ((size + (_ALPHA - 1)) / _ALPHA) ** (1 / 0.45)
    return torch.where(display.abs() > 4.5 * _BETA, curved, display / 4.5)


@dataclass(frozen=True)
class ColourSpace:
    """One space that pictures are shown in. Its white is D65.

    name        as a frame's capture has it
    title       for people
    primaries   CIE x, y of red, green and blue
    encode      linear light to display values; `decode` is its inverse
    curve       (g, a, b, c, d): light is (a y + b)^g of a display value y from d on, c y below it; ICC's parametric curve of type 3
    """

    name: str
    title: str
    primaries: tuple[tuple[float, float], tuple[float, float], tuple[float, float]]
    encode: Callable[[Tensor], Tensor]
    decode: Callable[[Tensor], Tensor]
    curve: tuple[float, float, float, float, float]


_SRGB_CURVE = (2.4, 1 / 1.055, 0.055 / 1.055, 1 / 12.92, 0.04045)
_REC2020_CURVE = (1 / 0.45, 1 / _ALPHA, (_ALPHA - 1) / _ALPHA, 1 / 4.5, 4.5 * _BETA)
_ROWS = (
    # IEC 61966-2-1:1999; its primaries are those of ITU-R BT.709.
    ColourSpace("srgb", "sRGB", ((0.640, 0.330), (0.300, 0.600), (0.150, 0.060)), srgb_encode, srgb_decode, _SRGB_CURVE),
    # Primaries of SMPTE RP 431-2 with the white and the curve of sRGB, as SMPTE EG 432-1 and CSS Color 4 have it.
    ColourSpace("display-p3", "Display P3", ((0.680, 0.320), (0.265, 0.690), (0.150, 0.060)), srgb_encode, srgb_decode, _SRGB_CURVE),
    # ITU-R BT.2020-2, tables 3 and 4. Pictures are decoded by the inverse of its camera curve, as colour-managed files are.
    ColourSpace("rec2020", "Rec. 2020", ((0.708, 0.292), (0.170, 0.797), (0.131, 0.046)), rec2020_encode, rec2020_decode, _REC2020_CURVE),
)
COLOUR_SPACES: dict[str, ColourSpace] = {row.name: row for row in _ROWS}


def colour_space(name: str) -> ColourSpace:
    """Return a colour space by its name; a CampipeError has the nearest one, or lists them."""
    if name in COLOUR_SPACES:
        return COLOUR_SPACES[name]
    near = get_close_matches(str(name), COLOUR_SPACES, n=1)
    hint = f"did you mean {near[0]!r}?" if near else "choose one of them"
    raise CampipeError(f"a colour space is one of {', '.join(COLOUR_SPACES)}, but {name!r} came; {hint}")


def xyz_of(chromaticity: tuple[float, float]) -> Tensor:
    """XYZ of CIE x, y at a luminance of 1: (3,) float64."""
    x, y = chromaticity
    return torch.tensor([x / y, 1.0, (1 - x - y) / y], dtype=torch.float64)


def to_xyz(name: str) -> Tensor:
    """The (3, 3) float64 matrix from a space's linear RGB to CIE XYZ (D65), in which white has a luminance of 1.

    Source: the primaries' XYZ, scaled so that they add up to the white; SMPTE RP 177:1993.
    """
    columns = torch.stack([xyz_of(xy) for xy in colour_space(name).primaries], 1)
    return columns * torch.linalg.solve(columns, xyz_of(D65_CHROMATICITY))


def between(source: str, target: str) -> Tensor:
    """The (3, 3) float64 matrix from one space's linear RGB to another's. White stays white, since all have one."""
    return torch.linalg.solve(to_xyz(target), to_xyz(source))


def encode(linear: Tensor, name: str) -> Tensor:
    """Encode linear sRGB in a colour space.

    linear    (B, ..., 3, H, W), or (B, ..., 1, H, W) for grey; nothing is clipped, so that colours outside sRGB are negative numbers
    name      of the space
    returns   the same shape, display values; outside [0, 1] where the space does not hold the colour

    Gradient: exact.
    """
    space = colour_space(name)
    if linear.shape[-3] == 3 and name != "srgb":
        linear = apply_matrix(linear, between("srgb", name).to(linear))
    return space.encode(linear)


def decode(display: Tensor, name: str) -> Tensor:
    """Bring display values of a colour space to linear sRGB: the inverse of `encode`.

    display   (B, ..., 3, H, W), or (B, ..., 1, H, W) for grey
    returns   the same shape, not clipped

    Gradient: exact.
    """
    linear = colour_space(name).decode(display)
    if linear.shape[-3] == 3 and name != "srgb":
        linear = apply_matrix(linear, between(name, "srgb").to(linear))
    return linear
