"""rehearse: the frames that a calibration asks for, taken by a simulated camera whose numbers are known."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import torch
import yaml

from campipe.calibrate.shots import Shot
from campipe.camera import Camera, cameras
from campipe.core.errors import CampipeError
from campipe.core.frame import Frame
from campipe.core.pipeline import Pipeline
from campipe.core.random import Key
from campipe.io.atomic import write_bytes
from campipe.io.files import write
from campipe.jobs.calibration_manifest import MANIFEST

Progress = Callable[[int, int, str], None]


_SEEN = 0.6  # DN of dark noise, which carries pixels from one whole number to the next


@dataclass(frozen=True)
class Plan:
    """What is to be taken of a camera. The defaults are what the documentation advises.

    iso            steps; None: the camera's lowest, highest, and those between that double
    levels         of flats, fractions of saturation; above 1 to find it
    pairs          of flats at each level
    darks          frames at each ISO, of the shortest exposure
    dark_seconds   exposures of the dark current's series, s
    dark_frames    at each of them
    stack          flats of one level, and darks of the same exposure, for the fixed pattern
    half           the level of that stack
    fill           exposure that saturates, s: flats of a level take that part of it

    The series of dark exposures and the stack are taken at the lowest ISO whose dark noise is 0.6 DN or more: where it is less, whole
    numbers hide what is to be measured.
    """

    iso: tuple[float, ...] | None = None
    levels: tuple[float, ...] = (0.005, 0.01, 0.02, 0.05, 0.1, 0.15, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.97, 1.1, 1.6)
    pairs: int = 2
    darks: int = 16
    dark_seconds: tuple[float, ...] = (1.0, 4.0, 8.0, 16.0, 30.0)
    dark_frames: int = 8
    stack: int = 32
    half: float = 0.5
    fill: float = 0.05

    def steps(self, camera: Camera) -> tuple[float, ...]:
        """The ISO steps of a camera."""
        low, high = camera.profile.iso_range
        if self.iso is not None:
            return self.iso
        steps = [float(low)]
        while steps[-1] * 2 < high * 0.99:
            steps.append(steps[-1] * 2)
        return (*steps, float(high)) if high > low else (float(low),)

    def quiet(self, camera: Camera) -> float:
        """The ISO of dark exposures and stack."""
        for iso in self.steps(camera):
            at = {name: float(value) for name, value in camera.profile.at_iso(iso).items() if value is not None}
            if (at["read_noise"] * at["gain"]) ** 2 + at["post_read_noise"] ** 2 >= _SEEN**2:
                return iso
        return self.steps(camera)[-1]

    @property
    def shortest(self) -> float:
        """Exposure of the darks, s."""
        return min(self.levels) * self.fill


def rehearsal(
    camera: Camera, plan: Plan = Plan(), *, height: int | None = None, width: int | None = None, seed: int = 0, lens: bool = False
) -> list[Shot]:
    """The shots of a plan, each simulated when it is loaded.

    height, width   of a window in the middle of the sensor, px; None: all of it
    seed            of the noise
    lens            True: flats through the camera's lens, which shades the corners; False: even light on the bare sensor, as EMVA 1288
                    asks for

    Without the lens the photons of each flat are in its shot, so that the quantum efficiency comes out too.
    """
    sensor = camera.sensor
    size = (height or sensor.height, width or sensor.width)
    if size[0] > sensor.height or size[1] > sensor.width:
        raise CampipeError(f"a window lies on the sensor of {sensor.height} x {sensor.width}, but {size[0]} x {size[1]} came")
    place = [(whole - part) // 12 * 6 for whole, part in zip((sensor.height, sensor.width), size, strict=True)]
    at = {iso: _Setting.of(camera, iso) for iso in plan.steps(camera)}
    shots = []
    for name, kind, iso, seconds, level in _exposures(camera, plan):
        photons = level * at[iso].full

        def take(name: str = name, setting: _Setting = at[iso], seconds: float = seconds, photons: float = photons) -> Frame:
            return setting.take(seconds, photons, size, (place[0], place[1]), Key(seed).fold(name), lens)

        shots.append(Shot(name, kind, take, iso, seconds, level * at[iso].span, photons if kind == "flat" and not lens else None))
    return shots


def rehearse(
    name: str,
    out: Path,
    *,
    plan: Plan = Plan(),
    height: int | None = None,
    width: int | None = None,
    seed: int = 0,
    lens: bool = False,
    progress: Progress | None = None,
) -> int:
    """Write the frames of a plan as DNG files, with a manifest of the light, for `campipe calibrate`; returns how many there are.

    name   of a camera that ships, or the path of a profile
    out    folder; frames that are there already are kept
    """
    camera = Camera.load(name) if name in cameras() else Camera.load(Path(name))
    shots = rehearsal(camera, plan, height=height, width=width, seed=seed, lens=lens)
    out.mkdir(parents=True, exist_ok=True)
    for done, shot in enumerate(shots):
        if progress is not None:
            progress(done, len(shots), shot.name)
        path = out / f"{shot.name}.dng"
        path.parent.mkdir(parents=True, exist_ok=True)
        if not path.exists():
            write(path, shot.load())
    light = {f"{shot.name.rsplit('-', 1)[0]}-*.dng": shot.photons for shot in shots if shot.photons is not None}
    unique = [{"files": files, "photons": round(photons, 6)} for files, photons in light.items()]
    contents = {"camera": camera.profile.title, "bits": camera.profile.bits, "pixel_pitch": camera.profile.pixel_pitch, "shots": unique}
    write_bytes(out / MANIFEST, yaml.safe_dump(contents, sort_keys=False).encode())
    return len(shots)


def _exposures(camera: Camera, plan: Plan) -> Iterator[tuple[str, str, float, float, float]]:
    """Name, kind, ISO, seconds and level of every shot."""
    steps = plan.steps(camera)
    for iso in steps:
        for number in range(plan.darks):
            yield f"dark/iso{iso:g}-{number:03d}", "dark", iso, plan.shortest, 0.0
        for level in plan.levels:
            for number in range(2 * plan.pairs):
                yield f"flat/iso{iso:g}-{1000 * level:04.0f}-{number:03d}", "flat", iso, level * plan.fill, level
    iso = plan.quiet(camera)
    for seconds in plan.dark_seconds:
        for number in range(plan.dark_frames):
            yield f"dark/iso{iso:g}-{seconds:g}s-{number:03d}", "dark", iso, seconds, 0.0
    for number in range(plan.stack):
        yield f"dark/iso{iso:g}-stack-{number:03d}", "dark", iso, plan.half * plan.fill, 0.0
    for number in range(plan.stack):
        yield f"flat/iso{iso:g}-stack-{number:03d}", "flat", iso, plan.half * plan.fill, plan.half


@dataclass(frozen=True)
class _Setting:
    """A camera at one ISO.

    iso         the step
    camera      its name
    light_path  with its numbers set
    span        DN between black and white
    full        photons that saturate, per pixel
    """

    iso: float
    camera: str
    light_path: Pipeline
    span: float
    full: float

    @classmethod
    def of(cls, camera: Camera, iso: float) -> _Setting:
        profile = camera.profile
        span = float(profile.white_level(iso)) - profile.black_level
        full = span / (float(profile.at_iso(iso)["gain"]) * profile.quantum_efficiency)
        return cls(iso, profile.title, camera.at(iso), span, full)

    def take(self, seconds: float, photons: float, size: tuple[int, int], place: tuple[int, int], key: Key, lens: bool) -> Frame:
        """One frame of even light."""
        even = torch.full((1, 1, *size), photons)
        if lens and "vignetting" in [stage.name for stage in self.light_path.stages]:
            even = self.light_path["vignetting"](Frame(even, "scene").replace(origin=torch.tensor([place]))).data
        frame = self.light_path["sensor"].expose(even, seconds=seconds, key=key, origin=place)  # type: ignore[operator]
        return frame.replace(iso=torch.tensor([float(self.iso)]), camera=self.camera)
