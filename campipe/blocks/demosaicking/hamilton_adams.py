"""Hamilton-Adams demosaicking."""

from __future__ import annotations

from torch import Tensor

from campipe.blocks.demosaicking.slot import Demosaicker
from campipe.ops.demosaick_hamilton import hamilton_adams


class HamiltonAdams(Demosaicker):
    """Colour differences along rows and along columns, averaged with the inverse of their variances. Keeps what was measured.

    The method for pictures that shall be good and soon there: the differences of Hamilton and Adams, with the weights of directional LMMSE
    and of gradient-based threshold-free interpolation instead of a choice; see `campipe.ops.demosaick_hamilton`. Gradient: exact.
    """

    margin = 5
    loop = "hamilton_adams"

    def net(self, mosaic: Tensor, pattern: str) -> Tensor:
        return hamilton_adams(mosaic, pattern)
