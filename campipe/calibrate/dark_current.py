"""Dark current from dark frames of several exposure times, and how it grows with temperature."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from campipe.calibrate.black_level import black_level
from campipe.calibrate.components import Part
from campipe.calibrate.dark import DarkStatistics, temporal_components
from campipe.calibrate.estimate import Estimate
from campipe.calibrate.rounding import QUANTISED, ROUNDING
from campipe.core.errors import CampipeError

BOLTZMANN = 1.380649e-23 / 1.602176634e-19
"""eV/K, exact in the SI since 2019."""
REFERENCE_TEMPERATURE = 20.0
_ZERO = 273.15  # C to K


@dataclass(frozen=True)
class DarkCurrent:
    """Dark current of one plane.

    plane        its name
    mean         e-/s, from the mean dark signal
    variance     e-/s, from its temporal variance: the one to believe where a camera takes dark current off its black level
    black        DN, dark signal at no exposure time
    read_noise   DN, temporal noise at no exposure time, without what rounding adds: EMVA 1288's sigma_y.dark, all lines included
    note         what a reader has to know
    """

    plane: str
    mean: Estimate
    variance: Estimate
    black: Estimate
    read_noise: Estimate
    note: str = ""


@dataclass(frozen=True)
class Warming:
    """Growth of dark current with temperature.

    at20         e-/s at 20 C, by the law of doubling
    doubling     K, the step of temperature that doubles it
    activation   eV, of the law exp(-E / (k T))
    """

    at20: Estimate
    doubling: Estimate
    activation: Estimate


@dataclass(frozen=True)
class DarkPoint:
    """What dark current takes from the dark frames of one exposure: a few numbers, so that the frames' maps need not be kept.

    seconds, iso, pattern   of the frames
    planes                  names
    levels                  DN, mean dark signal of each plane
    totals                  DN^2, temporal variance of each plane, rounding included
    whole                   True where all values were whole numbers
    """

    seconds: float | None
    iso: float | None
    pattern: str | None
    planes: tuple[str, ...]
    levels: tuple[Estimate, ...]
    totals: tuple[Part, ...]
    whole: bool


def dark_point(statistics: DarkStatistics) -> DarkPoint:
    """The numbers of one exposure."""
    levels = tuple(found.level for found in black_level(statistics))
    totals = tuple(temporal_components(plane).total for plane in statistics.planes)
    names = tuple(plane.name for plane in statistics.planes)
    return DarkPoint(statistics.seconds, statistics.iso, statistics.pattern, names, levels, totals, statistics.whole)


def dark_current(sets: Sequence[DarkStatistics | DarkPoint], gain: Estimate | float) -> tuple[DarkCurrent, ...]:
    """Dark current of each plane.

    sets   statistics, or points of them, of two exposure times or more (EMVA 1288 asks for six), at one temperature and ISO
    gain   DN/e-

    Lines by weighted least squares: mean = black + K I t and variance = read^2 + K^2 I t, in DN and DN^2 (EMVA 1288 Release 4.0, section
    7). Weights are those of `black_level` and of the components of variance; the standard error of a slope is that of `weighted_line`,
    with the gain's own error on top: once for the mean, twice for the variance.
    """
    points = [s if isinstance(s, DarkPoint) else dark_point(s) for s in sets]
    times = [s.seconds for s in points]
    if any(t is None for t in times) or len({round(float(t or 0), 9) for t in times}) < 2:
        raise CampipeError(f"dark current needs dark frames of two known exposure times or more, but {times} s came")
    if len({s.iso for s in points}) > 1:
        raise CampipeError(f"dark current needs frames of one ISO, but {sorted({s.iso for s in points}, key=str)} came")
    if len({s.pattern for s in points}) > 1:
        raise CampipeError("dark current needs frames of one pattern; crop at whole tiles")
    known = gain if isinstance(gain, Estimate) else Estimate(float(gain), 0.0, "DN/e-")
    t = np.array(times, dtype=float)
    out = []
    for p, name in enumerate(points[0].planes):
        parts = [s.totals[p] for s in points]
        variances = np.array([part.variance for part in parts])
        if min(variances) < QUANTISED and points[0].whole:
            note = f"dark variance below {QUANTISED} DN^2 at the shortest exposure: the variance is that of the converter"
        else:
            note = ""
        levels = [s.levels[p] for s in points]
        slope, black = weighted_line(t, np.array([e.value for e in levels]), np.array([e.error for e in levels]))
        rise, floor = weighted_line(t, variances, np.array([part.error for part in parts]))
        mean, variance = _current(slope, known, 1), _current(rise, known, 2)
        if variance.value - mean.value > 4 * math.hypot(mean.error, variance.error):
            off = "the mean grows less than the variance: dark current is taken off the black level"
            note = f"{note}; {off}" if note else off
        level = Estimate(black.value, black.error, "DN", black.freedom)
        out.append(DarkCurrent(name, mean, variance, level, _root(floor, points[0].whole), note))
    return tuple(out)


def warming(points: Sequence[tuple[float, Estimate]]) -> Warming:
    """How dark current grows with temperature.

    points   temperature in C, and dark current in e-/s there; two or more, three for a test of the law

    Lines by weighted least squares through ln(current), whose error is error / current: against T for the doubling temperature (EMVA 1288
    Release 4.0, section 7), and against 1 / (k T), T in K, for the activation energy (Arrhenius).
    """
    if len({t for t, _ in points}) < 2:
        raise CampipeError(f"growth with temperature needs two temperatures or more, but {[t for t, _ in points]} C came")
    low = [t for t, e in points if not e.value > 0 or e.bound]
    if low:
        raise CampipeError(f"growth with temperature needs dark current above 0, but there is none at {low[0]:g} C; expose longer")
    t = np.array([float(temperature) for temperature, _ in points])
    y = np.log([e.value for _, e in points])
    error = np.array([max(e.error / e.value, 1e-9) for _, e in points])
    slope, at20 = weighted_line(t - REFERENCE_TEMPERATURE, y, error)
    doubling = math.log(2) / slope.value
    energy, _ = weighted_line(1 / (BOLTZMANN * (t + _ZERO)), y, error)
    current = math.exp(at20.value)
    return Warming(
        Estimate(current, current * at20.error, "e-/s", at20.freedom),
        Estimate(doubling, abs(doubling) * slope.error / abs(slope.value), "K", slope.freedom),
        Estimate(-energy.value, energy.error, "eV", energy.freedom),
    )


def weighted_line(x: np.ndarray, y: np.ndarray, error: np.ndarray) -> tuple[Estimate, Estimate]:
    """Slope and value at 0 of a line through points of known errors.

    Where chi-squared is larger than happens once in a hundred times, errors grow with the root of it per degree of freedom.
    """
    from scipy.stats import chi2

    least = max(float(error.max()) * 1e-6, 1e-100)
    w = 1 / np.maximum(error, least) ** 2
    centre, height = (w @ x) / w.sum(), (w @ y) / w.sum()
    spread = w @ (x - centre) ** 2
    slope = float(w @ ((x - centre) * (y - height)) / spread)
    freedom = len(x) - 2
    chi = float(w @ (y - height - slope * (x - centre)) ** 2)
    grown = math.sqrt(chi / freedom) if freedom > 0 and chi2.sf(chi, freedom) < 0.01 else 1.0
    limit = math.inf if grown == 1.0 else float(freedom)
    at0 = Estimate(float(height - slope * centre), grown * math.sqrt(1 / w.sum() + centre**2 / spread), freedom=limit)
    return Estimate(slope, grown / math.sqrt(spread), freedom=limit), at0


def _current(slope: Estimate, gain: Estimate, power: int) -> Estimate:
    value = slope.value / gain.value**power
    error = math.hypot(slope.error / gain.value**power, power * value * gain.error / gain.value)
    return Estimate(value, error, "e-/s", slope.freedom)


def _root(floor: Estimate, whole: bool) -> Estimate:
    variance = floor.value - (ROUNDING if whole else 0.0)
    if whole and floor.value < QUANTISED:
        return Estimate(math.sqrt(QUANTISED - ROUNDING), math.nan, "DN", bound=True, note="quantisation-limited")
    if variance <= 0:
        return Estimate(math.sqrt(1.645 * floor.error), math.nan, "DN", bound=True, note="not told apart from none")
    return Estimate(math.sqrt(variance), floor.error / (2 * math.sqrt(variance)), "DN", floor.freedom)
