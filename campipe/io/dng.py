"""Raw frames as DNG files: uncompressed 16-bit mosaics that LibRaw opens pixel by pixel, with the capture in the tags."""

from __future__ import annotations

import io
import os
import struct
from fractions import Fraction
from typing import Any

import numpy as np
import torch
from torch import Tensor

from campipe.core import pattern as patterns
from campipe.core.errors import RawFileError
from campipe.core.frame import Capture, Frame
from campipe.io.atomic import write_bytes
from campipe.io.checks import single
from campipe.ops import colour

_BYTE, _ASCII, _SHORT, _LONG, _RATIONAL, _SRATIONAL, _DOUBLE = 1, 2, 3, 4, 5, 10, 12
_LINEAR_RAW, _CFA, _BLACK_IS_ZERO = 34892, 32803, 1
_SMALLEST = 22  # LibRaw takes smaller pictures for thumbnails
_EXIF, _EXIF_PLACE = 34665, 34666  # tifffile refuses the first: the second, which means nothing, is written and renamed
_D65 = 21  # number of the light in EXIF
Tag = tuple[int, int, int, Any, bool]


def write_dng(path: str | os.PathLike[str], frame: Frame) -> None:
    """Write a raw frame as DNG.

    frame   one item in "dn", (1, 1, H, W), at least 22 x 22; its capture has black and white level, and a pattern unless it is monochrome

    Values are rounded to whole numbers and must lie in 0 to 65535. Kept are: pattern, levels (black per position), wb
    (AsShotNeutral = 1/wb), colour, noise (NoiseProfile; positions of one colour are averaged), iso, seconds and the camera's name.
    Gain, serial number and what a scene was made with have no tag: `campipe.io.frames` keeps all of it.

    Colour: the capture's matrix takes white-balanced camera RGB to XYZ (D50), which is what ForwardMatrix1 means, and it is written
    there. ColorMatrix1 goes the other way, from XYZ under the calibration light to the camera's own RGB before white balance. D65 is
    declared as that light, so ColorMatrix1 = diag(1/wb) M^-1 A, with M the capture's matrix and A the Bradford adaptation from D65 to
    D50. It maps D65 white to AsShotNeutral, so a reader finds the shot's light to be D65, and its way back through D50 is M again;
    LibRaw, which scales the rows of ColorMatrix1 times sRGB-to-XYZ to sum to 1, finds cam_to_srgb again. Without a known matrix,
    balanced camera RGB is declared to be linear sRGB.

    Raises RawFileError, one line, for values that do not fit and levels that are not known. Source: DNG specification 1.4.0.0.
    """
    import tifffile

    frame = single(frame, path).expect("dn")
    pixels, capture = _whole(frame), frame.capture
    patterns.check(capture.pattern)
    buffer = io.BytesIO()
    tifffile.imwrite(
        buffer,
        pixels,
        byteorder="<",
        photometric=_CFA if capture.pattern else _BLACK_IS_ZERO,
        extratags=[*_name_tags(capture), *_level_tags(capture), *_colour_tags(capture), *_noise_tags(capture)],
        metadata=None,
        subfiletype=0,
        software="campipe",
    )
    content = bytearray(buffer.getvalue())
    if capture.pattern is None:
        # What the specification asks for and LibRaw opens; tifffile would only write it with three channels.
        _set_tag(content, 262, _LINEAR_RAW)
    _append_exif(content, capture)
    write_bytes(path, bytes(content))


def _whole(frame: Frame) -> np.ndarray:
    """(H, W) uint16, rounded."""
    if min(frame.height, frame.width) < _SMALLEST:
        raise RawFileError(
            f"a DNG has at least {_SMALLEST} x {_SMALLEST} pixels, but {frame.height} x {frame.width} came; write .safetensors instead"
        )
    values = frame.data[0, 0].detach().cpu().double().round()
    if not bool(torch.isfinite(values).all()) or float(values.min()) < 0 or float(values.max()) > 65535:
        span = f"{float(values.min()):g} to {float(values.max()):g}"
        raise RawFileError(f"a DNG holds values from 0 to 65535, but {span} came; clip or scale them, or write .safetensors instead")
    return values.numpy().astype(np.uint16)


def _name_tags(capture: Capture) -> list[Tag]:
    name = (capture.camera or "campipe").encode("ascii", "replace").decode()
    return [
        (50706, _BYTE, 4, bytes([1, 4, 0, 0]), True),  # DNGVersion
        (50707, _BYTE, 4, bytes([1, 2 if capture.pattern else 3, 0, 0]), True),  # DNGBackwardVersion
        (50708, _ASCII, 0, name, True),  # UniqueCameraModel
        (271, _ASCII, 0, "campipe", True),
        (272, _ASCII, 0, name, True),
        (274, _SHORT, 1, 1, True),  # Orientation
        (_EXIF_PLACE, _LONG, 1, 0, True),
    ]


def _level_tags(capture: Capture) -> list[Tag]:
    if capture.black_level is None or capture.white_level is None:
        raise RawFileError("a DNG needs black and white level; add them with frame.replace(black_level=..., white_level=...), in DN")
    white = capture.white_level[0]
    if float(white.max()) != float(white.min()) or not 0 < float(white.max()) < 2**32:
        raise RawFileError(f"a DNG has one white level above 0, but {white.tolist()} came; write .safetensors instead")
    black = capture.black_level[0].double().cpu().numpy()
    table = np.atleast_2d(black if np.ptp(black) else black.flat[0])
    tags: list[Tag] = [
        (50713, _SHORT, 2, table.shape, True),  # BlackLevelRepeatDim
        (50714, _RATIONAL, table.size, rationals(table), True),
        (50717, _LONG, 1, round(float(white.max())), True),
    ]
    if capture.pattern is not None:
        numbers = [c for row in patterns.channels(capture.pattern) for c in row]
        tags += [
            (33421, _SHORT, 2, patterns.size(capture.pattern), True),  # CFARepeatPatternDim
            (33422, _BYTE, len(numbers), bytes(numbers), True),  # CFAPattern
            (50710, _BYTE, 3, bytes([0, 1, 2]), True),  # CFAPlaneColor
            (50711, _SHORT, 1, 1, True),  # CFALayout: rectangular
        ]
    return tags


def _colour_tags(capture: Capture) -> list[Tag]:
    if capture.pattern is None:
        return []
    wb = torch.ones(3) if capture.wb is None else capture.wb[0]
    if not bool(torch.isfinite(wb).all()) or float(wb.min()) <= 0:
        raise RawFileError(f"a DNG needs white-balance gains above 0, but {wb.tolist()} came; correct frame.capture.wb")
    color, forward = dng_matrices(capture)
    tags: list[Tag] = [
        (50721, _SRATIONAL, 9, rationals(color, signed=True), True),  # ColorMatrix1
        (50778, _SHORT, 1, _D65, True),  # CalibrationIlluminant1
        (50964, _SRATIONAL, 9, rationals(forward, signed=True), True),  # ForwardMatrix1
    ]
    neutral: Tag = (50728, _RATIONAL, 3, rationals(1 / wb.double()), True)  # AsShotNeutral
    return tags if capture.wb is None else [*tags, neutral]


def dng_matrices(capture: Capture) -> tuple[Tensor, Tensor]:
    """ColorMatrix1 (XYZ under D65 to camera RGB) and ForwardMatrix1 (balanced camera RGB to XYZ D50), (3, 3) float64: see `write_dng`."""
    if capture.cam_to_xyz is not None:
        to_d50 = capture.cam_to_xyz[0].double().cpu()
    else:
        rendering = torch.eye(3, dtype=torch.float64) if capture.cam_to_srgb is None else capture.cam_to_srgb[0].cpu()
        to_d50 = colour.cam_to_xyz(rendering)
    # Camera white is D50 white, as the specification demands of ForwardMatrix1.
    forward = to_d50 * (colour.D50 / to_d50.sum(1))[:, None]
    wb = torch.ones(3, dtype=torch.float64) if capture.wb is None else capture.wb[0].double().cpu()
    return colour.inverse(forward) @ colour.adaptation(colour.D65, colour.D50) / wb[:, None], forward


def _noise_tags(capture: Capture) -> list[Tag]:
    if capture.noise is None:
        return []
    noise = capture.noise[0].double().cpu()
    channels = torch.tensor(patterns.channels(capture.pattern))
    planes = 1 if capture.pattern is None else 3
    if noise.ndim == 3 and noise.shape[1:] != channels.shape:
        raise RawFileError(
            f"noise is known at {tuple(noise.shape[1:])} positions, but the pattern has {tuple(channels.shape)}; correct capture.noise"
        )
    if noise.ndim == 3:
        pairs = torch.stack([noise[:, channels == c].mean(-1) for c in range(planes)])
    else:
        pairs = noise.T if noise.ndim == 2 else noise.expand(planes, 2)
    # A frame without noise has S = 0, for which the specification has no NoiseProfile.
    valid = bool(torch.isfinite(pairs).all()) and float(pairs[:, 0].min()) > 0 and float(pairs[:, 1].min()) >= 0
    return [(51041, _DOUBLE, 2 * len(pairs), tuple(pairs.flatten().tolist()), True)] if valid else []


def rationals(values: Any, signed: bool = False) -> tuple[int, ...]:
    """Numerators and denominators in turn: for each value the simplest fraction of the same float32, or the closest one."""
    room, parts = 2**31 - 1 if signed else 2**32 - 1, []
    for value in np.asarray(values, dtype=np.float64).flat:
        for digits in range(10):
            fraction = Fraction(float(value)).limit_denominator(min(10**digits, int(room / max(1.0, abs(value)))))
            if np.float32(float(fraction)) == np.float32(value):
                break
        parts += [fraction.numerator, fraction.denominator]
    return tuple(parts)


def _append_exif(content: bytearray, capture: Capture) -> None:
    """Add a block of EXIF tags at the end of the file. tifffile writes none, and LibRaw looks for the speed nowhere else."""
    entries: list[tuple[int, int, int, bytes]] = []
    if capture.seconds is not None and float(capture.seconds[0]) > 0:
        entries.append((33434, _RATIONAL, 1, struct.pack("<II", *rationals(capture.seconds[0].cpu()))))
    if capture.iso is not None and float(capture.iso[0]) > 0:
        iso = round(float(capture.iso[0]))
        entries.append((34855, _SHORT, 1, struct.pack("<HH", min(iso, 65535), 0)))
        if iso >= 65535:  # EXIF 2.3: the short tag is full, SensitivityType says which long one goes on
            entries += [(34864, _SHORT, 1, struct.pack("<HH", 3, 0)), (34867, _LONG, 1, struct.pack("<I", iso))]
    entries.append((36864, 7, 4, b"0230"))  # ExifVersion
    content += b"\0" * (len(content) % 2)
    start, block, tail = len(content), struct.pack("<H", len(entries)), b""
    for code, kind, count, value in sorted(entries):
        if len(value) > 4:
            where = start + 2 + 12 * len(entries) + 4 + len(tail)
            value, tail = struct.pack("<I", where), tail + value
        block += struct.pack("<HHI", code, kind, count) + value
    content += block + struct.pack("<I", 0) + tail
    _set_tag(content, _EXIF_PLACE, start, _EXIF)


def _set_tag(content: bytearray, code: int, value: int, renamed: int | None = None) -> None:
    """Change a tag of one SHORT or LONG in the first directory of a little-endian TIFF file (TIFF 6.0, section 2), and its number."""
    (directory,) = struct.unpack_from("<I", content, 4)
    (count,) = struct.unpack_from("<H", content, directory)
    entry = next(at for at in range(directory + 2, directory + 2 + 12 * count, 12) if struct.unpack_from("<H", content, at)[0] == code)
    struct.pack_into("<H", content, entry, renamed or code)
    struct.pack_into("<I" if struct.unpack_from("<H", content, entry + 2)[0] == _LONG else "<H", content, entry + 8, value)
