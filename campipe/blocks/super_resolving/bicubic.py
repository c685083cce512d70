"""Super-resolution by cubic convolution, what everybody else is compared with."""

from __future__ import annotations

from torch import Tensor

from campipe.blocks.super_resolving.slot import SuperResolver
from campipe.ops.upsample import cubic, upsample


class Bicubic(SuperResolver):
    """Cubic convolution along columns and rows.

    factor   times as many pixels a side

    Source: Keys, IEEE Transactions on Acoustics, Speech, and Signal Processing 29, 1981. Gradient: exact.
    """

    margin = 2

    def net(self, x: Tensor) -> Tensor:
        return upsample(x, self.factor, cubic, 2)
