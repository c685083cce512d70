"""Wiener demosaicking: the best linear estimate of each colour from all samples around, for any pattern.

Pictures are taken for random fields without a scale: the mean square of v(a) - v(b) grows with the distance as |a - b|**1.5, for what
the three colours have in common, and with a twentieth of that for what each has of its own. The level of each colour is unknown, so
that every kernel sums to 1 over the samples of its own colour and to 0 over those of each other one (ordinary cokriging): flat colours
stay as they are.

Source: Taubman, "Generalized Wiener reconstruction of images from colour sensor data using a scale invariant prior", ICIP 2000; the
equations with unknown levels: Wackernagel, "Multivariate Geostatistics", Springer 2003, chapter 24.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from torch import Tensor

from campipe.core import pattern as patterns
from campipe.core.errors import CampipeError
from campipe.ops.compiled import loops_serve
from campipe.ops.demosaick import Kernel, apply_kernels, check_size, continued

REACH = 3
# Our own choice, a coarse search on photos of training data with scores on some of Kodak beside it: the exponent, and the share of what a
# colour has of its own.
_EXPONENT, _OWN = 1.5, 0.05
_LEAST = 1e-9  # weights below it are left out, and the others rounded to it, so that those of symmetric samples are equal


def wiener(mosaic: Tensor, pattern: str) -> Tensor:
    """Demosaick by the best linear estimate in a window of 7 x 7.

    mosaic    (..., 1, H, W), at least one tile of the pattern
    pattern   4 or 36 letters with all three colours, as the mosaic's pixel (0, 0) sees it
    returns   (..., 3, H, W); what was measured is kept

    Gradient: exact.
    """
    check_three_colours(pattern)
    if not loops_serve(mosaic):
        return apply_kernels(mosaic, pattern, wiener_kernels, REACH)
    from campipe.ops.kernels.demosaick_whole import demosaick_by_weights

    h, w = patterns.size(pattern)
    check_size(mosaic, (h, w))
    padded = continued(continued(mosaic, REACH, REACH, h, -2), REACH, REACH, w, -1)
    return demosaick_by_weights(padded, *_for_loop(pattern))


def check_three_colours(pattern: str) -> str:
    """Return the pattern if each of the three colours is somewhere in it."""
    if set(patterns.CHANNEL) - set(patterns.check(pattern) or ""):
        raise CampipeError(f"this demosaicker takes patterns with red, green and blue, but the pattern is {pattern!r}")
    return pattern


def wiener_kernels(pattern: str, y: int, x: int, channel: int) -> Kernel:
    """The kernel of a pixel at (y, x) of the pattern for a channel."""
    table = _tables(pattern)[y, x, channel]
    return {(i - REACH, j - REACH): float(table[i, j]) for i, j in zip(*np.nonzero(table), strict=True)}


@lru_cache(32)
def _tables(pattern: str) -> np.ndarray:
    """(h, w, 3, 7, 7) float64: the kernel of each position and channel."""
    tile = np.array(patterns.channels(pattern))
    height, width = tile.shape
    dy, dx = (d.ravel() for d in np.mgrid[-REACH : REACH + 1, -REACH : REACH + 1])
    among = -(np.hypot(dy[:, None] - dy, dx[:, None] - dx) ** _EXPONENT)
    to_pixel = -(np.hypot(dy, dx) ** _EXPONENT)
    tables = np.zeros((height, width, 3, dy.size))
    for y in range(height):
        for x in range(width):
            sees = tile[(y + dy) % height, (x + dx) % width]
            level = np.eye(3)[sees]
            left = np.block([[among * (1 + _OWN * (sees[:, None] == sees)), level], [level.T, np.zeros((3, 3))]])
            right = np.concatenate([to_pixel[:, None] * (1 + _OWN * level), np.eye(3)])
            tables[y, x] = np.linalg.solve(left, right)[: dy.size].T
            tables[y, x, tile[y, x]] = (dy == 0) & (dx == 0)
    tables = np.round(tables / _LEAST) * _LEAST
    tables.setflags(write=False)
    return tables.reshape(height, width, 3, 2 * REACH + 1, 2 * REACH + 1)


@lru_cache(32)
def _for_loop(pattern: str) -> tuple[np.ndarray, np.ndarray]:
    return np.array(patterns.channels(pattern)), _tables(pattern).astype(np.float32)
