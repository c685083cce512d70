"""The colour matrix of a camera that was measured under two lights."""

from __future__ import annotations

from typing import Any

from torch import Tensor

from campipe.core.errors import CampipeError, ShapeError
from campipe.core.frame import Frame
from campipe.core.shot import Shot
from campipe.isp.colour_matrix import ColourMatrix
from campipe.ops.dual_illuminant import balanced_to_srgb


class DualIlluminantMatrix(ColourMatrix):
    """Mix white-balanced camera RGB to linear sRGB by a matrix for the light of the shot, which the white-balance gains tell.

    matrix_1, matrix_2     (3, 3), XYZ to camera RGB before white balance, under either light: ColorMatrix1 and 2 of a DNG
    cct_1, cct_2           colour temperatures of the lights, K: `campipe.ops.illuminants.EXIF_CCT` of CalibrationIlluminant1 and 2
    forward_1, forward_2   (3, 3), balanced camera RGB to XYZ (D50): ForwardMatrix1 and 2; None: by way of the inverse

    The matrix that was used is in the capture of the result. Grey frames of one channel stay grey. Gradient: exact.
    Source: DNG specification 1.4, chapter 6.
    """

    primary = ""  # no one of its matrices stands for the stage

    def __init__(
        self,
        matrix_1: Any,
        matrix_2: Any,
        cct_1: float = 2850.0,
        cct_2: float = 6500.0,
        forward_1: Any = None,
        forward_2: Any = None,
        name: str | None = None,
    ) -> None:
        super().__init__(None, name)
        if not (cct_1 > 0 and cct_2 > 0) or cct_1 == cct_2:
            raise CampipeError(f"two lights have two colour temperatures above 0 K, but {cct_1} and {cct_2} came")
        if (forward_1 is None) != (forward_2 is None):
            raise CampipeError("forward matrices come for both lights or for none; leave forward_1 and forward_2 out")
        self.cct = (float(cct_1), float(cct_2))
        given = {"matrix_1": matrix_1, "matrix_2": matrix_2, "forward_1": forward_1, "forward_2": forward_2}
        for key, value in given.items():
            if value is None:
                continue
            self.number(key, value)
            if getattr(self, key).shape != (3, 3):
                raise ShapeError(f"{key} is (3, 3), but {tuple(getattr(self, key).shape)} came")

    def found(self, frame: Frame, shot: Shot) -> Tensor:
        """(B, 3, 3)."""
        if frame.capture.wb is None:
            raise CampipeError("a matrix for the light of the shot needs its white-balance gains, but the capture has none; give wb")
        first, second = (self.value(n, frame, shot) for n in ("matrix_1", "matrix_2"))
        forward = (self.value("forward_1", frame, shot), self.value("forward_2", frame, shot)) if hasattr(self, "forward_1") else None
        return balanced_to_srgb(1 / frame.capture.wb.double(), first, second, self.cct, forward).to(frame.data.dtype)

    def transform(self, frame: Frame, shot: Shot) -> Frame:
        return super().transform(frame.replace(cam_to_srgb=self.found(frame, shot)), shot)
