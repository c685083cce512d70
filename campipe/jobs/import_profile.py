"""import: what others have published of a camera, as a profile's file."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from campipe.calibrate.published.contents import Published, profile_from
from campipe.calibrate.published.darktable import import_darktable, read_darktable
from campipe.calibrate.published.dng_noise import NoiseRow, import_dng_noise
from campipe.calibrate.published.eld import import_eld, read_eld
from campipe.calibrate.published.emva_datasheet import import_emva_sheet, read_emva_sheet
from campipe.calibrate.published.libcamera import import_libcamera, read_libcamera
from campipe.calibrate.published.libraw import import_libraw, read_libraw
from campipe.calibrate.published.pnnp import import_pnnp, read_pnnp
from campipe.calibrate.published.rawtoaces import import_rawtoaces
from campipe.core.errors import CampipeError
from campipe.core.profile import Profile, load_profile
from campipe.core.profile_writing import write_profile
from campipe.io.atomic import write_bytes
from campipe.io.files import read


@dataclass(frozen=True)
class Choices:
    """What a file does not say. None: what the kind of file usually goes with, or what `onto` has.

    camera   name of one among several in the file
    bits     of the raw numbers
    black    level, DN of these bits
    iso      of the lowest gain
    mono     a sensor without filters
    """

    camera: str | None = None
    bits: int | None = None
    black: float | None = None
    iso: float | None = None
    mono: bool = False


@dataclass(frozen=True)
class Imported:
    """What came of it: the file, the profile in it, sentences to know, and how many numbers have which status."""

    out: Path
    profile: Profile
    remarks: tuple[str, ...]
    counts: dict[str, int]


def import_profile(
    kind: str, files: Sequence[Path], out: Path, *, onto: str | Path | None = None, title: str | None = None, choices: Choices | None = None
) -> Imported:
    """Read published files of one kind and write a profile.

    kind    one of `KINDS`
    files   as many as the kind needs
    out     .toml; written whole or not at all
    onto    name or file of a profile whose numbers stand where the files have none; without it they are assumed
    title   of the camera; without it, what the files or `onto` say

    Raises CampipeError, one line, where a file is of another kind or its numbers cannot have the units that they should have.
    """
    out, choices = Path(out), choices or Choices()
    if kind not in KINDS:
        raise CampipeError(f"{kind!r} is no kind of published file; there are {', '.join(KINDS)}")
    if out.suffix != ".toml":
        raise CampipeError(f"a profile is written as .toml, but {out.name} came")
    if not files:
        raise CampipeError(f"import {kind} needs a file; none came")
    if len(files) > 1 and kind not in ("dng", "rawtoaces"):
        raise CampipeError(f"import {kind} takes one file, but {len(files)} came")
    base = None if onto is None else load_profile(onto)
    if base is not None and kind != "eld":
        # ELD's numbers are in DN of 14 bits, whatever the profile was.
        black = base.black_level if choices.black is None else choices.black
        choices = Choices(choices.camera, choices.bits or base.bits, black, choices.iso, choices.mono)
    found = KINDS[kind](list(files), choices)
    contents = dict(found.contents)
    if base is not None and title is None:
        contents.pop("title", None)
    file = profile_from(contents, title=title, base=None if base is None else base.file)
    write_bytes(out, write_profile(file, " ".join(found.remarks)).encode())
    profile = load_profile(out)
    from campipe.core.profile_schema import numbers

    statuses = [number.status for _, _, number in numbers(profile.file)]
    return Imported(out, profile, found.remarks, {status: statuses.count(status) for status in ("measured", "datasheet", "assumed")})


def _eld(files: list[Path], choices: Choices) -> Published:
    if choices.bits not in (None, 14):
        raise CampipeError(f"ELD's numbers are in DN of 14 bits, but {choices.bits} came; leave the bits out")
    black = 512.0 if choices.black is None else choices.black
    return import_eld(read_eld(files[0], choices.camera), black=black, iso=choices.iso or 100)


def _pnnp(files: list[Path], choices: Choices) -> Published:
    bits, black = _levels(choices, "PNNP's tables")
    return import_pnnp(read_pnnp(files[0], choices.camera), bits=bits, black=black, name=choices.camera or files[0].stem)


def _libcamera(files: list[Path], choices: Choices) -> Published:
    if choices.bits is None:
        raise CampipeError("libcamera's tuning files do not say how many bits a raw number has; give them, 10 or 12 for most sensors")
    mono = choices.mono or files[0].stem.endswith("_mono")
    return import_libcamera(read_libcamera(files[0]), bits=choices.bits, mono=mono)


def _dng(files: list[Path], choices: Choices) -> Published:
    rows, levels = [], set()
    for path in files:
        capture = read(path).capture
        if capture.noise is None or capture.iso is None:
            raise CampipeError(f"{path} has no {'NoiseProfile' if capture.noise is None else 'ISO'}; leave it out")
        if capture.black_level is None or capture.white_level is None:
            raise CampipeError(f"{path} has no black and white level; leave it out")
        # Colours differ by a few percent at most, and a profile has one gain.
        noise = capture.noise[0].double().reshape(2, -1).mean(1)
        rows.append(NoiseRow(float(capture.iso[0]), float(noise[0]), float(noise[1])))
        levels.add((float(capture.black_level.double().mean()), float(capture.white_level.double().mean())))
    if len(levels) > 1:
        raise CampipeError(f"the files have {len(levels)} pairs of black and white levels; give files of one camera and one mode")
    if len({row.iso for row in rows}) < len(rows):
        raise CampipeError("two of the files have the same ISO; give one file per ISO")
    black, white = levels.pop()
    bits = choices.bits or max(8, (int(white)).bit_length())
    source = f"NoiseProfile of {', '.join(path.name for path in files)}"
    return import_dng_noise(rows, bits=bits, black=black, white=white, name=files[0].name, source=source)


def _darktable(files: list[Path], choices: Choices) -> Published:
    bits, black = _levels(choices, "darktable's profiles")
    return import_darktable(*read_darktable(files[0], choices.camera), bits=bits, black=black)


def _emva(files: list[Path], choices: Choices) -> Published:
    return import_emva_sheet(read_emva_sheet(files[0]))


def _rawtoaces(files: list[Path], choices: Choices) -> Published:
    return import_rawtoaces(files)


def _libraw(files: list[Path], choices: Choices) -> Published:
    return import_libraw(*read_libraw(files[0], choices.camera))


KINDS: dict[str, Callable[[list[Path], Choices], Published]] = {
    "eld": _eld,
    "pnnp": _pnnp,
    "libcamera": _libcamera,
    "dng": _dng,
    "darktable": _darktable,
    "emva": _emva,
    "rawtoaces": _rawtoaces,
    "libraw": _libraw,
}
"""Kinds of published files, and who reads them."""


def _levels(choices: Choices, what: str) -> tuple[int, float]:
    if choices.bits is None or choices.black is None:
        raise CampipeError(f"{what} do not say bits and black level; give both, such as 14 and 512")
    return choices.bits, choices.black
