"""Sums over the rows of two frames, position by position of a pattern, in one pass."""

from __future__ import annotations

from campipe.ops.kernels.jit import compiled


@compiled
def pair_rows(one, two, top, left, width, tile, white, first, last, out):
    """Rows first to last of a window.

    one, two    (H, W) each, numbers of any kind
    top, left   first row and column of the window; width: its columns
    tile        rows and columns of the pattern are those of white, (h, w) float64: from here up a pixel counts as saturated
    out         (rows, w, 8) float64: sums of the first frame, of the second, of the squared difference and of the product; pixels of both
                frames at white or above, and at 0 or below; the largest number, and how often it occurs in both frames
    """
    for row in range(first, last):
        a, b = one[top + row], two[top + row]
        for c in range(tile):
            level = white[row % white.shape[0], c]
            sum_a = sum_b = square = product = 0.0
            high = low = count = 0
            peak = -1.7e308
            for x in range(left + c, left + width, tile):
                p, q = float(a[x]), float(b[x])
                d = p - q
                sum_a += p
                sum_b += q
                square += d * d
                product += p * q
                high += int(p >= level) + int(q >= level)
                low += int(p <= 0.0) + int(q <= 0.0)
                larger = max(p, q)
                if larger > peak:
                    peak, count = larger, 0
                if larger == peak:
                    count += int(p == peak) + int(q == peak)
            out[row, c, 0] = sum_a
            out[row, c, 1] = sum_b
            out[row, c, 2] = square
            out[row, c, 3] = product
            out[row, c, 4] = high
            out[row, c, 5] = low
            out[row, c, 6] = peak
            out[row, c, 7] = count
