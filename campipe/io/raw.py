"""Raw files of cameras, through LibRaw (rawpy), with everything that a frame's capture can take from them."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from campipe.core import pattern as patterns
from campipe.core.errors import CampipeError, RawFileError
from campipe.core.frame import Capture, Frame
from campipe.io.checks import existing
from campipe.io.tags import Tags, read_tags
from campipe.ops import black_level, colour
from campipe.ops.illuminants import EXIF_CCT

_COLOURS = ("red", "green", "blue", "cyan", "magenta", "yellow", "white")
_WORDS = {
    "LibRawFileUnsupportedError": "it is no raw file that LibRaw knows; check what it is, or convert it to DNG",
    "LibRawIOError": "it is no raw file, or it ends too early; check what it is, or copy it again from where it came",
    "LibRawDataError": "its data are damaged or compressed in a way that LibRaw cannot undo; convert it to an uncompressed DNG",
}


def read_raw(path: str | os.PathLike[str]) -> Frame:
    """Read a raw file.

    returns   in "dn", (1, 1, H, W) float32, the visible area as the sensor saw it (orientation is not applied), with its capture:

    pattern        of the frame's pixel (0, 0); None for a sensor without filters
    black_level    (1,), or (1, h, w) where positions of the pattern differ; of a DNG from its tags, with fractions
    white_level    (1,), where pixels saturate: what LibRaw itself scales by
    wb             (1, 3), as shot, else daylight (`file_assumptions` says so); None without filters or where the file knows neither
    cam_to_srgb    (1, 3, 3); cam_to_xyz (1, 3, 3) is the same colour adapted to D50; None where LibRaw knows no matrix
    noise          (1, 2) or (1, 2, h, w), NoiseProfile of a DNG
    seconds, iso   (1,); camera: its name
    origin         (1, 2), margins that were left out

    A colour matrix is the one that LibRaw chooses, and stands for light like D65; `dual_illuminant` has both of a DNG. A DNG's
    LinearizationTable is applied by LibRaw, once: the numbers and levels are the linear ones. Lens and defect corrections that a DNG asks
    for (opcode lists) are not applied.

    Raises RawFileError, one line, for anything that is not a whole mosaic of red, green and blue, or a monochrome raw.
    """
    import rawpy

    path = existing(path)
    tags = read_tags(path)
    if tags.end > path.stat().st_size:  # LibRaw would say so too, on the error stream and once more in an error
        raise RawFileError(f"{path} cannot be read: {_WORDS['LibRawIOError']}")
    _refuse(path, tags)
    try:
        with rawpy.imread(os.fspath(path)) as raw:
            if raw.raw_type != rawpy.RawType.Flat:
                raise RawFileError(
                    f"{path} holds colours at every pixel, not a mosaic; use the camera's own raw, or develop it to a picture"
                )
            data = torch.from_numpy(raw.raw_image_visible.astype(np.float32))[None, None]
            return Frame(data, "dn", _capture(raw, tags, path))
    except rawpy.LibRawError as problem:
        words = _WORDS.get(type(problem).__name__, f"LibRaw says: {_text(problem)}; convert it to DNG")
        raise RawFileError(f"{path} cannot be read: {words}") from problem
    except NotImplementedError as problem:  # rawpy, of patterns that it cannot hand over
        raise RawFileError(f"{path} has a pattern that LibRaw does not hand over ({problem}); develop it to a picture") from problem


def file_assumptions(path: str | os.PathLike[str]) -> list[str]:
    """What `read_raw` takes where a raw file does not say it, one plain sentence each; what a frame still lacks then is in its capture.

    path   of a file that `read_raw` reads
    """
    import rawpy

    path = existing(path)
    tags = read_tags(path)
    found = []
    with rawpy.imread(os.fspath(path)) as raw:
        colours = raw.num_colors > 1 and not tags.is_unfiltered
        if colours and not _is_gains(_as_shot(raw, tags)) and _white_balance(raw, tags) is not None:
            found.append("the file does not say the white balance as shot: the gains of daylight are used")
        if tags.is_dng and int(np.min(tags.values.get(50717, 0))) <= 0:
            found.append(f"the file does not say its white level: {raw.white_level} is used, the largest number of its bits")
        if tags.is_dng and 50714 not in tags.values:
            found.append("the file does not say its black level: 0 is used")
    return found


def dual_illuminant(path: str | os.PathLike[str]) -> dict[str, Any] | None:
    """Arguments of `campipe.isp.DualIlluminantMatrix`, from a DNG's two colour matrices; None where the file has no two.

    returns   matrix_1, matrix_2 (3, 3) and cct_1, cct_2, K; forward_1 and forward_2 (3, 3) or None: lists of numbers
    """
    found = read_tags(existing(path)).dual_illuminant()
    if found is None:
        return None
    lights = [EXIF_CCT.get(found[f"light_{i}"]) for i in (1, 2)]
    if None in lights or lights[0] == lights[1]:
        return None
    out: dict[str, Any] = {"cct_1": lights[0], "cct_2": lights[1]}
    for name in ("matrix_1", "matrix_2", "forward_1", "forward_2"):
        out[name] = None if found[name] is None else found[name].tolist()
    return out


def masked_black(path: str | os.PathLike[str]) -> Tensor:
    """Black level from the masked pixels at the rim of a raw file's sensor.

    returns   (1, h, w) per position of the pattern as the frame of `read_raw` has it, DN: for frame.replace(black_level=...)

    Masked are the MaskedAreas of a DNG, else what LibRaw leaves out above and left of the picture. Raises RawFileError where there are
    none, and where they are not dark: brighter than the file's own black level by 2 % of its range, or as scattered as that.
    """
    import rawpy

    frame = read_raw(path)
    path = existing(path)
    areas = read_tags(path).masked_areas
    with rawpy.imread(os.fspath(path)) as raw:
        whole = torch.from_numpy(raw.raw_image.astype(np.float32))
    y, x = frame.origin()[0].tolist()
    if not areas:
        areas = [(0, 0, whole.shape[0], x), (0, x, y, whole.shape[1])]
    areas = [(max(t, 0), max(e, 0), min(b, whole.shape[0]), min(r, whole.shape[1])) for t, e, b, r in areas]
    tile = (1, 1) if frame.capture.pattern is None else patterns.size(frame.capture.pattern)
    try:
        table = black_level.masked_black(whole, areas, tile, (y, x))
    except CampipeError as problem:
        raise RawFileError(f"{path} has no masked pixels to take a black level from ({problem.message})") from None
    stated, white = float(frame.capture.black_level.max()), float(frame.capture.white_level.max())  # type: ignore[union-attr]
    spread = max(float((whole[t:b, e:r] - whole[t:b, e:r].median()).abs().median()) for t, e, b, r in areas if b > t and r > e)
    if float(table.max()) > stated + 0.02 * (white - stated) or spread > 0.02 * (white - stated):
        raise RawFileError(
            f"{path} has masked pixels that are not dark: {float(table.max()):g} DN, scattered by {spread:g}; take its own black level"
        )
    return table[None]


def _refuse(path: Path, tags: Tags) -> None:
    """Raise for DNGs that LibRaw would read otherwise than they mean."""
    if tags.is_float:
        raise RawFileError(f"{path} holds floating-point numbers, which LibRaw would change; convert it to whole ones of 16 bits")
    if tags.is_signed:
        raise RawFileError(f"{path} holds signed numbers, which LibRaw takes for unsigned ones; convert it to unsigned ones of 16 bits")
    if tags.has_swapped_planes:
        raise RawFileError(f"{path} has planes in another order than red, green, blue, which LibRaw mixes up; convert it to another DNG")
    if tags.planes != (0, 1, 2):
        names = ", ".join(_COLOURS[p] if p < len(_COLOURS) else str(p) for p in tags.planes)
        raise RawFileError(f"{path} has filters of {names}, but red, green and blue are needed; develop it to a picture")
    if tags.tile not in (None, (1, 1), (2, 2), (6, 6)):
        raise RawFileError(f"{path} has filters of {tags.tile[0]} x {tags.tile[1]}, but 2 x 2 or 6 x 6 are needed; develop it to a picture")
    if tags.lacks_pattern:
        raise RawFileError(f"{path} is a mosaic that does not say of which filters, so that LibRaw would guess; write CFAPattern into it")


def _capture(raw: Any, tags: Tags, path: Path) -> Capture:
    """All that the opened file knows about the shot."""
    y, x = raw.sizes.top_margin, raw.sizes.left_margin
    # LibRaw takes monochrome files that are plain TIFFs for RGGB, with a white balance of green alone.
    unfiltered = raw.num_colors == 1 or (tags.is_unfiltered and not any(np.asarray(raw.camera_whitebalance)[[0, 2, 3]]))
    table = np.zeros((1, 1), dtype=int) if unfiltered else _colours(raw, y, x, path)
    pattern = None if unfiltered else "".join(_letters(raw)[c] for c in table.flat)
    if pattern is not None:
        try:
            patterns.check(pattern)
        except CampipeError:
            raise RawFileError(
                f"{path} has filters {pattern}, but 2 x 2 or 6 x 6 of R, G and B are needed; develop it to a picture"
            ) from None
    exact = tags.black_level(table.shape[0], table.shape[1], y, x)
    black = np.asarray(raw.black_level_per_channel, dtype=np.float64)[table] if exact is None else exact
    noise = tags.noise(patterns.channels(pattern))
    rendering = None if unfiltered else _cam_to_srgb(raw, tags)
    speed = float(raw.other.iso_speed)
    iso = tags.iso if speed <= 0 or speed >= 65535 else speed
    return Capture(
        pattern=pattern,
        camera=tags.camera,
        black_level=_row(black if np.ptp(black) else black.flat[0]),
        white_level=_row(raw.white_level),
        wb=None if unfiltered else _row(_white_balance(raw, tags)),
        cam_to_srgb=_row(rendering),
        cam_to_xyz=None if rendering is None else _row(colour.cam_to_xyz(rendering)),
        noise=_row(noise),
        iso=_row(iso if iso > 0 else None),
        seconds=_row(raw.other.shutter_speed if raw.other.shutter_speed > 0 else None),
        origin=torch.tensor([[y, x]]),
    )


def _colours(raw: Any, y: int, x: int, path: Path) -> np.ndarray:
    """LibRaw's colour numbers of the smallest repeating tile at the visible area's corner, (h, w)."""
    tile = raw.raw_pattern  # of the whole sensor: margins may be odd, so positions are asked for one by one
    if tile is None or tile.shape[0] not in (2, 6):
        came = "no pattern" if tile is None else f"a pattern of {tile.shape[0]} x {tile.shape[1]}"
        raise RawFileError(f"{path} has {came}, but filters of 2 x 2 or 6 x 6 pixels are needed; develop it to a picture")
    height, width = tile.shape
    return np.array([[raw.raw_color(y + i, x + j) for j in range(width)] for i in range(height)])


def _letters(raw: Any) -> str:
    """Letter of each of LibRaw's colour numbers: the second green is number 3, and may be called 1 once LibRaw has developed the file."""
    return raw.color_desc.decode("ascii").ljust(4, "?")


def _as_shot(raw: Any, tags: Tags) -> np.ndarray:
    """(3,) gains as shot, 0 where they are not known. Of a neutral without sense in a DNG's tag LibRaw makes some all the same."""
    spoilt = tags.is_dng and 50728 in tags.values and tags.neutral is None
    return np.zeros(3) if spoilt else np.asarray(raw.camera_whitebalance[:3], dtype=np.float64)


def _white_balance(raw: Any, tags: Tags) -> np.ndarray | None:
    """(3,) gains with green = 1: as shot, else for daylight; what is not known is 0 in LibRaw, or 1 for daylight."""
    daylight = np.asarray(raw.daylight_whitebalance[:3], dtype=np.float64)
    for gains in (_as_shot(raw, tags), np.zeros(3) if (daylight == 1).all() else daylight):
        if _is_gains(gains):
            return gains / gains[1]
    return None


def _is_gains(gains: np.ndarray) -> bool:
    return bool(np.isfinite(gains).all() and gains.min() > 0)


def _cam_to_srgb(raw: Any, tags: Tags) -> Tensor | None:
    """(3, 3) white-balanced camera RGB to linear sRGB, or None where LibRaw knows none."""
    known, model = torch.from_numpy(raw.color_matrix[:, :3]).double(), torch.from_numpy(raw.rgb_xyz_matrix[:3]).double()
    # A camera that LibRaw does not know has zeros, or the unit matrix, which from a DNG may be meant.
    if bool(known.any()) and (50721 in tags.values or bool(model.any()) or not torch.allclose(known, torch.eye(3, dtype=torch.float64))):
        balanced = colour.rows_to_one(known)
        if bool(torch.isfinite(balanced).all()) and abs(float(torch.linalg.det(balanced))) > 1e-9:
            return balanced
    return colour.cam_to_srgb(model) if abs(float(torch.linalg.det(model))) > 1e-9 else None


def _row(value: Any) -> Tensor | None:
    """One item's number as float32 with a batch axis."""
    return None if value is None else torch.as_tensor(np.asarray(value), dtype=torch.float32)[None]


def _text(problem: Exception) -> str:
    """LibRaw's message, which comes as bytes."""
    first = problem.args[0] if problem.args else type(problem).__name__
    return first.decode("utf-8", "replace") if isinstance(first, bytes) else str(first)
