"""What can become of a picture on its way: kinds of damage, each of any strength, for a whole batch at once."""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn import functional

from campipe.core.errors import ShapeError
from campipe.ops.filters import gaussian_blur

BLUR, NOISE, STEP = 2.5, 0.15, 0.06
"""At a strength of 1: standard deviation of the blur, px; that of the noise; the quantiser's step at the frequency 0, of white."""
BLOCK = 8
"""Pixels a side of the blocks whose frequencies are quantised, as JPEG has them."""

_RADIUS = 7  # px; beyond it lies less than 1 % of the widest blur
_LUMA = (0.299, 0.587, 0.114)


def blurred(x: Tensor, strength: Tensor, noise: Tensor) -> Tensor:
    """By a Gaussian."""
    return gaussian_blur(x, BLUR * strength, _RADIUS)


def noisy(x: Tensor, strength: Tensor, noise: Tensor) -> Tensor:
    """By white Gaussian noise."""
    return x + NOISE * strength[:, None, None, None] * noise


def quantised(x: Tensor, strength: Tensor, noise: Tensor) -> Tensor:
    """Frequencies of blocks of 8 x 8 pixels rounded to multiples of a step, which grows with the frequency, as JPEG does."""
    batch, channels, height, width = x.shape
    if height % BLOCK or width % BLOCK:
        raise ShapeError(f"blocks of {BLOCK} x {BLOCK} pixels are quantised, but {height} x {width} came; take whole blocks")
    cosines = _cosines(x)
    blocks = x.reshape(batch, channels, height // BLOCK, BLOCK, width // BLOCK, BLOCK).transpose(3, 4)
    place = torch.arange(BLOCK, device=x.device, dtype=x.dtype)
    step = STEP * strength.clamp_min(1e-3).reshape(-1, 1, 1, 1, 1, 1) * (1 + (place[:, None] + place) / 2)
    rounded = torch.round(cosines @ blocks @ cosines.mT / step) * step
    return (cosines.mT @ rounded @ cosines).transpose(3, 4).reshape(x.shape)


def coarsened(x: Tensor, strength: Tensor, noise: Tensor) -> Tensor:
    """As from a quarter of the pixels a side, put back linearly; mixed with the picture itself."""
    small = functional.avg_pool2d(x, 4)
    return torch.lerp(x, functional.interpolate(small, size=x.shape[-2:], mode="bilinear"), strength[:, None, None, None])


def mosaicked(x: Tensor, strength: Tensor, noise: Tensor) -> Tensor:
    """Each pixel's two other colours interpolated from its neighbours, as after an RGGB filter; mixed with the picture itself."""
    rows, columns = (torch.arange(size, device=x.device) % 2 == 1 for size in x.shape[-2:])
    places = (~rows[:, None] & ~columns, rows[:, None] ^ columns, rows[:, None] & columns)
    around = functional.pad(x * torch.stack(places), (1, 1, 1, 1), mode="reflect")
    beside = around[..., 1:-1, :-2] + around[..., 1:-1, 2:], around[..., :-2, 1:-1] + around[..., 2:, 1:-1]
    across = around[..., :-2, :-2] + around[..., :-2, 2:] + around[..., 2:, :-2] + around[..., 2:, 2:]
    cross = around[..., 1:-1, 1:-1] + (beside[0] + beside[1]) / 4
    square = around[..., 1:-1, 1:-1] + (beside[0] + beside[1]) / 2 + across / 4
    filled = torch.cat([square[:, :1], cross[:, 1:2], square[:, 2:]], 1)
    return torch.lerp(x, filled, strength[:, None, None, None])


def recoloured(x: Tensor, strength: Tensor, noise: Tensor) -> Tensor:
    """Colours drawn towards grey, and the dark parts lifted."""
    grey = sum(share * x[:, c : c + 1] for c, share in enumerate(_LUMA))
    assert isinstance(grey, Tensor)
    amount = strength[:, None, None, None]
    faded = torch.lerp(x, grey.expand_as(x), 0.8 * amount)
    return faded.clamp_min(1e-4) ** (1 - 0.4 * amount)


KINDS: tuple[Callable[[Tensor, Tensor, Tensor], Tensor], ...] = (blurred, noisy, quantised, coarsened, mosaicked, recoloured)
"""Of (picture (B, 3, H, W) in [0, 1], strength (B,) from 0 to 1, standard normal numbers of the picture's shape)."""


def damaged(x: Tensor, kind: Tensor, strength: Tensor, noise: Tensor) -> Tensor:
    """Each picture damaged in its own way.

    x          (B, 3, H, W), display-encoded, in [0, 1]; H and W multiples of 8
    kind       (B,) number of a kind in KINDS, or len(KINDS): left as it is
    strength   (B,), 0 to 1
    noise      (B, 3, H, W), standard normal numbers
    returns    (B, 3, H, W), in [0, 1]

    No gradient is meant: numbers are rounded.
    """
    ways = torch.stack([damage(x, strength, noise) for damage in KINDS] + [x], 1)
    return ways[torch.arange(len(x), device=x.device), kind].clamp(0, 1)


def _cosines(like: Tensor) -> Tensor:
    """The orthonormal discrete cosine transform of 8 samples, (8, 8)."""
    place = torch.arange(BLOCK, device=like.device, dtype=like.dtype)
    table = torch.cos(math.pi / BLOCK * (place + 0.5) * place[:, None]) * math.sqrt(2 / BLOCK)
    table[0] /= math.sqrt(2)
    return table
