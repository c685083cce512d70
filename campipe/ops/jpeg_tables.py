"""How coarsely JPEG rounds: the standard's example tables, scaled by a quality as everybody's encoder does."""

from __future__ import annotations

import torch
from torch import Tensor

from campipe.ops.surrogate import clipped, floored

LUMINANCE = (
    (16, 11, 10, 16, 24, 40, 51, 61),
    (12, 12, 14, 19, 26, 58, 60, 55),
    (14, 13, 16, 24, 40, 57, 69, 56),
    (14, 17, 22, 29, 51, 87, 80, 62),
    (18, 22, 37, 56, 68, 109, 103, 77),
    (24, 35, 55, 64, 81, 104, 113, 92),
    (49, 64, 78, 87, 103, 121, 120, 101),
    (72, 92, 95, 98, 112, 100, 103, 99),
)
"""Steps of the coefficients of luminance, row: vertical frequency. ITU-T T.81, table K.1."""
CHROMINANCE = (
    (17, 18, 24, 47, 99, 99, 99, 99),
    (18, 21, 26, 66, 99, 99, 99, 99),
    (24, 26, 56, 99, 99, 99, 99, 99),
    (47, 66, 99, 99, 99, 99, 99, 99),
    (99, 99, 99, 99, 99, 99, 99, 99),
    (99, 99, 99, 99, 99, 99, 99, 99),
    (99, 99, 99, 99, 99, 99, 99, 99),
    (99, 99, 99, 99, 99, 99, 99, 99),
)
"""Steps of the coefficients of both colour differences. ITU-T T.81, table K.2."""


def quantisation_table(standard: tuple[tuple[int, ...], ...], quality: Tensor) -> Tensor:
    """Return the steps for a quality: the standard's at 50, finer above, coarser below.

    standard   one of the tables of the standard
    quality    () or (B, 1, 1, 1), 1 to 100
    returns    (8, 8) or (B, 8, 8), whole levels from 1 to 255

    The scale is that of the Independent JPEG Group's encoder (`jpeg_quality_scaling`): 5000 / quality percent below 50, 200 - 2 quality
    from there on. Gradient: roundings straight through; 0 where a step is held at 1 or 255.
    """
    quality = quality.reshape(-1, 1, 1) if quality.ndim else quality
    percent = torch.where(quality < 50, floored(5000 / quality.clamp_min(1)), 200 - 2 * quality)
    steps = torch.tensor(standard, dtype=quality.dtype, device=quality.device)
    return clipped(floored((steps * percent + 50) / 100), 1, 255)
