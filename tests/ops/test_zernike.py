"""Zernike polynomials are those of Noll's table, and orthonormal over the disc."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from campipe.core.errors import CampipeError
from campipe.ops.zernike import noll, zernike


def disc(orders: int) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Places and weights that integrate polynomials of up to that degree over the unit disc exactly, to the mean."""
    nodes, weights = np.polynomial.legendre.leggauss(orders)
    square, weights = torch.from_numpy((nodes + 1) / 2), torch.from_numpy(weights / 2)  # r^2 is even over the disc
    angle = torch.arange(2 * orders, dtype=torch.float64) * math.pi / orders
    radius = square.sqrt()[:, None]
    return radius * angle.sin(), radius * angle.cos(), weights[:, None].expand(-1, 2 * orders) / (2 * orders)


def test_they_are_orthonormal():
    y, x, weights = disc(16)
    shapes = torch.stack([zernike(j, y, x) for j in range(1, 37)])
    products = torch.einsum("iyx,jyx,yx->ij", shapes, shapes, weights)
    assert torch.allclose(products, torch.eye(36, dtype=torch.float64), atol=1e-12)


@pytest.mark.parametrize(
    ("j", "order", "formula"),
    [
        (1, (0, 0), lambda r, t: 1 + 0 * r),
        (2, (1, 1), lambda r, t: 2 * r * torch.cos(t)),
        (3, (1, -1), lambda r, t: 2 * r * torch.sin(t)),
        (4, (2, 0), lambda r, t: math.sqrt(3) * (2 * r**2 - 1)),
        (5, (2, -2), lambda r, t: math.sqrt(6) * r**2 * torch.sin(2 * t)),
        (7, (3, -1), lambda r, t: math.sqrt(8) * (3 * r**3 - 2 * r) * torch.sin(t)),
        (8, (3, 1), lambda r, t: math.sqrt(8) * (3 * r**3 - 2 * r) * torch.cos(t)),
        (10, (3, 3), lambda r, t: math.sqrt(8) * r**3 * torch.cos(3 * t)),
        (11, (4, 0), lambda r, t: math.sqrt(5) * (6 * r**4 - 6 * r**2 + 1)),
    ],
)
def test_they_are_those_of_the_table(j, order, formula):
    assert noll(j) == order
    generator = torch.Generator().manual_seed(j)
    y, x = torch.rand(2, 50, generator=generator, dtype=torch.float64) * 2 - 1
    assert torch.allclose(zernike(j, y, x), formula(torch.hypot(y, x), torch.atan2(y, x)), atol=1e-12)


@pytest.mark.parametrize("j", [0, -1, 1.5, True])
def test_what_is_no_number_of_nolls_is_refused(j):
    with pytest.raises(CampipeError, match="begin at 1"):
        noll(j)
