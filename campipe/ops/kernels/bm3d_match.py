"""Block matching: for each reference block of a row those blocks around it that differ least."""

from __future__ import annotations

import numpy as np

from campipe.ops.kernels.bm3d_vectors import SIDE, squared_columns, sums_of_eight
from campipe.ops.kernels.intrinsics import wide
from campipe.ops.kernels.jit import compiled


@compiled
def match_row(picture, stride, height, width, y, columns, radius, limit, most, columnwise, distance, nearest, place, count):
    """Find the `most` nearest blocks of each reference block (y, columns[r]), itself first and then by rising distance.

    picture      flat, rows `stride` apart, and 64 numbers more behind the last row
    radius       pixels that a block may be away, in rows and in columns
    limit        largest sum of squared differences of a match
    columnwise, distance   scratch, stride + 64 each
    nearest      (R, most) float32, out: the sums of squared differences; most >= 2
    place        (R, most) int32, out: where the blocks begin, as an index of the flat picture
    count        (R,) int32, out: how many there are

    One shift of all reference blocks at a time: squared differences are summed over the block's rows and then over its columns. Each
    shift is looked at in the same order for each block, so that a block's matches hang on nothing but its surroundings.
    """
    wide()
    references = columns.shape[0]
    for r in range(references):
        place[r, 0] = y * stride + columns[r]
        nearest[r, 0] = np.float32(0)
        count[r] = 1
        nearest[r, most - 1] = limit
    for dy in range(max(-radius, -y), min(radius, height - SIDE - y) + 1):
        for dx in range(max(-radius, SIDE - width), min(radius, width - SIDE) + 1):
            if dy == 0 and dx == 0:
                continue
            first, last = max(0, -dx), width - SIDE - max(0, dx)  # columns where a block and its match begin
            here, there = y * stride, (y + dy) * stride + dx
            for j in range(first, last + SIDE, SIDE):
                squared_columns(picture, here + j, there + j, stride, columnwise, j)
            for j in range(first, last + 1, SIDE):
                sums_of_eight(columnwise, j, distance)
            # Columns of references are multiples of a step, and the last one.
            low, high = 0, references
            while low < references and columns[low] < first:
                low += 1
            while high > low and columns[high - 1] > last:
                high -= 1
            for r in range(low, high):
                d = distance[columns[r]]
                if d < nearest[r, most - 1]:
                    n = min(count[r], most - 1)
                    while n > 1 and nearest[r, n - 1] > d:
                        nearest[r, n] = nearest[r, n - 1]
                        place[r, n] = place[r, n - 1]
                        n -= 1
                    nearest[r, n] = d
                    place[r, n] = there + columns[r]
                    count[r] = min(count[r] + 1, most)
