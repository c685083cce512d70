"""Camera shake as a point-spread function: the path of a hand that holds still, drawn by key."""

from __future__ import annotations

import torch
from torch import Tensor

from campipe.core.random import Grid, Key
from campipe.ops.draws import normal

_STEPS = 512


def shake_kernel(key: Key, size: int = 19, length: float = 14.0) -> Tensor:
    """The kernel of a random, smooth path during the exposure.

    key       names the path
    size      side of the kernel, odd, pixels
    length    extent of the path's larger side, below size - 1, pixels
    returns   (size, size) float64, not negative, sums to 1; the centre of mass is within half a pixel of the middle

    The velocity is a damped random walk, as a hand's tremor is; positions are spread over the four pixels around them. Gradient: none.
    """
    grid = Grid(1, _STEPS, torch.zeros(1, 2, dtype=torch.int64), torch.zeros(1, dtype=torch.int64), torch.zeros(1, dtype=torch.int64))
    push = torch.stack([normal(key.fold(axis), grid, torch.float64)[0, 0, 0] for axis in ("y", "x")])
    points = torch.tensor([_path(pushes) for pushes in push.tolist()], dtype=torch.float64)
    extent = (points.amax(1) - points.amin(1)).max()
    points = points * (length / extent)
    points = points - (points.amax(1) + points.amin(1))[:, None] / 2
    shift = points.mean(1, keepdim=True).clamp(-((size - 1 - length) / 2), (size - 1 - length) / 2)
    points = points - shift + (size - 1) / 2
    low = points.floor().long().clamp(0, size - 2)
    part = points - low
    kernel = torch.zeros(size, size, dtype=torch.float64)
    for dy in (0, 1):
        for dx in (0, 1):
            weight = (part[0] if dy else 1 - part[0]) * (part[1] if dx else 1 - part[1])
            kernel.index_put_((low[0] + dy, low[1] + dx), weight, accumulate=True)
    return kernel / kernel.sum()


def _path(pushes: list[float]) -> list[float]:
    """The places of a damped walk along one axis."""
    velocity, place, path = 0.0, 0.0, []
    for push in pushes:
        velocity = 0.97 * velocity + push
        place = place + velocity
        path.append(place)
    return path
