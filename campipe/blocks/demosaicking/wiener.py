"""Wiener demosaicking."""

from __future__ import annotations

from torch import Tensor

from campipe.blocks.demosaicking.slot import LinearDemosaicker
from campipe.ops.demosaick_wiener import REACH, wiener, wiener_kernels


class Wiener(LinearDemosaicker):
    """The best linear estimate in a window of 7 x 7, for pictures without a scale. Takes X-Trans and Bayer. Keeps what was measured.

    Source: Taubman, "Generalized Wiener reconstruction of images from colour sensor data using a scale invariant prior", ICIP 2000.
    Gradient: exact.
    """

    margin = REACH
    patterns = ("bayer", "xtrans")
    kernels = staticmethod(wiener_kernels)

    def net(self, mosaic: Tensor, pattern: str) -> Tensor:
        return wiener(mosaic, pattern)
