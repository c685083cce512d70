"""Radial distortion of a lens from a chart of dots, or from straight lines."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from campipe.calibrate.chart_lattice import DOTS, lattices
from campipe.calibrate.estimate import Estimate
from campipe.core.errors import CampipeError, ShapeError
from campipe.core.frame import Frame
from campipe.ops.dots import dark_dots
from campipe.ops.least_squares import Fit, least_squares
from campipe.ops.projective import fitted_projection, projected
from campipe.ops.radial_distortion import distorted, undistorted

_LEAST_DOTS, _LEAST_LINES = 20, 3


@dataclass(frozen=True)
class Distortion:
    """Brown and Conrady's polynomial: what belongs at r is seen at r (1 + k1 r^2 + k2 r^4 + k3 r^6), r = 1 in the sensor's corners.

    coefficients   k1, k2, ...; below 0 is a barrel
    covariance     of the coefficients, which are far from independent
    centre         (x, y), pixels
    corner         by how much of its distance a corner's point is moved outwards, a fraction
    radius         half the sensor's diagonal, pixels
    residual       pixels, root mean square along one axis of what is left
    points         how many points it was fitted to
    """

    coefficients: tuple[Estimate, ...]
    covariance: Tensor
    centre: tuple[Estimate, Estimate]
    corner: Estimate
    radius: float
    residual: float
    points: int

    def in_focal_lengths(self, focal: float) -> tuple[float, ...]:
        """The coefficients for distances in units of the focal length, in pixels, as OpenCV's k1, k2 and k3 are."""
        return tuple(k.value * (focal / self.radius) ** (2 * i + 2) for i, k in enumerate(self.coefficients))


def distortion_of_dots(frame: Frame, *, terms: int = 2, centre: bool = True, window: int | None = None) -> Distortion:
    """Distortion from a picture of a flat chart of dark dots in rows and columns, seen from anywhere.

    frame    (1, 1, H, W) without a filter or (1, C, H, W), linear in light; of colours the mean is taken
    terms    coefficients, 1 to 3
    centre   whether the centre is fitted; else it is the sensor's
    window   pixels around a dot that hold dots and ground; None: an eighth of the shorter side
    """
    if frame.batch != 1 or frame.data.ndim != 4:
        raise ShapeError(f"one frame is measured at a time, (1, C, H, W), but {tuple(frame.data.shape)} came; take items one by one")
    if frame.data.shape[1] == 1 and frame.capture.pattern is not None:
        raise ShapeError("dots of a mosaic are found in one colour or after demosaicking; give a plane or RGB")
    picture = frame.data.detach()[0].mean(0)
    regions = dark_dots(picture, window or max(9, min(picture.shape) // 8))
    found = lattices(regions, _LEAST_DOTS, DOTS)
    if not found:
        raise CampipeError(
            f"distortion needs {_LEAST_DOTS} dark dots in rows and columns, but of {len(regions.area)} round regions fewer lie so; "
            "take the chart sharper, evenly lit, and with dots of 5 pixels or more"
        )
    cells = torch.tensor(list(found[0]), dtype=torch.float64)
    places = torch.from_numpy(regions.middle[list(found[0].values())])
    return distortion_of_grid(places, cells, (frame.height, frame.width), terms=terms, centre=centre)


def distortion_of_grid(points: Tensor, cells: Tensor, size: tuple[int, int], *, terms: int = 2, centre: bool = True) -> Distortion:
    """Distortion from points whose places on a flat grid are known.

    points   (N, 2), pixels, (x, y)
    cells    (N, 2), where each lies on the chart, in any unit
    size     height and width of the sensor, pixels
    terms    coefficients, 1 to 3
    centre   whether the centre is fitted; else it is the sensor's

    Least squares of the distances in pixels over the view of the chart (a projective map), the coefficients and the centre. Errors: White's
    covariance of the fit. Gradient: none.
    """
    if points.ndim != 2 or points.shape[-1] != 2 or cells.shape != points.shape:
        raise ShapeError(f"points and cells are (N, 2) both, but {tuple(points.shape)} and {tuple(cells.shape)} came")
    _checked(terms, len(points), _LEAST_DOTS, "points")
    seen, grid = points.double(), cells.double()
    middle, radius = _geometry(size)
    view = fitted_projection(grid, seen)
    # The view as a correction of the first guess near the identity, so that all parameters are of one size.
    ideal = (projected(view, grid) - middle) / radius

    def model(p: Tensor) -> Tensor:
        change = torch.eye(3, dtype=torch.float64) + torch.cat([p[:8], p.new_zeros(1)]).reshape(3, 3)
        at = projected(change, ideal) * radius + middle
        return distorted(at, p[8 : 8 + terms], middle + radius * _centre(p, 8 + terms, centre), radius).reshape(-1)

    start = torch.zeros(8 + terms + 2 * centre, dtype=torch.float64)
    fit = least_squares(model, seen.reshape(-1), start, torch.full_like(start, 0.1))
    return _result(fit, 8, terms, centre, middle, radius, len(seen), 1.0)


def distortion_of_lines(lines: Sequence[Tensor], size: tuple[int, int], *, terms: int = 2, centre: bool = True) -> Distortion:
    """Distortion from points on lines that are straight in the scene: the plumb-line method.

    lines    (n, 2) each, pixels, (x, y), at least 3 points on at least 3 lines
    size     height and width of the sensor, pixels
    terms    coefficients, 1 to 3
    centre   whether the centre is fitted; else it is the sensor's

    Least squares of the distances of the corrected points from their own straight lines. Errors: White's covariance of the fit, widened
    for the two numbers that each line takes. Gradient: none. Source: Brown, Photogrammetric Engineering 37, 1971.
    """
    if any(line.ndim != 2 or line.shape[-1] != 2 or len(line) < 3 for line in lines):
        raise ShapeError("lines are points (n, 2), three or more of each; leave shorter ones out")
    _checked(terms, len(lines), _LEAST_LINES, "lines")
    middle, radius = _geometry(size)
    points = torch.cat([line.double() for line in lines])
    which = torch.repeat_interleave(torch.arange(len(lines)), torch.tensor([len(line) for line in lines]))

    def model(p: Tensor) -> Tensor:
        at = middle + radius * _centre(p, terms, centre)
        ideal = undistorted(points, p[:terms], at, radius)
        # Corrected distances shrink or grow with the picture; in pixels as seen they do not.
        stretch = (points - at).norm(dim=1) / (ideal - at).norm(dim=1).clamp_min(1e-9)
        return _off_line(ideal, which, len(lines)) * stretch

    start = torch.zeros(terms + 2 * centre, dtype=torch.float64)
    fit = least_squares(model, torch.zeros(len(points), dtype=torch.float64), start, torch.full_like(start, 0.1))
    taken = len(start) + 2 * len(lines)
    if len(points) <= taken:
        raise CampipeError(f"{len(lines)} lines and {len(start)} numbers need more than {taken} points, but {len(points)} came")
    return _result(fit, 0, terms, centre, middle, radius, len(points), (len(points) - len(start)) / (len(points) - taken))


def _off_line(points: Tensor, which: Tensor, count: int) -> Tensor:
    """Signed distance of each point from the line that fits those of its number best, by total least squares."""

    def mean(values: Tensor) -> Tensor:
        return torch.zeros(count, dtype=torch.float64).index_add(0, which, values) / number

    number = torch.bincount(which, minlength=count).double()
    x, y = (points[:, a] - mean(points[:, a])[which] for a in (0, 1))
    angle = torch.atan2(2 * mean(x * y), mean(x * x) - mean(y * y)) / 2
    return (y * angle.cos()[which] - x * angle.sin()[which]) * -1


def _centre(p: Tensor, first: int, fitted: bool) -> Tensor:
    return p[first : first + 2] if fitted else p.new_zeros(2)


def _geometry(size: tuple[int, int]) -> tuple[Tensor, float]:
    return torch.tensor([(size[1] - 1) / 2, (size[0] - 1) / 2], dtype=torch.float64), math.hypot(*size) / 2


def _checked(terms: int, count: int, least: int, what: str) -> None:
    if not 1 <= terms <= 3:
        raise CampipeError(f"distortion has 1 to 3 coefficients, but {terms} were asked for")
    if count < least:
        raise CampipeError(f"distortion needs {least} {what} or more, but {count} came")


def _result(fit: Fit, first: int, terms: int, centre: bool, middle: Tensor, radius: float, points: int, widen: float) -> Distortion:
    covariance = fit.covariance * widen
    errors = covariance.diagonal().sqrt()
    k = fit.parameters[first : first + terms]
    own = covariance[first : first + terms, first : first + terms]
    numbers = tuple(Estimate(float(v), float(e), "1") for v, e in zip(k, errors[first:], strict=False))
    place = [Estimate(float(m), 0.0, "pixel", note="assumed") for m in middle]
    if centre:
        found, off = middle + radius * fit.parameters[first + terms :], radius * errors[first + terms :]
        place = [Estimate(float(v), float(e), "pixel") for v, e in zip(found, off, strict=True)]
    corner = Estimate(float(k.sum()), float(own.sum()) ** 0.5, "1")
    return Distortion(numbers, own, (place[0], place[1]), corner, radius, fit.sigma * widen**0.5, points)
