"""Saturation: how far colours stand from grey."""

from __future__ import annotations

from typing import Any

from torch import Tensor

from campipe.core.errors import LawError
from campipe.core.frame import Frame
from campipe.core.law import Law
from campipe.core.shot import Shot
from campipe.core.stage import Stage
from campipe.ops.chroma import saturation_matrix, vibrance
from campipe.ops.colour import apply_matrix
from campipe.ops.noise import mixed


class Saturation(Stage):
    """Move colours away from the grey of their luminance, or towards it.

    amount     factor on the distance: 0 is grey, 1 leaves it
    vibrance   further factor 1 + vibrance on pale colours, falling to 1 for pure ones

    The luminance stays, and so does grey; frames of one channel come back as they are. Without vibrance the stage is a matrix, which the
    noise profile follows. Gradient: exact.
    """

    reads = ("linear", "display")
    primary = "amount"

    def __init__(self, amount: Any = 1.0, vibrance: Any = 0.0, name: str | None = None) -> None:
        super().__init__(name)
        self.number("amount", amount, positive=True)
        self.number("vibrance", vibrance)

    def transform(self, frame: Frame, shot: Shot) -> Frame:
        if frame.data.shape[-3] == 1:
            return frame
        matrix = self._matrix(frame, shot)
        data, pale = apply_matrix(frame.data, matrix), self.value("vibrance", frame, shot)
        if not self.is_off("vibrance", pale):
            return frame.replace(vibrance(data, pale.to(data.dtype)), noise=None)
        noise = frame.capture.noise
        return frame.replace(data, noise=noise if noise is None else mixed(noise, matrix))

    def _matrix(self, frame: Frame, shot: Shot) -> Tensor:
        amount = self.value("amount", frame, shot).to(frame.data.dtype)
        return saturation_matrix(amount.reshape(-1) if amount.ndim else amount)

    def law(self, law: Law) -> Law:
        if not law.is_certain:
            raise LawError("the channels of a demosaicked pixel are correlated, and variances alone do not mix; estimate from frames")
        return Law.certain(self.transform(law.frame(), law.shot), law.shot)
