"""Vignetting: the fall of light towards the corners."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor

from campipe.core.errors import CampipeError, ShapeError
from campipe.core.frame import Frame
from campipe.core.law import Law
from campipe.core.shot import Shot
from campipe.core.stage import Stage


def field_radius(frame: Frame, size: tuple[int, int] | None) -> Tensor:
    """Distance of each pixel from the optical axis, in the middle of the sensor; 1 at the sensor's corners.

    frame     its origin says where it lies on the sensor
    size      (height, width) of the sensor, pixels; None: the frame is the whole sensor
    returns   (1 or B, 1, ..., H, W)
    """
    origin = frame.origin()
    if size is None and frame.capture.origin is not None and bool(origin.any()):
        raise ShapeError(f"a frame that begins at {origin.tolist()} is a part of the sensor; give the sensor's width and height")
    height, width = size or (frame.height, frame.width)
    origin = origin[:1] if bool((origin == origin[:1]).all()) else origin
    options = {"dtype": frame.data.dtype, "device": frame.data.device}
    y = origin[:, :1] + torch.arange(frame.height, **options) - (height - 1) / 2  # type: ignore[call-overload]
    x = origin[:, 1:] + torch.arange(frame.width, **options) - (width - 1) / 2  # type: ignore[call-overload]
    radius = torch.hypot(y[:, :, None], x[:, None, :]) / (math.hypot(height, width) / 2)
    return radius.reshape(radius.shape[0], *([1] * (frame.data.ndim - 3)), frame.height, frame.width)


class _Shading(Stage):
    """Multiply by a map that hangs on the distance from the optical axis."""

    reads = ("scene", "photons")

    def __init__(self, width: int | None, height: int | None, name: str | None) -> None:
        super().__init__(name)
        if (width is None) != (height is None) or (width is not None and height is not None and min(width, height) < 1):
            raise CampipeError(f"the size of a sensor is width and height in pixels, or neither, but {width} and {height} came")
        self.size = None if width is None or height is None else (int(height), int(width))

    def map(self, frame: Frame, shot: Shot) -> Tensor:
        """What each pixel is multiplied by; broadcasts with the frame's data."""
        raise NotImplementedError

    def transform(self, frame: Frame, shot: Shot) -> Frame:
        return frame.replace(frame.data * self.map(frame, shot))

    def law(self, law: Law) -> Law:
        return law.times(self.map(law.frame(), law.shot))


class Vignetting(_Shading):
    """Let light fall by the fourth power of the cosine of the field angle, as behind a thin lens without mechanical vignetting.

    loss            fraction of the light that is lost in the sensor's corners, 0 to below 1: 1 - cos^4 of the field angle there
    width, height   the sensor's, pixels; None: the frame is the whole sensor

    Source: the cos^4 law, e.g. Kingslake, "Optics in Photography", SPIE 1992, chapter 7. Gradient: exact.
    """

    primary = "loss"
    loss: Tensor

    def __init__(self, loss: float = 0.3, width: int | None = None, height: int | None = None, name: str | None = None) -> None:
        super().__init__(width, height, name)
        self.number("loss", loss, positive=True)
        if not bool((self.loss < 1).all()):
            raise CampipeError(f"the loss of light in the corners is from 0 to below 1, but {loss} came")

    def map(self, frame: Frame, shot: Shot) -> Tensor:
        corner = (1 - self.value("loss", frame, shot)) ** -0.5 - 1  # tan^2 of the field angle in the corner
        return (1 + corner * field_radius(frame, self.size) ** 2) ** -2  # cos^2 = 1 / (1 + tan^2)


class PolynomialVignetting(_Shading):
    """Let light fall by a measured polynomial: 1 + k1 r^2 + k2 r^4 + ..., r from 0 on the axis to 1 at the sensor's corners.

    coefficients    (k1, k2, ...), any number of them; (-0.5,) halves the light in the corners
    width, height   the sensor's, pixels; None: the frame is the whole sensor

    Gradient: exact.
    """

    primary = "coefficients"
    coefficients: Tensor

    def __init__(
        self, coefficients: Sequence[float] = (-0.5,), width: int | None = None, height: int | None = None, name: str | None = None
    ) -> None:
        super().__init__(width, height, name)
        self.number("coefficients", torch.as_tensor(coefficients, dtype=torch.float32))
        if self.coefficients.ndim != 1 or not len(self.coefficients):
            raise CampipeError(f"the coefficients of a polynomial are a list of numbers, but {coefficients} came")

    def map(self, frame: Frame, shot: Shot) -> Tensor:
        k = self.value("coefficients", frame, shot)
        k = k.reshape(-1, *([1] * (frame.data.ndim - 1)), k.shape[-1])
        square = field_radius(frame, self.size) ** 2
        total = torch.zeros((), dtype=square.dtype, device=square.device)
        for i in reversed(range(k.shape[-1])):
            total = (total + k[..., i]) * square
        return 1 + total
