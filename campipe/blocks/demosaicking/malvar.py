"""Malvar demosaicking."""

from __future__ import annotations

from torch import Tensor

from campipe.blocks.demosaicking.slot import LinearDemosaicker
from campipe.ops.demosaick import malvar, malvar_kernels


class Malvar(LinearDemosaicker):
    """The nearest samples, corrected by the Laplacian of the colour that was measured, in a window of 5 x 5. Keeps what was measured.

    Source: Malvar, He, Cutler, "High-quality linear interpolation for demosaicing of Bayer-patterned color images", ICASSP 2004.
    Gradient: exact.
    """

    margin = 2
    kernels = staticmethod(malvar_kernels)
    loop = "malvar"

    def net(self, mosaic: Tensor, pattern: str) -> Tensor:
        return malvar(mosaic, pattern)
