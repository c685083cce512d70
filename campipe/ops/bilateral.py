"""The bilateral filter."""

from __future__ import annotations

import torch
from torch import Tensor

from campipe.ops.compiled import loops_serve
from campipe.ops.filters import symmetric_pad

_MOST = 1e30  # inverse variance that stands for 1 / 0: equal pixels alone are averaged, and nothing becomes NaN


def bilateral(x: Tensor, spatial: Tensor, spread: Tensor, radius: int) -> Tensor:
    """Average over neighbours, those that are near in place and in value.

    x         (B, C, H, W); the channels are one value together
    spatial   standard deviation in place, (), pixels
    spread    standard deviation in value, broadcasts with x, in the unit of x; 0: the picture comes back
    radius    pixels; the window is a square
    returns   the shape of x

    The weight is exp(-place^2 / (2 spatial^2) - mean over the channels of (difference / spread)^2 / 2). Beyond the border the mirror image,
    the outermost pixel repeated. Plain float32 on the CPU goes through a compiled loop. Gradient: exact.
    Source: Tomasi and Manduchi, "Bilateral filtering for gray and color images", ICCV 1998.
    """
    channels, height, width = x.shape[-3:]
    variance = 2 * channels * spread.to(x.dtype).square()
    inverse = 1 / torch.where(variance > 1 / _MOST, variance, 1 / _MOST)
    near = spatial.to(x.dtype).square()
    padded = symmetric_pad(symmetric_pad(x, radius, -1), radius, -2)
    if loops_serve(x, inverse, near):
        return _by_loop(padded, near, inverse, radius, x.shape)
    total, weights = torch.zeros_like(x), torch.zeros_like(x[..., :1, :, :])
    for i in range(2 * radius + 1):
        for j in range(2 * radius + 1):
            other = padded[..., i : i + height, j : j + width]
            place = ((i - radius) ** 2 + (j - radius) ** 2) / (2 * near)
            weight = torch.exp(-((other - x).square() * inverse).sum(-3, keepdim=True) - place)
            total, weights = torch.addcmul(total, weight, other), weights + weight
    return total / weights


def _by_loop(padded: Tensor, near: Tensor, inverse: Tensor, radius: int, shape: torch.Size) -> Tensor:
    from campipe.ops.kernels.bilateral import bilateral_rows
    from campipe.ops.kernels.memory import empty
    from campipe.ops.kernels.threads import over_rows

    batch, channels, height, width = shape
    out = empty(tuple(shape))
    source, result = padded.detach().contiguous().numpy(), out.numpy()
    level = inverse.detach().expand(batch, channels, inverse.shape[-2], width).contiguous().numpy()
    scale = 0.5 / float(near)
    window = (2 * radius + 1) ** 2
    over_rows(lambda a, b: bilateral_rows(source, level, scale, radius, a, b, result), batch * height, channels * window * width)
    return out
