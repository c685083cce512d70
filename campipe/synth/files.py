"""The folder of a data set: one writer at a time, nothing left lying about."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from campipe.core.errors import CampipeError
from campipe.io.atomic import PREFIX


def sweep(folder: Path) -> None:
    """Remove what an interrupted run left under temporary names."""
    for left in folder.glob(f"{PREFIX}*"):
        with suppress(OSError):
            left.unlink()


def checksum(path: Path) -> str:
    """SHA-256 of a file."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


@contextmanager
def sole_writer(folder: Path) -> Iterator[None]:
    """Make the folder and hold it for this process; the system lets go of it however the process ends."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        handle = os.open(folder, os.O_RDONLY)
    except OSError as problem:
        raise CampipeError(f"the folder {folder} cannot be used: {problem.strerror}; give another one") from problem
    try:
        _lock(handle, folder)
        yield
    finally:
        os.close(handle)


def _lock(handle: int, folder: Path) -> None:
    try:
        import fcntl
    except ImportError:
        return  # not on this system; two runs write the same bytes
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise CampipeError(f"another run is writing to {folder}; wait for it, or give another folder") from None
    except OSError:
        return  # a file system without locks; two runs write the same bytes


def plain(value: Any) -> Any:
    """A capture's or recipe's value as JSON holds it; tensors lose their batch axis of 1."""
    return value.detach().cpu()[0].tolist() if hasattr(value, "detach") else value
