"""Regions of a picture without edges, and which of them are four-sided."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from campipe.ops.filters import gaussian_blur, gaussian_radius

_FULL = (0.78, 1.12)  # of area^2 / (144 det covariance): 1 for any parallelogram, 1.097 for an ellipse, lower with holes and arms
_LONG = 4.0  # longest over shortest spread of a region that may be a patch


class Regions(NamedTuple):
    """middle (N, 2) as (x, y), pixels; area (N,), pixels^2; frame (N, 2, 2): covariance of (x, y) over the region."""

    middle: np.ndarray
    area: np.ndarray
    spread: np.ndarray


def edge_strength(picture: Tensor, sigma: float = 0.8) -> Tensor:
    """Largest slope among the channels of a picture (C, H, W), after a blur of sigma: (H, W)."""
    smooth = gaussian_blur(picture[None], torch.tensor([sigma], dtype=picture.dtype), gaussian_radius(sigma))[0]
    padded = torch.nn.functional.pad(smooth[None], (1, 1, 1, 1), mode="replicate")[0]
    x = (padded[:, 1:-1, 2:] - padded[:, 1:-1, :-2]) / 2
    y = (padded[:, 2:, 1:-1] - padded[:, :-2, 1:-1]) / 2
    return torch.hypot(x, y).amax(0)


def four_sided_regions(flat: Tensor, least: float, most: float) -> Regions:
    """Connected regions of a mask that may be pictures of squares.

    flat          (H, W) bool
    least, most   area, pixels^2

    A region is kept if its area is that of the parallelogram with its second moments. That ratio is the same under every affine map.
    """
    from scipy import ndimage

    labels, count = ndimage.label(flat.cpu().numpy())
    where = np.nonzero(labels)
    label = labels[where] - 1
    y, x = (w.astype(np.float64) for w in where)
    area = np.bincount(label, minlength=count).astype(np.float64)
    mean = [np.bincount(label, v, minlength=count) / np.maximum(area, 1) for v in (x, y)]
    dx, dy = x - mean[0][label], y - mean[1][label]
    # A pixel is a square with a variance of 1/12 of its own.
    xx, xy, yy = (np.bincount(label, v, minlength=count) / np.maximum(area, 1) for v in (dx * dx, dx * dy, dy * dy))
    xx, yy = xx + 1 / 12, yy + 1 / 12
    determinant, trace = xx * yy - xy**2, xx + yy
    root = np.sqrt(np.maximum(trace**2 / 4 - determinant, 0))
    long = np.sqrt((trace / 2 + root) / np.maximum(trace / 2 - root, 1e-12))
    full = area**2 / (144 * np.maximum(determinant, 1e-12))
    kept = (area >= least) & (area <= most) & (full > _FULL[0]) & (full < _FULL[1]) & (long < _LONG)
    spread = np.stack([np.stack([xx, xy], -1), np.stack([xy, yy], -1)], -2)
    return Regions(np.stack(mean, -1)[kept], area[kept], spread[kept])
