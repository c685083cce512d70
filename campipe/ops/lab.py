"""CIELAB and the CIEDE2000 colour difference. Gradients are finite everywhere, at grey and at equal colours too."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from campipe.core.errors import ShapeError
from campipe.ops.colour import SRGB_TO_XYZ, apply_matrix, srgb_decode

_DELTA = 6 / 29  # CIE 015:2018, 8.2.1: below its cube the cube root goes on as a straight line
_C7 = 25.0**7
_DEGREE = math.pi / 180
_HALF_TURN = math.pi * (1 + 1e-12)  # opposite hues stay within half a turn when they are rounded


def srgb_to_lab(display: Tensor) -> Tensor:
    """CIELAB of sRGB-encoded values, for the white of sRGB (D65, 2 degrees), so that grey has a* = b* = 0.

    display   (B, ..., 3, H, W), 1 = display white; values outside [0, 1] are kept
    returns   the same shape: L* (white: 100), a*, b*

    Gradient: exact. Source: CIE 015:2018, 8.2.1; IEC 61966-2-1:1999.
    """
    matrix = SRGB_TO_XYZ / SRGB_TO_XYZ.sum(1, keepdim=True)
    ratios = apply_matrix(srgb_decode(display), matrix.to(display))
    root = torch.where(ratios > _DELTA**3, ratios.clamp_min(_DELTA**3) ** (1 / 3), ratios / (3 * _DELTA**2) + 4 / 29)
    x, y, z = root.unbind(-3)
    return torch.stack([116 * y - 16, 500 * (x - y), 200 * (y - z)], -3)


def delta_e_2000(lab1: Tensor, lab2: Tensor) -> Tensor:
    """The CIEDE2000 colour difference, with the weights kL = kC = kH = 1.

    lab1, lab2   (..., 3, H, W): L*, a*, b*
    returns      (..., H, W), >= 0

    Gradient: exact where the formula has one. 0 where colours are equal, and 0 for the chroma and hue of a grey, where it has none. The
    formula itself jumps where hues lie half a turn apart.
    Source: Sharma, Wu, Dalal, "The CIEDE2000 color-difference formula: implementation notes, supplementary test data, and mathematical
    observations", Color Research and Application 30, 2005; the numbers of the equations are theirs.
    """
    if lab1.shape[-3] != 3 or lab1.shape != lab2.shape:
        raise ShapeError(f"two pictures in CIELAB have one shape (..., 3, H, W), but {tuple(lab1.shape)} and {tuple(lab2.shape)} came")
    (l1, a1, b1), (l2, a2, b2) = lab1.unbind(-3), lab2.unbind(-3)
    stretch = 1.5 - 0.5 * _saturation((_length(a1, b1) + _length(a2, b2)) / 2)  # (4), (5)
    a1, a2 = a1 * stretch, a2 * stretch
    c1, c2 = _length(a1, b1), _length(a2, b2)
    h1, h2 = _hue(a1, b1), _hue(a2, b2)
    coloured = (c1 > 0) & (c2 > 0)
    turn = h2 - h1
    turn = torch.where(turn > _HALF_TURN, turn - 2 * math.pi, torch.where(turn < -_HALF_TURN, turn + 2 * math.pi, turn))
    turn = torch.where(coloured, turn, 0)  # (10)
    to_hue = 2 * _root(c1 * c2) * torch.sin(turn / 2)  # (11)
    hue = torch.remainder(torch.where(coloured, h1 + turn / 2, h1 + h2), 2 * math.pi)  # (14)
    light, chroma = (l1 + l2) / 2 - 50, (c1 + c2) / 2
    by_light = (l2 - l1) / (1 + 0.015 * light**2 / (20 + light**2).sqrt())
    by_chroma = (c2 - c1) / (1 + 0.045 * chroma)
    by_hue = to_hue / (1 + 0.015 * chroma * _tint(hue))
    blue = 60 * _DEGREE * torch.exp(-(((hue / _DEGREE - 275) / 25) ** 2))  # (16)
    rotation = -2 * torch.sin(blue) * _saturation(chroma)  # (17), (21)
    return _root(by_light**2 + by_chroma**2 + by_hue**2 + rotation * by_chroma * by_hue)  # (22)


def _tint(hue: Tensor) -> Tensor:
    """T of equation (15)."""
    return (
        1
        - 0.17 * torch.cos(hue - 30 * _DEGREE)
        + 0.24 * torch.cos(2 * hue)
        + 0.32 * torch.cos(3 * hue + 6 * _DEGREE)
        - 0.20 * torch.cos(4 * hue - 63 * _DEGREE)
    )


def _saturation(chroma: Tensor) -> Tensor:
    """sqrt(C^7 / (C^7 + 25^7)), written such that its gradient at 0 is 0."""
    return chroma**3.5 / (chroma**7 + _C7).sqrt()


def _root(value: Tensor) -> Tensor:
    """Square root of what is at least 0, with a gradient of 0 at 0."""
    positive = value > 0
    return torch.where(positive, torch.where(positive, value, 1).sqrt(), 0)


def _length(a: Tensor, b: Tensor) -> Tensor:
    return _root(a**2 + b**2)


def _hue(a: Tensor, b: Tensor) -> Tensor:
    """Angle in [0, 2 pi); 0, with a gradient of 0, for a grey."""
    grey = (a == 0) & (b == 0)
    angle = torch.where(grey, 0, torch.atan2(b, torch.where(grey, 1, a)))
    return torch.where(angle < 0, angle + 2 * math.pi, angle)
