"""Tiles: a large picture, piece by piece, with the memory of one piece."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import torch
from torch import Tensor

from campipe.core import pattern as patterns
from campipe.core.errors import CampipeError, ShapeError
from campipe.core.frame import Frame
from campipe.core.pipeline import Pipeline
from campipe.core.random import Key
from campipe.core.stage import Stage

Progress = Callable[[int, int], None]
Span = tuple[int, int, int, int]
"""Of a tile along one axis: first pixel of the crop, one past its last, first pixel that is kept, and one past its last."""


def tiled(
    stage: Stage,
    frame: Frame,
    size: int = 1024,
    *,
    key: Key | None = None,
    noise: bool = True,
    parameters: Mapping[str, Tensor | float] | None = None,
    progress: Progress | None = None,
) -> Frame:
    """Run a stage or a pipeline on tiles with their margins, and put the results together: what it gives on the whole frame.

    stage         one whose `margin` is known, and which may be cut into tiles
    frame         of any size; its picture is cut, its batch is not
    size          height and width of a tile without its margin, pixels
    key, noise, parameters   as for the stage itself
    progress      called with (done, all)

    Crops begin with the first position of the pattern, and end at the picture's own border where they reach it, so that what a stage does
    there is done there only. The bits are the same too, but for torch operations that round the end of an array otherwise than its vectors:
    a product added in one instruction or in two. Raises a CampipeError for a stage that needs the whole picture, such as one that measures
    it.

    Gradient: that of the stage.
    """
    margin, step = _reach(stage, frame), _period(frame)
    if size < step:
        raise CampipeError(f"a tile has at least {step} pixels a side, but size={size} came")
    rows, columns = (list(_spans(n, size - size % step, -(-margin // step) * step)) for n in (frame.height, frame.width))
    out: Tensor | None = None
    done, first = 0, frame
    for top, bottom, row, row_end in rows:
        for left, right, column, column_end in columns:
            crop = frame.crop(top, left, bottom - top, right - left)
            result = stage(crop, key=key, noise=noise, parameters=parameters)
            if result.data.shape[-2:] != crop.data.shape[-2:]:
                raise ShapeError(f"{stage.name} turns {tuple(crop.data.shape)} into {tuple(result.data.shape)}; a tile keeps its size")
            if out is None:
                first = result
                out = torch.empty(*result.data.shape[:-2], frame.height, frame.width, dtype=result.data.dtype, device=result.data.device)
            piece = result.data[..., row - top : row_end - top, column - left : column_end - left]
            out[..., row:row_end, column:column_end] = piece
            done += 1
            if progress is not None:
                progress(done, len(rows) * len(columns))
    # The first crop begins at the frame's own pixel (0, 0): all that it says holds for the whole, but for an origin that was not known.
    return first.replace(out, origin=frame.capture.origin)


def _leaves(stage: Stage) -> Iterator[Stage]:
    for part in stage.stages if isinstance(stage, Pipeline) else ():
        yield from _leaves(part)
    if not isinstance(stage, Pipeline):
        yield stage


def _reach(stage: Stage, frame: Frame) -> int:
    """Pixels around a tile that its result hangs on, or a CampipeError that names the stage which hangs on all of them."""
    total = 0
    for leaf in _leaves(stage):
        if leaf.margin is None or not getattr(leaf, "tiles", True):
            raise CampipeError(f"{leaf.name} needs the whole picture and cannot be run on tiles; call it on the frame, or leave it out")
        # A denoiser of mosaics counts its margin in tiles of the pattern.
        packed: Any = getattr(leaf, "slot", None) == "denoise"
        total += leaf.margin * (_period(frame) if packed else 1)
    return total


def _period(frame: Frame) -> int:
    """Pixels after which both the pattern and tiles of 2 x 2 begin anew."""
    return 2 if frame.capture.pattern is None else max(patterns.size(frame.capture.pattern))


def _spans(length: int, size: int, margin: int) -> Iterator[Span]:
    """Cut an axis into tiles."""
    for start in range(0, length, size):
        end = min(start + size, length)
        yield max(start - margin, 0), min(end + margin, length), start, end
