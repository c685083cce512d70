"""Lens shading from a picture of an evenly lit surface: a polynomial of the distance from the middle, and a grid of gains."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from campipe.calibrate.estimate import Estimate
from campipe.calibrate.planes import named_planes
from campipe.core import pattern as patterns
from campipe.core.errors import CampipeError, ShapeError
from campipe.core.frame import Frame
from campipe.ops.least_squares import least_squares
from campipe.ops.levels import levels_of, to_unit
from campipe.ops.shading import field_square, gain_grid_from_flat

_BLOCKS = 24  # along the shorter side
_TILTED = 0.01  # fraction of the light across the half sensor from which on its unevenness is mentioned


@dataclass(frozen=True)
class LensShading:
    """How light falls towards the corners.

    coefficients   of r^2, r^4, ...: the light is 1 + k1 r^2 + k2 r^4 + ..., r = 1 in the sensor's corners, as `PolynomialVignetting`,
                   `CorrectShading` and a profile's `vignetting` take them
    covariance     of the coefficients, which are far from independent
    corner         what is left of the light in the corners, by the polynomial
    tilt           (right, down): fraction by which the light grows from the middle to the edge, which no centred lens makes: uneven light
    residual       root mean square of what the polynomial leaves of blocks of the flat, a fraction
    grid           (1 or 3, h, w) gains, as `CorrectShading` takes them; grid_error the standard error of a gain over the gain, by colour
    """

    coefficients: tuple[Estimate, ...]
    covariance: Tensor
    corner: Estimate
    tilt: tuple[Estimate, Estimate]
    residual: float
    grid: Tensor
    grid_error: Tensor

    @property
    def vignetting(self) -> tuple[float, ...]:
        """The coefficients as plain numbers."""
        return tuple(k.value for k in self.coefficients)

    @property
    def notes(self) -> tuple[str, ...]:
        """What is wrong with the flat, in words."""
        uneven = [t.value for t in self.tilt if abs(t.value) > max(_TILTED, 5 * t.error)]
        return (f"the flat is unevenly lit, by {max(map(abs, uneven)):.1%} from the middle to an edge",) if uneven else ()


def lens_shading(frame: Frame, *, terms: int = 3, grid: tuple[int, int] = (13, 17)) -> LensShading:
    """Shading from one flat of the whole sensor, or the mean of many.

    frame   (1, 1, H, W) in "dn" with black and white level or in "mosaic", or (1, C, H, W) in "camera": linear
    terms   powers of r^2 in the polynomial, 1 to 5
    grid    rows and columns of the grid of gains

    Least squares over means of blocks: one level for each plane, and the polynomial and a tilt of the light for all. Errors: White's
    covariance of the fit, which holds for what the blocks' means scatter by, noise and fixed pattern alike; of the grid, half the
    root mean square difference of two grids from other rows. Gradient: none.
    """
    frame.expect("dn", "mosaic", "camera")
    if frame.batch != 1 or frame.data.ndim != 4:
        raise ShapeError(f"a flat is one frame, (1, C, H, W), but {tuple(frame.data.shape)} came; average over the batch")
    if not 1 <= terms <= 5:
        raise CampipeError(f"the polynomial of shading has 1 to 5 powers of r^2, but {terms} were asked for")
    if bool(frame.origin().any()):
        raise CampipeError("shading is measured over the whole sensor, but the frame is a crop of it; give the whole frame")
    linear = _linear(frame)
    levels, powers, tilts = _blocks(linear, terms)
    start = torch.cat([torch.stack([level.mean() for level in levels]), torch.zeros(terms + 2, dtype=torch.float64)])
    planes = len(levels)
    counts = torch.tensor([len(level) for level in levels])
    which = torch.repeat_interleave(torch.arange(planes), counts)
    design, lean, data = torch.cat(powers), torch.cat(tilts), torch.cat(levels)

    def model(p: Tensor) -> Tensor:
        return p[:planes][which] * (1 + design @ p[planes : planes + terms]) * (1 + lean @ p[planes + terms :])

    scale = torch.cat([start[:planes], torch.ones(terms + 2, dtype=torch.float64)])
    fit = least_squares(model, data, start, scale)
    covariance = fit.covariance[planes : planes + terms, planes : planes + terms]
    k, errors = fit.parameters[planes:], fit.covariance.diagonal()[planes:].sqrt()
    numbers = [Estimate(float(v), float(e), "1") for v, e in zip(k, errors, strict=True)]
    corner = Estimate(1 + float(k[:terms].sum()), math.sqrt(float(covariance.sum())), "1")
    residual = float((fit.residuals / model(fit.parameters)).square().mean().sqrt())
    gains, gain_error = _grid(linear, grid)
    return LensShading(tuple(numbers[:terms]), covariance, corner, (numbers[terms], numbers[terms + 1]), residual, gains, gain_error)


def shading_fraction(coefficients: Sequence[float], radius: Tensor) -> Tensor:
    """The light at a distance from the middle, 1 in the corners: 1 + k1 r^2 + k2 r^4 + ..."""
    return 1 + sum((k * radius ** (2 * i + 2) for i, k in enumerate(coefficients)), torch.zeros_like(radius))


def _linear(frame: Frame) -> Frame:
    if frame.space != "dn":
        return frame.detach()
    if frame.capture.black_level is None or frame.capture.white_level is None:
        raise CampipeError("a flat of raw numbers needs the black and the white level of its capture; give black_level and white_level")
    black, white = levels_of(frame)
    if bool((frame.data >= white).double().mean() > 1e-3):
        raise CampipeError("the flat is clipped at the white level, which hides its shading; expose to half of the range")
    return frame.detach().replace(to_unit(frame.data.detach().double(), black.double(), white.double()), "mosaic")


def _blocks(frame: Frame, terms: int) -> tuple[list[Tensor], list[Tensor], list[Tensor]]:
    """Of each plane: means of blocks (N,), means of the powers of r^2 (N, terms), and places from -1 to 1 (N, 2), right and down."""
    height, width = frame.height, frame.width
    zero = torch.zeros(1, 2, dtype=torch.int64)
    square = field_square(zero, (height, width), (height, width), torch.zeros((), dtype=torch.float64))
    y, x = torch.linspace(-1, 1, height, dtype=torch.float64)[:, None], torch.linspace(-1, 1, width, dtype=torch.float64)
    maps = [*(square[0] ** (i + 1) for i in range(terms)), x.expand(height, width), y.expand(height, width)]
    tile = (1, 1) if frame.capture.pattern is None or frame.data.shape[1] == 3 else patterns.size(frame.capture.pattern)
    places = [torch.stack([m[i :: tile[0], j :: tile[1]] for m in maps]) for i in range(tile[0]) for j in range(tile[1])]
    planes = list(frame.data[0].double()) if tile == (1, 1) else [plane[0].double() for _, plane in named_planes(frame)]
    places = places * (len(planes) // len(places))
    levels, powers, tilts = [], [], []
    for plane, place in zip(planes, places, strict=True):
        side = max(1, min(plane.shape) // _BLOCKS)
        means = torch.nn.functional.avg_pool2d(torch.cat([plane[None], place])[None], side)[0].flatten(1)
        levels.append(means[0])
        powers.append(means[1 : terms + 1].T)
        tilts.append(means[terms + 1 :].T)
    if not all(bool((level > 0).all()) for level in levels):
        raise CampipeError("a flat is brighter than black everywhere; take its black level away, and light it evenly")
    return levels, powers, tilts


def _grid(frame: Frame, grid: tuple[int, int]) -> tuple[Tensor, Tensor]:
    """Gains, and by colour the standard error of one over the gain.

    From the grids of two frames whose noise is independent: of four rows of tiles, one repeats the outer two and the other the inner two,
    which leaves the middle of the light where it was. Each has twice the variance, their difference four times.
    """
    pattern = frame.capture.pattern if frame.data.shape[1] == 1 else None
    rows = 1 if pattern is None else patterns.size(pattern)[0]
    whole = gain_grid_from_flat(frame.data, pattern, grid)
    number = torch.arange(frame.height)
    group, within = number // (4 * rows) * (4 * rows), number % (4 * rows)
    halves = []
    for source in ((0, 0, 3, 3), (1, 1, 2, 2)):
        row = group + torch.tensor(source)[within // rows] * rows + within % rows
        halves.append(gain_grid_from_flat(frame.data[..., torch.where(row < frame.height, row, number), :], pattern, grid))
    ratio = (halves[0] / halves[1]).log()
    # The smallest gain is 1 by definition, which moves all of them together.
    ratio = ratio - ratio.mean((1, 2), keepdim=True)
    return whole, ratio.square().mean((1, 2)).sqrt() / 2
