"""Sums over the counts: exact moments wherever a rail or the cap is felt."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

import torch
from torch import Tensor
from torch.utils.checkpoint import checkpoint

from campipe.ops.moments.poisson import last_below, mass, more_than, window

# Values in flight: 1 MB per temporary.
CHUNK = 2**17
# From this rate on the Poisson law is smooth and clear of zero, and counts may be summed with a stride.
SMOOTH_RATE = 300.0

Moments = tuple[Tensor, Tensor]
# (values before the noise (R, K), pivot (R, 1), std (R,) or None) to the moments about the pivot, (R, K); R may be 1 for all pixels.
Conditional = Callable[[Tensor, Tensor, Tensor | None], Moments]


@dataclass(frozen=True)
class Pixels:
    """The numbers of some pixels, each (P,), or (1,) where it is one for all; float64.

    rate, cap   e-; the cap may be inf
    scale       DN/e-
    offset      DN
    std         DN, None where the noise is the same for all
    """

    rate: Tensor
    cap: Tensor
    scale: Tensor
    offset: Tensor
    std: Tensor | None = None

    @property
    def fields(self) -> tuple[Tensor | None, ...]:
        return self.rate, self.cap, self.scale, self.offset, self.std

    @property
    def count(self) -> int:
        return max(v.numel() for v in self.fields if v is not None)

    def take(self, at: Tensor) -> Pixels:
        """The pixels at these indices; what is one number for all stays one."""
        return Pixels(*(v if v is None or v.numel() == 1 else v.index_select(0, at) for v in self.fields))  # type: ignore[arg-type]

    def turned(self, top: float) -> Pixels:
        """The same pixels with the converter's range upside down."""
        return replace(self, scale=-self.scale, offset=top - self.offset)


def saving(function: Callable[..., Moments], *tensors: Tensor | None, tracked: bool = False) -> Moments:
    """Call a function, and in the backward pass call it again: the graph of a chunk lives only while that chunk is worked on.

    tracked   True if the function leads to further tensors that need a gradient
    """
    if torch.is_grad_enabled() and (tracked or any(t is not None and t.requires_grad for t in tensors)):
        return checkpoint(function, *tensors, use_reentrant=False, preserve_rng_state=False)
    return function(*tensors)


def over_counts(
    pixels: Pixels, mean: Tensor, conditional: Conditional, smooth: float, top: float, exact: torch.dtype, tracked: bool
) -> Moments:
    """Mean and variance of a value of which the conditional moments, given the count, are known.

    mean      (P,) DN, before rounding and clipping: where to put the pivot
    smooth    DN, the length on which the conditional moments change, or 0 where single levels show: then every count is summed
    exact     type in which scale * count + offset is computed
    tracked   True if the conditional moments need a gradient of their own
    """
    order = torch.argsort(pixels.rate.detach()) if pixels.rate.numel() > 1 else torch.arange(pixels.count, device=mean.device)
    pixels, mean = pixels.take(order), mean.detach()[order]
    alike = pixels.scale.numel() == pixels.offset.numel() == pixels.cap.numel() == 1 and pixels.std is None
    firsts, seconds = [], []
    for begin, end, grid, stride, reached in _chunks(pixels, smooth):
        rows = torch.arange(begin, end, device=mean.device)
        part = pixels.take(rows)
        pivot = (mean[begin:end].mean() if alike else mean[begin:end]).reshape(-1, 1).round().clamp(0, top)

        def chunk(*fields: Tensor, p: Tensor = pivot, n: Tensor = grid, h: int = stride, c: bool = reached) -> Moments:
            return _sum(Pixels(*fields), p, n, h, c, conditional, exact)

        first, second = saving(chunk, *part.fields, tracked=tracked)
        firsts.append((pivot[:, 0] + first).expand(end - begin))
        seconds.append((second - first**2).expand(end - begin))
    back = torch.argsort(order)
    return torch.cat(firsts)[back], torch.cat(seconds)[back]


def _sum(pixels: Pixels, pivot: Tensor, grid: Tensor, stride: int, reached: bool, conditional: Conditional, exact: torch.dtype) -> Moments:
    """First and second moment about the pivot, (R,) each; grid: the counts (K,); reached: some counts may be above the cap."""
    rate, cap, scale, offset = (v[:, None] for v in (pixels.rate, pixels.cap, pixels.scale, pixels.offset))
    weight = mass(grid, rate) * stride

    def at(count: Tensor) -> Moments:
        m = scale.to(exact) * count.to(exact) + offset.to(exact)
        return conditional(m.double() if exact != torch.float64 and m.requires_grad else m, pivot, pixels.std)

    if reached:
        weight = torch.where(grid < cap, weight, 0.0)
    first, second = (_dot(weight, v) for v in at(grid))
    if reached:
        # All larger counts are held at the cap.
        below = last_below(cap)
        held = torch.where(below >= 0, more_than(*torch.broadcast_tensors(below.clamp_min(0), rate)), 1.0)
        finite = torch.isfinite(cap)
        on_cap = at(torch.where(finite, cap, 0.0))
        first, second = (v + torch.where(finite, held * c, 0.0)[:, 0] for v, c in zip((first, second), on_cap, strict=True))
    return first, second


def _dot(weight: Tensor, value: Tensor) -> Tensor:
    return weight @ value[0] if value.shape[0] == 1 else (weight * value).sum(-1)


def _chunks(pixels: Pixels, smooth: float) -> Iterator[tuple[int, int, Tensor, int, bool]]:
    """Rows of similar rate, sorted before, with the counts that matter to them: (begin, end, counts (K,), stride, whether a cap is met)."""
    rate = pixels.rate.detach()
    low, high = (v.expand(pixels.count) for v in window(rate))
    lowest, highest = float(pixels.cap.min()), float(last_below(pixels.cap.max()))
    steepest = float(pixels.scale.detach().abs().max())
    begin = 0
    while begin < pixels.count:
        first, last = float(low[begin]), float(high[begin])
        stride = 1
        if smooth and float(rate[min(begin, len(rate) - 1)]) > SMOOTH_RATE and steepest:
            # The product of two bells of these widths has no frequency that the stride could mistake: its error is below 1e-8.
            narrow = 1 / math.sqrt((steepest / smooth) ** 2 + 1 / float(rate[min(begin, len(rate) - 1)]))
            stride = max(1, int(narrow))
        room = max(1, int(CHUNK * stride / (1.5 * (last - first + 1))))
        alike = int(torch.searchsorted(high[begin:].contiguous(), 2 * last - first, right=True))
        end = min(pixels.count, begin + max(1, min(room, alike)))
        last = float(high[end - 1])
        reached = lowest <= last
        if reached:
            stride = 1
        last = max(min(last, highest), first - 1)
        yield begin, end, torch.arange(first, last + 1, stride, dtype=torch.float64, device=rate.device), stride, reached
        begin = end
