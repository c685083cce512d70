"""The planes of a raw frame: the pixels of one position of the pattern, each under its name."""

from __future__ import annotations

from torch import Tensor

from campipe.core import pattern as patterns
from campipe.core.errors import ShapeError
from campipe.core.frame import Frame

MONO = "mono"


def plane_names(pattern: str | None) -> tuple[str, ...]:
    """One name for each position of the pattern, row by row: "R", "Gr", "Gb" and "B" of a Bayer pattern, "mono" without one.

    Gr is the green in a row with R. Of any other pattern, a letter with row and column of the position: "G00", "B02".
    """
    if pattern is None:
        return (MONO,)
    height, width = patterns.size(pattern)
    if sorted(pattern) == ["B", "G", "G", "R"] and "GG" in (pattern[0] + pattern[3], pattern[1] + pattern[2]):
        return tuple(_bayer(pattern, place) for place in range(4))
    return tuple(f"{pattern[y * width + x]}{y}{x}" for y in range(height) for x in range(width))


def named_planes(frame: Frame) -> list[tuple[str, Tensor]]:
    """Name and pixels (B, h, w) of each position of a frame's pattern, row by row of the tile.

    frame   one channel, (B, 1, H, W), in any space

    The planes are views of the frame's data. Where a frame does not hold whole tiles, the planes of its first rows or columns are
    larger by one: nothing is filled in.
    """
    if frame.data.ndim != 4 or frame.data.shape[1] != 1:
        raise ShapeError(f"planes are those of a raw frame (B, 1, H, W), but {tuple(frame.data.shape)} came; take one view and time")
    names = plane_names(frame.capture.pattern)
    height, width = (1, 1) if frame.capture.pattern is None else patterns.size(frame.capture.pattern)
    if frame.height < height or frame.width < width:
        raise ShapeError(f"a frame holds one tile of its pattern at least, {height} x {width}, but {frame.height} x {frame.width} came")
    pixels = frame.data[:, 0]
    return [(names[y * width + x], pixels[:, y::height, x::width]) for y in range(height) for x in range(width)]


def _bayer(pattern: str, place: int) -> str:
    """Name of a position of a Bayer pattern; its neighbour in the row says which green it is."""
    letter = pattern[place]
    return f"G{pattern[place ^ 1].lower()}" if letter == "G" else letter
