"""Fixed pattern: dark-signal and photo-response non-uniformity, split in pixel, row and column (EMVA 1288 Release 4, section 9).

A plane's average frame of M rows and N columns is a mean, plus an offset of each row, of each column and of each pixel, plus what is left
of temporal noise. s^2_y is the variance of the average frame, s^2_rav and s^2_cav those of the averages of its rows and columns, each less
its share of the temporal variance; the parts follow from these three.

Standard errors are those of the law that the sensor's maps are drawn from: what another sensor of the kind would change. Frames of the same
sensor repeat its pattern more closely. They come from the mean squares of the two-way layout, which are independent (Scheffe, The Analysis
of Variance, 1959): those of rows and columns by the chi-square law of normal offsets, that of pixels by the fourth moment of what rows and
columns leave, so that hot pixels widen it.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache

import torch
from torch import Tensor

from campipe.calibrate.estimate import Estimate
from campipe.calibrate.stacks import StackStatistics
from campipe.core.errors import CampipeError

PARTS = ("total", "row", "column", "pixel")
DETREND = ("none", "quadratic", "high-pass")
_SURE = 1.645  # standard errors, 95 % one-sided
_QUANTISED = 0.24  # DN^2, temporal variance below which rounding hides the noise (EMVA 1288 Release 4)


@dataclass(frozen=True)
class FixedPattern:
    """Standard deviations of a plane's fixed pattern: e- for DSNU, a fraction of the signal for PRNU.

    total, row, column, pixel   where a variance is not above its error, an upper limit
    variances                   (4,) DN^2, of the parts in this order, as the formulas give them: negative where there is less than noise
    errors                      (4,) DN^2, their standard errors
    temporal                    DN^2, sigma^2_stack of the stack (the bright one for PRNU)
    """

    plane: str
    total: Estimate
    row: Estimate
    column: Estimate
    pixel: Estimate
    variances: Tensor
    errors: Tensor
    temporal: float


Lines = Mapping[str, tuple[float, float]]


def dsnu(
    dark: StackStatistics, gain: Estimate | float | dict[str, Estimate], *, detrend: str = "none", lines: Lines | None = None
) -> dict[str, FixedPattern]:
    """Dark-signal non-uniformity of every plane, e-.

    dark      stack of frames without light
    gain      K, DN/e-, one for all planes or one for each name
    detrend   what is taken away before: "none", as the standard's DSNU; "quadratic", a surface of second order; "high-pass", the mean of
              5 x 5 pixels, whose loss of variance is made good for parts that are independent from pixel to pixel and row to row
    lines     None: the parts are split by the formulas of the standard. Else temporal variance of rows and of columns by plane, DN^2
              (`campipe.calibrate.line_noise`): a stack of L frames keeps 1/L of it, which the standard counts as fixed and which is taken
              off here; and the split is by mean squares, free of the standard's bias of pixels by 1/MN of the variance of rows and columns

    Where the temporal variance is below 0.24 DN^2 it does not carry pixels from one whole number to the next, so that averages hide what
    lies between: the answers are upper limits, with the 1/12 DN^2 that rounding may have hidden.
    """
    out = {}
    for plane in dark.planes:
        k = gain[plane] if isinstance(gain, dict) else gain
        k = k if isinstance(k, Estimate) else Estimate(float(k), 0.0, "DN/e-")
        values, errors, freedom = _variances(dark, None, plane, detrend, lines is None)
        values = values - _moving(lines, plane, 1 / dark.frames)
        parts = _deviations(values, errors, freedom, k.value, k.error / k.value, "e-")
        if dark.temporal(plane) < _QUANTISED:
            note = "quantisation-limited: take the stack at more gain"
            limits = [math.sqrt(max(v, 0.0) + 1 / 12) / k.value for v in values.tolist()]
            parts = {part: Estimate(v, math.nan, "e-", bound=True, note=note) for part, v in zip(PARTS, limits, strict=True)}
        out[plane] = FixedPattern(plane, **parts, variances=values, errors=errors, temporal=dark.temporal(plane))
    return out


def prnu(
    bright: StackStatistics, dark: StackStatistics, *, detrend: str = "none", lines: Lines | None = None
) -> dict[str, FixedPattern]:
    """Photo-response non-uniformity of every plane, as a fraction: sqrt(s^2_bright - s^2_dark) / (mean_bright - mean_dark).

    bright    stack at about half of saturation, evenly lit; dark: stack of the same exposure time without light
    detrend   as for `dsnu`; uneven light counts as PRNU unless it is taken away
    lines     as for `dsnu`; of two stacks of as many frames they cancel
    """
    if sorted(bright.planes) != sorted(dark.planes):
        raise CampipeError(f"both stacks have the same planes, but {', '.join(bright.planes)} and {', '.join(dark.planes)} came")
    out = {}
    for plane in bright.planes:
        signal = float(bright.means[bright.index(plane)].mean() - dark.means[dark.index(plane)].mean())
        if not signal > 0:
            raise CampipeError(f"the bright stack is brighter than the dark one, but its mean is {signal:+.3g} DN from it in plane {plane}")
        values, errors, freedom = _variances(bright, dark, plane, detrend, lines is None)
        values = values - _moving(lines, plane, 1 / bright.frames - 1 / dark.frames)
        parts = _deviations(values, errors, freedom, signal, 0.0, "1")
        out[plane] = FixedPattern(plane, **parts, variances=values, errors=errors, temporal=bright.temporal(plane))
    return out


def _moving(lines: Lines | None, plane: str, share: float) -> Tensor:
    """What temporal line noise leaves of (4,) variances of an averaged frame: it counts as rows and columns, and for the temporal variance
    that is taken off the total it is missing among the pixels."""
    row, column = (0.0, 0.0) if lines is None else lines.get(plane, (0.0, 0.0))
    return share * torch.tensor([0.0, row, column, -row - column], dtype=torch.float64)


def trendless(mean: Tensor, detrend: str) -> Tensor:
    """A plane's average frame less trend and mean; see `dsnu`. The high-pass leaves out two rows and columns of the rim."""
    if detrend not in DETREND:
        raise CampipeError(f"a trend is taken away as {', '.join(DETREND)}, but {detrend!r} came")
    if detrend == "none":
        return mean
    if detrend == "high-pass":
        if min(mean.shape) < 16:
            raise CampipeError(f"a high-pass of 5 x 5 needs planes of 16 x 16 or more, but {tuple(mean.shape)} came")
        return mean[2:-2, 2:-2] - torch.nn.functional.avg_pool2d(mean[None, None], 5, 1)[0, 0]
    y, x = (torch.linspace(-1, 1, size, dtype=torch.float64) for size in mean.shape)
    down, across = torch.meshgrid(y, x, indexing="ij")
    # Legendre polynomials are nearly orthogonal on the grid.
    terms = (down, across, down * across, (3 * down.square() - 1) / 2, (3 * across.square() - 1) / 2)
    design = torch.stack([torch.ones_like(down), *terms]).flatten(1)
    weight = torch.linalg.solve(design @ design.T, design @ mean.flatten())
    return mean - (weight @ design).reshape(mean.shape)


@cache
def _kept(size: int, axes: int) -> tuple[float, float]:
    """What a high-pass leaves of the variance of independent pixels (2 axes) or rows (1), and by how much it widens a variance's error:
    the square root of the sum of the squared autocorrelations that it makes."""
    kernel = torch.zeros((2 * size - 1,) * axes, dtype=torch.float64)
    kernel[(slice(size // 2, size // 2 + size),) * axes] -= 1 / size**axes
    kernel[(size - 1,) * axes] += 1
    power = torch.fft.fftn(kernel, [8 * size] * axes).abs().square()
    return float(power.mean()), math.sqrt(float(power.square().mean() / power.mean().square()))


def _variances(
    stack: StackStatistics, less: StackStatistics | None, plane: str, detrend: str, standard: bool
) -> tuple[Tensor, Tensor, Tensor]:
    """(4,) variances of the parts, DN^2, less those of another stack, their standard errors, and the degrees of freedom of these."""
    stacks = [stack] if less is None else [stack, less]
    maps = [trendless(s.means[s.index(plane)], detrend) for s in stacks]
    if min(maps[0].shape) < 3:
        raise CampipeError(f"rows and columns are told apart in planes of 3 x 3 or more, but {tuple(maps[0].shape)} came")
    if maps[0].shape != maps[-1].shape:
        raise CampipeError(f"both stacks are of one size, but {tuple(maps[0].shape)} and {tuple(maps[-1].shape)} came in plane {plane}")
    shares = [s.temporal(plane) / s.frames for s in stacks]
    filtered = detrend == "high-pass"
    found = [parts_of(m, s) if standard and not filtered else _mean_squares(m, s, filtered) for m, s in zip(maps, shares, strict=True)]
    values = found[0] - found[1] if less is not None else found[0]
    noise = sum(float(s.variances[s.index(plane)].var()) / s.variances[s.index(plane)].numel() / s.frames**2 for s in stacks)
    errors = _errors(maps, noise, filtered)
    return values, errors, _freedom(errors, maps[0].shape, _kept(5, 1)[1] if filtered else 1.0)


def _freedom(errors: Tensor, shape: tuple[int, ...], wide: float) -> Tensor:
    """(4,) degrees of freedom of the errors: those of the mean squares of rows, columns and pixels, and Satterthwaite's of their sum."""
    m, n = shape
    parts = torch.tensor([(m - 1) / wide**2, (n - 1) / wide**2, (m - 1) * (n - 1)], dtype=torch.float64)
    fourth = errors**4
    return torch.cat([fourth[:1] / (fourth[1:] / parts).sum().clamp_min(1e-300), parts]).clamp_min(1.0)


def parts_of(mean: Tensor, share: float) -> Tensor:
    """(4,) variances, total, row, column and pixel, of an average frame (M, N) in which `share` of temporal variance is left.

    EMVA 1288 Release 4, equations of section 9: s^2_y over MN - 1, averages over M and N.
    """
    m, n = mean.shape
    rest = m * n - m - n
    total = mean.var() - share
    row = mean.mean(1).var(correction=0) - share / n
    column = mean.mean(0).var(correction=0) - share / m
    rows = (m * n - n) / rest * row - m / rest * (total - column)
    columns = (m * n - m) / rest * column - n / rest * (total - row)
    return torch.stack([total, rows, columns, m * n / rest * (total - row - column)])


def _mean_squares(mean: Tensor, share: float, filtered: bool) -> Tensor:
    """The same by the mean squares of the two-way layout; of a frame behind the high-pass, what that leaves of each is made good."""
    m, n = mean.shape
    line, area = (_kept(5, axes)[0] if filtered else 1.0 for axes in (1, 2))
    pixel = _residual(mean).square().sum() / ((m - 1) * (n - 1)) / area - share
    row = mean.mean(1).var() / line - (pixel + share) / n
    column = mean.mean(0).var() / line - (pixel + share) / m
    return torch.stack([row + column + pixel, row, column, pixel])


def _residual(mean: Tensor) -> Tensor:
    """What rows and columns leave, (M, N)."""
    return mean - mean.mean(1, keepdim=True) - mean.mean(0, keepdim=True) + mean.mean()


def _errors(maps: list[Tensor], noise: float, filtered: bool) -> Tensor:
    """(4,) standard errors of the variances of one map, or of the difference of two maps' variances.

    Of two normal numbers with variances a and b and covariance c, the difference of the sample variances has variance
    2 (a^2 + b^2 - 2 c^2) / freedom: what both share cancels.
    """
    m, n = maps[0].shape
    (line, wide), (area, broad) = (_kept(5, axes) if filtered else (1.0, 1.0) for axes in (1, 2))
    squares = []
    for axis, count in ((1, m), (0, n)):
        lines = torch.stack([each.mean(axis) for each in maps])
        covariance = torch.cov(lines).reshape(len(maps), len(maps)).square()
        doubled = covariance.diagonal().sum() - (2 * covariance[0, 1] if len(maps) > 1 else 0)
        squares.append(2 * doubled / (count - 1) * (wide / line) ** 2)
    left = [_residual(each).square() for each in maps]
    free = (m - 1) * (n - 1)
    # The squares are small by what went to the lines.
    square = (left[0] - left[1] if len(maps) > 1 else left[0]).var() * (m * n / free) ** 2
    pixel = square / free * (broad / area) ** 2 + noise
    row, column = squares[0] + pixel / n**2, squares[1] + pixel / m**2
    return torch.stack([row + column + pixel, row, column, pixel]).sqrt()


def _deviations(values: Tensor, errors: Tensor, freedom: Tensor, scale: float, relative: float, unit: str) -> dict[str, Estimate]:
    """Variances in DN^2 as standard deviations, over K or the signal."""
    out = {}
    for part, value, error, free in zip(PARTS, values.tolist(), errors.tolist(), freedom.tolist(), strict=True):
        if value <= _SURE * error:
            limit = math.sqrt(max(value, 0.0) + _SURE * error) / scale
            note = f"no {part} pattern above the noise of the stack; take more frames"
            out[part] = Estimate(limit, math.nan, unit, bound=True, note=note)
            continue
        deviation = math.sqrt(value) / scale
        out[part] = Estimate(deviation, math.hypot(error / (2 * math.sqrt(value) * scale), deviation * relative), unit, free)
    return out
