"""The two half steps of the primal-dual method for total variation, row by row.

Planes stand in groups, (N, C, H, W), whose gradients have one modulus together. A row is done by one thread, so nothing hangs on how rows
are divided.
"""

from __future__ import annotations

import numpy as np

from campipe.ops.kernels.intrinsics import distinct, wide
from campipe.ops.kernels.jit import compiled


@compiled
def _climb(here, below, down, right, squares, step):
    """Add step times the gradient to the dual field of one row, and the square of its modulus to `squares`."""
    distinct()
    wide()
    last = here.shape[0] - 1
    for x in range(last):
        a, b = down[x] + step * (below[x] - here[x]), right[x] + step * (here[x + 1] - here[x])
        down[x], right[x] = a, b
        squares[x] += a * a + b * b
    down[last] += step * (below[last] - here[last])
    squares[last] += down[last] * down[last]


@compiled
def _shorten(squares, limit, down, right):
    distinct()
    wide()
    for x in range(down.shape[0]):
        over = squares[x] > limit[x] * limit[x]
        factor = limit[x] / np.sqrt(squares[x]) if over else np.float32(1)
        down[x] *= factor
        right[x] *= factor


@compiled
def _descend(source, u, ahead, down, above, right, step, more):
    distinct()
    wide()
    scale = np.float32(1) / (np.float32(1) + step)
    first = scale * (u[0] + step * (down[0] - above[0] + right[0] + source[0]))
    ahead[0] = first + more * (first - u[0])
    u[0] = first
    for x in range(1, u.shape[0]):
        new = scale * (u[x] + step * (down[x] - above[x] + right[x] - right[x - 1] + source[x]))
        ahead[x] = new + more * (new - u[x])
        u[x] = new


@compiled
def dual_rows(ahead, down, right, limit, step, first, last):
    """limit: (N, H or 1, W). The last row of `down` and the last column of `right` stay 0."""
    channels, height, width = ahead.shape[1:]
    squares, size = np.empty(width, np.float32), np.float32(step)
    for row in range(first, last):
        n, y = row // height, row % height
        below = min(y + 1, height - 1)
        squares[:] = 0
        for c in range(channels):
            _climb(ahead[n, c, y], ahead[n, c, below], down[n, c, y], right[n, c, y], squares, size)
        for c in range(channels):
            _shorten(squares, limit[n, y if limit.shape[1] > 1 else 0], down[n, c, y], right[n, c, y])


@compiled
def primal_rows(source, u, ahead, down, right, step, more, first, last):
    channels, height, width = u.shape[1:]
    none, size, extra = np.zeros(width, np.float32), np.float32(step), np.float32(more)
    for row in range(first, last):
        n, y = row // height, row % height
        for c in range(channels):
            above = down[n, c, y - 1] if y > 0 else none
            _descend(source[n, c, y], u[n, c, y], ahead[n, c, y], down[n, c, y], above, right[n, c, y], size, extra)
