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
    def is_signed(self) -> bool:
        """True where pixels are signed numbers, which LibRaw takes for unsigned ones."""
        return self.is_dng and int(np.max(self.values.get(339, 1))) == 2

    @property
    def planes(self) -> tuple[int, ...]:
        """The colours of a DNG's filters in the order of its planes: red 0, green 1, blue 2, cyan 3, magenta 4, yellow 5, white 6."""
        return _numbers(self.values.get(50710, (0, 1, 2))) if self.is_dng else (0, 1, 2)

    @property
    def has_swapped_planes(self) -> bool:
        """True where a DNG numbers its colours otherwise than red, green, blue, which LibRaw takes for these three all the same."""
        return self.planes != (0, 1, 2) and set(self.planes) == {0, 1, 2}

    @property
    def tile(self) -> tuple[int, int] | None:
        """Rows and columns of a DNG's filter pattern, which LibRaw takes for 2 x 2 where it is neither that nor 6 x 6; None: not said."""
        rows_and_columns = _numbers(self.values.get(33421, ()))
        return rows_and_columns[:2] if self.is_dng and len(rows_and_columns) == 2 else None

    @property
    def lacks_pattern(self) -> bool:
        """True where a DNG says that it is a mosaic, and not of which filters; LibRaw then guesses."""
        return self.is_dng and self.values.get(262) == _CFA and 33422 not in self.values

    @property
    def neutral(self) -> np.ndarray | None:
        """AsShotNeutral (3,), where it can be one: finite and above 0."""
        values = _floats(self.values.get(50728, ()))[:3]
        return values if len(values) == 3 and np.isfinite(values).all() and values.min() > 0 else None

    @property
    def masked_areas(self) -> list[tuple[int, int, int, int]]:
        """MaskedAreas: (top, left, bottom, right) of rectangles that no light reaches, pixels of the whole raw picture."""
        numbers = _numbers(self.values.get(50830, ()))
        return [(a, b, c, d) for a, b, c, d in zip(*(numbers[i::4] for i in range(4)), strict=False)] if self.is_dng else []

    def dual_illuminant(self) -> dict[str, Any] | None:
        """Arguments of a matrix for two lights, from ColorMatrix1 and 2 and CalibrationIlluminant1 and 2; None without both.

        matrix_1, matrix_2     XYZ to camera RGB, with AnalogBalance and CameraCalibration multiplied in
        light_1, light_2       numbers of the lights as EXIF has them
        forward_1, forward_2   camera RGB to XYZ (D50), or None

        Source: DNG specification 1.4, chapter 6.
        """
        matrices = [m for code in (50721, 50722) if (m := _matrix(self.values.get(code))) is not None]
        lights = [self.values[code] for code in (50778, 50779) if code in self.values]
        if not self.is_dng or len(matrices) < 2 or len(lights) < 2 or lights[0] == lights[1]:
            return None
        balance = _floats(self.values.get(50727, (1.0, 1.0, 1.0)))
        for i, code in enumerate((50723, 50724)):
            calibration = _matrix(self.values.get(code))
            own = np.eye(3) if calibration is None else calibration
            matrices[i] = np.diag(balance if len(balance) == 3 else np.ones(3)) @ own @ matrices[i]
        forward = [_matrix(self.values.get(code)) for code in (50964, 50965)]
        forward = forward if all(f is not None for f in forward) else [None, None]
        names = ("matrix_1", "matrix_2", "light_1", "light_2", "forward_1", "forward_2")
        return dict(zip(names, (*matrices, *(int(v) for v in lights), *forward), strict=True))

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
        if len(profile) == 0 or not np.isfinite(profile).all() or profile.min() < 0:
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


def _matrix(value: Any) -> np.ndarray | None:
    """Nine numbers as (3, 3); None for another count, and where they are no matrix that can be inverted."""
    numbers = _floats(() if value is None else value)
    if len(numbers) != 9 or not np.isfinite(numbers).all():
        return None
    matrix = numbers.reshape(3, 3)
    return matrix if abs(np.linalg.det(matrix)) > 1e-9 else None


def _value(tag: Any) -> Any:
    """The value of a tag, rational numbers divided."""
    if int(tag.dtype) not in (5, 10):
        return tag.value
    pairs = _floats(tag.value).reshape(-1, 2)
    return tuple(np.divide(pairs[:, 0], pairs[:, 1], out=np.zeros(len(pairs)), where=pairs[:, 1] != 0))
