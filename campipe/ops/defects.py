"""Defective pixels: found against their neighbours of the same colour, and replaced from them."""

from __future__ import annotations

from functools import cache

import torch
from torch import Tensor

from campipe.core import pattern as patterns
from campipe.core.errors import ShapeError
from campipe.ops.filters import mirror_pad

COUNT = 8
"""Neighbours that are asked: two on each of four lines where the pattern allows it."""

# Comparators of Batcher's odd-even merge sort of eight values (Knuth, "The Art of Computer Programming" 3, section 5.3.4).
_NETWORK = (
    *((0, 1), (2, 3), (4, 5), (6, 7)),
    *((0, 2), (1, 3), (4, 6), (5, 7)),
    *((1, 2), (5, 6)),
    *((0, 4), (1, 5), (2, 6), (3, 7)),
    *((2, 4), (3, 5)),
    *((1, 2), (3, 4), (5, 6)),
)


@cache
def neighbours(pattern: str | None) -> tuple[tuple[tuple[int, int], ...], ...]:
    """The eight nearest places of the same colour, (dy, dx), for each position of the pattern, row by row.

    Without a filter and under a Bayer pattern they come in pairs (0, 1), (2, 3), ... that lie opposite to one another.
    """
    table = patterns.channels(pattern)
    height, width = len(table), len(table[0])
    places = [(dy, dx) for dy in range(-5, 6) for dx in range(-5, 6) if (dy, dx) != (0, 0)]
    found = []
    for y in range(height):
        for x in range(width):
            same = [(dy, dx) for dy, dx in places if table[(y + dy) % height][(x + dx) % width] == table[y][x]]
            # An opposite pair has one length, so that the sort keeps it together.
            same.sort(key=lambda d: (d[0] ** 2 + d[1] ** 2, max(d, (-d[0], -d[1]))))
            found.append(tuple(same[:COUNT]))
    return tuple(found)


def reach(pattern: str | None) -> int:
    """Pixels from a place to the farthest of its neighbours."""
    return max(max(abs(dy), abs(dx)) for places in neighbours(pattern) for dy, dx in places)


def extended(mosaic: Tensor, pattern: str | None, amount: int) -> Tensor:
    """The mosaic continued by `amount` pixels on every side such that each colour goes on under its own filter: (..., H, W).

    Periods of 1 and 2 go on as their mirror image, those of 6 by the pixel one tile further in.
    """
    tile = (1, 1) if pattern is None else patterns.size(pattern)
    least = tuple(max(t, amount + 1 if t < 6 else t) for t in tile)
    if mosaic.shape[-2] < min(least[0], 2 * tile[0]) or mosaic.shape[-1] < min(least[1], 2 * tile[1]):
        raise ShapeError(f"neighbours of the same colour need at least {least[0]} x {least[1]} pixels, but {tuple(mosaic.shape[-2:])} came")
    for dim, period in ((-2, tile[0]), (-1, tile[1])):
        if period <= 2:
            mosaic = mirror_pad(mosaic, amount, amount, dim)
        else:
            size = mosaic.shape[dim]
            low, high = mosaic.narrow(dim, period - amount, amount), mosaic.narrow(dim, size - period, amount)
            mosaic = torch.cat([low, mosaic, high], dim)
    return mosaic


def surroundings(mosaic: Tensor, pattern: str | None) -> tuple[Tensor, Tensor, Tensor]:
    """Median, second smallest and second largest of the eight neighbours of the same colour, each of the mosaic's shape (..., 1, H, W)."""
    height, width = mosaic.shape[-2:]
    tile = (1, 1) if pattern is None else patterns.size(pattern)
    r = reach(pattern)
    padded = extended(mosaic, pattern, r)
    out = [torch.empty_like(mosaic) for _ in range(3)]
    for place, offsets in enumerate(neighbours(pattern)):
        y, x = place // tile[1], place % tile[1]
        values = [padded[..., r + y + dy : r + dy + height : tile[0], r + x + dx : r + dx + width : tile[1]] for dy, dx in offsets]
        for i, j in _NETWORK:
            values[i], values[j] = torch.minimum(values[i], values[j]), torch.maximum(values[i], values[j])
        for result, value in zip(out, ((values[3] + values[4]) / 2, values[1], values[6]), strict=True):
            result[..., y :: tile[0], x :: tile[1]] = value
    return out[0], out[1], out[2]


def detected(mosaic: Tensor, pattern: str | None, limit: Tensor | float, spread: float, around: tuple[Tensor, Tensor, Tensor]) -> Tensor:
    """Where a pixel stands out from its neighbours of the same colour: (..., 1, H, W) bool.

    limit    broadcasts with the mosaic: how far from their median a pixel may lie where they agree
    spread   what is allowed on top, in units of the distance from their second smallest to their second largest: texture
    around   of `surroundings`
    """
    median, low, high = around
    return (mosaic - median).abs() > limit + spread * (high - low)


def replaced(mosaic: Tensor, mask: Tensor, pattern: str | None, directional: bool = True) -> Tensor:
    """The mosaic with the masked pixels estimated from their neighbours of the same colour that are not masked themselves.

    mosaic        (..., 1, H, W)
    mask          the same shape, bool
    directional   True: the mean of the opposite pair whose two values differ least, so that an edge goes on; where the pattern has no
                  opposite pairs, or none is whole, and with False: the median
    returns       the shape of the mosaic; where all eight are masked, their median all the same

    Gradient: exact for the mask as it is.
    """
    shape = mosaic.shape
    flat, marks = mosaic.reshape(-1, *shape[-2:]), mask.reshape(-1, *shape[-2:])
    plane, y, x = marks.nonzero(as_tuple=True)
    if not len(y):
        return mosaic
    r = reach(pattern)
    padded, bad = extended(flat, pattern, r), extended(marks, pattern, r)
    columns = 1 if pattern is None else patterns.size(pattern)[1]
    rows = 1 if pattern is None else patterns.size(pattern)[0]
    offsets = torch.tensor(neighbours(pattern), device=mosaic.device)[y % rows * columns + x % columns]
    at = (plane[:, None], y[:, None] + r + offsets[..., 0], x[:, None] + r + offsets[..., 1])
    values, good = padded[at], ~bad[at]
    good = torch.where(good.any(1, keepdim=True), good, True)
    estimate = _median(values, good)
    opposite = (offsets[:, 0::2] == -offsets[:, 1::2]).all(-1)
    if directional and bool(opposite.any()):
        first, second = values[:, 0::2], values[:, 1::2]
        cost = torch.where(opposite & good[:, 0::2] & good[:, 1::2], (first - second).abs(), torch.inf)
        least, best = cost.min(1, keepdim=True)
        along = ((first + second) / 2).gather(1, best)[:, 0]
        estimate = torch.where(torch.isfinite(least[:, 0]), along, estimate)
    return flat.index_put((plane, y, x), estimate).reshape(shape)


def _median(values: Tensor, good: Tensor) -> Tensor:
    """Median over the good ones of each row, the mean of the two in the middle where they are even in number."""
    ordered = torch.where(good, values, torch.inf).sort(1).values
    count = good.sum(1, keepdim=True)
    return (ordered.gather(1, (count - 1) // 2) + ordered.gather(1, count // 2))[:, 0] / 2
