"""What learned blocks keep to at their ends: whole cells at the borders, and no more change than noise explains."""

from __future__ import annotations

import torch
from torch import Tensor

from campipe.ops.filters import mirror_pad

LARGEST = 6.0
"""What a measured pixel changes by, in sigma, at most; of Gaussian noise one pixel in 500 million lies further out."""


def limited(added: Tensor, sigma: Tensor) -> Tensor:
    """What is added to pixels, held between -6 and 6 sigma; sigma broadcasts with it. Gradient: 0 where it is held."""
    limit = LARGEST * sigma
    return torch.maximum(torch.minimum(added, limit), -limit)


def whole_cells(x: Tensor, cell: int) -> Tensor:
    """A picture, (..., H, W), continued by its mirror image below and to the right, up to whole cells of `cell` pixels a side."""
    for dim in (-2, -1):
        x = mirror_pad(x, 0, -x.shape[dim] % cell, dim)
    return x
