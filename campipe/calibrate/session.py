"""A calibration: all shots of a camera, measured ISO by ISO, in bounded memory."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

from campipe.calibrate.banding import Banding, banding
from campipe.calibrate.black_level import BlackLevel, black_level
from campipe.calibrate.complaints import dark_complaints, flat_complaints, gain_complaints
from campipe.calibrate.dark import DarkStatistics, ReadNoise, dark_statistics, read_noise
from campipe.calibrate.dark_current import DarkPoint, dark_point
from campipe.calibrate.estimate import Estimate, combined
from campipe.calibrate.hot_pixels import OddPixels, hot_pixels
from campipe.calibrate.line_noise import LineNoise, line_noise
from campipe.calibrate.linearity import Linearity, linearity
from campipe.calibrate.pairs import PairStatistics, Window, joined, pair_statistics
from campipe.calibrate.photon_transfer import PhotonTransfer, photon_transfer
from campipe.calibrate.read_shape import read_shape
from campipe.calibrate.shots import Series, Shot, series
from campipe.calibrate.sorting import look
from campipe.core.errors import CampipeError
from campipe.core.frame import Frame

_UNEVEN = 0.05  # peak to peak of a flat's smooth shading over its level, from which on its middle is taken
_MOSTLY = 0.5  # part of the dark variance from behind the gain that leaves no shape to be seen

Progress = Callable[[int, int, str], None]


@dataclass(frozen=True)
class DarkMeasure:
    """Dark frames of one ISO and exposure.

    seconds, temperature   of the exposure, s, and of the sensor, C, where known
    frames                 their number
    read                   temporal dark noise of each plane and of the whole frame, DN
    lines                  row, column and frame noise, likewise
    black                  black level of each plane, DN
    point                  for the dark current
    banding                spectra along rows and columns; empty for small frames
    hot                    pixels that stand out
    """

    seconds: float
    temperature: float | None
    frames: int
    read: tuple[ReadNoise, ...]
    lines: tuple[LineNoise, ...]
    black: tuple[BlackLevel, ...]
    point: DarkPoint
    banding: tuple[Banding, ...]
    hot: OddPixels

    @property
    def whole(self) -> tuple[ReadNoise, LineNoise]:
        """Of the whole frame, over all planes."""
        return self.read[-1], self.lines[-1]


@dataclass(frozen=True)
class IsoStep:
    """What was measured at one ISO.

    transfer    photon transfer by plane; empty without flats
    gain        K of all planes together, DN/e-; None without flats
    dark        of the shortest exposure; None without darks
    exposures   of every exposure and temperature
    linearity   by plane; empty where the light of fewer than three steps is known
    flats       statistics of the pairs of each level, and darks, of each exposure time
    """

    iso: float
    transfer: dict[str, PhotonTransfer]
    gain: Estimate | None
    dark: DarkMeasure | None
    exposures: tuple[DarkMeasure, ...]
    linearity: dict[str, Linearity]
    flats: tuple[PairStatistics, ...] = field(repr=False)
    darks: tuple[PairStatistics, ...] = field(repr=False)

    def electrons(self, what: str) -> Estimate | None:
        """A dark noise in electrons: "total", "pixel" or "row"; None without gain or darks."""
        if self.gain is None or self.dark is None:
            return None
        read, lines = self.dark.whole
        number = lines.row if what == "row" else getattr(read, what)
        k = self.gain
        value = number.value / k.value
        error = math.nan if number.bound else value * math.hypot(number.error / number.value, k.error / k.value)
        return Estimate(value, error, "e-", number.freedom, number.bound, number.note)


class Walk:
    """A walk over the shots, which counts the frames for a progress bar and gathers what is wrong with them."""

    def __init__(self, shots: Sequence[Shot], progress: Progress | None = None) -> None:
        self.shots, self.progress, self.done, self.complaints = tuple(shots), progress, 0, list[str]()

    def frames(self, group: Series) -> Iterator[Frame]:
        """The frames of a series, one after the other."""
        for shot, frame in zip(group.shots, group.frames(), strict=True):
            if self.progress is not None:
                self.progress(min(self.done, len(self.shots)), len(self.shots), shot.name)
            self.done += 1
            yield frame

    def complain(self, words: Sequence[str]) -> None:
        """Keep what is wrong, each sentence once."""
        self.complaints += [w for w in words if w not in self.complaints]


def measure_step(iso: float, walk: Walk) -> IsoStep:
    """Measure all darks and flats of one ISO; series of one frame are left out, and told of."""
    own = [shot for shot in walk.shots if shot.iso == iso]
    darks, flats = (_enough(series(own, kind), kind, walk) for kind in ("dark", "flat"))
    usual = _usual_temperature(darks)
    roi = _even(flats, walk)
    pairs, exposures = _darks(darks, usual, roi, walk)
    light = [_flats(group, roi, walk) for group in flats]
    transfer: dict[str, PhotonTransfer] = {}
    lines: dict[str, Linearity] = {}
    if light and pairs:
        try:
            transfer = photon_transfer(light, pairs)
        except CampipeError as problem:
            names = f"{flats[0].names[0]} to {flats[-1].names[-1]}"
            walk.complain([f"ISO {iso:g}: no photon transfer from {names}: {problem.message}"])
        lines = _linearity(light, pairs)
    walk.complain(gain_complaints(flats, light, transfer))
    said: dict[str, list[str]] = {}
    for plane, t in transfer.items():
        for words in t.warnings:
            said.setdefault(words, []).append(plane)
    walk.complain([f"ISO {iso:g}, {', '.join(planes)}: {words}" for words, planes in said.items()])
    gain = combined([t.gain for t in transfer.values()]) if transfer else None
    dark = next((e for e in exposures if e.temperature == usual), None)
    return IsoStep(iso, transfer, gain, dark, tuple(exposures), lines, tuple(light), tuple(pairs))


def _enough(groups: list[Series], kind: str, walk: Walk) -> list[Series]:
    """Series of two frames or more."""
    single = [g.names[0] for g in groups if len(g) < 2]
    walk.complain([f"{name} is the only {kind} of its ISO, exposure and light: two are needed, and it is left out" for name in single])
    return [g for g in groups if len(g) >= 2]


def _usual_temperature(groups: list[Series]) -> float | None:
    """The most frequent temperature of darks, C."""
    degrees = [g.first.temperature for g in groups]
    return max(sorted(set(degrees), key=str), key=degrees.count) if degrees else None


def _even(flats: list[Series], walk: Walk) -> Window | None:
    """The middle third of the frame each way, where flats fall off towards the corners; None: all of it.

    Variance over mean is the same line wherever the light is, but saturation is that of one level of light.
    """
    if not flats:
        return None
    group = sorted(flats, key=lambda g: g.first.level)[len(flats) // 2]
    frame = group.first.load()
    seen = look(frame)
    uneven = float((seen.slope / (seen.level - (seen.level.mean() - group.first.level)).clamp_min(1.0)).max())
    if uneven < _UNEVEN or min(frame.height, frame.width) < 192:
        return None
    walk.complain([f"the flats differ by {100 * uneven:.2g} % from place to place: photon transfer takes their middle, a third each way"])
    height, width = (size // 36 * 12 for size in (frame.height, frame.width))
    return (frame.height - height) // 24 * 12, (frame.width - width) // 24 * 12, height, width


def _darks(groups: list[Series], usual: float | None, roi: Window | None, walk: Walk) -> tuple[list[PairStatistics], list[DarkMeasure]]:
    """Pairs at the usual temperature, and what every exposure says; each file is read once.

    Where the shortest exposure is refused, longer ones do not stand for it: they hold dark current.
    """
    pairs: list[PairStatistics] = []
    measures: list[DarkMeasure] = []
    refused = False
    for group in groups:
        found: list[PairStatistics] = []
        try:
            statistics = dark_statistics(_paired(walk.frames(group), found, roi), temperature=group.first.temperature)
        except CampipeError as problem:
            walk.complain([f"{group.names[0]} and the other darks of its series are left out: {problem.message}"])
            refused = refused or not measures
            continue
        walk.complain(dark_complaints(group, statistics))
        measures.append(_measured(group, statistics))
        if group.first.temperature == usual:
            pairs.append(joined(found))
    return ([], []) if refused else (pairs, measures)


def _measured(group: Series, statistics: DarkStatistics) -> DarkMeasure:
    first = group.first
    parts = read_noise(statistics), line_noise(statistics), black_level(statistics)
    try:
        spectra = banding(statistics)
    except CampipeError:  # of few rows and columns there is no spectrum
        spectra = ()
    return DarkMeasure(first.seconds, first.temperature, statistics.frames, *parts, dark_point(statistics), spectra, hot_pixels(statistics))


def measure_shape(iso: float, walk: Walk, normal: float = 0.0) -> Estimate | None:
    """Tukey-lambda shape of the read noise at one ISO, all planes together, from the darks of the shortest exposure.

    normal   DN, what comes behind the gain, which is normal; see `campipe.calibrate.read_shape.read_shape`
    returns  None where there are too few darks, where the converter is all that is seen, and where most of the variance comes from behind
             the gain, so that the shape before it cannot be told
    """
    groups = [g for g in series([s for s in walk.shots if s.iso == iso], "dark") if len(g) >= 4]
    if not groups:
        return None
    try:
        statistics = dark_statistics(walk.frames(groups[0]))
        if normal**2 > _MOSTLY * float(statistics.variance.mean()):
            return None
        shapes = [found.shape for found in read_shape(statistics, normal=normal)]
    except CampipeError:
        return None
    return combined(shapes)


def _paired(frames: Iterator[Frame], found: list[PairStatistics], roi: Window | None) -> Iterator[Frame]:
    """Pass frames on, and put the statistics of every two of them into a list."""
    before: Frame | None = None
    for frame in frames:
        if before is None:
            before = frame
        else:
            found.append(pair_statistics(before, frame, roi=roi))
            before = None
        yield frame


def _flats(group: Series, roi: Window | None, walk: Walk) -> PairStatistics:
    """The pairs of one level."""
    found, before, looked = [], None, False
    for frame in walk.frames(group):
        if before is None:
            before = frame
            continue
        found.append(pair_statistics(before, frame, roi=roi, photons=group.first.photons))
        if not looked:
            walk.complain(flat_complaints(group, before, frame, found[-1]))
            looked = True
        before = None
    return joined(found)


def _linearity(flats: Sequence[PairStatistics], darks: Sequence[PairStatistics]) -> dict[str, Linearity]:
    try:
        return linearity(flats, darks)
    except CampipeError:  # too few steps of known light: there is no linearity, and nothing else is missing
        return {}
