"""Charts: flat fields, step wedges and slanted edges, with closed forms for what each pixel holds."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor

from campipe.core.errors import CampipeError
from campipe.core.frame import Frame


def flat(level: float | Sequence[float], *, height: int, width: int, space: str = "scene") -> Frame:
    """A field that is the same everywhere.

    level           one number, or one per channel; unit of the space
    height, width   pixels
    space           "scene" or "photons"
    returns         (1, C, height, width)
    """
    levels = torch.tensor([level] if isinstance(level, (int, float)) else list(level), dtype=torch.float32)
    return _frame(levels.reshape(1, -1, 1, 1).expand(1, -1, height, width).contiguous(), space)


def step_wedge(levels: Sequence[float], *, height: int, width: int, space: str = "scene") -> Frame:
    """Steps from left to right, each as wide as the next to within a pixel: pixel column x shows step floor(x * steps / width).

    levels          one per step, unit of the space
    height, width   pixels; at least one column per step
    returns         (1, 1, height, width)
    """
    if not 1 <= len(levels) <= width:
        raise CampipeError(f"a step wedge has at least one step and one column for each, but {len(levels)} steps and {width} columns came")
    step = torch.arange(width) * len(levels) // width
    row = torch.tensor(list(levels), dtype=torch.float32)[step]
    return _frame(row.expand(1, 1, height, width).contiguous(), space)


def slanted_edge(
    *, height: int, width: int, angle: float = 5.0, low: float = 0.1, high: float = 0.8, offset: float = 0.0, space: str = "scene"
) -> Frame:
    """A straight edge between two levels, averaged over each pixel's area exactly: no sampling, no blur.

    height, width   pixels
    angle           degrees, from the vertical; at 0 the left half is low, and the edge turns clockwise as the picture is looked at
    low, high       levels on the two sides, unit of the space
    offset          pixels, from the middle of the picture along the edge's normal towards the high side
    returns         (1, 1, height, width)
    """
    normal = (math.cos(math.radians(angle)), math.sin(math.radians(angle)))
    y = torch.arange(height, dtype=torch.float64)[:, None] - (height - 1) / 2
    x = torch.arange(width, dtype=torch.float64) - (width - 1) / 2
    covered = half_plane_area(offset - normal[0] * x - normal[1] * y, normal)
    return _frame((high + (low - high) * covered).float()[None, None], space)


def half_plane_area(distance: Tensor, normal: tuple[float, float]) -> Tensor:
    """How much of a unit square lies behind a straight line.

    distance   any shape, float64, pixels: from the square's middle to the line, along the normal; positive where the middle lies behind it
    normal     (x, y), of length 1
    returns    the same shape, 0 to 1

    The area up to the line as it sweeps across the square: the integral of a trapezoid, with corners at +-(a - b) / 2 and +-(a + b) / 2.
    """
    a, b = sorted((abs(normal[0]), abs(normal[1])), reverse=True)
    if b < 1e-9:
        return (distance / a + 0.5).clamp(0, 1)
    reach = distance + (a + b) / 2
    corners = [(reach - corner).clamp_min(0) ** 2 for corner in (0.0, a, b, a + b)]
    return ((corners[0] - corners[1] - corners[2] + corners[3]) / (2 * a * b)).clamp(0, 1)


def _frame(data: Tensor, space: str) -> Frame:
    frame = Frame(data, space).expect("scene", "photons")
    if not bool(torch.isfinite(data).all()) or (space == "photons" and bool((data < 0).any())):
        raise CampipeError("the levels of a chart are finite, and photons are not negative; check the levels that were given")
    return frame
