"""What every reader and writer asks first: is there a file, and is it one frame."""

from __future__ import annotations

import os
from pathlib import Path

from campipe.core.errors import RawFileError, ShapeError
from campipe.core.frame import Frame


def existing(path: str | os.PathLike[str]) -> Path:
    """Return the path of a file that can be read and is not empty, or raise a RawFileError that says what is wrong with it."""
    path = Path(path).expanduser()
    if path.is_dir():
        raise RawFileError(f"a file is needed, but {path} is a folder; name one of the files in it")
    try:
        with open(path, "rb") as file:
            if not file.read(1):
                raise RawFileError(f"{path} is empty; copy it again from where it came")
    except FileNotFoundError:
        raise RawFileError(f"there is no file {path}; check its name and folder") from None
    except OSError as problem:
        raise RawFileError(f"{path} cannot be read: {problem.strerror or problem}; check its permissions") from problem
    return path


def single(frame: Frame, path: str | os.PathLike[str]) -> Frame:
    """Return a frame of one item without views and times, or raise a ShapeError that says how to get one."""
    if frame.batch != 1:
        raise ShapeError(
            f"one frame goes into {path}, but a batch of {frame.batch} came; write frame.item(0), frame.item(1), ... to a file each"
        )
    if frame.data.ndim != 4:
        raise ShapeError(
            f"one picture goes into {path}, but {tuple(frame.data.shape)} came; write frame.replace(frame.data[:, v, t]) for each v, t"
        )
    return frame
