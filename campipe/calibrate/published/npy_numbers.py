"""Numbers out of a pickled .npy file, without running anything that it holds.

The files of ELD are dictionaries that numpy pickled. A pickle can name any function for its reader to call; this reader knows six names,
and puts stand-ins of its own in their place, so that a file can build numbers and nothing else.
"""

from __future__ import annotations

import io
import pickle
import re
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np

from campipe.core.errors import CampipeError

_LARGEST = 4 << 20  # bytes: the files have some kilobytes


class _Dtype:
    def __init__(self, code: str, *_: object) -> None:
        if not (isinstance(code, str) and re.fullmatch(r"[fiu][248]|[iu]1|b1|O8?", code)):
            raise pickle.UnpicklingError(f"numbers of type {code!r}")
        self.code, self.order = code, "<"

    def __setstate__(self, state: tuple) -> None:
        self.order = ">" if state[1] == ">" else "<"

    @property
    def number(self) -> np.dtype:
        if self.code.startswith("O"):
            raise pickle.UnpicklingError("objects where numbers belong")
        return np.dtype(self.order + self.code)


class _Array:
    """What numpy's _reconstruct and ndarray stand for."""

    def __init__(self, *_: object) -> None:
        self.values: Any = None

    def __setstate__(self, state: tuple) -> None:
        _, shape, kind, fortran, held = state
        if isinstance(held, list):
            self.values = held if len(shape) else held[0]
        else:
            self.values = np.frombuffer(held, kind.number).reshape(shape, order="F" if fortran else "C")


def _from_buffer(held: bytes, kind: _Dtype, shape: tuple, order: str) -> _Array:
    """How pickles of protocol 5 hold arrays."""
    found = _Array()
    found.values = np.frombuffer(bytes(held), kind.number).reshape(shape, order="F" if order == "F" else "C")
    return found


def _scalar(kind: _Dtype, held: bytes) -> Any:
    return np.frombuffer(held, kind.number)[0]


def _encode(text: str, encoding: str) -> bytes:
    """How pickles of protocol 2 hold bytes."""
    if encoding not in ("latin1", "latin-1"):
        raise pickle.UnpicklingError(f"bytes in {encoding!r}")
    return text.encode("latin-1")


_STAND_INS: dict[tuple[str, str], Any] = {
    ("numpy", "dtype"): _Dtype,
    ("numpy", "ndarray"): _Array,
    ("_codecs", "encode"): _encode,
    **{(f"numpy.{core}.multiarray", "_reconstruct"): _Array for core in ("core", "_core")},
    **{(f"numpy.{core}.numeric", "_frombuffer"): _from_buffer for core in ("core", "_core")},
    **{(f"numpy.{core}.multiarray", "scalar"): _scalar for core in ("core", "_core")},
}


class _Reader(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> Any:
        if (module, name) not in _STAND_INS:
            raise pickle.UnpicklingError(f"it asks for {module}.{name}")
        return _STAND_INS[module, name]

    def persistent_load(self, pid: Any) -> Any:
        raise pickle.UnpicklingError("it refers to something outside of the file")


def read_npy_dictionary(path: str | PathLike[str]) -> dict[str, Any]:
    """The dictionary of a .npy file: names to floats, lists and dictionaries of them.

    Raises CampipeError in one line for a file that is none, that is too large, or that asks for anything but numbers.
    """
    try:
        content = Path(path).read_bytes()
    except OSError as error:
        raise CampipeError(f"cannot read {path}: {error.strerror}; give the path of a .npy file") from None
    if len(content) > _LARGEST or not content.startswith(b"\x93NUMPY") or len(content) < 12:
        raise CampipeError(f"expected a .npy file of at most {_LARGEST >> 20} MB with one dictionary of numbers, but {path} is none")
    wide = content[6] > 1
    start = 8 + (4 if wide else 2)
    start += int.from_bytes(content[8:start], "little")
    try:
        found = _Reader(io.BytesIO(content[start:]), encoding="latin1").load()
        numbers = _plain(found)
    except Exception as error:  # a broken pickle raises whatever its bytes spell
        raise CampipeError(f"{path} holds more than numbers, or is broken, and was not read further: {error}") from None
    if not isinstance(numbers, dict):
        raise CampipeError(f"expected a dictionary of numbers in {path}, but {type(numbers).__name__} came")
    return numbers


def _plain(value: Any) -> Any:
    if isinstance(value, _Array):
        return _plain(value.values)
    if isinstance(value, np.ndarray):
        return value.tolist()
    if isinstance(value, dict):
        return {str(name): _plain(held) for name, held in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(held) for held in value]
    if isinstance(value, np.generic):
        return value.item()
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    raise pickle.UnpicklingError(f"a {type(value).__name__} where numbers belong")
