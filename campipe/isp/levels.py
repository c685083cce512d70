"""Levels: from raw numbers to the unit of the white level."""

from __future__ import annotations

from typing import Any

from torch import Tensor

from campipe.core.frame import Capture, Frame
from campipe.core.law import Law
from campipe.core.shot import Shot
from campipe.core.stage import Stage
from campipe.isp import fused
from campipe.ops.levels import levels_of, to_unit


class Levels(Stage):
    """Take the black level away and divide by what is left up to the white level, for each position of the pattern.

    black_level   DN, one number or a table (h, w); None: the capture's
    white_level   DN, likewise

    Nothing is clipped: what lies below black keeps the mean of the noise right, what lies above white is `ClipHighlights`' matter.
    Gradient: exact.
    """

    reads = ("dn",)
    writes = "mosaic"
    primary = "black_level"

    def __init__(self, black_level: Any = None, white_level: Any = None, name: str | None = None) -> None:
        super().__init__(name)
        if black_level is not None:
            self.number("black_level", black_level)
        if white_level is not None:
            self.number("white_level", white_level, positive=True)

    def annotate(self, capture: Capture, frame: Frame, shot: Shot) -> Capture:
        return capture.replace(**{n: self._table(n, frame, shot) for n in ("black_level", "white_level") if hasattr(self, n)})

    def offer(self, run: list[Stage], frame: Frame, shot: Shot) -> tuple[int, Frame] | None:
        return fused.developing(run, frame, shot)

    def transform(self, frame: Frame, shot: Shot) -> Frame:
        return frame.replace(to_unit(frame.data, *self._levels(frame, shot)), space="mosaic")

    def law(self, law: Law) -> Law:
        black, white = self._levels(law.frame(), law.shot)
        return law.plus(-black).times(1 / (white - black))

    def _levels(self, frame: Frame, shot: Shot) -> tuple[Tensor, Tensor]:
        return levels_of(frame.replace(capture=self.annotate(frame.capture, frame, shot)))

    def _table(self, name: str, frame: Frame, shot: Shot) -> Tensor:
        value = self.value(name, frame, shot)
        if getattr(self, name).ndim == 0:
            return value.reshape(-1).expand(frame.batch)
        return value if value.ndim == 3 else value.expand(frame.batch, *value.shape)
