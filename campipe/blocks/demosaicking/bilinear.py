"""Bilinear demosaicking."""

from __future__ import annotations

from torch import Tensor

from campipe.blocks.demosaicking.slot import LinearDemosaicker
from campipe.ops.demosaick import bilinear, bilinear_kernels


class Bilinear(LinearDemosaicker):
    """The mean of the nearest two or four samples of each colour. Keeps what was measured. Gradient: exact."""

    margin = 1
    kernels = staticmethod(bilinear_kernels)
    loop = "bilinear"

    def net(self, mosaic: Tensor, pattern: str) -> Tensor:
        return bilinear(mosaic, pattern)
