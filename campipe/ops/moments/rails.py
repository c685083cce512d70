"""What the converter makes of a known value plus noise: first and second moment of clip(round(m + noise), 0, top) about a pivot."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from campipe.ops.moments.noise import MixedNoise, NormalNoise
from campipe.ops.moments.tails import Tails

# Below this standard deviation (DN) only one rounding threshold is within seven standard deviations.
SHARP = 0.07
# At most so many knots per DN.
MOST = 2**14


def rounded_exactly(m: Tensor, pivot: Tensor, top: float) -> tuple[Tensor, Tensor]:
    """Moments about the pivot without noise: half to even, as the converter does."""
    value = torch.round(m).clamp(0, top).double() - pivot
    return value, value**2


def by_levels(m: Tensor, pivot: Tensor, noise: NormalNoise, top: float) -> tuple[Tensor, Tensor]:
    """Moments about the pivot by a sum over the levels within reach; std may differ from pixel to pixel.

    m   (..., K) DN, any value; pivot (...), whole numbers

    Tails of 8.5 standard deviations. The number of terms is 17 of the largest std.
    """
    std = noise.std if noise.std.ndim == 0 else noise.std[:, None]
    largest = float(noise.std.detach().max())
    steps = 1 if largest < SHARP else math.ceil(17 * largest) + 2
    start = torch.floor(m.detach()) if steps == 1 else torch.floor(m.detach() - 8.5 * std.detach())
    at = start.clamp(0, top) - pivot
    first, second = at, at**2
    for i in range(1, steps + 1):
        level = start + i
        counts = (level >= 1) & (level <= top)
        above = torch.where(counts, 0.5 * torch.erfc((level - 0.5 - m) / std * math.sqrt(0.5)), 0.0)
        first = first + above
        second = second + above * (2 * (level - pivot) - 1)
    return first, second


@dataclass(frozen=True)
class Rails:
    """The same from a table of E[max(round(x + noise), 0)] and of its square around x = 0: fast, one noise law for a whole item.

    noise      the law
    reach      half-width of the table, whole DN; beyond it the table repeats with period 1, and only `excess` tells of the rail
    per_dn     knots per DN
    cubic      (K, 8): four coefficients per interval, of both functions

    The table comes from the recursion over whole steps, in which all terms are positive,
        E1(x + 1) = E1(x) + F(x + 1/2),  E2(x + 1) = E2(x) + 2 E1(x) + F(x + 1/2).
    Gradient: in the value and in the std of the noise, through the table.
    """

    noise: NormalNoise | MixedNoise
    reach: int
    per_dn: int
    cubic: Tensor
    tails: Tails | None

    @classmethod
    def of(cls, noise: NormalNoise | MixedNoise, top: float) -> Rails:
        reach = math.ceil(float(noise.reach.max())) + 1
        per_dn = min(max(4, math.ceil(noise.knots)), MOST)
        # One knot more at each end, for the cubic through four neighbours.
        x = torch.arange(-(reach + 2) * per_dn, (reach + 2) * per_dn, dtype=torch.float64).reshape(-1, per_dn) / per_dn
        step = noise.cdf((x - 0.5).reshape(-1)).reshape(x.shape)
        zero = torch.zeros_like(step[:1])
        begin1, begin2 = (zero, zero) if not noise.heavy else tuple(v[None] for v in noise.excess(-x[0]))  # type: ignore[union-attr]
        first = begin1 + torch.cat([zero, torch.cumsum(step[1:], 0)])
        second = begin2 + torch.cat([zero, torch.cumsum(2 * first[:-1] + step[1:], 0)])
        cubic = torch.cat([_cubic(first.reshape(-1)), _cubic(second.reshape(-1))], 1)
        return cls(noise, reach, per_dn, cubic, Tails.of(noise, top))

    def _look(self, x: Tensor) -> tuple[Tensor, Tensor]:
        u = x.clamp(-self.reach - 0.5, self.reach + 0.5) * self.per_dn + ((self.reach + 2) * self.per_dn - 1)
        i = u.detach().floor()
        f = u - i
        c = self.cubic.index_select(0, i.long().reshape(-1)).reshape(*x.shape, 8)
        return (
            ((c[..., 3] * f + c[..., 2]) * f + c[..., 1]) * f + c[..., 0],
            ((c[..., 7] * f + c[..., 6]) * f + c[..., 5]) * f + c[..., 4],
        )

    def above_zero(self, m: Tensor, pivot: Tensor, top: float) -> tuple[Tensor, Tensor]:
        """Moments about the pivot of max(round(m + noise), 0)."""
        shift = (torch.round(m.detach()) - self.reach).clamp_min(0)
        x = m - shift
        first, second = self._look(x)
        away = shift - pivot
        tails = self.tails
        if tails is None:
            return away + first, away**2 + 2 * away * first + second
        far = shift > 0
        if bool(far.any()):
            # The table repeats the tail of its own end, which is taken out and put in again for the true distance.
            here1, here2 = tails(x)
            there1, there2 = tails(m)
            first = torch.where(far, first - here1 + there1, first)
            second = torch.where(far, second + here2 - there2 - 2 * shift * there1, second)
        low = m < -self.reach
        if bool(low.any()):
            there1, there2 = tails(-m)
            first, second = torch.where(low, there1, first), torch.where(low, there2, second)
        return away + first, away**2 + 2 * away * first + second

    def between(self, m: Tensor, pivot: Tensor, top: float) -> tuple[Tensor, Tensor]:
        """Moments about the pivot of clip(round(m + noise), 0, top)."""
        first, second = self.above_zero(m, pivot, top)
        if self.tails is None and not bool((m.detach() > top - self.reach).any()):
            return first, second
        over1, over2 = self.above_zero(m - top, torch.zeros_like(pivot), top)
        return first - over1, second - over2 - 2 * (top - pivot) * over1


def _cubic(y: Tensor) -> Tensor:
    """Coefficients (K - 3, 4) of the cubics through four neighbours, each for the interval between the middle two."""
    a, b, c, d = y[:-3], y[1:-2], y[2:-1], y[3:]
    return torch.stack([b, c - b / 2 - a / 3 - d / 6, (a + c) / 2 - b, (b - c) / 2 + (d - a) / 6], 1)
