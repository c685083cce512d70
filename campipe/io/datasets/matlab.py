"""MATLAB's files: numbers by name, from both of its formats."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from campipe.core.errors import CampipeError, RawFileError
from campipe.io.checks import existing

_HDF5 = b"MATLAB 7.3"


def read_mat(path: str | os.PathLike[str], name: str) -> np.ndarray:
    """Read one array of a .mat file, its axes in MATLAB's order.

    Raises RawFileError, one line, for a file that is damaged or has no such array, and a CampipeError where the package that reads the
    format is missing: scipy, and h5py for files of version 7.3.
    """
    path = existing(path)
    if is_hdf5(path):
        with open_hdf5(path) as file:
            if name not in file or not hasattr(file[name], "shape"):
                raise RawFileError(_lacks(path, name, file))
            return np.asarray(file[name]).T  # HDF5 has the axes the other way round
    try:
        from scipy.io import loadmat
    except ImportError:
        raise CampipeError(f"{path} needs the package scipy, which is not installed; pip install 'campipe[datasets]'") from None
    try:
        found = loadmat(os.fspath(path), variable_names=[name])
    except Exception as problem:  # scipy lets through whatever its parser stumbles over
        raise RawFileError(f"{path} cannot be read as a MATLAB file; copy it again from where it came") from problem
    if name not in found:
        raise RawFileError(_lacks(path, name, []))
    return np.asarray(found[name])


def is_hdf5(path: Path) -> bool:
    """Whether a .mat file is of version 7.3, which is HDF5 behind a header of text."""
    with open(path, "rb") as file:
        head = file.read(520)
    return head.startswith(_HDF5) or b"\x89HDF" in (head[:4], head[512:516])


@contextmanager
def open_hdf5(path: str | os.PathLike[str]) -> Iterator[Any]:
    """Open a .mat file of version 7.3."""
    path = existing(path)
    try:
        import h5py
    except ImportError:
        raise CampipeError(f"{path} needs the package h5py, which is not installed; pip install 'campipe[datasets]'") from None
    try:
        file = h5py.File(path, "r")
    except OSError as problem:
        raise RawFileError(f"{path} cannot be read as a MATLAB file of version 7.3; copy it again from where it came") from problem
    with file:
        yield file


def _lacks(path: Path, name: str, there: Any) -> str:
    known = ", ".join(sorted(str(key) for key in there)) or "other names"
    return f"{path} has no array {name!r}, but {known}; check that it is the file of that set"
