"""The black level from masked pixels: those at the sensor's rim that no light reaches."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from campipe.core.errors import CampipeError

_LEAST = 32
"""Masked pixels that each position of the pattern needs."""


def masked_black(raw: Tensor, areas: Sequence[tuple[int, int, int, int]], tile: tuple[int, int], corner: tuple[int, int]) -> Tensor:
    """Black level of each position of the pattern, from masked pixels.

    raw       (H, W) of the whole sensor, DN
    areas     (top, left, bottom, right) of the masked rectangles in it, pixels; bottom and right are the first ones outside
    tile      rows and columns of the pattern
    corner    (y, x) of the picture's pixel (0, 0): the table begins there
    returns   (h, w), DN: `black_level` of a capture with a batch axis

    A mean without what lies beyond three deviations from the median, which are 1.4826 times the median distance from it (Rousseeuw and
    Croux, J. American Statistical Association 88, 1993). Raises CampipeError where a position has too few pixels.
    """
    table = torch.empty(tile, dtype=torch.float32)
    for i in range(tile[0]):
        for j in range(tile[1]):
            y, x = (corner[0] + i) % tile[0], (corner[1] + j) % tile[1]
            parts = []
            for top, left, bottom, right in areas:
                part = raw[top + (y - top) % tile[0] : bottom : tile[0], left + (x - left) % tile[1] : right : tile[1]]
                parts.append(part.flatten())
            values = torch.cat(parts).double() if parts else torch.empty(0)
            if len(values) < _LEAST:
                raise CampipeError(
                    f"a black level needs {_LEAST} masked pixels at each position, but {len(values)} came; take that of the file"
                )
            table[i, j] = robust_mean(values)
    return table


def robust_mean(values: Tensor) -> Tensor:
    """Mean of what lies within three robust deviations of the median, or within three numbers; (N,), DN, to ()."""
    median = values.median()
    reach = (3 * 1.4826 * (values - median).abs().median()).clamp_min(3.0)
    return values[(values - median).abs() <= reach].mean()
