"""Which of the converter's numbers a picture uses: codes that are missing, and tiles that hold one number alone."""

from __future__ import annotations

import torch
from torch import Tensor

_LEAST = 20.0  # expected hits of a code below which its absence says nothing: one in 5e8 by chance
_SIDE = 8


def code_step(values: Tensor) -> float:
    """Mean distance between the codes that occur where codes are expected; 1 for a converter that uses all of them.

    values    any shape, whole numbers of one flat region
    returns   nan where the values spread over less than 3 codes or are too few to tell

    Looked at are the codes between the values' quartiles, where a smooth distribution hits each about N / (2 range) times; fewer than 20
    expected hits, and nothing is said. Numbers that were scaled, gamma coded or rounded to 8 bits upstream leave a comb.
    """
    v = values.flatten().double().round()
    if len(v) < 4 * _LEAST:
        return float("nan")
    low, high = (float(v.kthvalue(k).values) for k in (len(v) // 4, 3 * len(v) // 4))
    expected = len(v) / 2 / max(high - low, 1.0)
    if high - low < 2 or expected < _LEAST:
        return float("nan")
    found = torch.unique(v[(v >= low) & (v <= high)])
    return float((found[-1] - found[0]) / (len(found) - 1)) if len(found) > 1 else float("nan")


def flat_tiles(plane: Tensor, high: float = float("inf"), low: float = float("-inf")) -> float:
    """Share of tiles of 8 x 8 pixels that hold one number alone; tiles with a pixel at a limit are not counted.

    plane       (H, W)
    low, high   values at which pixels are clipped
    returns     0 to 1; nan where no tile is left
    """
    rows, columns = plane.shape[-2] // _SIDE, plane.shape[-1] // _SIDE
    tiles = plane[: rows * _SIDE, : columns * _SIDE].reshape(rows, _SIDE, columns, _SIDE)
    least, most = tiles.amin((1, 3)), tiles.amax((1, 3))
    inside = (least > low) & (most < high)
    return float((least == most)[inside].double().mean()) if bool(inside.any()) else float("nan")
