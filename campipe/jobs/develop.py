"""develop: any raw file that LibRaw opens, to a picture, from what the file itself says."""

from __future__ import annotations

from pathlib import Path

from campipe.core.errors import RawFileError
from campipe.core.frame import Frame
from campipe.developing import develop as develop_frame
from campipe.io.files import read, write


def develop(raw: Path, out: Path, *, demosaick: str = "malvar", exposure: float = 0.0, bits: int = 8) -> Frame:
    """Develop one file, and return the picture that was written, in "display".

    raw         raw file
    out         .png, .tif or .jpg
    demosaick   name of a demosaicker (`campipe list blocks`)
    exposure    stops by which linear light is made brighter
    bits        8 or 16 per channel
    """
    frame = read(raw)
    if frame.space != "dn":
        raise RawFileError(f"{raw} holds no raw data but a frame in {frame.space!r}; give a raw file, such as .dng or .nef")
    picture = develop_frame(frame, exposure=exposure, demosaick=demosaick)
    write(out, picture, bits=bits)
    return picture
