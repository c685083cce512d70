"""The frames of a calibration, each with what is known of its exposure, sorted into series that were taken alike."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import pairwise

from campipe.core.errors import CampipeError
from campipe.core.frame import Frame

KINDS = ("dark", "flat", "chart")
# Flats of one setting whose means differ by more than this were taken under different light. Lamps drift less from frame to frame.
_SAME_LIGHT = 0.03


@dataclass(frozen=True)
class Shot:
    """One raw frame, loaded when it is needed.

    name          of its file
    kind          "dark", "flat" or "chart"
    load          gives the frame, in "dn"
    iso           as the camera says it
    seconds       s
    level         mean above black, DN: of two flats alike it is the same
    photons       mean number per pixel, where the light was measured
    temperature   of the sensor, C, where known
    cct           colour temperature of a chart's light, K, where known
    """

    name: str
    kind: str
    load: Callable[[], Frame]
    iso: float
    seconds: float
    level: float = 0.0
    photons: float | None = None
    temperature: float | None = None
    cct: float | None = None

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise CampipeError(f"a shot for a calibration is one of {', '.join(KINDS)}, but {self.name} is called {self.kind!r}")
        if not (self.iso > 0 and self.seconds >= 0):
            raise CampipeError(f"a shot has an ISO above 0 and an exposure time, but {self.name} has ISO {self.iso} and {self.seconds} s")


@dataclass(frozen=True)
class Series:
    """Shots that were taken alike."""

    shots: tuple[Shot, ...]

    @property
    def first(self) -> Shot:
        return self.shots[0]

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(shot.name for shot in self.shots)

    def __len__(self) -> int:
        return len(self.shots)

    def frames(self) -> Iterator[Frame]:
        """The frames, one after the other; an error names the file."""
        for shot in self.shots:
            try:
                yield shot.load()
            except CampipeError as problem:
                raise type(problem)(f"{shot.name}: {problem.message}") from None

    def pairs(self) -> Iterator[tuple[Frame, Frame]]:
        """Frames two by two; one that is left over is left out."""
        frames = self.frames()
        return zip(frames, frames, strict=False)


def series(shots: Iterable[Shot], kind: str) -> list[Series]:
    """Sort the shots of one kind into series: by ISO, temperature, exposure time, and for flats by light; rising in this order.

    The order of shots within a series is kept: it is the order in time.
    """
    groups: dict[tuple[float, ...], list[Shot]] = {}
    for shot in shots:
        if shot.kind == kind:
            degrees = -300.0 if shot.temperature is None else round(shot.temperature, 1)
            light = -1.0 if shot.photons is None else shot.photons
            groups.setdefault((shot.iso, degrees, shot.seconds, light), []).append(shot)
    found = []
    for _, group in sorted(groups.items(), key=lambda entry: entry[0]):
        found += [group] if kind != "flat" or group[0].photons is not None else _by_light(group)
    return [Series(tuple(group)) for group in found]


def _by_light(group: list[Shot]) -> list[list[Shot]]:
    """Flats of one setting apart by their level."""
    order = sorted(group, key=lambda shot: shot.level)
    parts = [[order[0]]]
    for before, after in pairwise(order):
        if after.level - before.level > _SAME_LIGHT * max(after.level, 1e-9):
            parts.append([])
        parts[-1].append(after)
    return [[shot for shot in group if shot in part] for part in parts]
