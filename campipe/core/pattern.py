"""Colour filter patterns: row-major strings that say what each pixel of a repeating tile sees.

`"RGGB"` is a tile of 2 x 2, 36 letters are an X-Trans tile of 6 x 6; None is a sensor without filters. A string says the same thing to
everybody, where the names of enumerations do not: OpenCV's `BG` is the layout that LibRaw and DNG call RGGB.
"""

from __future__ import annotations

from campipe.core.errors import CampipeError

CHANNEL = {"R": 0, "G": 1, "B": 2}
_WIDTH = {4: 2, 36: 6}


def size(pattern: str) -> tuple[int, int]:
    """Height and width of the tile in pixels."""
    check(pattern)
    width = _WIDTH[len(pattern)]
    return len(pattern) // width, width


def check(pattern: str | None) -> str | None:
    """Return the pattern, or say what is wrong with it."""
    if pattern is None:
        return None
    if not isinstance(pattern, str) or len(pattern) not in _WIDTH or set(pattern) - set(CHANNEL):
        raise CampipeError(f"a pattern is 4 or 36 letters of R, G and B in row-major order, such as 'RGGB', or None, but {pattern!r} came")
    return pattern


def channels(pattern: str | None) -> tuple[tuple[int, ...], ...]:
    """Channel number (R 0, G 1, B 2) of each position of the tile, row by row; ((0,),) without a filter."""
    if pattern is None:
        return ((0,),)
    height, width = size(pattern)
    return tuple(tuple(CHANNEL[pattern[y * width + x]] for x in range(width)) for y in range(height))


def roll(pattern: str | None, y: int, x: int) -> str | None:
    """The pattern as seen by a frame whose pixel (0, 0) is the sensor's pixel (y, x)."""
    if pattern is None:
        return None
    height, width = size(pattern)
    return "".join(pattern[(i + y) % height * width + (j + x) % width] for i in range(height) for j in range(width))
