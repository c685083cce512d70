"""`read` and `write`: the suffix says what kind of file it is, the space says what kind of frame."""

from __future__ import annotations

import inspect
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

from campipe.core.errors import RawFileError, SpaceError
from campipe.core.frame import Frame
from campipe.io.dng import write_dng
from campipe.io.exr import read_exr, write_exr
from campipe.io.frames import load_frame, save_frame
from campipe.io.photos import read_photo, write_photo
from campipe.io.raw import read_raw

PHOTOS = (".png", ".jpg", ".jpeg", ".webp", ".tif", ".tiff")
"""Suffixes of pictures. A plain TIFF of a multispectral camera is read as raw by `campipe.io.raw.read_raw`."""
RAWS = tuple(
    ".dng .3fr .arw .cr2 .cr3 .crw .dcr .erf .fff .iiq .kdc .mef .mos .mrw .nef .nrw .orf .pef .raf .rw2 .rwl .sr2 .srf .srw .x3f".split()
)
"""Suffixes of raw files; LibRaw decides whether it knows the camera."""

_READERS: dict[str, Callable[..., Frame]] = {
    **dict.fromkeys(PHOTOS, read_photo),
    **dict.fromkeys(RAWS, read_raw),
    ".exr": read_exr,
    ".safetensors": load_frame,
}
PICTURES = (".png", ".jpg", ".jpeg", ".tif", ".tiff")
_WRITERS: dict[str, Callable[..., None]] = {
    **dict.fromkeys(PICTURES, write_photo),
    ".dng": write_dng,
    ".exr": write_exr,
    ".safetensors": save_frame,
}
_SPACES = {**dict.fromkeys(PICTURES, ("display",)), ".dng": ("dn",), ".exr": ("scene", "camera", "linear")}
_FITTING = {
    "display": ".png, .tif or .jpg",
    "dn": ".dng",
    **dict.fromkeys(("scene", "camera", "linear"), ".exr or, with the capture, .safetensors"),
}


def read(path: str | os.PathLike[str]) -> Frame:
    """Read one file as a frame of one item, float32, on the CPU.

    .png .jpg .webp .tif    a photo, in "display" (`campipe.io.photos`)
    .dng .nef .arw ...      a raw file, in "dn", its capture filled from the file (`campipe.io.raw`)
    .exr                    a scene-linear picture, in "linear" (`campipe.io.exr`)
    .safetensors            any frame with its whole capture, exactly as it was written (`campipe.io.frames`)

    Raises RawFileError, one line, for a file that is missing, damaged or of another kind.
    """
    suffix = Path(path).suffix.lower()
    if suffix not in _READERS and Path(path).exists() and not Path(path).is_dir():
        raise RawFileError(
            f"{path} has the suffix {suffix!r}, but photos ({' '.join(PHOTOS)}), raw files (.dng .nef ...), .exr and .safetensors are read"
        )
    return _READERS.get(suffix, load_frame)(path)


def write(path: str | os.PathLike[str], frame: Frame, **options: Any) -> None:
    """Write one frame to one file, which appears whole or not at all.

    .png .tif .jpg    a picture in "display"; options: bits=8 or 16, quality= of a JPEG (`campipe.io.photos`)
    .dng              a raw frame in "dn" (`campipe.io.dng`)
    .exr              linear light in "scene", "camera" or "linear"; option: half=True (`campipe.io.exr`)
    .safetensors      any frame, batches too, with its whole capture and to the last bit (`campipe.io.frames`)

    Values are rounded where the file holds whole numbers. Raises SpaceError when the file cannot hold such a frame, ShapeError for a batch,
    and RawFileError when the file cannot be written.
    """
    suffix = Path(path).suffix.lower()
    if suffix not in _WRITERS:
        raise RawFileError(f"the suffix of {path} says what is written: {', '.join(_WRITERS)}, but {suffix!r} came; choose one of them")
    if not isinstance(frame, Frame):
        raise SpaceError(f"a file holds a Frame, but {type(frame).__name__} came; wrap the tensor: Frame(tensor, space)")
    if frame.space not in _SPACES.get(suffix, (frame.space,)):
        fitting = _FITTING.get(frame.space, ".safetensors")
        wanted = " or ".join(map(repr, _SPACES[suffix]))
        raise SpaceError(f"a {suffix} file holds a frame in {wanted}, but one in {frame.space!r} came; write it as {fitting}")
    writer = _WRITERS[suffix]
    known = [name for name, parameter in inspect.signature(writer).parameters.items() if parameter.kind is parameter.KEYWORD_ONLY]
    if unknown := sorted(set(options) - set(known)):
        raise RawFileError(
            f"a {suffix} file is written with {', '.join(known) or 'no options'}, but {', '.join(unknown)} came; leave that out"
        )
    writer(path, frame, **options)
