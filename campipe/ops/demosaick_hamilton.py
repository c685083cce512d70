"""Hamilton-Adams demosaicking with both directions weighted instead of one chosen.

Steps, names and the order of every sum are those of `campipe.ops.kernels.demosaick_hamilton`.
"""

from __future__ import annotations

from torch import Tensor

from campipe.ops.compiled import loops_serve
from campipe.ops.demosaick import by_loop
from campipe.ops.demosaick_shifts import across, at, bayer_window, channels, differences, down

_LEAST = 1e-6  # squared change that is nothing: that of a thousandth of the range


def hamilton_adams(mosaic: Tensor, pattern: str) -> Tensor:
    """Demosaick by directional colour differences, averaged with the inverse of their variances.

    mosaic    (..., 1, H, W), H and W at least 2
    pattern   RGGB, GRBG, GBRG or BGGR, as the mosaic's pixel (0, 0) sees it
    returns   (..., 3, H, W); what was measured is kept

    Where a colour was measured, its difference to green is estimated along the row and along the column (Hamilton and Adams) and smoothed
    along that direction by (1, 2, 1) / 4. The two are averaged with weights of the inverse square of what each changes by from sample to
    sample in its direction, as in directional LMMSE and in gradient-based threshold-free interpolation; there is no decision. Differences
    elsewhere are means of the nearest two or four.

    A pixel's result hangs on pixels up to 5 away; beyond the border the mosaic goes on as its mirror image about the outermost pixel.
    Gradient: exact.
    Sources: Hamilton, Adams, US patent 5,629,734, 1997; Zhang, Wu, "Color demosaicking via directional linear minimum mean square-error
    estimation", IEEE Transactions on Image Processing 14(12), 2005; Pekkucuksen, Altunbasak, "Gradient based threshold free color filter
    array interpolation", ICIP 2010.
    """
    if loops_serve(mosaic):
        return by_loop("hamilton_adams", mosaic, pattern)
    rows, columns = differences(bayer_window(mosaic, pattern, 5))
    smooth_rows, change_rows = _along(rows, 0, 2)
    smooth_columns, change_columns = _along(columns, 2, 0)
    trust_rows, trust_columns = change_columns * change_columns + _LEAST, change_rows * change_rows + _LEAST
    difference = (smooth_rows * trust_rows + smooth_columns * trust_columns) / (trust_rows + trust_columns)
    corners = (at(difference, -1, -1, 1) + at(difference, -1, 1, 1)) + (at(difference, 1, -1, 1) + at(difference, 1, 1, 1))
    seen = mosaic[..., 0, :, :]
    green = seen - at(difference, 0, 0, 1)
    return channels(seen, pattern, green, green + corners * 0.25, seen + across(difference) * 0.5, seen + down(difference) * 0.5)


def _along(difference: Tensor, dy: int, dx: int) -> tuple[Tensor, Tensor]:
    """Differences smoothed in a direction, and the sum of their changes there; two pixels less at each border."""
    before, here, after = at(difference, -dy, -dx, 2), at(difference, 0, 0, 2), at(difference, dy, dx, 2)
    return here * 0.5 + (before + after) * 0.25, (before - here).abs() + (after - here).abs()
