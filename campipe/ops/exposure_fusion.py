"""Exposure fusion: pictures of different exposure blended into one, by how well each of them shows each place.

Source: Mertens, Kautz, Van Reeth, "Exposure fusion", Pacific Graphics 2007.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from campipe.ops.chroma import luma
from campipe.ops.colour import srgb_decode, srgb_encode
from campipe.ops.filters import symmetric_pad
from campipe.ops.pyramid import collapse, gaussian_pyramid, laplacian_pyramid

_BLACK = 1e-6  # luminance under which a pixel has no exposure of its own
_FLOOR = 1e-3  # contrast and saturation are at least a quarter of an 8-bit step, where both would have an infinite slope


def log_quality(
    picture: Tensor, contrast: Tensor, saturation: Tensor, exposedness: Tensor, middle: Tensor | float = 0.5, sigma: Tensor | float = 0.2
) -> Tensor:
    """Logarithm of how well a picture shows each place.

    picture       (B, C, H, W), display values
    contrast      exponent of the Laplacian's size
    saturation    exponent of the channels' standard deviation
    exposedness   exponent of the channels' Gaussian around `middle`, of the width `sigma`; one channel counts as three equal ones
    returns       (B, 1, H, W)

    Numbers are () or (B, 1, 1, 1). Gradient: exact. Source: Mertens et al., section 3.1; 0.5 and 0.2 are theirs.
    """
    grey = symmetric_pad(symmetric_pad(luma(picture), 1, -1), 1, -2)
    around = grey[..., :-2, 1:-1] + grey[..., 2:, 1:-1] + grey[..., 1:-1, :-2] + grey[..., 1:-1, 2:]
    edge = around - 4 * grey[..., 1:-1, 1:-1]
    channels = picture.split(1, -3)  # sums of planes: a reduction along the channels takes several times as long
    mean = sum(channels) / len(channels)
    spread = sum((c - mean).square() for c in channels) / len(channels)
    fit = -sum((c - middle).square() for c in channels) * 3 / (2 * len(channels) * sigma**2)
    return 0.5 * contrast * (edge**2 + _FLOOR**2).log() + 0.5 * saturation * (spread + _FLOOR**2).log() + exposedness * fit


def blend(pictures: Tensor, weights: Tensor, levels: int) -> Tensor:
    """Blend pictures by weights at every scale apart, so that no seams show.

    pictures   (K, B, C, H, W)
    weights    (K, B, 1, H, W), which sum to 1 along K
    levels     of the pyramid; 0: a plain weighted mean
    returns    (B, C, H, W); of K equal pictures: that picture

    Gradient: exact. Source: Mertens et al., section 3.2.
    """
    scales = zip(laplacian_pyramid(pictures, levels), gaussian_pyramid(weights, levels), strict=True)
    return collapse([(weight * detail).sum(0) for detail, weight in scales])


def exposed(light: Tensor, gain: Tensor, pivot: Tensor) -> Tensor:
    """An exposure of one picture that leaves the other end of its range alone.

    light     any shape, luminance
    gain      factor of the exposure, broadcasts with it
    pivot     luminance up to which a longer exposure brightens, and down to which a shorter one darkens
    returns   the broadcast shape, increasing in the light: gain * light, but no further than the pivot

    Otherwise the longest exposure would have the largest contrast everywhere, and a blend would darken shadows that lie beside light; the
    limit plays the part of the compressed ends in Hessel and Morel, "An extended exposure fusion and its application to single image
    contrast enhancement", WACV 2020. Gradient: exact but at a gain of 1, where it has a kink.
    """
    longer = torch.minimum(gain * light, torch.maximum(light, pivot))
    shorter = torch.maximum(gain * light, torch.minimum(light, pivot))
    return torch.where(gain > 1, longer, shorter)


def local_tone(
    linear: Tensor,
    stops: Tensor,
    contrast: Tensor,
    saturation: Tensor,
    exposedness: Tensor,
    middle: Tensor,
    sigma: Tensor,
    pivot: Tensor,
    levels: int | None = None,
) -> Tensor:
    """Fuse several exposures of one picture: shadows come from the longer ones, highlights from the shorter.

    linear    (B, C, H, W), C 1 or 3
    stops     (K,) or (B, K), exposures to fuse
    pivot     display value between shadows and highlights: see `exposed`
    levels    of the pyramid; None: as many as halve the shorter side to one pixel
    others    as in `log_quality`
    returns   the shape of linear, linear

    The luminances are blended, sRGB-encoded; colours follow by one factor for each pixel, which lies between the smallest and the largest
    of the exposures and 1. Gradient: exact.
    """
    gains = torch.exp2(stops.reshape(-1, stops.shape[-1]).T.to(linear.dtype))[..., None, None, None]
    light, limit = luma(linear), srgb_decode(pivot.to(linear.dtype))
    lights = exposed(light, gains, limit)
    positive = light.clamp_min(_BLACK)
    pictures = srgb_encode(linear * torch.where(light > _BLACK, lights / positive, gains))
    quality = torch.stack([log_quality(p, contrast, saturation, exposedness, middle, sigma) for p in pictures])
    most = int(math.log2(min(linear.shape[-2:])))
    fused = srgb_decode(blend(srgb_encode(lights), quality.softmax(0), most if levels is None else min(levels, most)))
    low, high = gains.amin(0).clamp_max(1), gains.amax(0).clamp_min(1)
    return linear * torch.minimum(torch.maximum(fused / positive, low), high)
