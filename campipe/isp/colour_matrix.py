"""The colour matrix: from the colours that a camera sees to those of sRGB."""

from __future__ import annotations

from typing import Any

from torch import Tensor

from campipe.core.errors import LawError, ShapeError
from campipe.core.frame import Capture, Frame
from campipe.core.law import Law
from campipe.core.shot import Shot
from campipe.core.stage import Stage
from campipe.ops.colour import apply_matrix, xyz_to_srgb
from campipe.ops.noise import mixed


class ColourMatrix(Stage):
    """Mix white-balanced camera RGB to linear sRGB.

    matrix   (3, 3), rows sum to 1; None: the capture's cam_to_srgb, else its cam_to_xyz by way of D65, else the identity

    Grey frames of one channel stay grey. The matrix that was used is in the capture of the result. Gradient: exact.
    """

    reads = ("camera",)
    writes = "linear"
    primary = "matrix"
    matrix: Tensor

    def __init__(self, matrix: Any = None, name: str | None = None) -> None:
        super().__init__(name)
        if matrix is not None:
            self.number("matrix", matrix)
            if self.matrix.shape != (3, 3):
                raise ShapeError(f"a colour matrix is (3, 3), but {tuple(self.matrix.shape)} came")

    def table(self, frame: Frame, shot: Shot) -> Tensor | None:
        """(3, 3) or (B, 3, 3); None: the identity."""
        if hasattr(self, "matrix"):
            return self.value("matrix", frame, shot)
        capture = frame.capture
        if capture.cam_to_srgb is None and capture.cam_to_xyz is not None:
            return xyz_to_srgb(capture.cam_to_xyz)
        return capture.cam_to_srgb

    def annotate(self, capture: Capture, frame: Frame, shot: Shot) -> Capture:
        if not hasattr(self, "matrix"):
            return capture
        return capture.replace(cam_to_srgb=self.table(frame, shot).expand(frame.batch, 3, 3))  # type: ignore[union-attr]

    def transform(self, frame: Frame, shot: Shot) -> Frame:
        matrix = self.table(frame, shot)
        if matrix is None or frame.data.shape[-3] == 1:
            return frame.replace(space="linear")
        matrix = matrix.to(frame.data.dtype)
        noise = frame.capture.noise
        noise = noise if noise is None else mixed(noise, matrix)
        return frame.replace(apply_matrix(frame.data, matrix), space="linear", noise=noise)

    def law(self, law: Law) -> Law:
        if not law.is_certain:
            raise LawError("the channels of a demosaicked pixel are correlated, and variances alone do not mix; estimate from frames")
        return Law.certain(self.transform(law.frame(), law.shot), law.shot)
