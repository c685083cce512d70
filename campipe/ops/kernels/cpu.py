"""From tensors on the CPU to the compiled loops. Importing this module imports numba."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from campipe.ops.kernels import rows
from campipe.ops.kernels.memory import empty
from campipe.ops.kernels.threads import over_rows


def fill(loop: Any, origin: Tensor, frame: Tensor, item: Tensor, k0: int, k1: int, out: Tensor, *more: Tensor) -> Tensor:
    """Let a loop of `campipe.ops.kernels.rows` fill `out`, (N, H, W), row by row."""
    planes, height, width = out.shape
    if out.numel() == 0:
        return out
    addresses = [t.detach().contiguous().numpy() for t in (origin, frame, item)]
    arrays = [t.detach().contiguous().numpy() for t in more]
    result = out.numpy()
    over_rows(lambda first, last: loop(*addresses, k0, k1, first, last, result, *arrays), planes * height, width)
    return out


def words(origin: Tensor, frame: Tensor, item: Tensor, k0: int, k1: int, height: int, width: int) -> Tensor:
    return fill(rows.fill_word_rows, origin, frame, item, k0, k1, empty((len(origin), height, width), torch.int64))


def normal(origin: Tensor, frame: Tensor, item: Tensor, k0: int, k1: int, height: int, width: int) -> Tensor:
    return fill(rows.fill_normal_rows, origin, frame, item, k0, k1, empty((len(origin), height, width)))


def tukey(origin: Tensor, frame: Tensor, item: Tensor, k0: int, k1: int, height: int, width: int, shape: Tensor, scale: Tensor) -> Tensor:
    out = empty((len(origin), height, width))
    return fill(rows.fill_tukey_rows, origin, frame, item, k0, k1, out, shape, scale)


def poisson(rate: Tensor, origin: Tensor, frame: Tensor, item: Tensor, k0: int, k1: int) -> Tensor:
    return fill(rows.fill_poisson_rows, origin, frame, item, k0, k1, empty(rate.shape), rate)
