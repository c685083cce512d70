"""Bilinear demosaicking."""

from __future__ import annotations

from campipe.blocks.demosaicking.slot import LinearDemosaicker
from campipe.ops.demosaick import bilinear_kernels


class Bilinear(LinearDemosaicker):
    """The mean of the nearest two or four samples of each colour. Keeps what was measured. Gradient: exact."""

    margin = 1
    kernels = staticmethod(bilinear_kernels)
