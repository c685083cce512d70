"""What all published sets have in common: pairs of frames by number, a noisy one and what it should have been."""

from __future__ import annotations

import os
from abc import abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

from campipe.core.errors import CampipeError, RawFileError
from campipe.core.frame import Frame

_SETS = {
    "sid": "campipe.io.datasets.sid:Sid",
    "eld": "campipe.io.datasets.eld:Eld",
    "sidd": "campipe.io.datasets.sidd:Sidd",
    "sidd_blocks": "campipe.io.datasets.sidd_blocks:SiddBlocks",
    "dnd": "campipe.io.datasets.dnd:Dnd",
}


@dataclass(frozen=True)
class Pair:
    """A noisy frame and its clean twin.

    name     of the shot in its set
    noisy    in "dn", "mosaic" or "display", with what the set says of it in the capture
    clean    in the same space, of the same size; None: the authors keep it
    ratio    how many times more light the clean frame got; noisy values above black are multiplied by it before they are compared
    """

    name: str
    noisy: Frame
    clean: Frame | None
    ratio: float = 1.0


class PairSet:
    """Pairs of a folder by number. To be derived from: set `names`, and implement `__getitem__`."""

    names: list[str]

    def __len__(self) -> int:
        return len(self.names)

    @abstractmethod
    def __getitem__(self, number: int) -> Pair:
        """Read a pair. To be implemented."""

    def __iter__(self) -> Iterator[Pair]:
        return (self[number] for number in range(len(self)))

    def place(self, number: int) -> int:
        """The number of a pair, from the end where it is negative; an IndexError where there is none, which ends a loop."""
        if not -len(self) <= number < len(self):
            raise IndexError(number)
        return number % len(self)


def set_names() -> list[str]:
    """The sets that there are loaders for."""
    return sorted(_SETS)


def open_set(name: str, folder: str | os.PathLike[str], **options: Any) -> PairSet:
    """Open a published set by its name.

    name      "sid", "eld", "sidd", "sidd_blocks" or "dnd"
    folder    as its authors hand it out, unpacked
    options   go to the set's class

    Nothing but names is read here. Raises RawFileError, one line, where a part of the folder is missing.
    """
    if name not in _SETS:
        raise CampipeError(f"there is no set {name!r}; there are {', '.join(set_names())}")
    module, cls = _SETS[name].split(":")
    opened: PairSet = getattr(import_module(module), cls)(folder, **options)
    return opened


def existing_folder(path: str | os.PathLike[str], what: str) -> Path:
    """A folder, or a RawFileError that says what should be there."""
    folder = Path(path).expanduser()
    if not folder.is_dir():
        raise RawFileError(f"{what} is needed, but there is no folder {folder}; name the folder that the set was unpacked to")
    return folder


def found_any(names: list[str], folder: Path, what: str) -> list[str]:
    """The names, or a RawFileError that says what should be in the folder."""
    if not names:
        raise RawFileError(f"{folder} holds no {what}; name the folder that the set was unpacked to")
    return names
