"""The guided filter with another picture as its guide."""

from __future__ import annotations

from torch import Tensor

from campipe.ops.guided import box_mean


def guided_by(x: Tensor, guide: Tensor, eps: Tensor, radius: int) -> Tensor:
    """Smooth a picture where its guide is smooth: in each square x is taken as a line a guide + b, slopes drawn to 0 by eps.

    x         (B, C, H, W)
    guide     (B, 1, H, W), or the shape of x
    eps       above 0, broadcasts with the guide, in its unit squared
    radius    pixels; the result hangs on pixels up to twice as far away
    returns   the shape of x

    Linear in x for a given guide. Where guide and x are one, an edge of any height is kept: |x - result| is at most
    sqrt((n - 1) eps) / 2, n = (2 radius + 1)^2, since a pixel that lies d from the mean of its square makes a variance of d^2 / (n - 1).

    Gradient: exact. Source: He, Sun, Tang, "Guided image filtering", IEEE TPAMI 35(6), 2013, equations 5, 6 and 8.
    """
    mean_x, mean_guide = box_mean(x, radius), box_mean(guide, radius)
    variance = (box_mean(guide * guide, radius) - mean_guide * mean_guide).clamp_min(0)
    slope = (box_mean(guide * x, radius) - mean_guide * mean_x) / (variance + eps)
    return box_mean(slope, radius) * guide + box_mean(mean_x - slope * mean_guide, radius)
