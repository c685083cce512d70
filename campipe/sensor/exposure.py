"""Exposure: how many photons the light of the scene brings to a pixel."""

from __future__ import annotations

import torch
from torch import Tensor

from campipe.core.frame import Capture, Frame
from campipe.core.law import Law
from campipe.core.shot import Shot
from campipe.core.stage import Stage


class Exposure(Stage):
    """Scale relative scene light to expected photons per pixel.

    photons_at_white   photons per pixel that a scene value of 1 brings at ev 0
    ev                 exposure relative to the metered one, in stops, positive is brighter

    Light outside the camera's gamut is negative in the scene: it is clamped at 0, and capture.clamped says for which fraction of
    the values.

    Gradient: exact; zero for clamped values.
    """

    reads = ("scene",)
    writes = "photons"
    primary = "ev"

    def __init__(self, photons_at_white: float = 10000.0, ev: float = 0.0, name: str | None = None) -> None:
        super().__init__(name)
        self.number("photons_at_white", photons_at_white, positive=True)
        self.number("ev", ev)

    def factor(self, frame: Frame, shot: Shot) -> Tensor:
        """Photons per scene value, () or (B, 1, 1, 1)."""
        return self.value("photons_at_white", frame, shot) * torch.exp2(self.value("ev", frame, shot))

    def transform(self, frame: Frame, shot: Shot) -> Frame:
        clamped = (frame.data < 0).flatten(1).float().mean(1)
        return frame.replace(frame.data.clamp_min(0) * self.factor(frame, shot), space="photons", clamped=clamped)

    def law(self, law: Law) -> Law:
        frame = law.frame()
        return law.replace(mean=frame.data.clamp_min(0), offset=law.offset.clamp_min(0)).times(self.factor(frame, law.shot))


def photons_at_white(capture: Capture, quantum_efficiency: Tensor | float) -> Tensor:
    """Photons per pixel that bring reference white in green to the white level: (white - black) / (gain * QE).

    capture              with black_level, white_level and gain, (B,) or per position
    quantum_efficiency   e-/photon of the green pixels
    returns              (B,), photons
    """
    assert capture.black_level is not None and capture.white_level is not None and capture.gain is not None
    span = capture.white_level.flatten(1).mean(1) if capture.white_level.ndim > 1 else capture.white_level
    black = capture.black_level.flatten(1).mean(1) if capture.black_level.ndim > 1 else capture.black_level
    return (span - black) / (capture.gain * quantum_efficiency)
