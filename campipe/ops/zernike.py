"""Zernike polynomials: shapes of a wavefront over a round pupil, as Noll numbers them."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from campipe.core.errors import CampipeError
from campipe.core.random import whole


def noll(j: int) -> tuple[int, int]:
    """Radial order n and azimuthal order m of Noll's number j, from 1 on; m is negative for sines.

    1 piston, 2 and 3 tilt, 4 defocus, 5 and 6 astigmatism, 7 and 8 coma, 9 and 10 trefoil, 11 spherical aberration.
    """
    number = whole(j)
    if number is None or number < 1:
        raise CampipeError(f"Noll's numbers are whole and begin at 1, but {j!r} came")
    n = (math.isqrt(8 * number - 7) - 1) // 2
    place = number - n * (n + 1) // 2
    m = place // 2 * 2 if n % 2 == 0 else (place - 1) // 2 * 2 + 1
    return n, m if number % 2 == 0 else -m


def zernike(j: int, y: Tensor, x: Tensor) -> Tensor:
    """The polynomial of Noll's number j, whose mean square over the unit disc is 1.

    y, x      any shapes that broadcast; 1 is the edge of the pupil; beyond it the polynomial goes on
    returns   their common shape

    Gradient: exact, but for m > 0 not at the very middle. Source: Noll, "Zernike polynomials and atmospheric turbulence", JOSA 66, 1976,
    equations 1 to 3.
    """
    n, m = noll(j)
    square = x * x + y * y
    radial, order = torch.zeros_like(square), abs(m)
    for k in range((n - order) // 2 + 1):
        divisor = math.factorial(k) * math.factorial((n + order) // 2 - k) * math.factorial((n - order) // 2 - k)
        radial = radial + (-1) ** k * math.factorial(n - k) / divisor * square ** ((n - order) // 2 - k)
    # r^m times cosine and sine of m theta are the real and imaginary parts of (x + i y)^m: no angle is needed, and none is missing at 0.
    cosine, sine = torch.ones_like(square), torch.zeros_like(square)
    for _ in range(order):
        cosine, sine = cosine * x - sine * y, sine * x + cosine * y
    return math.sqrt((n + 1) * (2 if order else 1)) * radial * (sine if m < 0 else cosine)
