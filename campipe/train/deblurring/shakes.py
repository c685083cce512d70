"""Shakes: a bank of the kernels of shaking hands, made once and lent by number."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from campipe.core.random import Key
from campipe.ops.shake import shake_kernel
from campipe.train.draws import Numbers, uniform

SIZE = 25
"""Pixels a side of each kernel."""
SHORTEST, LONGEST = 3.0, 22.0
"""Extent of a path's larger side, pixels, drawn evenly."""


class Shakes(nn.Module):
    """Kernels on a device, (count, 25, 25), each lent as it is or mirrored and transposed.

    count   kernels that are made, by `shake_kernel`
    seed    whole number; another one gives other paths
    """

    kernels: Tensor

    def __init__(self, count: int, seed: int = 0) -> None:
        super().__init__()
        self.seed = Key(seed).fold("shakes").seed
        key = Key(self.seed).fold("path")
        made = [path(key.fold(number)) for number in range(count)]
        self.register_buffer("kernels", torch.stack(made), persistent=False)

    def batch(self, numbers: Numbers) -> Tensor:
        """The kernels of the samples of these numbers: (B, 25, 25), each sums to 1."""
        drawn = uniform(self.seed, numbers, 4, self.kernels.device)
        chosen = self.kernels[(drawn[:, 0] * len(self.kernels)).long()]
        for position, turned in enumerate((lambda k: k.flip(-1), lambda k: k.flip(-2), lambda k: k.mT), 1):
            chosen = torch.where(drawn[:, position, None, None] < 0.5, turned(chosen), chosen)
        return chosen


def path(key: Key) -> Tensor:
    """The kernel of one path, its extent drawn too: (25, 25) float32."""
    return shake_kernel(key.fold("walk"), SIZE, SHORTEST + (LONGEST - SHORTEST) * key.uniform(0)).float()
