"""The filters of a layer as a picture: each a square of its weights, grey where they are 0."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional


def filter_sheet(weights: Tensor, columns: int = 16, enlarged: int = 4) -> np.ndarray:
    """Lay filters out in rows, those of largest norm first, each stretched to its own largest weight.

    weights    (K, side^2), or (K, n) with n at least the largest square, whose further numbers are left out
    columns    filters in a row
    enlarged   pixels a side that a weight is drawn with
    returns    (H, W) uint8; 128 is a weight of 0, and two pixels of white stand between filters
    """
    weights = weights.detach().float().cpu()
    side = math.isqrt(weights.shape[1])
    weights = weights[:, : side * side]
    weights = weights[weights.norm(dim=1).argsort(descending=True)]
    weights = weights / weights.abs().amax(1, keepdim=True).clamp_min(1e-12)
    tiles = (128 + 127 * weights).reshape(-1, 1, side, side)
    tiles = functional.pad(tiles.repeat_interleave(enlarged, -2).repeat_interleave(enlarged, -1), (0, 2, 0, 2), value=255.0)
    tiles = torch.cat([tiles, tiles.new_full((-len(tiles) % columns, *tiles.shape[1:]), 255.0)])
    rows = tiles.reshape(-1, columns, *tiles.shape[2:]).permute(0, 2, 1, 3)
    return rows.reshape(rows.shape[0] * rows.shape[1], -1).round().clamp(0, 255).to(torch.uint8).numpy()


def write_filters(path: str | Path, *layers: Tensor, columns: int = 16) -> Path:
    """Write the filters of layers as a PNG, one sheet beside the other."""
    import imageio.v3 as iio

    sheets = [filter_sheet(weights, columns) for weights in layers]
    tall = max(sheet.shape[0] for sheet in sheets)
    padded = [np.pad(sheet, ((0, tall - sheet.shape[0]), (0, 12)), constant_values=255) for sheet in sheets]
    iio.imwrite(path, np.concatenate(padded, 1)[:-2, :-14], plugin="pillow", extension=".png")
    return Path(path)
