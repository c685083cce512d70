"""How pictures are damaged at random: noise, writing, impulses and missing pixels, each of a strength that is drawn for each picture."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple, Self

import torch
from torch import Tensor

from campipe.core.errors import CampipeError
from campipe.core.random import Key
from campipe.scenes.lettering import lettering
from campipe.train.draws import Numbers, normal, uniform

WHITE = 255.0
"""Of the scale that sigma is given on, as the literature does."""
LAYERS = 3
"""Colours of the writing over one picture."""


class Seen(NamedTuple):
    """A damaged picture.

    picture   (B, C, H, W)
    valid     (B, 1, H, W), 1 where a pixel says something of the picture and 0 where it is known to be missing; None: 1 everywhere
    """

    picture: Tensor
    valid: Tensor | None = None


@dataclass(frozen=True)
class Corruption:
    """Random damage; what it does to sample n hangs on seed and n alone. To be derived from: implement `__call__`.

    least, most   of the strength, which is drawn evenly from this range for each picture; its unit is the class's own
    """

    least: float
    most: float

    def __post_init__(self) -> None:
        if not 0 <= self.least <= self.most or not math.isfinite(self.most):
            raise CampipeError(f"damage has a strength from 0 on, least to most, but {self.least} to {self.most} came")

    def at(self, strength: float) -> Self:
        """The same damage, always of one strength."""
        return replace(self, least=strength, most=strength)

    def __call__(self, clean: Tensor, seed: int, numbers: Numbers) -> Seen:
        """Damage pictures, (B, C, H, W) in [0, 1], on their device; nothing is clipped."""
        raise NotImplementedError(f"{type(self).__name__} does not say what it does; implement __call__(clean, seed, numbers)")

    def _strength(self, clean: Tensor, seed: int, numbers: Numbers) -> Tensor:
        """(B, 1, 1, 1)."""
        drawn = uniform(_part(seed, "strength"), numbers, 1, clean.device)
        return (self.least + (self.most - self.least) * drawn).to(clean.dtype)[:, :, None, None]


class Gaussian(Corruption):
    """White Gaussian noise; the strength is its standard deviation on the scale from 0 to 255. Its mean is the picture."""

    def __call__(self, clean: Tensor, seed: int, numbers: Numbers) -> Seen:
        noise = normal(_part(seed, "gaussian"), numbers, clean.shape[1:], clean.device)
        return Seen(clean + self._strength(clean, seed, numbers) / WHITE * noise)


class Poisson(Corruption):
    """Counts of photons, divided by those of white; the strength is the photons of white, above 0. Its mean is the picture, in [0, 1]."""

    def __call__(self, clean: Tensor, seed: int, numbers: Numbers) -> Seen:
        white = self._strength(clean, seed, numbers)
        u = uniform(_part(seed, "poisson"), numbers, clean[0].numel(), clean.device).reshape(clean.shape)
        return Seen((_counts(clean.clamp(0, 1) * white, u, self.most) / white).to(clean.dtype))


class Overlaid(Corruption):
    """Writing in three random colours over the picture; the strength is the share of the pixels that is covered, below 0.5.

    Each colour covers its own share, drawn so that all cover between `least` and `most`. Each pixel's median is the picture where the
    share is below a half and the writing lies elsewhere each time.
    """

    def __call__(self, clean: Tensor, seed: int, numbers: Numbers) -> Seen:
        batch, _, height, width = clean.shape
        least, most = (1 - (1 - share) ** (1 / LAYERS) for share in (self.least, self.most))
        layers = (LAYERS * _items(numbers, clean.device)[:, None] + torch.arange(LAYERS, device=clean.device)).flatten()
        masks = lettering(_part(seed, "writing"), layers, height, width, most, clean.device, least).to(clean.dtype)
        colours = uniform(_part(seed, "colours"), numbers, 3 * LAYERS, clean.device).to(clean.dtype).reshape(batch, LAYERS, 3, 1, 1)
        seen = clean
        for layer, mask in enumerate(masks.reshape(batch, LAYERS, 1, height, width).unbind(1)):
            seen = torch.lerp(seen, colours[:, layer, : clean.shape[1]].expand_as(seen), mask)
        return Seen(seen)


class Impulses(Corruption):
    """Pixels replaced by random colours, even in [0, 1]; the strength is their share, at most 1. Each pixel's mode is the picture."""

    def __call__(self, clean: Tensor, seed: int, numbers: Numbers) -> Seen:
        drawn = _even(_part(seed, "impulses"), numbers, (1 + clean.shape[1], *clean.shape[2:]), clean)
        return Seen(torch.where(drawn[:, :1] < self._strength(clean, seed, numbers), drawn[:, 1:], clean))


class Bernoulli(Corruption):
    """Pixels lost, all their colours 0, and known to be; the strength is their share, at most 1. The mean of those kept is the picture."""

    def __call__(self, clean: Tensor, seed: int, numbers: Numbers) -> Seen:
        drawn = _even(_part(seed, "bernoulli"), numbers, (1, *clean.shape[2:]), clean)
        valid = (drawn >= self._strength(clean, seed, numbers)).to(clean.dtype)
        return Seen(clean * valid, valid)


def _counts(rate: Tensor, u: Tensor, most: float) -> Tensor:
    """The least k whose distribution function F(k) reaches u, float64; `most` is the largest rate.

    The operations are the same for every picture, so that a GPU can repeat them. Beyond the last k lies less than 1e-11.
    """
    rate = rate.double()
    term = torch.exp(-rate)
    below, count = term, torch.zeros_like(u)
    for k in range(1, math.ceil(most + 7 * math.sqrt(most) + 12)):
        count = count + (u > below)
        term = term * rate / k
        below = below + term
    return count


def _even(seed: int, numbers: Numbers, shape: Sequence[int], like: Tensor) -> Tensor:
    """Numbers from [0, 1], (B, *shape)."""
    return uniform(seed, numbers, math.prod(shape), like.device).to(like.dtype).reshape(len(numbers), *shape)


def _items(numbers: Numbers, device: torch.device) -> Tensor:
    return torch.as_tensor(numbers if isinstance(numbers, Tensor) else list(numbers), dtype=torch.int64, device=device)


def _part(seed: int, what: str) -> int:
    return Key(seed).fold(what).seed
