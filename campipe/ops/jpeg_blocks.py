"""The cosine transform of JPEG: blocks of 8 x 8 to rounded coefficients and back."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from campipe.ops.surrogate import clipped, floored, rounded

SIDE = 8
MIDDLE = 128.0

_LEFT = (
    (8192, 8192, 8192, 8192),
    (11363, 9633, 6437, 2260),
    (10703, 4433, -4433, -10703),
    (9633, -2259, -11362, -6436),
    (8192, -8192, -8192, 8192),
    (6437, -11362, 2261, 9633),
    (4433, -10704, 10704, -4433),
    (2260, -6436, 9633, -11363),
)
"""Left half of the transform as integer codecs have it, row: frequency, in 1 / 8192 of sqrt 8 times the orthonormal one.

Loeffler, Ligtenberg, Moschytz, "Practical fast 1-D DCT algorithms with 11 multiplications", ICASSP 1989, its factors rounded to 13 bits
one by one; that is why numbers that are equal in theory differ by 1.
"""
_FINE = 4.0  # numbers between the two directions are kept to a quarter


def coded(plane: Tensor, table: Tensor, whole: bool) -> Tensor:
    """Return a plane as it comes back from its rounded coefficients.

    plane     (B, C, H, W), levels from 0 to 255
    table     (8, 8) or (B, 8, 8): steps of the coefficients, row: vertical frequency
    whole     True: rounded, in the arithmetic of integer codecs; False: the exact transform, and coefficients that are rounded cubically
    returns   (B, C, H, W), levels from 0 to 255

    A last block that is not full is filled by repeating the last row and column. Gradient: roundings straight through; of the cubic
    rounding exact.
    """
    height, width = plane.shape[-2:]
    x = extended(extended(plane, -height % SIDE, -2), -width % SIDE, -1) - MIDDLE
    x = x.reshape(*x.shape[:2], x.shape[-2] // SIDE, SIDE, x.shape[-1] // SIDE, SIDE)
    table = table.reshape(-1, 1, 1, SIDE, 1, SIDE)
    back = _whole(x, table) if whole else _smooth(x, table)
    back = back.reshape(*plane.shape[:2], x.shape[2] * SIDE, x.shape[4] * SIDE) + MIDDLE
    return clipped(back, 0, 255)[..., :height, :width]


def extended(x: Tensor, amount: int, dim: int) -> Tensor:
    """The last row or column repeated `amount` times."""
    shape = list(x.shape)
    shape[dim] = amount
    return torch.cat([x, x.narrow(dim, x.shape[dim] - 1, 1).expand(shape)], dim) if amount else x


def nearest(x: Tensor) -> Tensor:
    """The nearest whole number, ties upwards. Gradient: straight through."""
    return floored(x + 0.5)


def cubic(x: Tensor) -> Tensor:
    """[x] + (x - [x])^3, with [x] the nearest whole number.

    Gradient: exact, 3 (x - [x])^2. Source: Shin and Song, "JPEG-resistant adversarial images", NIPS workshop on machine learning and
    computer security, 2017.
    """
    near = x.detach().round()
    return near + (x - near) ** 3


def _whole(x: Tensor, table: Tensor) -> Tensor:
    left = torch.tensor(_LEFT, dtype=x.dtype, device=x.device) / 8192
    sign = torch.tensor([1.0, -1.0], dtype=x.dtype, device=x.device).repeat(SIDE // 2)[:, None]
    matrix = torch.cat([left, sign * left.flip(1)], 1)
    rows = nearest(_along(x, matrix, -1) * _FINE)
    found = nearest(_along(rows, matrix, -3) / _FINE) / 8
    # Ties go away from zero here: they are moved outwards by more than float32 rounds, and by less than another number would notice.
    kept = rounded(found / table * (1 + 2.0**-20)) * table
    columns = nearest(_along(kept, matrix.T, -3) * _FINE)
    return nearest(_along(columns, matrix.T, -1) / (_FINE * 8))


def _smooth(x: Tensor, table: Tensor) -> Tensor:
    place = (torch.arange(SIDE, dtype=torch.float64) + 0.5) * math.pi / SIDE
    matrix = torch.cos(torch.arange(SIDE, dtype=torch.float64)[:, None] * place) / 2
    matrix[0] /= math.sqrt(2)
    matrix = matrix.to(x)
    found = _along(_along(x, matrix, -1), matrix, -3)
    kept = cubic(found / table) * table
    return _along(_along(kept, matrix.T, -3), matrix.T, -1)


def _along(x: Tensor, matrix: Tensor, dim: int) -> Tensor:
    """A matrix times each column along an axis, as products and sums: full precision where matrix units would round."""
    shape = [1] * x.ndim
    shape[dim] = -1
    total = x.narrow(dim, 0, 1) * matrix[:, 0].reshape(shape)
    for k in range(1, x.shape[dim]):
        total = torch.addcmul(total, x.narrow(dim, k, 1), matrix[:, k].reshape(shape))
    return total
