"""Menon demosaicking."""

from __future__ import annotations

from torch import Tensor

from campipe.blocks.demosaicking.slot import Demosaicker
from campipe.ops.demosaick_menon import menon


class Menon(Demosaicker):
    """Green along rows and along columns, and the direction in which colour differences change less (DDFAPD). Keeps what was measured.

    refine   True: differences are averaged afterwards along the direction that was chosen

    Source: Menon, Andriani, Calvagno, "Demosaicing with directional filtering and a posteriori decision", IEEE Transactions on Image
    Processing 16(1), 2007. Gradient: exact where no two directions tie; the decision is locally constant.
    """

    margin = 8
    loop: str | None = "menon"

    def __init__(self, refine: bool = True, name: str | None = None) -> None:
        super().__init__(name)
        self.refine = bool(refine)
        self.loop = "menon" if self.refine else None

    def net(self, mosaic: Tensor, pattern: str) -> Tensor:
        return menon(mosaic, pattern, refine=self.refine)
