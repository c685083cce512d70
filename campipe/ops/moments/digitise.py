"""Mean and variance behind the analogue-to-digital converter, for whole frames."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from campipe.core.law import Noise
from campipe.ops.moments.interior import rounded, series_length
from campipe.ops.moments.noise import SERIES, MixedNoise, NormalNoise, combine
from campipe.ops.moments.poisson import capped_poisson, window
from campipe.ops.moments.rails import SHARP, Rails, by_levels, rounded_exactly
from campipe.ops.moments.sums import CHUNK, Conditional, Moments, Pixels, over_counts, saving
from campipe.ops.moments.tails import Tails


def digitised(
    rate: Tensor | None, cap: Tensor | None, scale: Tensor, offset: Tensor, noise: Sequence[Noise], top: float
) -> tuple[Tensor, Tensor]:
    """Mean and variance of clip(round(scale * min(N, cap) + offset + noise), 0, top), N Poisson distributed.

    rate      e-, expected counts; None: nothing was counted
    cap       e-, the largest count that is kept, or None; need not be whole
    scale     DN/e-
    offset    DN
    noise     independent terms, std in DN (below 1e-12: none); a Tukey-lambda term has one std and one shape per item
    top       DN, the largest code, up to 65535
    returns   mean (DN) and variance (DN^2), of the broadcast shape, in the dtype of the offset

    All arguments broadcast; the first axis is the batch. Computed on the CPU in float64, in chunks of bounded memory.

    Accuracy: relative error below 1e-6 for normal noise, 1e-4 with Tukey-lambda noise, with a floor of 1e-9 DN and 1e-9 DN^2 where next to
    nothing happens. Where both rails are out of reach the rounding is a Fourier series; elsewhere the counts within 8.5 standard deviations
    are summed, each with the moments of the rounded and clipped value (every count, or every few where all is smooth). Not exact:
    Tukey-lambda noise below 0.02 DN, whose table is then too coarse; and without noise a tie that the float32 arithmetic of a frame
    breaks otherwise than the dtype given here. Normal noise whose std differs from pixel to pixel is exact, and slow above 1 DN.
    Gradient: that of the result in rate, scale, offset and std; in the cap that of the closed form; none in the shape of the noise; without
    noise none in scale and offset, of which the rounded value is a staircase.
    """
    given = [offset, scale, *(n.std for n in noise), *(v for v in (rate, cap) if v is not None)]
    shape = torch.broadcast_shapes(*(v.shape for v in given))
    per_item = [scale, *([] if cap is None else [cap]), *(v for n in noise for v in (n.std, n.shape) if v is not None)]
    together = len(shape) == 0 or all(v.numel() == 1 for v in per_item)
    inner = shape if together else shape[1:]
    means, variances = [], []
    for item in range(1 if together else shape[0]):
        at = None if together else item
        values = [None if v is None else _flat(v, shape, at) for v in (rate, cap, scale, offset)]
        terms = [(_flat(n.std, shape, at), None if n.shape is None else float(_flat(n.shape, shape, at)[0])) for n in noise]
        law = combine([(s.reshape(()) if s.numel() == 1 else s, l) for s, l in terms])
        mean, variance = _Item(law, float(top), offset.dtype)(*values)  # type: ignore[arg-type]
        means.append(mean.expand(math.prod(inner)).reshape(inner))
        variances.append(variance.expand(math.prod(inner)).reshape(inner))
    mean, variance = (means[0], variances[0]) if together else (torch.stack(means), torch.stack(variances))
    return mean.to(offset), variance.clamp_min(0).to(offset)  # to its dtype and device


def _flat(value: Tensor, shape: torch.Size, item: int | None) -> Tensor:
    """One item's values, float64: (1,) where they are one number, else (P,)."""
    value = value.double().cpu()
    if value.numel() > 1 and item is not None:
        shape, full = shape[1:], value.ndim == len(shape)
        value = value[item if value.shape[0] > 1 else 0] if full else value
    if value.numel() == 1:
        return value.reshape(1)
    flat = value.expand(shape).reshape(-1)
    constant = not flat.requires_grad and bool((flat == flat[0]).all())
    return flat[:1] if constant else flat


@dataclass(frozen=True)
class _Item:
    """The converter behind one law of noise."""

    noise: NormalNoise | MixedNoise | None
    top: float
    dtype: torch.dtype

    def __call__(self, rate: Tensor | None, cap: Tensor | None, scale: Tensor, offset: Tensor) -> Moments:
        std = self.noise.std if isinstance(self.noise, NormalNoise) and self.noise.std.ndim else None
        if rate is None:
            return self._uncounted(offset, std)
        pixels = Pixels(rate, torch.full_like(rate[:1], math.inf) if cap is None else cap, scale, offset, std)
        others = [v for v in pixels.fields[1:] if v is not None]
        if not rate.requires_grad and all(v.numel() == 1 for v in others):
            # Flat fields and wedges: every rate once.
            rates, back = torch.unique(rate, return_inverse=True)
            mean, variance = self._counted(Pixels(rates, *pixels.fields[1:]))  # type: ignore[arg-type]
            return mean[back], variance[back]
        return self._counted(pixels)

    @property
    def _tracked(self) -> bool:
        return self.noise is not None and self.noise.variance.requires_grad

    def _uncounted(self, offset: Tensor, std: Tensor | None) -> Moments:
        conditional = self._conditional()
        count = max(len(offset), 1 if std is None else len(std))
        results = []
        for at in torch.arange(count, device=offset.device).split(CHUNK // 4):
            m = offset if len(offset) == 1 else offset[at]
            s = None if std is None else std[at]
            pivot = torch.round(m.detach()).clamp(0, self.top)

            def given(m: Tensor, s: Tensor | None, p: Tensor = pivot) -> Moments:
                return conditional(m[:, None], p[:, None], s)

            first, second = saving(given, m, s, tracked=self._tracked)
            results.append((pivot + first[:, 0], (second - first**2)[:, 0]))
        return torch.cat([r[0] for r in results]), torch.cat([r[1] for r in results])

    def _conditional(self) -> Conditional:
        noise, top = self.noise, self.top
        if noise is None:
            return lambda m, pivot, std: rounded_exactly(m, pivot, top)
        if isinstance(noise, NormalNoise) and (noise.std.ndim or noise.scale < SHARP):
            return lambda m, pivot, std: by_levels(m, pivot, noise if std is None else NormalNoise(std), top)
        table = Rails.of(noise, top)
        return lambda m, pivot, std: table.between(m, pivot, top)

    def _counted(self, pixels: Pixels) -> Moments:
        """Each pixel by the way that fits it, put together again."""
        counts, spread = capped_poisson(pixels.rate, pixels.cap)
        mean = (pixels.scale * counts + pixels.offset).expand(pixels.count)
        with torch.no_grad():
            terms = series_length(self.noise)
            inside = self._inside(pixels, terms)
            # Rounding half to even is not symmetrical, so without noise nothing is turned round.
            high = (mean > self.top / 2) & (self.noise is not None)
        conditional = None if bool(inside.all()) else self._conditional()
        results, places = [], []
        for kind, chosen in enumerate((inside, ~inside & ~high, ~inside & high)):
            at = chosen.nonzero()[:, 0]
            if not len(at):
                continue
            places.append(at)
            if kind == 0:
                results.append(self._interior(pixels, counts, spread, at, terms))
            else:
                assert conditional is not None
                results.append(self._summed(conditional, pixels.take(at), mean[at], terms, kind == 2))
        back = torch.argsort(torch.cat(places))
        return torch.cat([r[0] for r in results])[back], torch.cat([r[1] for r in results])[back]

    def _inside(self, pixels: Pixels, terms: int) -> Tensor:
        """Where the closed form holds: no rail within reach, and no cap either if single levels show."""
        if self.noise is None:
            return torch.zeros(pixels.count, dtype=torch.bool, device=pixels.rate.device)
        first, last = window(pixels.rate)
        ends = [pixels.scale * torch.minimum(n, pixels.cap) + pixels.offset for n in (first, last)]
        reach = self.noise.reach
        inside = (torch.minimum(*ends) > reach) & (torch.maximum(*ends) < self.top - reach)
        if terms:
            # A short sum over the counts is cheaper than a long series.
            inside = inside & (pixels.cap > last) & (terms < SERIES) & (last - first >= terms)
        return inside.expand(pixels.count)

    def _interior(self, pixels: Pixels, counts: Tensor, spread: Tensor, at: Tensor, terms: int) -> Moments:
        noise = self.noise
        assert noise is not None
        top, tails = self.top, Tails.of(noise, self.top)

        def closed(r: Tensor, a: Tensor, b: Tensor, s: Tensor | None, n: Tensor, v: Tensor) -> Moments:
            law = noise if s is None else NormalNoise(s)
            middle, spread = a * n + b, a**2 * v
            mean, variance = rounded(r, a, b, middle, spread + law.variance, law, terms)
            return (mean, variance) if tails is None else tails.cut(mean, variance, middle, spread, top)

        results = []
        for rows in at.split(CHUNK):
            part = pixels.take(rows)
            n, v = (x if x.numel() == 1 else x[rows] for x in (counts, spread))
            mean, variance = saving(closed, part.rate, part.scale, part.offset, part.std, n, v, tracked=self._tracked)
            results.append((mean.expand(len(rows)), variance.expand(len(rows))))
        return torch.cat([r[0] for r in results]), torch.cat([r[1] for r in results])

    def _summed(self, conditional: Conditional, pixels: Pixels, mean: Tensor, terms: int, turned: bool) -> Moments:
        noise = self.noise
        smooth = 0.0 if noise is None or terms else noise.scale if isinstance(noise, NormalNoise) else noise.scale / 2
        if not turned:
            exact = self.dtype if noise is None else torch.float64
            return over_counts(pixels, mean, conditional, smooth, self.top, exact, self._tracked)
        upside = pixels.turned(self.top)
        mean, variance = over_counts(upside, self.top - mean, conditional, smooth, self.top, torch.float64, self._tracked)
        return self.top - mean, variance
