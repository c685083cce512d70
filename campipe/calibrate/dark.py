"""Dark frames: the sums of one pass that all estimates of dark noise are made of, and the read noise."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import cached_property

import torch
from torch import Tensor

from campipe.calibrate.components import Components, Part, variance_components
from campipe.calibrate.estimate import Estimate
from campipe.calibrate.planes import plane_names
from campipe.calibrate.rounding import QUANTISED, ROUNDING, without_rounding
from campipe.core import pattern as patterns
from campipe.core.errors import CampipeError
from campipe.core.frame import Capture, Frame

_WINDOW = 2**19  # pixels per frame that are kept as they are
_CLIPPED = 1e-3  # share of values at the converter's zero above which a dark frame is refused


@dataclass(frozen=True)
class DarkPlane:
    """One position of the pattern in a stack of dark frames.

    name       "R", "Gr", "Gb", "B", "mono", or letter and position
    mean       (h, w) float64, DN, over frames
    variance   (h, w) float64, DN^2, over frames, without bias
    rows       (L, h) float64, DN, mean of each row of each frame
    columns    (L, w) float64, DN, mean of each column of each frame
    window     (N, k, w) float32, DN: the first N frames as they came, k rows from `top` on
    top        row of the plane where the window begins
    """

    name: str
    mean: Tensor
    variance: Tensor
    rows: Tensor
    columns: Tensor
    window: Tensor
    top: int

    @cached_property
    def components(self) -> Components:
        """The temporal variance, split; every estimate starts from it."""
        return variance_components(self.rows, self.columns, float(self.variance.mean()), _spread(self))


@dataclass(frozen=True)
class DarkStatistics:
    """What one pass over dark frames of one exposure has gathered.

    frames        their number L
    pattern       colour filters as pixel (0, 0) sees them, or None
    mean          (H, W) float64, DN, over frames
    variance      (H, W) float64, DN^2, over frames, without bias
    rows          (P, L, H / tile) float64, DN, mean of each row of each frame, by position of the pattern
    columns       (P, L, W / tile) float64, DN, likewise
    window        (N, k, W) float32, DN: rows from `top` of the first N frames, as they came
    top           row where the window begins
    whole         True where all values were whole numbers
    capture       of the first frame
    temperature   C, as it was given
    notes         what a reader has to know about the frames
    """

    frames: int
    pattern: str | None
    mean: Tensor
    variance: Tensor
    rows: Tensor
    columns: Tensor
    window: Tensor
    top: int
    whole: bool
    capture: Capture = field(repr=False)
    temperature: float | None = None
    notes: tuple[str, ...] = ()

    @property
    def seconds(self) -> float | None:
        """Exposure time, s."""
        return None if self.capture.seconds is None else float(self.capture.seconds[0])

    @property
    def iso(self) -> float | None:
        return None if self.capture.iso is None else float(self.capture.iso[0])

    @property
    def tile(self) -> tuple[int, int]:
        return (1, 1) if self.pattern is None else patterns.size(self.pattern)

    @cached_property
    def planes(self) -> tuple[DarkPlane, ...]:
        """One for each position of the pattern, row by row."""
        th, tw = self.tile
        out = []
        for p, name in enumerate(plane_names(self.pattern)):
            i, j = divmod(p, tw)
            maps = (self.mean[i::th, j::tw], self.variance[i::th, j::tw])
            out.append(DarkPlane(name, *maps, self.rows[p], self.columns[p], self.window[:, i::th, j::tw], self.top // th))
        return tuple(out)

    @cached_property
    def whole_frame(self) -> DarkPlane:
        """The frame as one plane: for temporal noise, in which colours do not differ in expectation."""
        th, tw = self.tile
        rows = self.rows.unflatten(0, (th, tw)).mean(1)  # (th, L, h): a sensor row holds tw planes
        columns = self.columns.unflatten(0, (th, tw)).mean(0)
        whole_rows = rows.permute(1, 2, 0).reshape(self.frames, -1)
        whole_columns = columns.permute(1, 2, 0).reshape(self.frames, -1)
        return DarkPlane("all", self.mean, self.variance, whole_rows, whole_columns, self.window, self.top)


def dark_statistics(frames: Iterable[Frame], *, temperature: float | None = None, keep: int = 32) -> DarkStatistics:
    """Gather the statistics of dark frames in one pass.

    frames        in "dn", (B, 1, H, W): two or more of one size, pattern, exposure time and ISO, without light. Each is looked at once
    temperature   C, of the sensor, where it is known
    keep          frames of which a window of half a million pixels is kept

    Memory: three float64 maps, and the window. A frame is cut to whole tiles of its pattern. Raises a CampipeError for frames that differ
    in what they were taken with, that hold numbers that are none, or of which more than one value in a thousand lies at the converter's
    zero: what is clipped there is missing from every variance.
    """
    gathered = _Sums(keep)
    for frame in frames:
        gathered.add(frame.expect("dn"))
    return gathered.result(temperature)


class _Sums:
    """Running sums over frames."""

    def __init__(self, keep: int) -> None:
        self.keep, self.count, self.clipped, self.whole = keep, 0, 0.0, True
        self.rows: list[Tensor] = []
        self.columns: list[Tensor] = []
        self.window: list[Tensor] = []

    def add(self, frame: Frame) -> None:
        if frame.data.ndim != 4:
            raise CampipeError(f"dark frames are (B, 1, H, W), but the shape {tuple(frame.data.shape)} came")
        for i in range(frame.batch):
            self._start(frame, i) if self.count == 0 else self._check(frame, i)
            self._one(frame.data[i, 0, : self.height, : self.width].detach())

    def _start(self, frame: Frame, i: int) -> None:
        self.capture, self.size = frame.item(i).capture, (frame.height, frame.width)
        self.pattern = frame.capture.pattern
        self.tile = (1, 1) if self.pattern is None else patterns.size(self.pattern)
        self.height, self.width = (size // t * t for size, t in zip(self.size, self.tile, strict=True))
        least = 2 * max(self.tile)
        if min(self.height, self.width) < least:
            raise CampipeError(f"dark frames are {least} pixels high and wide or more, but {self.size[0]} x {self.size[1]} came")
        strip = max(self.tile[0], min(self.height, _WINDOW // self.width // self.tile[0] * self.tile[0]))
        self.top = (self.height - strip) // 2 // self.tile[0] * self.tile[0]
        self.strip = strip
        # The first frame's own level is taken off, so that squares stay small.
        self.shift = float(frame.data[i, 0].double().mean().round())
        self.sum = torch.zeros(self.height, self.width, dtype=torch.float64)
        self.squares = torch.zeros_like(self.sum)

    def _check(self, frame: Frame, i: int) -> None:
        if (frame.height, frame.width) != self.size:
            came = f"{self.size[0]} x {self.size[1]} and {frame.height} x {frame.width}"
            raise CampipeError(f"dark frames share their size, but {came} came, as number {self.count}")
        if frame.capture.pattern != self.pattern:
            came = f"{self.pattern} and {frame.capture.pattern}"
            raise CampipeError(f"dark frames share their pattern, but {came} came, as number {self.count}")
        for name in ("seconds", "iso", "gain"):
            first, other = getattr(self.capture, name), getattr(frame.capture, name)
            if first is not None and other is not None and not torch.allclose(first[0], other[i].to(first), rtol=1e-3):
                raise CampipeError(
                    f"dark frames of one set share their {name}, but {first[0].flatten()[0]:g} and {other[i].flatten()[0]:g} came, "
                    f"as number {self.count}; sort them first"
                )

    def _one(self, data: Tensor) -> None:
        if not bool(torch.isfinite(data).all()):
            raise CampipeError(f"dark frames hold finite numbers, but number {self.count} does not")
        self.clipped += float((data <= 0).double().mean())
        self.whole = self.whole and bool((data == data.round()).all())
        if len(self.window) < self.keep:
            self.window.append(data[self.top : self.top + self.strip].float().clone())
        value = data.double() - self.shift
        self.sum += value
        self.squares.addcmul_(value, value)
        th, tw = self.tile
        blocks = value.unflatten(1, (-1, tw)).unflatten(0, (-1, th))  # (h, th, w, tw)
        self.rows.append(blocks.mean(2).permute(1, 2, 0).flatten(0, 1) + self.shift)
        self.columns.append(blocks.mean(0).permute(0, 2, 1).flatten(0, 1) + self.shift)
        self.count += 1

    def result(self, temperature: float | None) -> DarkStatistics:
        if self.count < 2:
            raise CampipeError(f"dark noise needs two frames or more, but {self.count} came")
        clipped = self.clipped / self.count
        if clipped > _CLIPPED:
            raise CampipeError(
                f"{100 * clipped:.2g} % of the dark values lie at the converter's zero, where noise is cut off; raise the black level, "
                "or read files without taking it off"
            )
        mean = self.sum / self.count
        variance = ((self.squares - self.count * mean.square()) / (self.count - 1)).clamp_min(0)
        notes = [] if self.whole else ["values are not whole numbers: nothing is taken off for rounding"]
        if not bool((variance > 0).any()):
            notes.append("all frames are the same")
        return DarkStatistics(
            self.count,
            self.pattern,
            mean + self.shift,
            variance,
            torch.stack(self.rows, 1),
            torch.stack(self.columns, 1),
            torch.stack(self.window),
            self.top,
            self.whole,
            self.capture,
            temperature,
            tuple(notes),
        )


@dataclass(frozen=True)
class ReadNoise:
    """Temporal dark noise of one plane, DN, standard deviations without what rounding adds.

    plane    its name, or "all"
    total    of a pixel from frame to frame: EMVA 1288's sigma_y.dark without the converter's part
    pixel    what each pixel has alone: the `read_noise` of a profile, times the gain
    """

    plane: str
    total: Estimate
    pixel: Estimate


def read_noise(statistics: DarkStatistics) -> tuple[ReadNoise, ...]:
    """Temporal dark noise of each plane, and behind them of the whole frame, "all".

    Variances over frames, averaged over pixels, with what rows, columns and whole frames share split off (`variance_components`), less
    the variance of rounding: 1/12 DN^2, and where noise is small what the mean of the pixels leaves of it (`without_rounding`).
    The standard error is that of the components, with the spread of squared deviations as the window shows it, and error(sigma) =
    error(sigma^2) / (2 sigma). Below 0.24 DN^2 it is an upper bound (EMVA 1288 Release 4.0, section 6.6).
    Dark current and its shot noise are in it: take the shortest exposure.
    """
    out = []
    for plane in (*statistics.planes, *([statistics.whole_frame] if statistics.pattern is not None else [])):
        parts = temporal_components(plane)
        if parts.total.variance < QUANTISED and statistics.whole:
            limit = Estimate(
                math.sqrt(QUANTISED - ROUNDING), math.nan, "DN", bound=True, note="quantisation-limited: dark variance below 0.24 DN^2"
            )
            out.append(ReadNoise(plane.name, limit, limit))
            continue
        # Steps over a mean that is a whole number everywhere do not average out.
        at = (plane.mean, statistics.frames) if statistics.whole else None
        shared = max(0.0, parts.row.variance) + max(0.0, parts.column.variance) + max(0.0, parts.frame.variance)
        out.append(ReadNoise(plane.name, _deviation(parts.total, at), _deviation(parts.pixel, at, shared)))
    return tuple(out)


def temporal_components(plane: DarkPlane) -> Components:
    """The temporal variance of a plane, split; the spread of squares is taken from the window."""
    return plane.components


def residuals(plane: DarkPlane) -> Tensor:
    """(N, k, w) float64, DN: the window without each pixel's mean and without what a row of a frame has in common."""
    x = plane.window.double()
    x = x - x.mean(0)
    k = x.shape[1]
    moved = plane.rows[: x.shape[0], plane.top : plane.top + k]
    return x - (moved - moved.mean(0))[..., None]


def _spread(plane: DarkPlane) -> float:
    """Variance of a squared deviation over the square of its mean; 2 for normal noise, and for too few pixels to tell."""
    e = residuals(plane)
    squares = e.square().sum(0) / (len(e) - 1)
    if squares.numel() < 100 or float(squares.mean()) <= 0:
        return 2.0
    return max(1.0, (len(e) - 1) * float(squares.var() / squares.mean().square()))


def _deviation(part: Part, at: tuple[Tensor, int] | None, shared: float = 0.0) -> Estimate:
    def unrounded(variance: float) -> float:
        return variance if at is None else without_rounding(variance, *at, shared)

    variance, error = unrounded(part.variance), (unrounded(part.variance + part.error) - unrounded(part.variance - part.error)) / 2
    if variance <= 0:
        return Estimate(math.sqrt(1.645 * error), math.nan, "DN", bound=True, note="no more than rounding brings")
    sigma = math.sqrt(variance)
    return Estimate(sigma, error / (2 * sigma), "DN", part.freedom)
