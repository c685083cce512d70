"""White points of light by colour temperature, and colour temperatures by white point. All in float64."""

from __future__ import annotations

from functools import cache

import torch
from torch import Tensor

# Daylight has no locus below 4000 K (CIE 015:2018, 4.1.2): light below is a black body's.
DAYLIGHT_FROM = 4000.0
LOWEST, HIGHEST = 1000.0, 25000.0
"""Limits of colour temperatures, K."""

EXIF_CCT = {1: 5500.0, 2: 4150.0, 3: 2850.0, 4: 5500.0, 9: 5500.0, 10: 6500.0, 11: 7500.0, 12: 6400.0, 13: 5050.0, 14: 4150.0, 15: 3525.0}
EXIF_CCT |= {16: 2925.0, 17: 2850.0, 18: 5500.0, 19: 6500.0, 20: 5500.0, 21: 6500.0, 22: 7500.0, 23: 5000.0, 24: 3200.0}
"""Colour temperature of the lights that EXIF's LightSource, and so CalibrationIlluminant, numbers, K: as Adobe's DNG SDK takes them."""


# u and v as ratios of polynomials in T: (numerator or denominator, power, u or v). Krystek, Color Research and Application 10(1), 1985.
_KRYSTEK = torch.tensor(
    [
        [[0.860117757, 0.317398726], [1.54118254e-4, 4.22806245e-5], [1.28641212e-7, 4.20481691e-8]],
        [[1.0, 1.0], [8.42420235e-4, -2.89741816e-5], [7.08145163e-7, 1.61456053e-7]],
    ],
    dtype=torch.float64,
)


def planckian_uv(cct: Tensor) -> Tensor:
    """(..., 2): u and v (CIE 1960) of a black body.

    cct   any shape, K; the formula was fitted from 1000 to 15000 K, where it is within 8e-5, and goes on smoothly

    Gradient: exact. Source: Krystek, Color Research and Application 10(1), 1985.
    """
    above, below = _KRYSTEK.to(cct.device)
    t = cct.double()[..., None]
    return (above[0] + t * (above[1] + t * above[2])) / (below[0] + t * (below[1] + t * below[2]))


def planckian_xy(cct: Tensor) -> Tensor:
    """(..., 2): x and y (CIE 1931) of a black body of any temperature, K. Gradient: exact."""
    return uv_to_xy(planckian_uv(cct))


def daylight_xy(cct: Tensor) -> Tensor:
    """(..., 2): x and y of CIE daylight.

    cct   any shape, K, 4000 to 25000

    Gradient: exact. Source: CIE 015:2018, equations 4.2 to 4.4.
    """
    t = cct.double()
    cool = 0.237040 + 0.24748e3 / t + 1.9018e6 / t**2 - 2.0064e9 / t**3
    warm = 0.244063 + 0.09911e3 / t + 2.9678e6 / t**2 - 4.6070e9 / t**3
    x = torch.where(t > 7000, cool, warm)
    return torch.stack([x, -3 * x**2 + 2.870 * x - 0.275], -1)


def light_xy(cct: Tensor) -> Tensor:
    """(..., 2): x and y of daylight from 4000 K up, and of a black body below."""
    return torch.where((cct >= DAYLIGHT_FROM)[..., None], daylight_xy(cct.clamp_min(DAYLIGHT_FROM)), planckian_xy(cct))


def xy_to_uv(xy: Tensor) -> Tensor:
    """CIE 1931 (x, y) to CIE 1960 (u, v), both (..., 2)."""
    x, y = xy.double().unbind(-1)
    return torch.stack([4 * x, 6 * y], -1) / (12 * y - 2 * x + 3)[..., None]


def uv_to_xy(uv: Tensor) -> Tensor:
    """CIE 1960 (u, v) to CIE 1931 (x, y), both (..., 2)."""
    u, v = uv.double().unbind(-1)
    return torch.stack([3 * u, 2 * v], -1) / (2 * u - 8 * v + 4)[..., None]


def xy_to_xyz(xy: Tensor) -> Tensor:
    """(..., 3): X, Y and Z of a white point (..., 2) with Y = 1."""
    x, y = xy.double().unbind(-1)
    return torch.stack([x / y, torch.ones_like(x), (1 - x - y) / y], -1)


def xyz_to_xy(xyz: Tensor) -> Tensor:
    """(..., 2): x and y of X, Y and Z (..., 3)."""
    return xyz[..., :2].double() / xyz.double().sum(-1, keepdim=True)


def xy_to_cct(xy: Tensor) -> Tensor:
    """Correlated colour temperature: that of the black body nearest in u and v.

    xy        (..., 2)
    returns   (...), K, 1000 to 25000

    Nearest is found among 256 temperatures evenly spaced in 1/T, and by Newton's method from there. Gradient: that of the nearest point,
    by the implicit function theorem; 0 at the limits. Source: CIE 015:2018, 9.5, for what the temperature is.
    """
    uv = xy_to_uv(xy)
    with torch.no_grad():
        stops, points = _stops(str(uv.device))
        t = stops[((uv[..., None, :] - points) ** 2).sum(-1).argmin(-1)]
        for _ in range(2):
            t = _newton(t, uv).clamp(LOWEST, HIGHEST)
    return _newton(t, uv).clamp(LOWEST, HIGHEST)


@cache
def _stops(device: str) -> tuple[Tensor, Tensor]:
    """Temperatures (256,), K, and their u and v (256, 2)."""
    stops = 1e6 / torch.linspace(1e6 / HIGHEST, 1e6 / LOWEST, 256, dtype=torch.float64, device=device)
    return stops, planckian_uv(stops)


def _newton(t: Tensor, uv: Tensor) -> Tensor:
    """One step towards the temperature of the least distance; the slope of the distance's derivative is held fixed."""
    with torch.no_grad():
        above, below = _KRYSTEK.to(t.device)
        x = t[..., None]
        d = below[0] + x * (below[1] + x * below[2])
        d1, d2 = below[1] + 2 * x * below[2], 2 * below[2]
        here = (above[0] + x * (above[1] + x * above[2])) / d
        tangent = (above[1] + 2 * x * above[2] - here * d1) / d
        bend = (2 * above[2] - 2 * tangent * d1 - here * d2) / d
        slope = (tangent**2).sum(-1) - ((uv - here) * bend).sum(-1)
        slope = torch.where(slope > 0, slope, (tangent**2).sum(-1))
    return t + ((uv - here) * tangent).sum(-1) / slope
