"""Photos: PNG, JPEG, WebP and TIFF files of 8 or 16 bits, and frames in "display"."""

from __future__ import annotations

import os
import struct
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import torch

from campipe.core.errors import RawFileError
from campipe.core.frame import Capture, Frame
from campipe.io.atomic import appearing
from campipe.io.checks import existing, single
from campipe.io.icc import icc_profile, recognised
from campipe.ops.colour_spaces import colour_space

_PNG = b"\x89PNG\r\n\x1a\n"
_TIFF = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")
_BAND = 256  # rows that are rounded together
_PLAIN = {"1", "L", "P", "RGB", "I", "I;16", "I;16B", "I;16L"}  # Pillow's names of what can be taken as it is
_ALPHA = (
    "{path} has an alpha channel, which a camera does not see; put it on a background and save it without (Pillow: image.convert('RGB'))"
)


def read_photo(path: str | os.PathLike[str]) -> Frame:
    """Read a photo.

    returns   in "display", (1, 3, H, W) float32 in [0, 1]: the file's value over its largest one; grey is repeated

    All 16 bits of a file are kept, and the EXIF orientation is applied. Values stay as the file has them: where its profile is that of
    sRGB, Display P3 or Rec. 2020, the capture's colour_space says so, and `campipe.isp.Decode` brings the picture to linear sRGB; with
    another profile, or none, values are taken as sRGB. The first picture of several is read. Raises RawFileError for alpha, CMYK, floating
    point, and for files that are damaged or no pictures.
    """
    path = existing(path)
    with open(path, "rb") as file:
        start = file.read(32)
    try:
        pixels, largest, profile = _read_tiff(path) if start[:4] in _TIFF else _read_picture(path, start)
    except RawFileError:
        raise
    except Exception as problem:  # decoders raise all sorts of errors on damaged files
        raise RawFileError(f"{path} is no whole PNG, JPEG, WebP or TIFF picture ({_line(problem)}); save or copy it again") from problem
    pixels = pixels[..., None] if pixels.ndim == 2 else pixels
    if pixels.ndim != 3 or pixels.shape[2] not in (1, 3):
        raise RawFileError(f"{path} is an array of {pixels.shape}, but a picture is grey or RGB; save it as one of those")
    values = np.moveaxis(pixels, 2, 0).astype(np.float32) / np.float32(largest)
    data = torch.from_numpy(np.array(np.broadcast_to(values, (3, *values.shape[1:])), order="C"))[None]
    return Frame(data, "display", Capture(colour_space=recognised(profile) or "srgb"))


def write_photo(path: str | os.PathLike[str], frame: Frame, *, bits: int = 8, quality: int = 95) -> None:
    """Write a picture: .png or .tif of 8 or 16 bits, .jpg of 8.

    frame     one item in "display"; values are rounded to the nearest step and clipped to [0, 1]
    bits      8 or 16 per channel
    quality   of a JPEG, 1 to 100; colour is never subsampled

    The ICC profile of the capture's colour space is embedded, that of sRGB too.
    """
    path, frame = Path(path), single(frame, path).expect("display")
    check_picture(path, bits)
    write_pixels(path, quantise(frame, bits), frame.capture.colour_space, quality=quality)


def check_picture(path: Path, bits: int) -> None:
    """Raise a RawFileError for a suffix, or bits, that no picture of ours has."""
    suffix = path.suffix.lower()
    if suffix not in (".png", ".jpg", ".jpeg", ".tif", ".tiff"):
        raise RawFileError(f"a picture is written as .png, .jpg or .tif, but {path.name} came; choose one of these suffixes")
    if bits not in (8, 16) or (bits == 16 and suffix in (".jpg", ".jpeg")):
        raise RawFileError(f"a picture has 8 bits, or as .png or .tif 16, but {bits} for {path.name} came; change bits= or the suffix")


def write_pixels(path: str | os.PathLike[str], pixels: np.ndarray, space: str = "srgb", *, quality: int = 95) -> None:
    """Write the whole numbers of a picture, (H, W, 3) or (H, W), uint8 or uint16, encoded in a colour space; see `write_photo`."""
    path = Path(path)
    bits, suffix = 8 * pixels.itemsize, path.suffix.lower()
    check_picture(path, bits)
    profile = icc_profile(colour_space(space).name, grey=pixels.ndim == 2)
    with appearing(path) as temporary:
        if suffix in (".tif", ".tiff"):
            import tifffile

            kind: Any = "rgb" if pixels.ndim == 3 else "minisblack"
            tifffile.imwrite(temporary, pixels, photometric=kind, metadata=None, software="campipe", iccprofile=profile)
        elif bits == 16:
            temporary.write_bytes(_png16(pixels, profile))
        else:
            import imageio.v3 as iio

            options: dict[str, Any] = {} if suffix == ".png" else {"quality": quality, "subsampling": 0}
            iio.imwrite(temporary, pixels, plugin="pillow", extension=suffix, icc_profile=profile, **options)


def quantise(frame: Frame, bits: int) -> np.ndarray:
    """The whole numbers of a picture of 8 or 16 bits, (H, W, 3) or (H, W) for a grey one: round(x (2^bits - 1)) of x clipped to [0, 1]."""
    data = frame.data[0].detach().cpu()
    if not bool(torch.isfinite(data).all()):
        raise RawFileError(
            f"a picture holds finite values, but {int((~torch.isfinite(data)).sum())} are not; find the stage that makes them"
        )
    whole = np.empty((*data.shape[1:], data.shape[0]), np.uint8 if bits == 8 else np.uint16)
    for top in range(0, data.shape[1], _BAND):  # in float64 the whole picture would be twice the frame, and more than once
        band = data[:, top : top + _BAND].double().clamp(0, 1) * (2**bits - 1)
        whole[top : top + _BAND] = band.round().permute(1, 2, 0).numpy()
    return whole[..., 0] if whole.shape[2] == 1 else whole


def _read_picture(path: Path, start: bytes) -> tuple[np.ndarray, int, bytes | None]:
    """Pixels, the largest value that they could have, and the colour profile."""
    import imageio.v3 as iio

    file: Any
    with iio.imopen(path, "r", plugin="pillow") as file:
        about = file.metadata(index=0, exclude_applied=False)
        mode, profile = about["mode"], about.get("icc_profile")
        if "transparency" in about or (mode not in _PLAIN and "a" in mode.lower() and mode != "LAB"):
            raise RawFileError(_ALPHA.format(path=path))
        if mode not in _PLAIN:
            raise RawFileError(f"{path} is a picture in {mode}, but grey or RGB is needed; convert it first")
        # Pillow hands 16-bit colour over as 8 bits, without a word.
        if start.startswith(_PNG) and start[24:26] == b"\x10\x02":
            return _upright(_read_png16(path), _orientation(about.get("exif"))), 65535, profile
        pixels = file.read(index=0, rotate=True)
    if pixels.dtype == bool:
        return pixels, 1, profile
    return pixels, 255 if pixels.dtype == np.uint8 else 65535, profile


def _read_png16(path: Path) -> np.ndarray:
    """(H, W, 3) uint16 of a 16-bit RGB file, through the decoder that comes with kornia."""
    from kornia_rs.io import read_image_png_u16

    return np.asarray(read_image_png_u16(os.fspath(path), "rgb"))


def _read_tiff(path: Path) -> tuple[np.ndarray, int, bytes | None]:
    """Pixels, (H, W) or (H, W, C), the largest value that they could have, and the colour profile."""
    import tifffile

    with tifffile.TiffFile(path) as file:
        page: Any = file.pages.first
        if page.photometric in (32803, 34892):
            raise RawFileError(f"{path} holds raw data, not a picture; give it the suffix .dng to read it as that")
        if page.extrasamples:
            raise RawFileError(_ALPHA.format(path=path))
        if page.dtype is None or page.dtype.kind not in "ub" or page.bitspersample > 16 or page.photometric not in (0, 1, 2, 3, 6):
            raise RawFileError(
                f"{path} has pixels of {page.dtype}, but a picture has whole numbers of 8 or 16 bits; save linear light as .exr"
            )
        try:
            pixels = page.asarray()
        except ValueError as problem:
            if "imagecodecs" not in str(problem):
                raise
            if page.bitspersample != 8:
                raise RawFileError(
                    f"{path} is compressed by {page.compression.name}; save it uncompressed, or install imagecodecs"
                ) from None
            return _read_picture(path, b"")
        largest = 2**page.bitspersample - 1
        if page.photometric == 3:
            # Writers disagree whether a palette's 255 is 65535 or 65280; the upper bytes are the same.
            pixels, largest = np.moveaxis(page.colormap[:, pixels] >> 8, 0, -1), 255
        elif page.photometric == 0:
            pixels = largest - pixels
        pixels = np.moveaxis(pixels, 0, -1) if page.axes == "SYX" else pixels
        orientation, profile = page.tags.valueof(274, 1), page.tags.valueof(34675)
    return _upright(pixels, int(orientation)), largest, profile


def _orientation(exif: bytes | None) -> int:
    """The orientation tag of a block of EXIF data; 1 without one."""
    from PIL.Image import Exif

    tags = Exif()
    if exif:
        tags.load(exif)
    return int(tags.get(274, 1))


def _upright(pixels: np.ndarray, orientation: int) -> np.ndarray:
    """Turn (H, W, ...) as the orientation tag says (TIFF 6.0, page 36): 2, 4, 5, 7 are mirrored, 5 to 8 lie on their side."""
    if orientation in (5, 6, 7, 8):
        pixels = pixels.swapaxes(0, 1)
    if orientation in (2, 3, 6, 7):
        pixels = pixels[:, ::-1]
    if orientation in (3, 4, 7, 8):
        pixels = pixels[::-1]
    return pixels


def _png16(pixels: np.ndarray, profile: bytes) -> bytes:
    """The bytes of a 16-bit PNG file, (H, W) or (H, W, 3) uint16, each row as its difference to the one above (PNG 1.2, filter 2)."""
    height, width = pixels.shape[:2]
    rows = np.ascontiguousarray(pixels.astype(">u2")).view(np.uint8).reshape(height, -1)
    filtered = np.full((height, rows.shape[1] + 1), 2, dtype=np.uint8)
    filtered[:, 1:] = rows
    filtered[1:, 1:] -= rows[:-1]

    def chunk(name: bytes, content: bytes) -> bytes:
        return struct.pack(">I", len(content)) + name + content + struct.pack(">I", zlib.crc32(name + content))

    header = struct.pack(">IIBBBBB", width, height, 16, 2 if pixels.ndim == 3 else 0, 0, 0, 0)
    colour = chunk(b"iCCP", b"ICC Profile\0\0" + zlib.compress(profile))
    return _PNG + chunk(b"IHDR", header) + colour + chunk(b"IDAT", zlib.compress(filtered.tobytes(), 6)) + chunk(b"IEND", b"")


def _line(problem: Exception) -> str:
    """The first line of an error's text."""
    return (str(problem).splitlines() or [type(problem).__name__])[0]
