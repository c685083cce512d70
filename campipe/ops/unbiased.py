"""What the exact unbiased inverse of the generalised Anscombe transform adds to its asymptotic form, by tables.

In electrons, with f(z) = 2 sqrt(max(z + 3/8 + g^2, 0)) - 2 g, z a Poisson count of mean u plus normal noise of deviation g, and
y = E[f(z) | u]:

    u = y^2 / 4 + g y - 1/8 + correction(y, g),    correction -> g^2 / (8 m^2) with m = (y / 2 + g)^2 + 1/4 where m is large.

The limit is the expansion of E sqrt in central moments up to the second order in 1 / m, with g^2 / m held.
"""

from __future__ import annotations

from functools import lru_cache

import torch
from torch import Tensor

from campipe.ops.compiled import loops_serve
from campipe.ops.moments.poisson import mass

_STEP = 0.08  # of y: cubic interpolation is then exact to 1e-7 e-
_CELLS = 500  # up to y = 40, where what the limit leaves out has fallen to 1e-5 e-
_LARGE_READ = 30.0  # e-; from here on the limit serves from 0 on
_POINTS = 400  # of the integral over the read noise


def correction(y: Tensor, read: Tensor) -> Tensor:
    """What is to be added, e-.

    y         any shape, mean of the transformed values
    read      g, broadcasts with y, e-, >= 0; few different numbers
    returns   the shape of y; below E[f | u = 0] the number that holds there

    Gradient: exact in y (that of the interpolating cubic); in the read noise by central differences of 1e-3.
    """
    out = _looked_up(y, read.detach())
    if read.requires_grad:
        step = 1e-3 * (1 + read.detach())
        low = (read.detach() - step).clamp_min(0)
        high = read.detach() + step
        with torch.no_grad():
            slope = (_looked_up(y.detach(), high) - _looked_up(y.detach(), low)) / (high - low)
        out = out + slope * (read - read.detach())
    return out


def _looked_up(y: Tensor, read: Tensor) -> Tensor:
    if loops_serve(y, read) and y.ndim > 2 and read.ndim == y.ndim and read.shape[-2:] == (1, 1):
        return _by_loop(y, read)
    mean = torch.maximum((y / 2 + read).square() + 0.25, read.square() + 0.375)  # not below that of u = 0
    limit = (read / mean).square() / 8
    kinds, which = torch.unique(read, return_inverse=True)
    small = kinds < _LARGE_READ
    if not bool(small.any()):
        return limit
    tables = [_table(g) for g in kinds[small].tolist()]
    start = torch.tensor([begin for begin, _ in tables], dtype=y.dtype, device=y.device)
    cubics = torch.stack([cubic for _, cubic in tables], 1).to(y)  # (4, kinds, cells)
    which = which.clamp_max(len(tables) - 1)
    place = (y - start[which]) / _STEP
    cell = place.detach().floor().clamp(0, _CELLS - 1)
    along = (place - cell).clamp_min(0)  # left of the table its first number holds
    index = which * _CELLS + cell.long()
    a, b, c, d = (part.reshape(-1)[index] for part in cubics)
    inner = a + along * (b + along * (c + along * d))
    return torch.where((read < _LARGE_READ) & (place < _CELLS), inner, limit)


def _by_loop(y: Tensor, read: Tensor) -> Tensor:
    from campipe.ops.kernels.memory import empty
    from campipe.ops.kernels.threads import over_rows
    from campipe.ops.kernels.unbiased import correction_rows

    reads = read.expand(*y.shape[:-2], 1, 1).flatten()
    tables = [_table(g) if g < _LARGE_READ else (float("inf"), torch.zeros(4, _CELLS)) for g in reads.tolist()]
    start = torch.tensor([begin for begin, _ in tables], dtype=torch.float32).numpy()
    cubics = torch.stack([cubic.float() for _, cubic in tables]).numpy()
    out = empty((len(reads), *y.shape[-2:]))
    source, level, result = y.detach().contiguous().view(out.shape).numpy(), reads.contiguous().numpy(), out.numpy()
    rows, width = len(reads) * y.shape[-2], y.shape[-1]
    over_rows(lambda first, last: correction_rows(source, level, start, cubics, _STEP, first, last, result), rows, width)
    return out.view(y.shape)


@lru_cache(maxsize=512)
def _table(read: float) -> tuple[float, Tensor]:
    """E[f | u = 0] and the cubics, (4, cells) float64 by rising power, of the correction between equidistant y from there on."""
    last = (_STEP * _CELLS / 2 + read + 1) ** 2 - read**2 + 2  # e-, beyond the end of the table
    counts = torch.arange(int(last + 8.5 * last**0.5 + 16), dtype=torch.float64)
    given = _given_count(counts, read) - 2 * read
    start = float(given[0])
    y = start + _STEP * torch.arange(_CELLS + 1, dtype=torch.float64)
    # From an even grid of roots to an even grid of y by one interpolation, then Newton: E is known with its derivative.
    grid = (torch.linspace(0, 1, 800, dtype=torch.float64) * (last + 0.125) ** 0.5) ** 2
    reached = mass(counts, grid[:, None]) @ given
    at = torch.searchsorted(reached, y).clamp(1, len(grid) - 1)
    share = ((y - reached[at - 1]) / (reached[at] - reached[at - 1])).clamp_min(0)
    u = grid[at - 1] + share * (grid[at] - grid[at - 1])
    rise = torch.stack([given, torch.diff(given, append=given[-1:])], 1)
    for _ in range(2):
        p = mass(counts, u[:, None]) @ rise
        u = (u - (p[:, 0] - y) / p[:, 1]).clamp_min(0)
    slope = (mass(counts, u[:, None]) @ rise)[:, 1]
    value = u - (y**2 / 4 + read * y - 0.125)
    change = (1 / slope - (y / 2 + read)) * _STEP
    difference = value[1:] - value[:-1]
    left, right = change[:-1], change[1:]
    return start, torch.stack([value[:-1], left, 3 * difference - 2 * left - right, left + right - 2 * difference])


def _given_count(counts: Tensor, read: float) -> Tensor:
    """E[2 sqrt(max(n + 3/8 + g^2 + g t, 0))] over a standard normal t, (n,) float64.

    In s, the root itself, the integrand s^2 phi((s^2 - a) / g) is even and smooth, so that equal steps converge faster than any power.
    """
    middle = counts + 0.375 + read**2
    if read < 1e-3:
        return 2 * middle.sqrt() * (1 - read**2 / (8 * middle**2))
    low = (middle - 9 * read).clamp_min(0).sqrt()
    high = (middle + 9 * read).sqrt()
    step = (high - low) / _POINTS
    s = low + step * torch.arange(_POINTS + 1, dtype=torch.float64)[:, None]
    density = torch.exp(-0.5 * ((s**2 - middle) / read) ** 2) / (2 * torch.pi) ** 0.5
    return (4 * s**2 * density).sum(0) * step / read
