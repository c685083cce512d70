"""Lens shading: light that was lost towards the corners is made up for."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from campipe.core.errors import CampipeError, ShapeError
from campipe.core.frame import Frame
from campipe.core.law import Law
from campipe.core.shot import Shot
from campipe.core.stage import Stage
from campipe.ops import shading as ops
from campipe.ops.noise import per_colour, scaled


class CorrectShading(Stage):
    """Multiply each pixel by the gain of its place on the sensor; a crop gets the gains of where it lies.

    grid            (h, w) for all colours, (3, h, w) for R, G and B, or (n, h, w) for the n positions of the sensor's pattern: gains
                    at nodes over the sensor, bilinear between them. `campipe.ops.shading` makes them: gain_grid_from_flat, libcamera_gains
    coefficients    (k1, k2, ...), instead of a grid: the fall of light 1 + k1 r^2 + k2 r^4 + ... that is undone, r = 1 in the sensor's
                    corners
    width, height   the sensor's, pixels; None: the frame is the whole sensor
    cells           whether the grid's numbers stand for the middles of cells, as libcamera's do, and not for nodes from edge to edge

    The noise profile is that of the frame on average: gains of single pixels have no place in it. Gradient: exact.
    """

    reads = ("mosaic", "camera")
    grid: Tensor
    coefficients: Tensor

    def __init__(
        self,
        grid: Any = None,
        coefficients: Sequence[float] | None = None,
        width: int | None = None,
        height: int | None = None,
        cells: bool = False,
        name: str | None = None,
    ) -> None:
        super().__init__(name)
        if (grid is None) == (coefficients is None):
            raise CampipeError("shading is corrected by a grid of gains or by the coefficients of a polynomial, one of the two")
        if (width is None) != (height is None) or (width is not None and height is not None and min(width, height) < 1):
            raise CampipeError(f"the size of a sensor is width and height in pixels, or neither, but {width} and {height} came")
        self.size = None if width is None or height is None else (int(height), int(width))
        self.cells = bool(cells)
        if grid is not None:
            self.number("grid", grid, positive=True)
            if self.grid.ndim not in (2, 3) or min(self.grid.shape[-2:]) < 2:
                raise ShapeError(f"a grid of gains is (h, w) or (C, h, w), 2 x 2 or more, but {tuple(self.grid.shape)} came")
        else:
            self.number("coefficients", torch.as_tensor(coefficients, dtype=torch.float32))
            if self.coefficients.ndim != 1 or not len(self.coefficients):
                raise ShapeError(f"the coefficients of a polynomial are a list of numbers, but {coefficients} came")

    def map(self, frame: Frame, shot: Shot) -> Tensor:
        """What each pixel is multiplied by, (1 or B, 1 or 3, H, W)."""
        origin = frame.origin()
        if self.size is None and frame.capture.origin is not None and bool(origin.any()):
            raise ShapeError(f"a frame that begins at {origin.tolist()} is a part of the sensor; give the sensor's width and height")
        window = (frame.height, frame.width)
        sensor = self.size or window
        if not hasattr(self, "grid"):
            square = ops.field_square(origin, window, sensor, frame.data)
            return ops.polynomial_gains(self.value("coefficients", frame, shot), square)[:, None]
        grid = self.value("grid", frame, shot).to(frame.data.dtype)
        grid = grid[..., None, :, :] if self.grid.ndim == 2 else grid
        gains = ops.grid_gains(grid, origin, window, sensor, self.cells)
        if frame.space == "mosaic":
            return ops.of_pattern(gains, frame.capture.pattern, origin)
        if gains.shape[1] not in (1, frame.data.shape[-3]):
            raise ShapeError(f"a frame of {frame.data.shape[-3]} channels takes a grid of as many or of one, but {gains.shape[1]} came")
        return gains

    def transform(self, frame: Frame, shot: Shot) -> Frame:
        gains, noise = self.map(frame, shot), frame.capture.noise
        if noise is not None:
            average = gains.mean((-2, -1))
            if average.shape[1] == 1:
                noise = scaled(noise, average[:, 0].expand(frame.batch))
            else:
                noise = scaled(per_colour(noise, frame.capture.pattern), average.expand(frame.batch, -1))
        return frame.replace(frame.data * _lifted(gains, frame.data.ndim), noise=noise)

    def law(self, law: Law) -> Law:
        return law.times(_lifted(self.map(law.frame(), law.shot), law.mean.ndim))


def _lifted(gains: Tensor, ndim: int) -> Tensor:
    return gains.reshape(gains.shape[0], *([1] * (ndim - 4)), *gains.shape[1:])
