"""Photon transfer from a single frame: by the flat patches of a chart."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from campipe.calibrate.estimate import Estimate
from campipe.calibrate.frame_history import FrameHistory, frame_history
from campipe.calibrate.planes import named_planes
from campipe.core import pattern as patterns
from campipe.core.errors import CampipeError, ShapeError
from campipe.core.frame import Frame
from campipe.ops.flat_noise import patch_sums, patch_values, patch_variances
from campipe.ops.variance_line import VarianceLine, variance_line

_LEVELS = 5  # patches that a line needs
_SMALL = 20.0  # degrees of freedom that a patch needs
_BENT = 3.0  # standard errors of the quadratic term from which on the line is said to bend


@dataclass(frozen=True)
class PlaneTransfer:
    """Variance against mean of one plane.

    name        of the plane: "R", "Gr", "Gb", "B", "mono", ...
    gain        K, DN/e-: slope of the line
    intercept   DN^2: the line's variance at 0 DN
    black       DN: where the line meets the dark variance
    bare_gain   DN/e-: slope at black of a parabola, whose quadratic term takes what grows with the square of the signal
    spread      fraction: the root of that term, by fixed pattern that differs from pixel to pixel, and by fine texture of the patches
    mean, variance, freedom   (P,) float64 of each patch, DN, DN^2 and degrees of freedom of the variance
    used        (P,) bool: not clipped, and large enough
    scatter     mean square of the deviations from the line, in standard errors
    """

    name: str
    gain: Estimate
    intercept: Estimate
    black: Estimate
    bare_gain: Estimate
    spread: Estimate
    mean: Tensor
    variance: Tensor
    freedom: Tensor
    used: Tensor
    scatter: float


@dataclass(frozen=True)
class SingleFrameTransfer:
    """Photon transfer of one frame.

    planes        one for each position of the pattern
    green_ratio   response of Gr over that of Gb; None without a Bayer pattern
    history       what was done to the frame before
    """

    planes: tuple[PlaneTransfer, ...]
    green_ratio: Estimate | None
    history: FrameHistory

    @property
    def notes(self) -> tuple[str, ...]:
        """What a reader has to know, in words."""
        lines = [f"{p.name}: {p.gain.note}" for p in self.planes if p.gain.note and math.isfinite(p.gain.value)]
        return self.history.sentences + tuple(lines)


def patch_transfer(
    frame: Frame, labels: Tensor, count: int, *, white: float | None = None, dark_variance: float = 0.0
) -> SingleFrameTransfer:
    """Photon transfer from flat patches of one frame.

    frame           (1, 1, H, W) in "dn"
    labels          (H, W) patch of each pixel, -1 outside (`chart_labels`, `box_labels`); `count` patches
    white           DN from which on pixels are clipped; None: the capture's white level, or where values pile up
    dark_variance   DN^2 of the read noise, for the black level alone: by 0 it comes out too low by dark_variance / K

    Variances are those of second differences within a patch and plane (`patch_variances`), which gradients of the light do not reach. One
    frame cannot tell noise from a fixed pattern of single pixels: that raises the gain, and bends the line; `bare_gain` has it taken away
    at the price of a larger error, and a note says where the bend is seen. Patches that are clipped at either end are left out. Frames that
    were denoised, sharpened or compressed with loss give no gain, but a note.

    Errors: of a variance, var * sqrt(2 / freedom), which is that of normal noise; of the line, by its normal equations, widened by the
    scatter of patches about it where chance does not explain that; of the black level, by both coefficients. Gradient: none.
    """
    frame.expect("dn")
    if frame.batch != 1 or frame.data.ndim != 4:
        raise ShapeError(f"one frame is measured at a time, (1, 1, H, W), but {tuple(frame.data.shape)} came; take items one by one")
    if labels.shape != frame.data.shape[-2:]:
        raise ShapeError(f"each pixel has a patch, {tuple(frame.data.shape[-2:])}, but labels of {tuple(labels.shape)} came")
    known = frame.capture.white_level
    top = white if white is not None else math.inf if known is None else float(known.min())
    planes = [(name, plane[0].detach().double()) for name, plane in named_planes(frame)]
    where = _split(labels, frame.capture.pattern)
    history = frame_history([(p, n) for (_, p), n in zip(planes, where, strict=True)], count, top)
    whole = all(bool((p == p.round()).all()) for _, p in planes)
    rounding = (history.step if history.requantised else 1.0) ** 2 / 12 if whole else 0.0
    spoiled = "; ".join(history.sentences) if history.denoised or history.sharpened or history.lossy else ""
    blacks = _blacks(frame, len(planes))
    found = tuple(
        _plane(name, plane, n, count, top, dark_variance + rounding, black, spoiled)
        for (name, plane), n, black in zip(planes, where, blacks, strict=True)
    )
    return SingleFrameTransfer(found, _green_ratio(frame, labels, count, found), history)


def _plane(
    name: str, plane: Tensor, labels: Tensor, count: int, white: float, dark: float, black: float | None, spoiled: str
) -> PlaneTransfer:
    sums, pixels = patch_sums(plane, labels, count)
    mean = sums / pixels
    variance, freedom = patch_variances(plane, labels, count)
    clipped = torch.tensor([_clipped(values, white) for values in patch_values(plane, labels, count)])
    used = (freedom >= _SMALL) & ~clipped & (variance > 0)
    if int(used.sum()) < _LEVELS:
        raise CampipeError(
            f"photon transfer needs {_LEVELS} flat patches that are large enough and not clipped, but plane {name} has {int(used.sum())} "
            f"of {count}; expose less, or give larger patches"
        )
    if float(mean[used].max() - mean[used].min()) < 4 * float(variance[used].max()) ** 0.5:
        raise CampipeError(f"photon transfer needs patches of different brightness, but those of plane {name} are alike; take a chart")
    data = mean[used], variance[used], freedom[used]
    line, curve = (variance_line(*data, degree) for degree in (1, 2))
    left = int(used.sum()) - 2
    c, errors = line.coefficients, line.covariance.diagonal().sqrt()
    # d black / d (c0, c1) of black = (dark - c0) / c1
    at = (dark - float(c[0])) / float(c[1])
    slopes = torch.tensor([1.0, at], dtype=torch.float64) / c[1]
    black_error = float(slopes @ line.covariance @ slopes) ** 0.5
    spread, bent = _spread(curve)
    note = spoiled or (f"variance bends upwards by a spread of {spread.value:.2%}: see bare_gain" if bent else "")
    gain = Estimate(math.nan if spoiled else float(c[1]), math.nan if spoiled else float(errors[1]), "DN/e-", left, note=note)
    return PlaneTransfer(
        name,
        gain,
        Estimate(float(c[0]), float(errors[0]), "DN^2", left),
        Estimate(at, black_error, "DN", left, note="" if dark > 1 else "too low by the read noise's variance over the gain"),
        _bare_gain(curve, dark, black, left - 1, spoiled),
        spread,
        mean,
        variance,
        freedom,
        used,
        line.scatter,
    )


def _bare_gain(curve: VarianceLine, dark: float, black: float | None, freedom: float, spoiled: str) -> Estimate:
    """Slope of c0 + c1 x + c2 x^2 at the black level: c1 + 2 c2 black, or where the curve falls to the dark variance, if none is known."""
    c = curve.coefficients
    if black is not None:
        slopes = torch.tensor([0.0, 1.0, 2 * black], dtype=torch.float64)
        value = float(slopes @ c)
    else:
        square = float(c[1] ** 2 - 4 * c[2] * (c[0] - dark))
        value = math.sqrt(square) if square > 0 else math.nan
        slopes = torch.stack([-2 * c[2], c[1], -2 * (c[0] - dark)]) / value
    error = float(slopes @ curve.covariance @ slopes) ** 0.5 if math.isfinite(value) else math.nan
    return Estimate(math.nan if spoiled else value, math.nan if spoiled else error, "DN/e-", freedom, note=spoiled)


def _spread(curve: VarianceLine) -> tuple[Estimate, bool]:
    """Root of the quadratic term; an upper limit where it is not surely above 0. And whether it is."""
    square, error = float(curve.coefficients[2]), float(curve.covariance[2, 2]) ** 0.5
    if square > _BENT * error:
        return Estimate(math.sqrt(square), error / (2 * math.sqrt(square)), "1"), True
    return Estimate(math.sqrt(max(square, 0.0) + 1.645 * error), math.nan, "1", bound=True), False


def _green_ratio(frame: Frame, labels: Tensor, count: int, planes: tuple[PlaneTransfer, ...]) -> Estimate | None:
    """Slope of the patches' means in Gr against those in Gb: a black level, right or wrong, does not enter.

    Each pixel of Gr is set against the mean of its four neighbours in Gb, which has the same middle, so that a gradient of the light does
    not enter either. Weighted by the variances of both means; the error is widened by the scatter about the line where that is larger.
    """
    place = {p.name: number for number, p in enumerate(planes) if p.name in ("Gr", "Gb")}
    if len(place) < 2:
        return None
    mosaic, here, diagonal = frame.data[0, 0].detach().double(), labels[1:-1, 1:-1], torch.zeros((), dtype=torch.float64)
    height, width = mosaic.shape
    same = torch.ones_like(here, dtype=torch.bool)
    for down in (0, 2):
        for right in (0, 2):
            corner = (slice(down, height - 2 + down), slice(right, width - 2 + right))
            diagonal = diagonal + mosaic[corner] / 4
            same &= labels[corner] == here
    rows, columns = torch.arange(1, height - 1)[:, None], torch.arange(1, width - 1)
    at_red = (rows % 2 * 2 + columns % 2 == place["Gr"]) & same
    (reds, pixels), (blues, _) = (patch_sums(v, torch.where(at_red, here, -1), count) for v in (mosaic[1:-1, 1:-1], diagonal))
    red, blue = planes[place["Gr"]], planes[place["Gb"]]
    both = red.used & blue.used & (pixels > 0)
    x, y, pixels = blues[both] / pixels[both], reds[both] / pixels[both], pixels[both]
    slope = torch.ones((), dtype=torch.float64)
    for _ in range(3):
        weight = pixels / (red.variance[both] + slope**2 * blue.variance[both])
        middle = (weight * x).sum() / weight.sum()
        slope = (weight * (x - middle) * y).sum() / (weight * (x - middle).square()).sum()
    rest = y - slope * x
    rest = rest - (weight * rest).sum() / weight.sum()
    scatter = max(1.0, float((weight * rest.square()).sum()) / (len(x) - 2))
    error = (scatter / float((weight * (x - middle).square()).sum())) ** 0.5
    return Estimate(float(slope), error, "1", len(x) - 2)


def _clipped(values: Tensor, white: float) -> bool:
    """Whether pixels reach white, or pile up at their least or largest value as they do at a limit."""
    if not len(values) or bool((values >= white).any()):
        return True
    ordered = values.sort().values
    return len(ordered) > 8 and any(_piled(v) for v in (ordered, -ordered.flip(0)))


def _piled(ordered: Tensor) -> bool:
    """Whether five or more pixels have the largest value, and three times as many as lie within 1 DN below."""
    top = float(ordered[-1])
    if float(ordered[-5]) < top:
        return False
    at, near = (len(ordered) - int(torch.searchsorted(ordered, v)) for v in (top, top - 1))
    return at > 3 * (near - at + 1)


def _split(labels: Tensor, pattern: str | None) -> list[Tensor]:
    height, width = (1, 1) if pattern is None else patterns.size(pattern)
    return [labels[y::height, x::width] for y in range(height) for x in range(width)]


def _blacks(frame: Frame, count: int) -> list[float | None]:
    level = frame.capture.black_level
    if level is None:
        return [None] * count
    return [float(v) for v in level.double().reshape(-1).expand(count)]
