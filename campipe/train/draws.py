"""Random numbers of training samples: they hang on a seed and the number of the sample, on no step, process or neighbour."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

_LIMIT = 2**63


def uniform(seed: int, numbers: Sequence[int], count: int, device: torch.device | str = "cpu") -> Tensor:
    """Numbers from [0, 1), (B, count) float64, `count` for each sample; the same on every device.

    seed      0 <= seed < 2**64
    numbers   of the samples, from 0 on

    Source: Philox4x64 of Salmon et al., SC 2011, as NumPy has it, under the seed as key and the sample's number in the counter.
    """
    rows = np.empty((len(numbers), count))
    for row, number in zip(rows, numbers, strict=True):
        np.random.Generator(np.random.Philox(key=seed, counter=int(number) << 64)).random(out=row)
    return torch.from_numpy(rows).to(device)


def normal(seed: int, numbers: Sequence[int], shape: Sequence[int], device: torch.device | str = "cpu") -> Tensor:
    """Standard normal numbers, (B, *shape) float32; a GPU draws others than the CPU, each device the same again."""
    seeds = (uniform(seed, numbers, 1) * _LIMIT).to(torch.int64).flatten().tolist()
    generator = torch.Generator(device)
    drawn = torch.empty((len(numbers), *shape), device=device)
    for row, own in zip(drawn, seeds, strict=True):
        row.normal_(generator=generator.manual_seed(own))
    return drawn
