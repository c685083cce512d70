"""Patches of a picture, by a label for each pixel: of a chart that lies askew, or of rectangles."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from campipe.calibrate.colour import chart_coordinates
from campipe.core.errors import CampipeError, ShapeError


def chart_labels(
    corners: Sequence[Sequence[float]], size: tuple[int, int], grid: tuple[int, int] = (4, 6), part: float = 0.6
) -> tuple[Tensor, int]:
    """The patch of every pixel of a picture of a chart.

    corners   (y, x) of the field of patches, as `patch_means` takes them
    size      height and width of the picture, pixels
    grid      rows and columns of patches
    part      of a patch's height and width that is taken, around its middle
    returns   (H, W) int64, row by row from 0, and -1 outside; and the number of patches
    """
    if torch.as_tensor(corners).shape != (4, 2):
        raise ShapeError(f"the corners of a chart are four pairs (y, x), but {corners} came")
    if not 0 < part <= 1:
        raise CampipeError(f"the part of a patch that is taken is above 0 and at most 1, but {part} came")
    rows, columns = grid
    v, u = chart_coordinates(corners, *size)
    v, u = v * rows, u * columns
    inside = ((v % 1 - 0.5).abs() < part / 2) & ((u % 1 - 0.5).abs() < part / 2)
    inside &= (v >= 0) & (v < rows) & (u >= 0) & (u < columns)
    return torch.where(inside, (v.floor() * columns + u.floor()).long(), -1), rows * columns


def box_labels(boxes: Sequence[tuple[int, int, int, int]], size: tuple[int, int]) -> tuple[Tensor, int]:
    """The patch of every pixel, for patches that are rectangles.

    boxes     (y, x, height, width) of each, pixels, inside of the picture and apart from one another
    size      height and width of the picture, pixels
    returns   (H, W) int64, -1 outside; and the number of patches
    """
    labels = torch.full(size, -1, dtype=torch.int64)
    for number, (y, x, height, width) in enumerate(boxes):
        if not (0 <= y and 0 <= x and height > 0 and width > 0 and y + height <= size[0] and x + width <= size[1]):
            raise ShapeError(f"a patch of {height} x {width} at ({y}, {x}) does not lie inside a picture of {size[0]} x {size[1]}")
        window = labels[y : y + height, x : x + width]
        if bool((window >= 0).any()):
            raise CampipeError(f"patches lie apart from one another, but patch {number} at ({y}, {x}) lies over another")
        window.fill_(number)
    return labels, len(boxes)
