"""See-in-the-Dark: short and long exposures of dark scenes by one Sony and one Fujifilm camera."""

from __future__ import annotations

import os
from pathlib import Path

from campipe.core.errors import CampipeError, RawFileError
from campipe.io.datasets.pairs import Pair, PairSet, existing_folder, found_any
from campipe.io.raw import read_raw

_PARTS = {"train": "0", "test": "1", "val": "2"}
_LARGEST = 300.0


class Sid(PairSet):
    """Pairs of SID.

    folder   with Sony/short, Sony/long and, beside them, Sony_test_list.txt and the like; Fuji likewise
    part     "train", "val" or "test"
    camera   "Sony" or "Fuji"

    The lists name the pairs. Without one, pairs are what the files' names say: the first five digits are the scene's, their first digit
    the part's (0: train, 1: test, 2: val). The ratio is that of the exposure times in the names, at most 300, as the authors have it.
    Frames are in "dn". Source: Chen, Chen, Xu, Koltun, "Learning to see in the dark", CVPR 2018.
    """

    def __init__(self, folder: str | os.PathLike[str], part: str = "test", camera: str = "Sony") -> None:
        root = existing_folder(folder, "the folder of SID, with Sony/short and Sony/long,")
        if part not in _PARTS:
            raise CampipeError(f"a part of SID is one of {', '.join(_PARTS)}, but {part!r} came")
        short, long = (existing_folder(root / camera / kind, f"{camera}/{kind} of SID") for kind in ("short", "long"))
        listed = root / f"{camera}_{part}_list.txt"
        self._pairs = _listed(listed, root) if listed.is_file() else _by_name(short, long, _PARTS[part])
        self.names = found_any([shot.stem for shot, _ in self._pairs], short, f"pairs of the part {part!r}")

    def __getitem__(self, number: int) -> Pair:
        number = self.place(number)
        short, long = self._pairs[number]
        return Pair(self.names[number], read_raw(short), read_raw(long), min(_seconds(long) / _seconds(short), _LARGEST))


def _listed(listed: Path, root: Path) -> list[tuple[Path, Path]]:
    """The pairs of a list: lines of the short frame, the long one, ISO and f-number."""
    pairs = []
    for number, line in enumerate(listed.read_text().splitlines(), 1):
        words = line.split()
        if not words:
            continue
        if len(words) < 2:
            raise RawFileError(f"{listed}:{number}: a short and a long exposure are needed, but {line.strip()!r} came; unpack it again")
        pairs.append((root / words[0], root / words[1]))
    return pairs


def _by_name(short: Path, long: Path, digit: str) -> list[tuple[Path, Path]]:
    scenes = {path.name[:5]: path for path in sorted(long.iterdir()) if path.name[:5].isdigit()}
    shots = [path for path in sorted(short.iterdir()) if path.name.startswith(digit) and path.name[:5].isdigit()]
    for shot in shots:
        if shot.name[:5] not in scenes:
            raise RawFileError(f"{shot} has no long exposure {shot.name[:5]}_* in {long}; unpack the set again")
    return [(shot, scenes[shot.name[:5]]) for shot in shots]


def _seconds(path: Path) -> float:
    """The exposure time in a name: 00001_00_0.04s.ARW."""
    try:
        seconds = float(path.stem.rsplit("_", 1)[1].removesuffix("s"))
    except (IndexError, ValueError):
        seconds = 0.0
    if seconds <= 0:
        raise RawFileError(f"a name such as 00001_00_0.04s.ARW tells the exposure time, but {path.name} came; keep the names of the set")
    return seconds
