"""Green equalisation: the two greens of a Bayer tile, which see the same colour with slightly different gains."""

from __future__ import annotations

import torch
from torch import Tensor

from campipe.ops.filters import mirror_pad

_RING = ((-1, -1), (-1, 1), (1, -1), (1, 1))
_CROSS = ((-2, 0), (2, 0), (0, -2), (0, 2))


def places(pattern: str | None) -> tuple[tuple[int, int], ...]:
    """(y, x) of the two greens in the tile, that beside red first; none where the pattern is not Bayer's."""
    if pattern is None or len(pattern) != 4 or pattern.count("G") != 2 or pattern[0] == pattern[1] or pattern[0] == pattern[2]:
        return ()
    greens = [(i // 2, i % 2) for i, letter in enumerate(pattern) if letter == "G"]
    return tuple(sorted(greens, key=lambda g: "R" not in pattern[g[0] * 2 : g[0] * 2 + 2]))


def differences(
    mosaic: Tensor, pattern: str, limit: float, sigma: Tensor | None = None, clip: float = 0.98
) -> tuple[Tensor, Tensor, Tensor]:
    """How far the two greens differ around each green.

    mosaic    (B, ..., 1, H, W), 0 = black, 1 = white level
    limit     relative difference of the two greens beyond which it is detail, and does not count
    sigma     the same shape: standard deviation of the noise, by which the limit is widened; None: no noise
    clip      surroundings from here up do not count
    returns   difference relative to their mean, that beside blue less that beside red; its weight; and +1 at the green beside red, -1 at
              the one beside blue, 0 elsewhere: each of the mosaic's shape

    The mean of the four greens of the other kind is compared with the half of the pixel itself and of the four nearest of its own kind: on
    surfaces up to the second order both means agree, so that only the imbalance and noise are left. The weight falls to 0 at the limit
    (Tukey's biweight: Beaton and Tukey, Technometrics 16, 1974).
    """
    first, second = places(pattern)
    height, width = mosaic.shape[-2:]
    padded = _padded(mosaic, 2)

    def mean(offsets: tuple[tuple[int, int], ...]) -> Tensor:
        return torch.stack([padded[..., 2 + dy : 2 + dy + height, 2 + dx : 2 + dx + width] for dy, dx in offsets]).mean(0)

    own, other = (mosaic + mean(_CROSS)) / 2, mean(_RING)
    level = (own + other) / 2
    counts = (level > 1e-6) & (level < clip)
    safe = torch.where(counts, level, 1)
    sign = torch.zeros_like(mosaic)
    sign[..., first[0] :: 2, first[1] :: 2] = 1.0
    sign[..., second[0] :: 2, second[1] :: 2] = -1.0
    ratio = torch.where(counts, sign * (other - own) / safe, 0)
    # Noise of the difference: its weights are 1/4 four times, 1/2, and 1/8 four times.
    square = limit**2 if sigma is None else limit**2 + (3 * 0.75 * sigma / safe) ** 2
    weight = torch.where(counts, (1 - ratio**2 / square).clamp_min(0) ** 2, 0) * sign.abs()
    return ratio, weight, sign


def equalised_globally(mosaic: Tensor, pattern: str, limit: float = 0.04, sigma: Tensor | None = None) -> Tensor:
    """Multiply the two greens by one gain each, so that they agree on average over the picture. Arguments as of `differences`.

    Gradient: exact.
    """
    ratio, weight, sign = differences(mosaic, pattern, limit, sigma)
    total, count = ((part).flatten(1).sum(1) for part in (weight * ratio, weight))
    imbalance = (total / (count + 1e-6)).reshape(-1, *([1] * (mosaic.ndim - 1)))
    return mosaic * (1 + 0.5 * sign * imbalance)


def equalised_locally(mosaic: Tensor, pattern: str, limit: float = 0.04, radius: int = 6, sigma: Tensor | None = None) -> Tensor:
    """Give each green half of the difference that its surroundings agree on. Arguments as of `differences`, and

    radius    pixels over which differences are averaged, in each direction

    No green changes by more than half the (widened) limit. Gradient: exact.
    """
    ratio, weight, sign = differences(mosaic, pattern, limit, sigma)
    imbalance = _boxed(weight * ratio, radius) / (_boxed(weight, radius) + 1e-6)
    return mosaic * (1 + 0.5 * sign * imbalance)


def _padded(data: Tensor, amount: int) -> Tensor:
    return mirror_pad(mirror_pad(data, amount, amount, -2), amount, amount, -1)


def _boxed(data: Tensor, radius: int) -> Tensor:
    """Sum over a square of 2 radius + 1 pixels."""
    padded = _padded(data, radius)
    for dim, size in ((-1, data.shape[-1]), (-2, data.shape[-2])):
        summed = padded.narrow(dim, 0, size)
        for step in range(1, 2 * radius + 1):
            summed = summed + padded.narrow(dim, step, size)
        padded = summed
    return padded
