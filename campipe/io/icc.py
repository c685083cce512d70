"""ICC profiles of the output colour spaces: small ones of a matrix and a curve, built here, and found again in files.

Source of every layout: ICC.1:2022 (profile version 4.4). The same space gives the same bytes.
"""

from __future__ import annotations

import functools
import hashlib
import struct
from collections.abc import Callable

import numpy as np
import torch

from campipe.ops.colour import adaptation
from campipe.ops.colour_spaces import COLOUR_SPACES, D65_CHROMATICITY, colour_space, to_xyz, xyz_of

_D50 = (0.9642, 1.0, 0.8249)  # the white of the profile connection space as every header has it (7.2.16)
_DATE = (2026, 1, 1, 0, 0, 0)  # fixed, so that the bytes do not hang on the day
_COLORANTS = (b"rXYZ", b"gXYZ", b"bXYZ")
_CURVES = (b"rTRC", b"gTRC", b"bTRC")
_CLOSE = 2e-3  # others round colorants by up to 2e-4; a plain gamma of 2.2 lies 8e-3 from the curve of sRGB
_SAMPLES = np.linspace(0, 1, 65)


@functools.cache
def icc_profile(space: str, *, grey: bool = False) -> bytes:
    """The profile of a colour space.

    space     "srgb", "display-p3" or "rec2020"
    grey      True: for pictures of one channel, which have no primaries
    returns   a display profile of version 4: colorants adapted to D50 by the linear Bradford transform, the parametric curve of the space
    """
    row = colour_space(space)
    curve = _element(b"para", struct.pack(">HH", 3, 0) + _fixed(*row.curve))
    adapted = adaptation(xyz_of(D65_CHROMATICITY), torch.tensor(_D50, dtype=torch.float64))
    tags = {
        b"desc": _text(row.title + (" grey" if grey else "")),
        b"cprt": _text("No copyright, use freely"),
        b"wtpt": _element(b"XYZ ", _fixed(*_D50)),
        b"chad": _element(b"sf32", _fixed(*adapted.flatten().tolist())),
    }
    if grey:
        tags[b"kTRC"] = curve
    else:
        columns = (adapted @ to_xyz(space)).T.tolist()
        tags |= {name: _element(b"XYZ ", _fixed(*xyz)) for name, xyz in zip(_COLORANTS, columns, strict=True)}
        tags |= dict.fromkeys(_CURVES, curve)
    return _assembled(tags, b"GRAY" if grey else b"RGB ")


def recognised(profile: bytes | None) -> str | None:
    """The name of the colour space that a profile describes, whoever wrote it; None: another one, or no whole profile.

    Colorants and curves are compared, to 0.002. Grey pictures have no primaries: theirs is the first space of that curve.
    """
    try:
        return _recognised(profile) if profile else None
    except (struct.error, ValueError, IndexError, KeyError):
        return None


def _recognised(profile: bytes) -> str | None:
    tags, kind = _tags(profile), profile[16:20]
    curves = [_sampled(tags[name]) for name in ((b"kTRC",) if kind == b"GRAY" else _CURVES)]
    for name, row in COLOUR_SPACES.items():
        if max(float(np.abs(curve - _parametric(3, row.curve)).max()) for curve in curves) > _CLOSE:
            continue
        if kind == b"GRAY" or (kind == b"RGB " and _colorant_distance(tags, _tags(icc_profile(name))) <= _CLOSE):
            return name
    return None


def _colorant_distance(a: dict[bytes, bytes], b: dict[bytes, bytes]) -> float:
    return max(abs(x - y) for name in _COLORANTS for x, y in zip(_numbers(a[name][8:20]), _numbers(b[name][8:20]), strict=True))


def _sampled(element: bytes) -> np.ndarray:
    """A curve at 65 places from 0 to 1, of the types "para" (10.18) and "curv" (10.6)."""
    if element[:4] == b"para":
        (kind,) = struct.unpack(">H", element[8:10])
        return _parametric(kind, _numbers(element[12 : 12 + 4 * (1, 3, 4, 5, 7)[kind]]))
    if element[:4] != b"curv":
        raise ValueError("no curve")
    (count,) = struct.unpack(">I", element[8:12])
    values = np.array(struct.unpack(f">{count}H", element[12 : 12 + 2 * count]))
    if count < 2:
        return _SAMPLES ** (float(values[0]) / 256 if count else 1.0)
    return np.interp(_SAMPLES, np.linspace(0, 1, count), values / 65535)


def _parametric(kind: int, numbers: tuple[float, ...]) -> np.ndarray:
    """The parametric curve of a type at the 65 places (10.18, table 68)."""
    kinds: dict[int, Callable[..., tuple[float, ...]]] = {
        0: lambda g: (g, 1, 0, 0, 0, 0, 0),
        1: lambda g, a, b: (g, a, b, 0, -b / a, 0, 0),
        2: lambda g, a, b, c: (g, a, b, 0, -b / a, c, c),
        3: lambda g, a, b, c, d: (g, a, b, c, d, 0, 0),
        4: lambda *all_: all_,
    }
    g, a, b, c, d, e, f = kinds[kind](*numbers)
    return np.where(_SAMPLES >= d, np.maximum(a * _SAMPLES + b, 0) ** g + e, c * _SAMPLES + f)


def _assembled(tags: dict[bytes, bytes], kind: bytes) -> bytes:
    """Header, tag table and elements; equal elements are stored once (7.2, 7.3)."""
    places: dict[bytes, int] = {}
    body, start = b"", 128 + 4 + 12 * len(tags)
    for element in tags.values():
        if element not in places:
            places[element] = start + len(body)
            body += element + bytes(-len(element) % 4)
    table = b"".join(struct.pack(">4sII", name, places[element], len(element)) for name, element in tags.items())
    size = start + len(body)
    header = struct.pack(
        ">I4xI4s4s4s6H4s24xI12s4x16x28x", size, 0x04400000, b"mntr", kind, b"XYZ ", *_DATE, b"acsp", 1, _fixed(*_D50)
    )  # rendering intent 1: media-relative colorimetric, which is what a matrix does
    whole = header + struct.pack(">I", len(tags)) + table + body
    # The profile's name is the MD5 of itself, in which flags, intent and the name count as 0 (7.2.18).
    unnamed = whole[:44] + bytes(4) + whole[48:64] + bytes(4) + whole[68:84] + bytes(16) + whole[100:]
    return whole[:84] + hashlib.md5(unnamed, usedforsecurity=False).digest() + whole[100:]


def _tags(profile: bytes) -> dict[bytes, bytes]:
    """The elements of a profile by the names of their tags."""
    if profile[36:40] != b"acsp":
        raise ValueError("no profile")
    (count,) = struct.unpack(">I", profile[128:132])
    rows = [struct.unpack(">4sII", profile[132 + 12 * i : 144 + 12 * i]) for i in range(min(count, 100))]
    return {name: profile[place : place + size] for name, place, size in rows}


def _element(kind: bytes, content: bytes) -> bytes:
    return kind + bytes(4) + content


def _text(words: str) -> bytes:
    """Text in one language (10.15)."""
    content = words.encode("utf-16-be")
    return _element(b"mluc", struct.pack(">II2s2sII", 1, 12, b"en", b"US", len(content), 28) + content)


def _fixed(*numbers: float) -> bytes:
    """Numbers as s15Fixed16Number."""
    return b"".join(struct.pack(">i", round(number * 65536)) for number in numbers)


def _numbers(content: bytes) -> tuple[float, ...]:
    """s15Fixed16Numbers as numbers."""
    return tuple(value / 65536 for value in struct.unpack(f">{len(content) // 4}i", content))
