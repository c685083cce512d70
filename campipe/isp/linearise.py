"""Linearisation: raw numbers that a camera has bent are made proportional to light."""

from __future__ import annotations

from typing import Any

from torch import Tensor

from campipe.core.errors import CampipeError, LawError
from campipe.core.frame import Frame
from campipe.core.law import Law
from campipe.core.shot import Shot
from campipe.core.stage import Stage
from campipe.ops.linearise import linearised


class Linearise(Stage):
    """Look each raw number up in a table, linearly between its entries.

    table   (n,): the linear number of each raw number 0 to n - 1; beyond its ends the first and the last

    Black and white level, and the noise profile, are those of the linear numbers, as in a DNG, whose own table LibRaw applies when the file
    is read. Gradient: exact.
    """

    reads = ("dn",)
    primary = "table"
    table: Tensor

    def __init__(self, table: Any, name: str | None = None) -> None:
        super().__init__(name)
        self.number("table", table)
        if self.table.ndim != 1 or len(self.table) < 2:
            raise CampipeError(f"a table for linearising is a list of two numbers or more, but shape {tuple(self.table.shape)} came")

    def transform(self, frame: Frame, shot: Shot) -> Frame:
        return frame.replace(linearised(frame.data, self.value("table", frame, shot).to(frame.data.dtype)))

    def law(self, law: Law) -> Law:
        if not law.is_certain:
            raise LawError("a table for linearising has no closed form for its statistics; estimate them from frames instead")
        return Law.certain(self.transform(law.frame(), law.shot), law.shot)
