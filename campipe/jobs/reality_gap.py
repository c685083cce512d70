"""gap: the noise of a folder of real raw frames beside that of a simulated camera at the same settings and light."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from campipe.calibrate.gap import Gap, noise_gap, noise_summary
from campipe.calibrate.scene_noise import SceneTransfer, scene_transfer
from campipe.calibrate.shots import Series, Shot, series
from campipe.calibrate.sorting import look
from campipe.camera import Camera, cameras
from campipe.core import pattern as patterns
from campipe.core.errors import CampipeError
from campipe.core.frame import Frame
from campipe.core.random import Key
from campipe.jobs.calibration_files import find_files
from campipe.ops.planes import pack, unpack

Progress = Callable[[int, int, str], None]
_SMOOTH = 15  # pixels of a plane along the side of the mean that stands for the light
_SATURATED = 0.01  # of the pixels, from which on the mean does not tell the light
_PAIRS = 4  # of each series; more say little more, and take long


@dataclass(frozen=True)
class Compared:
    """One series of real frames beside as many simulated ones.

    kind       "dark" or "flat"
    iso, seconds
    files      names of the first and the last real frame
    gaps       plane by plane
    """

    kind: str
    iso: float
    seconds: float
    files: tuple[str, str]
    gaps: tuple[Gap, ...]


@dataclass(frozen=True)
class SceneCompared:
    """A single real frame of a scene beside a simulated one of the same light: gain and dark variance as the pixels tell them."""

    iso: float
    file: str
    real: SceneTransfer
    simulated: SceneTransfer


@dataclass(frozen=True)
class RealityGap:
    """What came of a comparison.

    camera     name of the simulated one
    series     darks and flats of which there are two or more
    scenes     single frames
    problems   files that could not be compared, and why
    """

    camera: str
    series: tuple[Compared, ...]
    scenes: tuple[SceneCompared, ...]
    problems: tuple[str, ...]


def reality_gap(folder: Path, camera: str, *, seed: int = 0, progress: Progress | None = None) -> RealityGap:
    """Compare real raw frames with those of a simulated camera.

    folder   raw files, sorted as `campipe calibrate` sorts them: two or more darks or flats of one exposure are compared by the noise of
             their pixels, single frames of scenes by what their flat parts tell
    camera   name of a camera that ships, or the path of a profile
    seed     of the simulated noise

    The light of a simulated frame is the real frames' mean, smoothed over 15 x 15 pixels of a colour and taken back to photons by the
    camera's own black level, gain and efficiency: what is compared is the noise, at the levels that the real frames have.
    """
    model = Camera.load(camera) if camera in cameras() else Camera.load(Path(camera))
    found = find_files(folder)
    problems = list(found.problems)
    groups = [g for kind in ("dark", "flat") for g in series(found.shots, kind) if len(g) >= 2]
    scenes = [shot for shot in found.shots if shot.kind == "chart"]
    compared, single = [], []
    for done, group in enumerate(groups):
        _tick(progress, done, len(groups) + len(scenes), group.names[0])
        try:
            compared.append(_compare(group, model, Key(seed)))
        except CampipeError as problem:
            problems.append(f"{group.names[0]}: {problem.message}")
    for done, shot in enumerate(scenes):
        _tick(progress, len(groups) + done, len(groups) + len(scenes), shot.name)
        try:
            single.append(_compare_scene(shot, model, Key(seed)))
        except CampipeError as problem:
            problems.append(f"{shot.name}: {problem.message}")
    if not compared and not single:
        raise CampipeError(
            f"nothing in {folder} can be compared: two darks or flats of one exposure are needed, or a frame with flat parts; "
            f"the first problem: {problems[0] if problems else 'every series has one frame'}"
        )
    return RealityGap(model.name, tuple(compared), tuple(single), tuple(problems))


def as_json(gap: RealityGap) -> str:
    """The comparison as JSON; estimates as value and error."""

    def plain(value: Any) -> Any:
        if isinstance(value, dict):
            return {k: plain(v) for k, v in value.items() if k not in ("freedom", "bound", "note")}
        return [plain(v) for v in value] if isinstance(value, list | tuple) else value

    return json.dumps(plain(asdict(gap)), indent=2)


def _tick(progress: Progress | None, done: int, total: int, words: str) -> None:
    if progress is not None:
        progress(done, total, words)


def _compare(group: Series, model: Camera, key: Key) -> Compared:
    first = group.first
    real = [(_fitting(a, model), _fitting(b, model)) for _, (a, b) in zip(range(_PAIRS), group.pairs(), strict=False)]
    full = float(look(real[0][0]).saturated.max())
    if full > _SATURATED:
        raise CampipeError(f"{100 * full:.2g} % of its pixels are saturated, so that their light is not known; it is left out")
    light = _light([frame for pair in real for frame in pair], model, first.iso, dark=first.kind == "dark")
    simulated = list(_simulated(light, model, first, len(real), key))
    gaps = noise_gap(noise_summary(real), noise_summary(simulated))
    return Compared(first.kind, first.iso, first.seconds, (group.names[0], group.names[-1]), tuple(gaps))


def _compare_scene(shot: Shot, model: Camera, key: Key) -> SceneCompared:
    frame = _fitting(shot.load(), model)
    seen = scene_transfer(frame)
    light = _light([frame], model, shot.iso, dark=False)
    ((other, _),) = _simulated(light, model, shot, 1, key)
    return SceneCompared(shot.iso, shot.name, seen, scene_transfer(other.replace(black_level=frame.capture.black_level)))


def _fitting(frame: Frame, model: Camera) -> Frame:
    """The frame's middle that the camera's sensor is large enough for, from where its filters are those of the camera on."""
    own, wanted = frame.capture.pattern, model.profile.pattern
    tile = (1, 1) if own is None else patterns.size(own)
    starts = [(y, x) for y in range(tile[0]) for x in range(tile[1]) if patterns.roll(own, y, x) == wanted]
    if not starts:
        raise CampipeError(f"the frame has filters {own or 'none'}, but {model.name} has {wanted or 'none'}; choose another camera")
    y, x = starts[0]
    height = min(frame.height - y, model.sensor.height) // 12 * 12
    width = min(frame.width - x, model.sensor.width) // 12 * 12
    return frame.crop(y + (frame.height - y - height) // 12 * 6, x + (frame.width - x - width) // 12 * 6, height, width)


def _light(frames: list[Frame], model: Camera, iso: float, *, dark: bool) -> Tensor:
    """Photons per pixel that the camera needs for the smoothed mean of frames, (1, 1, H, W)."""
    mean = torch.stack([frame.data for frame in frames]).mean(0)
    if dark:
        return torch.zeros_like(mean)
    tile = (1, 1) if frames[0].capture.pattern is None else patterns.size(frames[0].capture.pattern)
    planes, size = pack(mean, tile)
    side = min(_SMOOTH, (min(planes.shape[-2:]) - 1) // 2 * 2 + 1)
    smooth = torch.nn.functional.avg_pool2d(planes, side, 1, side // 2, count_include_pad=False)
    black = frames[0].capture.black_level
    level = torch.tensor(model.profile.black_level) if black is None or float(black.mean()) <= 0 else black.mean()
    gain = float(model.profile.at_iso(iso)["gain"])
    return ((unpack(smooth, tile, size) - level) / (gain * model.profile.quantum_efficiency)).clamp_min(0)


def _simulated(light: Tensor, model: Camera, shot: Shot, count: int, key: Key) -> Iterator[tuple[Frame, Frame]]:
    """Pairs of simulated frames of that light; they lie where the pattern of the camera begins."""
    sensor = model.at(shot.iso)["sensor"]
    for number in range(count):
        yield tuple(
            sensor.expose(light, seconds=shot.seconds, key=key.fold(shot.name).fold(2 * number + i))  # type: ignore[operator]
            for i in range(2)
        )
