"""The whole calibration: every ISO, dark current, fixed pattern, gain and read noise against ISO, colour."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from torch import Tensor

from campipe.calibrate.dark import dark_statistics
from campipe.calibrate.dark_current import DarkCurrent, Warming, dark_current, warming
from campipe.calibrate.emva1288 import Emva1288, analyse
from campipe.calibrate.estimate import Estimate, combined
from campipe.calibrate.fixed_pattern import FixedPattern, dsnu, prnu, trendless
from campipe.calibrate.gain_table import GainTable, gain_table
from campipe.calibrate.lens_shading import LensShading
from campipe.calibrate.measure_pictures import ChartSeen, measure_charts, measure_shading
from campipe.calibrate.pattern_plots import Histogram, Profile, histogram, profile, spectrogram
from campipe.calibrate.read_stages import ReadStages, read_stages
from campipe.calibrate.session import DarkMeasure, IsoStep, Progress, Walk, measure_shape, measure_step
from campipe.calibrate.shots import Series, Shot, series
from campipe.calibrate.stacks import StackStatistics, frame_stack
from campipe.calibrate.telegraph import TelegraphPixels, telegraph_pixels
from campipe.core.errors import CampipeError

JUMPS = 20
"""Darks from which on jumps are looked for."""
_STACK = 8  # frames that a stack for the fixed pattern has at least
_HALF = (0.2, 0.8)  # parts of saturation between which flats tell the photo response; the nearest to the middle is taken
_UNEVEN = 1.1  # how much smaller PRNU becomes without a smooth surface, from which on light counts as uneven


@dataclass(frozen=True)
class PatternFigures:
    """What is drawn of the fixed pattern of one plane; DN for darks, and for flats a fraction of the signal.

    plane                       its name
    spectra                     frequency and power along rows and along columns, of "dark" and "flat"
    profiles                    along rows and columns of the average dark frame
    dark, flat                  histograms; the flat one behind a high-pass
    """

    plane: str
    spectra: dict[str, tuple[Tensor, Tensor]]
    profiles: dict[str, Profile]
    dark: Histogram
    flat: Histogram | None


@dataclass(frozen=True)
class Patterns:
    """Fixed pattern.

    iso            at which it was measured
    dsnu, prnu     by plane, e- and fraction; prnu is empty without a stack of flats
    detrend        "none", or "high-pass" where the light was uneven
    frames         numbers of dark and bright frames
    figures        for plots
    telegraph      pixels that jump between levels; None with fewer than 20 darks
    """

    iso: float
    dsnu: dict[str, FixedPattern]
    prnu: dict[str, FixedPattern]
    detrend: str
    frames: tuple[int, int]
    figures: PatternFigures
    telegraph: TelegraphPixels | None


@dataclass(frozen=True)
class Calibration:
    """A measured camera.

    steps        ISO by ISO, rising
    shapes       Tukey-lambda shape of the read noise before the gain, by ISO; where it could be measured
    gains        gain against ISO; None without flats
    stages       read noise against gain; None with fewer than three ISOs
    current      dark current by plane; empty without a series of exposures
    warming      with temperature; None without several
    patterns     fixed pattern; None without stacks
    shading      of the lens; None where flats are even, as those of a bare sensor
    charts       white balance and matrix from each chart, by rising colour temperature of its light
    standard     numbers of EMVA 1288 at the ISO of the stacks, else at the lowest, by plane
    complaints   what is wrong with the data, in plain sentences
    """

    steps: tuple[IsoStep, ...]
    shapes: dict[float, Estimate]
    gains: GainTable | None
    stages: ReadStages | None
    current: tuple[DarkCurrent, ...]
    warming: Warming | None
    patterns: Patterns | None
    shading: LensShading | None
    charts: tuple[ChartSeen, ...]
    standard: dict[str, Emva1288]
    complaints: tuple[str, ...]

    def step(self, iso: float) -> IsoStep:
        """What was measured at one ISO."""
        return next(step for step in self.steps if step.iso == iso)


def measure_camera(shots: Sequence[Shot], progress: Progress | None = None) -> Calibration:
    """Measure a camera from its darks and flats, and charts if there are some.

    shots      any number, of any ISO: what they allow is measured, and `complaints` says what they do not
    progress   called with (done, all, words)

    At each ISO: photon transfer from pairs of flats over light and of darks; read, row and column noise and black level from the darks of
    the shortest exposure. Over ISO: the table of gains, the two stages of read noise with the switch of conversion gain, and with what
    comes behind the gain known, the shape of the noise before it. Dark current from the ISO with the most exposure times of darks. Fixed
    pattern from the lowest ISO with stacks of darks and flats. One series of frames is in memory at a time, as sums.
    """
    walk = Walk(shots, progress)
    isos = sorted({shot.iso for shot in shots if shot.kind != "chart"})
    if not shots:
        raise CampipeError("a camera is measured by darks and flats, or by a chart, but no frames came")
    steps = tuple(measure_step(iso, walk) for iso in isos)
    charts = measure_charts(steps, walk)
    gains = {step.iso: step.gain for step in steps if step.gain is not None} or _chart_gains(charts, walk)
    stages = _stages(steps, walk)
    current, warmed = _currents(steps, walk)
    shapes = {iso: shape for iso in isos if (shape := measure_shape(iso, walk, _behind(stages, gains.get(iso)))) is not None}
    patterns, stacks, uneven = _patterns(steps, walk)
    shading = None if uneven is None else measure_shading(uneven, walk)
    standard = _standard(steps, stacks, patterns)
    table = gain_table(gains) if gains else None
    words = tuple(walk.complaints)
    return Calibration(steps, shapes, table, stages, current, warmed, patterns, shading, charts, standard, words)


def _chart_gains(charts: Sequence[ChartSeen], walk: Walk) -> dict[float, Estimate]:
    """Gains of the ISOs where a chart is all that there is."""
    found: dict[float, list[Estimate]] = {}
    for chart in charts:
        if chart.gain is not None:
            found.setdefault(chart.iso, []).append(chart.gain)
            words = "from the patches of one frame, which fixed pattern makes too high: take pairs of flats"
            walk.complain([f"{chart.name}: the gain at ISO {chart.iso:g} is {words}"])
    return {iso: combined(gains) for iso, gains in found.items()}


def _stages(steps: Sequence[IsoStep], walk: Walk) -> ReadStages | None:
    """Read noise against gain, of single pixels, from the ISOs where both are known."""
    known = [(s.gain.value, s.dark.whole[0].pixel, s.iso) for s in steps if s.gain is not None and s.dark is not None]
    known = [row for row in known if not row[1].bound]
    if len(known) < 3:
        return None
    try:
        return read_stages([k for k, _, _ in known], [sigma for _, sigma, _ in known], [iso for _, _, iso in known])
    except CampipeError as problem:
        walk.complain([f"read noise against gain: {problem.message}"])
        return None


def _behind(stages: ReadStages | None, gain: Estimate | None) -> float:
    """Noise behind the gain, DN, that is known well enough to be taken out of the shape."""
    if stages is None or gain is None:
        return 0.0
    part = next((s for s in reversed(stages.segments) if gain.value >= s.first * 0.999), stages.segments[0])
    post = part.post
    return 0.0 if post.note or post.value < 3 * post.error else post.value


def _currents(steps: Sequence[IsoStep], walk: Walk) -> tuple[tuple[DarkCurrent, ...], Warming | None]:
    """Dark current at the usual temperature, and its growth, from the ISO with the most exposure times."""
    if not steps:
        return (), None
    best = max(steps, key=lambda step: len(step.exposures))
    by_temperature: dict[float | None, list[DarkMeasure]] = {}
    for measure in best.exposures:
        by_temperature.setdefault(measure.temperature, []).append(measure)
    timed = {t: measures for t, measures in by_temperature.items() if len(measures) >= 3}
    if best.gain is None or best.dark is None or not timed:
        return (), None
    found = {t: dark_current([m.point for m in measures], best.gain) for t, measures in timed.items()}
    usual = best.dark.temperature if best.dark.temperature in found else next(iter(found))
    walk.complain([f"dark current, {c.plane}: {c.note}" for c in found[usual] if c.note])
    points = [(t, combined([c.mean for c in current])) for t, current in found.items() if t is not None]
    try:
        return found[usual], warming(points) if len(points) >= 2 else None
    except CampipeError as problem:
        walk.complain([f"dark current against temperature: {problem.message}"])
        return found[usual], None


Stacks = tuple[StackStatistics | None, StackStatistics | None]


def _patterns(steps: Sequence[IsoStep], walk: Walk) -> tuple[Patterns | None, Stacks, Series | None]:
    """Fixed pattern from stacks of darks, and flats nearest to half of saturation with their darks; behind them those stacks, and the
    flats if they are lit unevenly."""
    stacks: dict[float, list[list[Series]]] = {}
    for step in steps:
        own = [shot for shot in walk.shots if shot.iso == step.iso]
        stacks[step.iso] = [[g for g in series(own, kind) if len(g) >= _STACK] for kind in ("flat", "dark")]
    # Where there are stacks of flats and of darks; else of darks alone.
    for step in sorted(steps, key=lambda s: (not stacks[s.iso][0], s.iso)):
        flats, darks = stacks[step.iso]
        if not darks or step.gain is None:
            continue
        flat = _half(flats, step)
        dark = min(darks, key=lambda g: (abs(g.first.seconds - (flat or darks[0]).first.seconds), -len(g)))
        return _measured(step, dark, flat, walk)
    return None, (None, None), None


def _half(flats: list[Series], step: IsoStep) -> Series | None:
    """The flats nearest to half of saturation."""
    full = min(t.saturation.value * t.gain.value for t in step.transfer.values())
    near = [g for g in flats if _HALF[0] <= g.first.level / full <= _HALF[1]]
    return min(near, key=lambda g: abs(g.first.level / full - 0.5)) if near else None


def _measured(step: IsoStep, dark: Series, flat: Series | None, walk: Walk) -> tuple[Patterns, Stacks, Series | None]:
    black = frame_stack(walk.frames(dark))
    bright = None if flat is None else frame_stack(walk.frames(flat))
    gains = {plane: t.gain for plane, t in step.transfer.items()}
    lines = _line_variances(step)
    offsets, responses, detrend = dsnu(black, gains, lines=lines), {}, "none"
    if bright is not None:
        responses, smooth = (prnu(bright, black, detrend=trend, lines=lines) for trend in ("none", "quadratic"))
        ratio = max(responses[p].total.value / max(smooth[p].total.value, 1e-9) for p in responses)
        if ratio > _UNEVEN:
            detrend = "high-pass"
            responses = prnu(bright, black, detrend=detrend, lines=lines)
            walk.complain(
                [
                    f"{flat.names[0]} and the other flats of its level are lit unevenly: with the shading, PRNU would come out {ratio:.2g} "  # type: ignore[union-attr]
                    "times as large; it is measured behind a high-pass of 5 x 5 pixels instead"
                ]
            )
    plane = "Gr" if "Gr" in black.planes else black.planes[0]
    figures = _figures(plane, black, bright)
    frames = (black.frames, 0 if bright is None else bright.frames)
    found = Patterns(step.iso, offsets, responses, detrend, frames, figures, _telegraph(dark, walk))
    return found, (black, bright), flat if detrend != "none" else None


def _telegraph(dark: Series, walk: Walk) -> TelegraphPixels | None:
    """Pixels that jump; the darks are read twice more, first for their statistics and then for the pixels that stand out."""
    if len(dark) < JUMPS:
        return None
    try:
        return telegraph_pixels(walk.frames(dark), dark_statistics(walk.frames(dark)))
    except CampipeError as problem:
        walk.complain([f"{dark.names[0]}: no telegraph pixels: {problem.message}"])
        return None


def _line_variances(step: IsoStep) -> dict[str, tuple[float, float]]:
    """Temporal variances of rows and columns of each plane, DN^2; 0 where there are none to be seen."""
    found = {} if step.dark is None else {line.plane: (line.row, line.column) for line in step.dark.lines}
    return {plane: (*(0.0 if e.bound else e.value**2 for e in pair),) for plane, pair in found.items()}  # type: ignore[misc]


def _figures(plane: str, black: StackStatistics, bright: StackStatistics | None) -> PatternFigures:
    mean = black.means[black.index(plane)]
    spectra = {f"dark, along {axis}s": spectrogram(mean, axis) for axis in ("row", "column")}
    flat = None
    if bright is not None:
        difference = bright.means[bright.index(plane)] - mean
        relative = trendless(difference, "high-pass") / difference.mean()
        flat = histogram(relative)
        spectra.update({f"flat, along {axis}s": spectrogram(trendless(difference, "quadratic"), axis) for axis in ("row", "column")})
    # Averages of whole numbers lie on a grid of 1 / frames, which bins must not be as narrow as.
    bins = int(min(256, max(16, float((mean - mean.mean()).abs().max()) * black.frames / 2)))
    profiles = {axis: profile(mean, axis) for axis in ("row", "column")}
    return PatternFigures(plane, spectra, profiles, histogram(mean, bins), flat)


def _standard(steps: Sequence[IsoStep], stacks: Stacks, patterns: Patterns | None) -> dict[str, Emva1288]:
    """The numbers of the standard, at the ISO of the stacks, or else at the lowest with photon transfer."""
    wanted = [s for s in steps if s.transfer and (patterns is None or s.iso == patterns.iso)]
    if not wanted:
        return {}
    step = wanted[0]
    dark, bright = stacks
    detrend = "none" if patterns is None else patterns.detrend
    try:
        return analyse(step.flats, step.darks, bright, dark, detrend=detrend)
    except CampipeError:  # the standard's plain fit wants more steps than ours
        return {}
