"""A smooth curve through points that never turns back: monotone piecewise cubic interpolation, with its inverse.

Source: Fritsch, Carlson, "Monotone piecewise cubic interpolation", SIAM Journal on Numerical Analysis 17, 1980.
"""

from __future__ import annotations

import torch
from torch import Tensor

from campipe.core.errors import ShapeError

_STEPS = 20
_LEAST_SLOPE = 1e-6


def monotone_cubic(value: Tensor, x: Tensor, y: Tensor) -> Tensor:
    """Interpolate between points; outside of them the curve goes on as a line.

    value     (B, ...), anything
    x, y      (n,), or (B, n): one curve per item; n >= 2, both increasing
    returns   the shape of value; increasing in it, with a slope that is continuous

    Tangents are those of the parabola through three points, and shortened where the cubic would turn back: where their lengths, in units of
    the secant, lie outside a circle of radius 3. Gradient: exact, in the value and in the points.
    """
    rows, x, y = _rows(value, x, y)
    return _evaluate(rows, x, y)[0].reshape(value.shape)


def monotone_cubic_inverse(toned: Tensor, x: Tensor, y: Tensor) -> Tensor:
    """Undo `monotone_cubic`.

    toned     (B, ...), anything
    x, y      as there
    returns   the shape of toned

    Solved by Newton's method within the bracket that bisection keeps. Gradient: 1 over the slope of the curve, in the value and in the
    points; slopes under 1e-6 count as that.
    """
    rows, x, y = _rows(toned, x, y)
    with torch.no_grad():
        solved = _solve(rows, x, y)
    again, slope = _evaluate(solved, x, y)
    # The value is the solution; this term is 0 to rounding and carries the gradient of the implicit function.
    implicit = (rows - again) / slope.detach().clamp_min(_LEAST_SLOPE)
    return (solved + (implicit - implicit.detach())).reshape(toned.shape)


def _rows(value: Tensor, x: Tensor, y: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """The values as one row per curve, and the points as (R, n)."""
    if x.shape != y.shape or x.ndim not in (1, 2) or x.shape[-1] < 2:
        raise ShapeError(f"points are (n,) or (B, n) with n >= 2, but x {tuple(x.shape)} and y {tuple(y.shape)} came")
    x, y = (points.to(value.dtype).reshape(-1, points.shape[-1]) for points in (x, y))
    return value.reshape(x.shape[0], -1), x, y


def _tangents(x: Tensor, y: Tensor) -> Tensor:
    """(R, n) slopes at the points."""
    run, rise = x.diff(dim=-1), y.diff(dim=-1)
    secant = rise / run
    middle = (run[:, 1:] * secant[:, :-1] + run[:, :-1] * secant[:, 1:]) / (run[:, 1:] + run[:, :-1])
    tangents = torch.cat([secant[:, :1], middle, secant[:, -1:]], -1)
    length = torch.hypot(tangents[:, :-1], tangents[:, 1:]) / secant
    short = torch.where(length > 3, 3 / length, torch.ones_like(length))
    # A point belongs to two pieces and obeys the stricter one: what is shorter still lies inside the circle of the other.
    whole = torch.ones_like(short[:, :1])
    return tangents * torch.minimum(torch.cat([short, whole], -1), torch.cat([whole, short], -1))


def _evaluate(value: Tensor, x: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
    """The curve and its slope at (R, N) values."""
    run, tangents = x.diff(dim=-1), _tangents(x, y)
    first, last = tangents[:, :-1], tangents[:, 1:]
    secant = y.diff(dim=-1) / run
    square, cube = (3 * secant - 2 * first - last) / run, (first + last - 2 * secant) / run**2
    inside = torch.minimum(torch.maximum(value, x[:, :1]), x[:, -1:])
    piece = torch.searchsorted(x[:, 1:-1].detach().contiguous(), inside.detach().contiguous(), right=True)
    start, height, c1, c2, c3 = (table.gather(1, piece) for table in (x[:, :-1], y[:, :-1], first, square, cube))
    t = inside - start
    slope = c1 + t * (2 * c2 + 3 * t * c3)
    return height + t * (c1 + t * (c2 + t * c3)) + slope * (value - inside), slope


def _solve(toned: Tensor, x: Tensor, y: Tensor) -> Tensor:
    """The x of (R, N) values on the curve."""
    inside = torch.minimum(torch.maximum(toned, y[:, :1]), y[:, -1:])
    piece = torch.searchsorted(y[:, 1:-1].contiguous(), inside.contiguous(), right=True)
    start, end = x[:, :-1].gather(1, piece), x[:, 1:].gather(1, piece)
    low, high, guess = start, end, (start + end) / 2
    for _ in range(_STEPS):
        found, slope = _evaluate(guess, x, y)
        under = found < inside
        low, high = torch.where(under, guess, low), torch.where(under, high, guess)
        step = guess - (found - inside) / slope.clamp_min(_LEAST_SLOPE)
        guess = torch.where((step >= low) & (step <= high), step, (low + high) / 2)
    # Rounding may have shut an end of the piece out of the bracket.
    found, slope = _evaluate(guess, x, y)
    guess = torch.minimum(torch.maximum(guess - (found - inside) / slope.clamp_min(_LEAST_SLOPE), start), end)
    _, slope = _evaluate(guess, x, y)
    return guess + (toned - inside) / slope
