"""Random numbers of training samples: they hang on a seed and the number of the sample, on no step, process, neighbour or device."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from campipe.core.random import Grid, Key
from campipe.ops import draws

Numbers = Sequence[int] | Tensor
"""Numbers of samples: plain ones, or a tensor of int64 on the device where the samples are made."""


def uniform(seed: int, numbers: Numbers, count: int, device: torch.device | str = "cpu") -> Tensor:
    """Numbers from (0, 1), (B, count) float64, `count` for each sample.

    seed      0 <= seed < 2**64
    numbers   of the samples, 0 <= number < 2**32
    """
    return draws.uniform(Key(seed), _addresses(numbers, 1, count, device), torch.float64, device).reshape(len(numbers), count)


def normal(seed: int, numbers: Numbers, shape: Sequence[int], device: torch.device | str = "cpu") -> Tensor:
    """Standard normal numbers, (B, *shape) float32; shape is (..., H, W). A GPU rounds otherwise than the CPU, by about 1e-6."""
    *planes, height, width = shape
    for plane in planes:
        height *= plane
    return draws.normal(Key(seed), _addresses(numbers, height, width, device), device=device).reshape(len(numbers), *shape)


def _addresses(numbers: Numbers, height: int, width: int, device: torch.device | str) -> Grid:
    item = torch.as_tensor(list(numbers) if not isinstance(numbers, Tensor) else numbers, dtype=torch.int64, device=device)
    return Grid(height, width, torch.zeros(len(item), 2, dtype=torch.int64, device=device), torch.zeros_like(item), item)
