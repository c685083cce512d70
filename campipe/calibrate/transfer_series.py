"""A series of flat and dark pairs as numbers of one plane, in order of light: what the fits of photon transfer start from."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from campipe.calibrate.pairs import PairStatistics
from campipe.core.errors import CampipeError

_FELL = 0.5  # of the largest variance: steps of more light below it show that the sensor saturates
_STILL = 0.05  # of the largest variance: below it all pixels are saturated
_ANY = 1e-3  # fraction of saturated pixels from which a step is left out


@dataclass(frozen=True)
class Steps:
    """Flats or darks of one plane, (N,) float64 each; nan where a time or number of photons is not known. See `PairStatistics`."""

    mean: Tensor
    variance: Tensor
    variance_error: Tensor
    shift: Tensor
    pixels: Tensor
    saturated: Tensor
    clipped: Tensor
    freedom: Tensor
    seconds: Tensor
    photons: Tensor
    pairs: Tensor

    def take(self, order: Tensor) -> Steps:
        """Some of the steps, or all in another order."""
        return Steps(*(getattr(self, name)[order] for name in self.__dataclass_fields__))

    @property
    def normal_error(self) -> Tensor:
        """(N,) standard errors that the variances have where the noise is normal and independent."""
        return self.variance * (2 / (self.pixels - 1)).sqrt()


@dataclass(frozen=True)
class Series:
    """Flats in order of light with the darks that belong to them.

    flats, darks    steps
    signal          (N,) DN, mean of each flat above its dark
    dark_variance   (N,) DN^2, of the dark that belongs to each flat
    timed           the darks tell how dark mean and variance grow with time
    """

    flats: Steps
    darks: Steps
    signal: Tensor
    dark_variance: Tensor
    timed: bool


@dataclass(frozen=True)
class Saturation:
    """step: where the variance is largest; reached: the series goes beyond it; signal: DN, of full saturation or of that step;
    full: all pixels are saturated at the end of the series."""

    step: int
    reached: bool
    signal: float
    full: bool


def series_of(flats: Sequence[PairStatistics], darks: Sequence[PairStatistics], plane: str) -> Series:
    """The series of one plane.

    A flat's dark is the one of its exposure time; else it lies on the straight line of the darks over time, where times are known and
    differ; else it is the mean of all darks.
    """
    light, dark = (_steps(pairs, plane) for pairs in (flats, darks))
    bright = light.photons if not bool(light.photons.isnan().any()) else light.mean
    light = light.take(bright.argsort(stable=True))
    times = dark.seconds[~dark.seconds.isnan()].unique()
    timed = len(times) > 1 and not bool(light.seconds.isnan().any())
    dark = dark.take((~dark.seconds.isnan()).nonzero()[:, 0]) if timed else dark
    mean, variance = (_at(values, light.seconds, dark, timed) for values in (dark.mean, dark.variance))
    return Series(light, dark, light.mean - mean, variance, timed)


def saturation_of(series: Series, step: int | None = None) -> Saturation:
    """Where the series saturates: at the step of the largest variance (EMVA 1288), or at a step that is given."""
    variance, signal = series.flats.variance, series.signal
    if step is not None:
        return Saturation(step, True, float(signal[step]), False)
    step = int(variance.argmax())
    after = torch.arange(len(variance)) > step
    largest = float(variance[step])
    still = after & (variance < _STILL * largest)
    if bool(still.any()):
        return Saturation(step, True, float(signal[still].mean()), True)
    return Saturation(step, bool((after & (variance < _FELL * largest)).any()), float(signal[step]), False)


def usable(series: Series, saturation: Saturation, part: float = 0.7) -> Tensor:
    """(N,) bool: steps up to a part of saturation in which no pixels are saturated; all of those where saturation was not reached."""
    clean = (series.flats.saturated < _ANY) & (series.signal > 0)
    if saturation.reached:
        clean &= series.signal <= part * saturation.signal
    return clean


def _steps(pairs: Sequence[PairStatistics], plane: str) -> Steps:
    rows = [pair.row(plane) for pair in pairs]
    names = ("mean", "variance", "variance_error", "shift", "pixels", "saturated", "clipped", "freedom")
    table = [torch.stack([getattr(p, name)[i].double() for p, i in zip(pairs, rows, strict=True)]) for name in names]
    known = [[getattr(p, name) for p in pairs] for name in ("seconds", "photons", "pairs")]
    scalars = [torch.tensor([math.nan if v is None else v for v in values], dtype=torch.float64) for values in known]
    return Steps(*table, *scalars)


def _at(values: Tensor, seconds: Tensor, dark: Steps, timed: bool) -> Tensor:
    """Values of the darks at the flats' times."""
    if not timed:
        return (values * dark.pixels).sum().div(dark.pixels.sum()).expand(len(seconds)).clone()
    design = torch.stack([torch.ones_like(dark.seconds), dark.seconds], 1)
    line = torch.linalg.lstsq(design, values[:, None]).solution[:, 0]
    out = line[0] + line[1] * seconds
    for i, time in enumerate(seconds.tolist()):
        same = (dark.seconds - time).abs() <= 1e-6 * abs(time)
        if bool(same.any()):
            out[i] = (values * dark.pixels)[same].sum() / dark.pixels[same].sum()
    return out


def planes_of(flats: Sequence[PairStatistics], darks: Sequence[PairStatistics]) -> tuple[str, ...]:
    """Names of the planes that all pairs have; a CampipeError where they differ, or where a series is empty."""
    for what, pairs in (("flats", flats), ("darks", darks)):
        if not pairs:
            raise CampipeError(f"photon transfer needs pairs of {what}, but none came; take two frames of each exposure")
    names = flats[0].planes
    for pair in [*flats, *darks]:
        if sorted(pair.planes) != sorted(names):
            raise CampipeError(f"all pairs have the same planes, but {', '.join(names)} and {', '.join(pair.planes)} came")
    isos = {pair.iso for pair in [*flats, *darks] if pair.iso is not None}
    if len(isos) > 1:
        raise CampipeError(f"photon transfer is measured at one gain, but pairs of ISO {', '.join(f'{i:g}' for i in sorted(isos))} came")
    return names
