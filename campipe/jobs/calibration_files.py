"""The files of a calibration: found in a folder, read, and each taken for a dark, a flat, a chart or nothing of these."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from campipe.calibrate.shots import Shot
from campipe.calibrate.sorting import Look, kind_of, look
from campipe.core.errors import CampipeError, RawFileError
from campipe.core.frame import Capture, Frame
from campipe.io.files import RAWS
from campipe.io.raw import read_raw
from campipe.jobs.calibration_manifest import MANIFEST, Manifest, Rule, photons_of, read_manifest

Progress = Callable[[int, int, str], None]
ARRAYS = (".npy", ".raw", ".bin")
# Words of a file's path that say what it is; the nearest to the file's end counts.
_LOOKS = ("level", "structure", "slope", "noise", "clipped", "saturated")
_WORDS = {"dark": "dark", "bias": "dark", "black": "dark", "flat": "flat", "white": "flat", "chart": "chart", "checker": "chart"}


@dataclass(frozen=True)
class Found:
    """The files of a folder, sorted.

    shots      what is measured
    why        of each file's name, why it was taken for what it was taken for
    problems   files that cannot be used, with the reason
    size       (height, width), px, of the frames
    manifest   that lay beside them
    """

    shots: tuple[Shot, ...]
    why: dict[str, str]
    problems: tuple[str, ...]
    size: tuple[int, int]
    manifest: Manifest


def find_files(folder: Path, progress: Progress | None = None) -> Found:
    """Look at every raw file in a folder and in the folders in it.

    folder     raw files that LibRaw opens, .npy arrays (H, W), or headerless .raw and .bin files of little-endian 16-bit numbers; what the
               files do not say of themselves stands in `manifest.yaml` beside them
    progress   called with (done, all, words)

    What a frame is: the manifest says it, else a word in its path ("dark", "bias", "flat", "chart"), else its pixels. Frames of another
    size than most, and files that cannot be read, are told in `problems`. Raises RawFileError where nothing is left.
    """
    folder = Path(folder).expanduser()
    if not folder.is_dir():
        raise RawFileError(f"a folder of raw files is needed, but {folder} is none")
    manifest = read_manifest(folder / MANIFEST)
    files = sorted(p for p in folder.rglob("*") if p.is_file() and p.suffix.lower() in (*RAWS, *ARRAYS) and not p.name.startswith("."))
    if not files:
        raise RawFileError(f"no raw files are in {folder}: darks, flats and charts are expected there, as .dng, .nef ..., .npy or .raw")
    problems: list[str] = []
    seen: list[_Seen] = []
    for done, path in enumerate(files):
        name = path.relative_to(folder).as_posix()
        if progress is not None:
            progress(done, len(files), f"looking at {name}")
        try:
            rule = manifest.rule(name)
            frame = load(path, manifest, rule)
            # The pixels are read again when they are measured: a folder of them does not fit into memory.
            seen.append(_Seen.of(path, name, rule, frame))
        except CampipeError as problem:
            problems.append(problem.message if name in problem.message else f"{name}: {problem.message}")
    seen, odd = _one_size(seen)
    problems += odd
    if not seen:
        raise RawFileError(f"no file of {folder} can be used; the first: {problems[0]}")
    shots, why, more = _sorted(seen, manifest)
    return Found(tuple(shots), why, (*problems, *more), seen[0].size, manifest)


@dataclass(frozen=True)
class _Seen:
    """What is kept of a file that was looked at, in plain numbers: small tensors would lie between the pixels of frames, and hold their
    memory."""

    path: Path
    name: str
    rule: Rule
    size: tuple[int, int]
    pattern: str | None
    iso: float
    seconds: float | None
    black: float | None
    white: float
    level: float
    numbers: tuple[tuple[float, ...], ...]

    @classmethod
    def of(cls, path: Path, name: str, rule: Rule, frame: Frame) -> _Seen:
        seen, c = look(frame), frame.capture
        numbers = tuple(tuple(getattr(seen, field).tolist()) for field in _LOOKS)
        iso = 100.0 if c.iso is None else float(c.iso)
        black = None if c.black_level is None else float(c.black_level.double().mean())
        white = float(2**14 - 1) if c.white_level is None else float(c.white_level.double().mean())
        seconds = None if c.seconds is None else round(float(c.seconds), 9)
        return cls(path, name, rule, seen.size, c.pattern, iso, seconds, black, white, float(seen.level.mean()), numbers)

    @property
    def look(self) -> Look:
        level, structure, slope, noise, clipped, saturated = (torch.tensor(row, dtype=torch.float64) for row in self.numbers)
        return Look(level, structure, slope, noise, clipped, saturated, self.size)


def load(path: Path, manifest: Manifest, rule: Rule) -> Frame:
    """One file as a frame in "dn", with what the manifest says of it in its capture."""
    frame = read_raw(path) if path.suffix.lower() in RAWS else _array(path, manifest)
    said: dict[str, Any] = {"seconds": rule.seconds, "iso": rule.iso}
    said.update(black_level=manifest.black_level, white_level=manifest.white_level)
    changes = {name: torch.tensor([float(value)]) for name, value in said.items() if value is not None}
    return frame.replace(capture=frame.capture.replace(**changes)) if changes else frame


def _array(path: Path, manifest: Manifest) -> Frame:
    """An array file as a frame."""
    if path.suffix.lower() == ".npy":
        try:
            data = np.load(path, allow_pickle=False)
        except (OSError, ValueError) as problem:
            raise RawFileError(f"{path} is no whole .npy array ({str(problem).splitlines()[0]}); write it again with numpy.save") from None
    else:
        if manifest.width is None or manifest.height is None:
            raise RawFileError(f"{path} has no header; say width and height in {MANIFEST} beside it")
        data = np.fromfile(path, dtype="<u2")
        if data.size != manifest.width * manifest.height:
            wanted = f"{manifest.width} x {manifest.height} numbers of 16 bits"
            raise RawFileError(f"{path} is to hold {wanted}, but {data.size} came; check width and height in {MANIFEST}")
        data = data.reshape(manifest.height, manifest.width)
    if data.ndim != 2 or data.dtype.kind not in "uif":
        raise RawFileError(f"{path} is to hold one raw frame (H, W) of numbers, but {data.dtype} of {data.shape} came")
    bits = manifest.bits
    white = None if bits is None else torch.tensor([2.0**bits - 1])
    tensor = torch.from_numpy(np.ascontiguousarray(data, dtype=np.float32))[None, None]
    return Frame(tensor, "dn", Capture(pattern=manifest.pattern, white_level=white))


def _one_size(seen: list[_Seen]) -> tuple[list[_Seen], list[str]]:
    """Those of the most frequent size and pattern, and a sentence for each of the others."""
    shapes = [(one.size, one.pattern) for one in seen]
    if not shapes:
        return seen, []
    usual = max(set(shapes), key=shapes.count)
    others = [one for one, shape in zip(seen, shapes, strict=True) if shape != usual]
    odd = [f"{o.name}: it is {_words((o.size, o.pattern))}, but most files are {_words(usual)}; it is left out" for o in others]
    return [one for one, shape in zip(seen, shapes, strict=True) if shape == usual], odd


def _words(shape: tuple[tuple[int, int], str | None]) -> str:
    (height, width), pattern = shape
    return f"{width} x {height} {pattern or 'mono'}"


def _sorted(seen: Sequence[_Seen], manifest: Manifest) -> tuple[list[Shot], dict[str, str], list[str]]:
    """Shots, reasons and problems."""
    shots, why, problems = [], {}, []
    darkest: dict[float, float] = {}
    for one in seen:
        darkest[one.iso] = min(darkest.get(one.iso, float("inf")), one.level)
    for one in seen:
        # A stated black level may be wrong, or 0 where the file does not say it: the darkest frame tells more, where it is near.
        black = darkest[one.iso] if one.black is None or one.black <= 0 else min(one.black, darkest[one.iso])
        kind, reason = _said(one.name, one.rule) or kind_of(one.look, black, one.white)
        why[one.name] = reason
        if kind == "picture":
            kind, why[one.name] = "chart", reason + ": a chart, if one is found in it"
        if one.seconds is None and kind != "chart":
            problems.append(f"{one.name}: its exposure time is not known; say seconds in {MANIFEST}")
            continue
        seconds, rule = one.seconds or 0.0, one.rule
        photons = photons_of(manifest, rule, seconds)
        loader = _loader(one.path, manifest, rule)
        shots.append(Shot(one.name, kind, loader, one.iso, seconds, one.level - black, photons, rule.temperature, rule.cct))
    return shots, why, problems


def _loader(path: Path, manifest: Manifest, rule: Rule) -> Callable[[], Frame]:
    return lambda: load(path, manifest, rule)


def _said(name: str, rule: Rule) -> tuple[str, str] | None:
    """What the manifest or the path says a file is."""
    if rule.kind is not None:
        return rule.kind, f"{MANIFEST} says so"
    lower = name.lower()
    places = {word: lower.rfind(word) for word in _WORDS if word in lower}
    if not places:
        return None
    word = max(places, key=lambda w: places[w])
    return _WORDS[word], f"{word!r} stands in its path"
