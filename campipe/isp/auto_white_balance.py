"""White balance that the picture itself, or the temperature of its light, gives."""

from __future__ import annotations

from typing import Any

from torch import Tensor

from campipe.core.errors import CampipeError, LawError, ShapeError
from campipe.core.frame import Capture, Frame
from campipe.core.law import Law
from campipe.core.shot import Shot
from campipe.isp.white_balance import WhiteBalance
from campipe.ops import white_balance as ops
from campipe.ops.colour import D50, D65, adaptation, cam_to_xyz, inverse


class _Found(WhiteBalance):
    """White balance whose gains are worked out from the frame and written into its capture."""

    def found(self, frame: Frame, shot: Shot) -> Tensor:
        """(B, 3) gains."""
        raise NotImplementedError

    def transform(self, frame: Frame, shot: Shot) -> Frame:
        if frame.data.shape[-3] == 1 and frame.capture.pattern is None:
            return frame
        return super().transform(frame.replace(wb=self.found(frame, shot).to(frame.data.dtype)), shot)

    def law(self, law: Law) -> Law:
        frame = law.frame()
        if frame.data.shape[-3] == 1 and frame.capture.pattern is None:
            return law
        capture = law.capture.replace(wb=self.found(frame, law.shot).to(frame.data.dtype))
        return super().law(law.replace(capture=capture.batched(frame.batch, frame.data.device)))


class AutoWhiteBalance(_Found):
    """Balance each picture by gains that are found in it, and write them into its capture.

    method   "grey_world": all colours are grey on average; "shades_of_grey": their Minkowski means of order 6 are; "white_patch": their
             99th percentiles are
    clip     places with a value from here up in any colour do not count, 1 = white level

    The views and times of an item share its gains. A frame of one channel without a filter stays as it is. Gradient: exact, by way of the
    gains too. Sources: `campipe.ops.white_balance`.
    """

    margin = None

    def __init__(self, method: str = "grey_world", clip: float = 0.98, name: str | None = None) -> None:
        super().__init__(None, name)
        if method not in ops.METHODS:
            raise CampipeError(f"white balance is found by {', '.join(ops.METHODS)}, but {method!r} came")
        if not clip > 0:
            raise CampipeError(f"clip is above 0, but {clip} came")
        self.method, self.clip = method, float(clip)

    def found(self, frame: Frame, shot: Shot) -> Tensor:
        return ops.METHODS[self.method](*ops.samples(frame.data, frame.capture.pattern, self.clip))

    def law(self, law: Law) -> Law:
        if not law.is_certain:
            raise LawError("gains that are found in a noisy picture have no closed form for their statistics; estimate them from frames")
        return super().law(law)


class TemperatureBalance(_Found):
    """Balance for light of a colour temperature, and write the gains into the capture.

    temperature   K, 1000 to 25000: CIE daylight from 4000 K up, a black body below
    tint          thousandths of u and v (CIE 1960) by which the light is greener than that
    xyz_to_cam    (3, 3), XYZ to camera RGB before white balance: a DNG's ColorMatrix. None: what the capture says, its own gains taken for
                  those of D65, as LibRaw's matrices are made

    Gradient: exact.
    """

    primary = "temperature"
    temperature: Tensor
    xyz_to_cam: Tensor

    def __init__(self, temperature: float = 5500.0, tint: float = 0.0, xyz_to_cam: Any = None, name: str | None = None) -> None:
        super().__init__(None, name)
        self.number("temperature", temperature, positive=True)
        self.number("tint", tint)
        if not bool(((self.temperature >= 1000) & (self.temperature <= 25000)).all()):
            raise CampipeError(f"a colour temperature is from 1000 to 25000 K, but {temperature} came")
        if xyz_to_cam is not None:
            self.number("xyz_to_cam", xyz_to_cam)
            if self.xyz_to_cam.shape != (3, 3):
                raise ShapeError(f"a camera matrix is (3, 3), but {tuple(self.xyz_to_cam.shape)} came")

    def found(self, frame: Frame, shot: Shot) -> Tensor:
        matrix = self.value("xyz_to_cam", frame, shot) if hasattr(self, "xyz_to_cam") else camera_matrix(frame.capture)
        cct, tint = (self.value(n, frame, shot).reshape(-1) for n in ("temperature", "tint"))
        return ops.of_temperature(cct, tint, matrix).expand(frame.batch, 3)


def camera_matrix(capture: Capture) -> Tensor:
    """(B, 3, 3) float64: XYZ under D65 to camera RGB before white balance, from a capture whose gains are taken for those of D65."""
    if capture.wb is None or (capture.cam_to_xyz is None and capture.cam_to_srgb is None):
        raise CampipeError("light of a given temperature needs the camera's matrix and gains, but the capture has none; give xyz_to_cam")
    to_d50 = capture.cam_to_xyz if capture.cam_to_xyz is not None else cam_to_xyz(capture.cam_to_srgb)  # type: ignore[arg-type]
    from_d65 = inverse(to_d50.double()) @ adaptation(D65, D50).to(to_d50.device)
    return from_d65 / capture.wb.double()[:, :, None]
