"""Dots of a chart: where their middles are, to a small part of a pixel."""

from __future__ import annotations

import numpy as np
from torch import Tensor

from campipe.ops.flat_regions import Regions

_ROUND = (0.95, 1.25)  # of area^2 / (144 det covariance), which is 1.097 for an ellipse of any shape
_LONG = 3.0
_ALONE = 6  # pixels that a dot has at least


def dark_dots(picture: Tensor, window: int) -> Regions:
    """Dark dots on a bright ground.

    picture   (H, W), linear in light
    window    side of the neighbourhood whose brightest and darkest levels say where black and white are, pixels: several dots wide
    returns   middles (x, y), areas and covariances; dots that touch the border are left out

    A pixel belongs to a dot where it is darker than half-way between both levels. The middle is the centroid of darkness over the dot and
    one pixel around it, which is where the dot's edges are in between pixels.
    """
    from scipy import ndimage

    x = picture.double().cpu().numpy()
    smooth = ndimage.uniform_filter(x, 3)
    white = ndimage.gaussian_filter(ndimage.maximum_filter(smooth, window), window / 4)
    black = ndimage.gaussian_filter(ndimage.minimum_filter(smooth, window), window / 4)
    dark = np.clip((white - x) / np.maximum(white - black, 1e-12), -0.5, 1.5)
    labels, count = ndimage.label(dark > 0.5)
    border = np.unique(np.concatenate([labels[0], labels[-1], labels[:, 0], labels[:, -1]]))
    moments = _moments(labels, np.ones_like(dark), count)
    grown = ndimage.grey_dilation(labels, footprint=np.ones((5, 5)))
    middle = _moments(grown, np.where(dark > 0.06, dark, 0.0), count)[1]
    area, _, spread = moments
    determinant, trace = np.linalg.det(spread), np.trace(spread, axis1=1, axis2=2)
    root = np.sqrt(np.maximum(trace**2 / 4 - determinant, 0))
    long = np.sqrt((trace / 2 + root) / np.maximum(trace / 2 - root, 1e-12))
    full = area**2 / (144 * np.maximum(determinant, 1e-12))
    kept = (area >= _ALONE) & (full > _ROUND[0]) & (full < _ROUND[1]) & (long < _LONG)
    kept &= ~np.isin(np.arange(1, count + 1), border)
    return Regions(middle[kept], area[kept], spread[kept])


def _moments(labels: np.ndarray, weight: np.ndarray, count: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Weight (N,), centroid (N, 2) as (x, y) and covariance (N, 2, 2) of each label."""
    where = np.nonzero(labels)
    label, w = labels[where] - 1, weight[where]
    y, x = (p.astype(np.float64) for p in where)
    total = np.bincount(label, w, minlength=count)
    mean = [np.bincount(label, w * v, minlength=count) / np.maximum(total, 1e-12) for v in (x, y)]
    dx, dy = x - mean[0][label], y - mean[1][label]
    xx, xy, yy = (np.bincount(label, w * v, minlength=count) / np.maximum(total, 1e-12) for v in (dx * dx, dx * dy, dy * dy))
    spread = np.stack([np.stack([xx + 1 / 12, xy], -1), np.stack([xy, yy + 1 / 12], -1)], -2)
    return total, np.stack(mean, -1), spread
