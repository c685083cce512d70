"""Highlights: what stands in for colours that were cut off at the white level.

`ceilings` are the levels at which each colour saturates: the white-balance gains, times the white level of 1.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn.functional import avg_pool2d, interpolate

from campipe.core import pattern as patterns
from campipe.ops.axes import pattern_table, per_position
from campipe.ops.filters import gaussian_blur, gaussian_radius

FAR = 1e-3
"""Weight of the colour at a coarser scale, and of grey at the last: it decides only where nothing is known nearer."""
NEAR = 1.2
"""Standard deviation, pixels, over which a mosaic's colours are brought together at one place."""
_POOL, _LEVELS, _SIGMA = 4, 4, 2.0  # colours are looked for by Gaussians of 8, 32, 128 and 512 pixels


def blend(rgb: Tensor, ceilings: Tensor) -> Tensor:
    """Take the chroma of the clipped picture and the lightness and hue of the one that is not.

    rgb        (B, ..., 3, H, W) white balanced
    ceilings   broadcasts with it
    returns    the same shape: colours turn evenly to white as they go beyond the lowest ceiling; below it nothing changes

    Chroma is the distance from grey. Gradient: exact, none of the chroma for grey. Source: the description of LibRaw's highlight mode 2.
    """
    lowest = ceilings.amin(-3, keepdim=True)
    cut = torch.minimum(rgb, lowest)
    mean, cut_mean = rgb.mean(-3, keepdim=True), cut.mean(-3, keepdim=True)
    square, cut_square = (((v - m) ** 2).sum(-3, keepdim=True) for v, m in ((rgb, mean), (cut, cut_mean)))
    coloured = (square > 1e-12) & (cut_square > 1e-14)
    ratio = torch.where(coloured, cut_square, 1) / torch.where(coloured, square, 1)
    chroma = torch.where(coloured, ratio.sqrt(), 0) * (rgb - mean)
    return torch.where((rgb > lowest).any(-3, keepdim=True), mean + chroma, rgb)


def reconstruct(rgb: Tensor, ceilings: Tensor, threshold: float = 0.99) -> Tensor:
    """Estimate clipped channels from those that are not, by the colour of what is unclipped nearby.

    rgb         (B, ..., 3, H, W) white balanced
    ceilings    broadcasts with it
    threshold   fraction of its ceiling from which on a channel is clipped
    returns     the same shape: channels that are not clipped as they were, clipped ones never lower than they came

    The colour around a place is the mean of unclipped pixels by the square of their brightness, over 8 pixels, and where there are none
    over 32, 128 and 512; else it is grey. A clipped channel is the colour's own, scaled to the channels that are left; where none is left
    the colour is scaled until it reaches every ceiling. Gradient: exact for what is clipped as it is.
    """
    clipped = rgb >= threshold * ceilings
    if not torch.compiler.is_compiling() and not bool(clipped.any()):
        return rgb
    around = _colour_around(rgb, ~clipped.any(-3, keepdim=True))
    return torch.where(clipped, torch.maximum(rgb, _predicted(rgb, clipped, around, ceilings)), rgb)


def reconstruct_mosaic(mosaic: Tensor, pattern: str, gains: Tensor, threshold: float = 0.99) -> Tensor:
    """`reconstruct` before demosaicking.

    mosaic    (B, ..., 1, H, W) white balanced
    gains     (1 or B, 3), which are the ceilings
    returns   the same shape

    The other colours at a pixel are the means of their nearest ones, and clipped where one of these is.
    """
    ndim, height, width = mosaic.ndim, mosaic.shape[-2], mosaic.shape[-1]
    letters = per_position(torch.tensor(patterns.channels(pattern), device=mosaic.device)[None], height, width, ndim)
    one_hot = torch.cat([letters == c for c in range(3)], -3).to(mosaic.dtype)
    own = per_position(pattern_table(gains.to(mosaic.dtype), pattern), height, width, ndim)
    clipped = mosaic >= threshold * own
    if not torch.compiler.is_compiling() and not bool(clipped.any()):
        return mosaic
    near = torch.tensor(NEAR, dtype=mosaic.dtype, device=mosaic.device)
    counts = gaussian_blur(one_hot.expand(*mosaic.shape[:-3], 3, height, width), near, 3).clamp_min(1e-9)
    rgb = gaussian_blur(one_hot * mosaic, near, 3) / counts
    near_clip = gaussian_blur(one_hot * clipped, near, 3) > 1e-3 * counts
    # At a pixel itself its own value counts, not its neighbours'.
    here = one_hot.bool().expand_as(rgb)
    rgb = torch.where(here, mosaic, rgb)
    near_clip = torch.where(here, clipped, near_clip)
    ceilings = gains.to(mosaic.dtype).reshape(gains.shape[0], *([1] * (ndim - 4)), 3, 1, 1)
    around = _colour_around(rgb, ~near_clip.any(-3, keepdim=True))
    estimate = (_predicted(rgb, near_clip, around, ceilings) * one_hot).sum(-3, keepdim=True)
    return torch.where(clipped, torch.maximum(mosaic, estimate), mosaic)


def _colour_around(rgb: Tensor, counts: Tensor) -> Tensor:
    """Mean colour of the pixels nearby that count, up to a factor; grey where there are none. (B, ..., 3, H, W), above 0."""
    positive = rgb.clamp_min(0)
    weighted = torch.where(counts, positive.mean(-3, keepdim=True) ** 2, 0) * positive
    return _coarser(weighted.reshape(-1, *rgb.shape[-3:]), _LEVELS).reshape(rgb.shape)


def _coarser(weighted: Tensor, levels: int) -> Tensor:
    """Means over ever larger surroundings, each of which counts where the smaller ones are empty. (N, 3, H, W)."""
    if levels == 0:
        return torch.ones_like(weighted)
    height, width = weighted.shape[-2:]
    pooled = avg_pool2d(weighted, _POOL, ceil_mode=True)
    sigma = torch.tensor(_SIGMA, dtype=weighted.dtype, device=weighted.device)
    smooth = gaussian_blur(pooled, sigma, gaussian_radius(_SIGMA))
    far = _coarser(pooled, levels - 1)
    both = smooth + FAR * far / far.mean(-3, keepdim=True)
    return interpolate(both, scale_factor=float(_POOL), mode="bilinear", align_corners=False)[..., :height, :width]


def _predicted(rgb: Tensor, clipped: Tensor, around: Tensor, ceilings: Tensor) -> Tensor:
    """The colour around, scaled to the channels that are not clipped; with none of them, until it reaches every ceiling."""
    left = ~clipped
    some = left.any(-3, keepdim=True)
    total = (rgb.clamp_min(0) * left).sum(-3, keepdim=True)
    own = torch.where(some, (around * left).sum(-3, keepdim=True), 1)
    scale = torch.where(some, total / own, (ceilings / around).amax(-3, keepdim=True))
    return around * scale
