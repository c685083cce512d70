"""The correction of the exact unbiased inverse of the generalised Anscombe transform, looked up row by row."""

from __future__ import annotations

import numpy as np

from campipe.ops.kernels.jit import compiled


@compiled
def correction_rows(y, read, start, cubics, step, first, last, out):
    """Rows first to last of N * H.

    y        (N, H, W), transformed values
    read     (N,) float32, e-
    start    (N,) float32, where the table of a plane begins; infinite: it has none, and the limit holds
    cubics   (N, 4, cells) float32
    out      (N, H, W), e-
    """
    height, width = y.shape[1], y.shape[2]
    cells = cubics.shape[2]
    per = np.float32(1 / step)
    for row in range(first, last):
        n, i = row // height, row % height
        g, begin, table = read[n], start[n], cubics[n]
        least = g * g + np.float32(0.375)
        tabled = begin < np.float32(np.inf)
        for x in range(width):
            place = (y[n, i, x] - begin) * per
            if tabled and place < cells:
                cell = max(int(place), 0)
                along = max(place - np.float32(cell), np.float32(0))
                out[n, i, x] = table[0, cell] + along * (table[1, cell] + along * (table[2, cell] + along * table[3, cell]))
            else:
                half = y[n, i, x] * np.float32(0.5) + g
                ratio = g / max(half * half + np.float32(0.25), least)
                out[n, i, x] = ratio * ratio * np.float32(0.125)
