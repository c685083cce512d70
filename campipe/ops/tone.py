"""The tone curve: one family from the identity to the smoothstep, with its inverse.

f(x) = (1 - t) x + t s(x), where s(x) = 3 x^2 - 2 x^3 on [0, 1] and is held outside. So the curve goes on as a line of slope 1 - t outside
[0, 1], where it can be inverted for t < 1; at t = 1 it is flat there.
"""

from __future__ import annotations

import torch
from torch import Tensor

_STEPS = 6
_LEAST_SLOPE = 1e-3


def tone_curve(value: Tensor, strength: Tensor | float) -> Tensor:
    """Raise contrast: darken the shadows and lighten the highlights; 0, 1/2 and 1 stay where they are.

    value      any shape, linear, [0, 1] and beyond
    strength   broadcasts with the value, 0 = identity to 1 = smoothstep
    returns    the same shape; increasing in the value

    Gradient: exact. Source of the smoothstep as a camera's curve: Brooks et al., "Unprocessing images for learned raw denoising",
    CVPR 2019.
    """
    inside = value.clamp(0, 1)
    smooth = inside * inside * (3 - 2 * inside)
    return value + strength * (smooth - value)


def tone_curve_inverse(toned: Tensor, strength: Tensor | float) -> Tensor:
    """Undo `tone_curve`.

    toned      any shape
    strength   broadcasts with it, [0, 1]; at 1, values outside [0, 1] have no inverse and give 0 or 1
    returns    the same shape

    The lower half is solved by Newton's method from above, where the curve is convex: it converges for every strength and keeps the
    relative precision of small values. The upper half is its mirror image.

    Gradient: 1 over the slope of the curve, in the value and in the strength; slopes under 0.001 (at strength 1, the ends) count as 0.001.
    """
    strength = torch.as_tensor(strength, dtype=toned.dtype, device=toned.device)
    held = toned.clamp(0, 1)
    solved = _solve(held.detach(), strength.detach())
    # The value is the solution; this term is 0 and carries the gradient of the implicit function.
    slope = (1 - strength + 6 * strength * solved * (1 - solved)).clamp_min(_LEAST_SLOPE).detach()
    implicit = (held - tone_curve(solved, strength)) / slope
    outside = torch.where(strength < 1, (toned - held) / torch.where(strength < 1, 1 - strength, 1), 0)
    return solved + (implicit - implicit.detach()) + outside


def _solve(toned: Tensor, strength: Tensor) -> Tensor:
    """The x in [0, 1] with f(x) = toned, without gradient."""
    lower = toned <= 0.5
    target = torch.where(lower, toned, 1 - toned)
    line = 1 - strength
    # On [0, 1/2] the smoothstep is at least 2 x^2: the root of that parabola is an upper bound, where Newton's method starts.
    x = 2 * target / (line + (line * line + 8 * strength * target).sqrt()).clamp_min(torch.finfo(toned.dtype).tiny)
    for _ in range(_STEPS):
        excess = x * (line + strength * x * (3 - 2 * x)) - target
        slope = line + 6 * strength * x * (1 - x)
        x = x - excess / slope.clamp_min(torch.finfo(toned.dtype).tiny)
    return torch.where(lower, x, 1 - x)
