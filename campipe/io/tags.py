"""What LibRaw does not hand over, read from raw files that are built like TIFF: noise profile, exact black levels, name, speed."""

from __future__ import annotations

import logging
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

_CFA, _LINEAR_RAW = 32803, 34892


@dataclass(frozen=True)
class Tags:
    """Tags of a raw file by number; empty where the file is not built like TIFF.

    values   of the first picture, and over them those of the raw picture itself
    exif     tags of the EXIF block by name
    """

    values: dict[int, Any] = field(default_factory=dict)
    exif: dict[str, Any] = field(default_factory=dict)

    @property
    def is_dng(self) -> bool:
        return 50706 in self.values

    @property
    def end(self) -> int:
        """How many bytes a DNG has at least: where the last piece of its raw picture ends; 0: not known."""
        starts, sizes = self.values.get(273, self.values.get(324)), self.values.get(279, self.values.get(325))
        if not self.is_dng or starts is None or sizes is None:
            return 0
        return max((a + b for a, b in zip(_numbers(starts), _numbers(sizes), strict=False)), default=0)

    @property
    def is_float(self) -> bool:
        """True where pixels are floating-point numbers, which LibRaw would silently scale to 16 bits."""
        return self.is_dng and int(np.max(self.values.get(339, 1))) == 3

    @property
    def has_swapped_planes(self) -> bool:
        """True where a DNG numbers its colours otherwise than red, green, blue, which LibRaw takes for these three all the same."""
        return self.is_dng and _numbers(self.values.get(50710, (0, 1, 2))) != (0, 1, 2)

    @property
    def is_unfiltered(self) -> bool:
        """True where the raw picture has one channel and no filters. LibRaw takes some such files (MicaSense, DJI, Parrot) for RGGB."""
        return self.values.get(262) in (1, _LINEAR_RAW) and self.values.get(277, 1) == 1 and 33422 not in self.values

    @property
    def camera(self) -> str | None:
        """Name of the camera: UniqueCameraModel, else maker and model."""
        name = _text(self.values.get(50708)) or " ".join(filter(None, (_text(self.values.get(271)), _text(self.values.get(272)))))
        return None if name in ("", "campipe") else name  # "campipe": our own, of a camera without a name

    @property
    def iso(self) -> float:
        """Speed from EXIF; 0: not known. Beyond 65535, where the old tag ends, from the tags that can say it."""
        speed = self.exif.get("ISOSpeedRatings", self.values.get(34855, 0))
        speed = float(speed[0] if isinstance(speed, (tuple, list)) else speed)
        return float(self.exif.get("ISOSpeed") or self.exif.get("RecommendedExposureIndex") or speed) if speed >= 65535 else speed

    def noise(self, channels: tuple[tuple[int, ...], ...]) -> np.ndarray | None:
        """S and O of NoiseProfile: (2,) when one pair stands for all, else (2, h, w) by position.

        channels   channel number of each position of the pattern: `campipe.core.pattern.channels`

        Source: DNG specification 1.4, NoiseProfile: pairs in the order of the planes, which is red, green, blue (`has_swapped_planes`).
        """
        profile = _floats(self.values.get(51041, ())).reshape(-1, 2)
        if len(profile) == 0:
            return None
        if len(profile) == 1 or (profile == profile[0]).all():
            return profile[0]
        table = np.array(channels)
        return np.moveaxis(profile[table], -1, 0) if table.max() < len(profile) else None

    def black_level(self, height: int, width: int, y: int, x: int) -> np.ndarray | None:
        """Black levels by position, (height, width), DN, fractions kept; None where the file has none or has more than a repeating table.

        height, width   of the pattern
        y, x            of the frame's pixel (0, 0), counted from the raw picture's own
        """
        levels = self.values.get(50714)
        if not self.is_dng or levels is None or 50715 in self.values or 50716 in self.values:
            return None
        rows, columns = _numbers(self.values.get(50713, (1, 1)))
        values = _floats(levels)
        if len(values) != rows * columns or height % rows or width % columns:
            return None
        top, left = _numbers(self.values.get(50829, (0, 0)))[:2]  # the table begins at ActiveArea's corner
        table = np.tile(values.reshape(rows, columns), (height // rows, width // columns))
        return np.roll(table, (-(y - top), -(x - left)), (0, 1))


def read_tags(path: Path) -> Tags:
    """Read the tags of a raw file; none, and no error, where the file is built otherwise."""
    import tifffile

    logger = logging.getLogger("tifffile")
    quiet, logger.disabled = logger.disabled, True  # makers' files bend the rules, and a reader cannot help it
    try:
        with tifffile.TiffFile(path) as file:
            first = file.pages.first
            pages = [first, *(first.pages or ())]
            raw = next((p for p in pages if int(p.photometric) in (_CFA, _LINEAR_RAW)), first)
            values = {tag.code: _value(tag) for page in (first, raw) for tag in page.tags}
    except Exception:  # a damaged or foreign structure: LibRaw has the last word on it
        return Tags()
    finally:
        logger.disabled = quiet
    exif = values.get(34665)
    return Tags(values, exif if isinstance(exif, dict) else {})


def _text(value: Any) -> str:
    return value.strip("\0 ") if isinstance(value, str) else ""


def _numbers(value: Any) -> tuple[int, ...]:
    """One whole number, a row of them, or bytes, as a tuple."""
    return tuple(int(v) for v in (value if isinstance(value, (tuple, list, bytes)) else (value,)))


def _floats(value: Any) -> np.ndarray:
    """One number, or a row of them, as float64 (N,)."""
    return np.atleast_1d(np.asarray(value, dtype=np.float64))


def _value(tag: Any) -> Any:
    """The value of a tag, rational numbers divided."""
    if int(tag.dtype) not in (5, 10):
        return tag.value
    pairs = _floats(tag.value).reshape(-1, 2)
    return tuple(np.divide(pairs[:, 0], pairs[:, 1], out=np.zeros(len(pairs)), where=pairs[:, 1] != 0))
