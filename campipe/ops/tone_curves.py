"""Tone curves with few numbers and an inverse in closed form: the line, the power with a straight beginning, and Hable's filmic curve.

Their numbers broadcast with the value: () or (B, 1, 1, 1).
"""

from __future__ import annotations

import torch
from torch import Tensor


def linear_curve(value: Tensor, gain: Tensor, offset: Tensor) -> Tensor:
    """gain * value + offset, of the shape of the value. Gradient: exact."""
    return gain * value + offset


def linear_curve_inverse(toned: Tensor, gain: Tensor, offset: Tensor) -> Tensor:
    """Undo `linear_curve`. Gradient: exact."""
    return (toned - offset) / gain


def power_curve(value: Tensor, gamma: Tensor, offset: Tensor) -> Tensor:
    """The family of curves that sRGB's is one of: a power with a straight beginning, through (0, 0) and (1, 1).

    value     any shape, linear; negative values and values above 1 are kept: the curve is odd and goes on
    gamma     the power is 1 / gamma; above 1 + offset
    offset    a of (1 + a) value^(1/gamma) - a, above 0; the line meets the power where their slopes are equal
    returns   the same shape, increasing in the value

    A gamma of 2.4 and an offset of 0.055 give the curve of sRGB to 3e-5: the standard rounds the slope of its line to 12.92.

    Gradient: exact. Source: IEC 61966-2-1:1999 for the form.
    """
    knee, shown = _meeting(gamma, offset)
    size = torch.maximum(value.abs(), knee)
    curved = torch.sign(value) * ((1 + offset) * size ** (1 / gamma) - offset)
    return torch.where(value.abs() > knee, curved, value * (shown / knee))


def power_curve_inverse(toned: Tensor, gamma: Tensor, offset: Tensor) -> Tensor:
    """Undo `power_curve`. Gradient: exact."""
    knee, shown = _meeting(gamma, offset)
    size = torch.maximum(toned.abs(), shown)
    curved = torch.sign(toned) * ((size + offset) / (1 + offset)) ** gamma
    return torch.where(toned.abs() > shown, curved, toned * (knee / shown))


def _meeting(gamma: Tensor, offset: Tensor) -> tuple[Tensor, Tensor]:
    """Where the line through 0 touches the power: value and curve."""
    return (offset * gamma / ((1 + offset) * (gamma - 1))) ** gamma, offset / (gamma - 1)


def filmic_curve(
    value: Tensor, shoulder: Tensor, linear: Tensor, angle: Tensor, toe: Tensor, lift: Tensor, base: Tensor, exposure: Tensor, white: Tensor
) -> Tensor:
    """Hable's filmic curve: a toe that deepens the shadows, a straight middle, and a shoulder that bends highlights towards white.

    value      any shape, linear
    shoulder   A, shoulder strength
    linear     B, linear strength
    angle      C, linear angle, below 1
    toe        D, toe strength
    lift       E, toe numerator, below C F
    base       F, toe denominator
    exposure   factor on the value before the curve
    white      value that becomes 1
    returns    the same shape, h(exposure value) / h(exposure white) with
               h(x) = (x (A x + C B) + D E) / (x (A x + B) + D F) - E / F; below 0 and above white the curve goes on as a line

    All numbers are above 0; then the curve increases. Gradient: exact.
    Source: Hable, "Uncharted 2: HDR lighting", Game Developers Conference 2010.
    """
    top = exposure * white
    given = exposure * value
    inside = torch.minimum(torch.maximum(given, torch.zeros_like(top)), top)
    names = (shoulder, linear, angle, toe, lift, base)
    curved = _hable(inside, *names) + _hable_slope(torch.zeros_like(top), *names) * (given - inside).clamp_max(0)
    return (curved + _hable_slope(top, *names) * (given - inside).clamp_min(0)) / _hable(top, *names)


def filmic_curve_inverse(
    toned: Tensor, shoulder: Tensor, linear: Tensor, angle: Tensor, toe: Tensor, lift: Tensor, base: Tensor, exposure: Tensor, white: Tensor
) -> Tensor:
    """Undo `filmic_curve`: the root of a quadratic. Gradient: exact."""
    names = (shoulder, linear, angle, toe, lift, base)
    top = exposure * white
    given = toned * _hable(top, *names)
    inside = torch.minimum(torch.maximum(given, torch.zeros_like(top)), _hable(top, *names))
    # h(x) = y is p x^2 + q x = c. Of the two forms of its root the one is taken that subtracts nothing.
    p = shoulder * (base - lift - base * inside)
    q = linear * (angle * base - lift - base * inside)
    c = base * base * toe * inside
    reach = q.abs() + (q * q + 4 * p * c).sqrt()
    solved = torch.where(q > 0, 2 * c / reach, reach / (2 * p))
    below = (given - inside).clamp_max(0) / _hable_slope(torch.zeros_like(top), *names)
    return (solved + below + (given - inside).clamp_min(0) / _hable_slope(top, *names)) / exposure


def _hable(x: Tensor, a: Tensor, b: Tensor, c: Tensor, d: Tensor, e: Tensor, f: Tensor) -> Tensor:
    """h(x), with its two fractions made one, so that small values keep their digits."""
    return x * (a * (f - e) * x + b * (c * f - e)) / (f * (x * (a * x + b) + d * f))


def _hable_slope(x: Tensor, a: Tensor, b: Tensor, c: Tensor, d: Tensor, e: Tensor, f: Tensor) -> Tensor:
    """The derivative of h."""
    return (a * b * (1 - c) * x * x + 2 * a * d * (f - e) * x + b * d * (c * f - e)) / (x * (a * x + b) + d * f) ** 2
