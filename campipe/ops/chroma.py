"""Colour beside luminance: more or less of it, and less of its noise. Luminance stays what it was.

Weights are those of linear sRGB; for encoded values they give the luma of Rec. 709.
"""

from __future__ import annotations

import torch
from torch import Tensor

from campipe.ops.colour import SRGB_TO_XYZ, luminance
from campipe.ops.edge_aware import guided_by


def luma(x: Tensor) -> Tensor:
    """The luminance of a picture, (B, ..., 1, H, W); a grey one is its own."""
    return x if x.shape[-3] == 1 else luminance(x)


def weights() -> Tensor:
    """(3,) float64 parts of red, green and blue in the luminance; they sum to 1."""
    return SRGB_TO_XYZ[1] / SRGB_TO_XYZ[1].sum()


def saturation_matrix(amount: Tensor) -> Tensor:
    """The matrix that scales each colour's distance from the grey of its luminance.

    amount    () or (B,); 0: grey, 1: as it is
    returns   (3, 3) or (B, 3, 3); its rows sum to 1

    Gradient: exact.
    """
    amount = amount[..., None, None]
    return amount * torch.eye(3, dtype=amount.dtype, device=amount.device) + (1 - amount) * weights().to(amount).expand(3, 3)


def vibrance(x: Tensor, amount: Tensor) -> Tensor:
    """Scale each colour's distance from grey by 1 + amount (1 - s): pale colours gain, pure ones stay.

    x         (B, ..., 3, H, W)
    amount    broadcasts with x
    returns   the shape of x

    s = (max - min) / max of the channels is the saturation of HSV, held to [0, 1]. Gradient: exact, 0 in s where it is held.
    """
    high, low = x.amax(-3, keepdim=True), x.amin(-3, keepdim=True)
    least = torch.finfo(x.dtype).eps
    pure = torch.where(high > least, (high - low) / high.clamp_min(least), 1).clamp(0, 1)
    grey = luma(x)
    return grey + (1 + amount * (1 - pure)) * (x - grey)


def chroma_denoise(x: Tensor, strength: Tensor, eps: Tensor, radius: int) -> Tensor:
    """Smooth the differences of red and blue from the luminance by a guided filter whose guide the luminance is.

    x          (B, 3, H, W)
    strength   () or (B, 1, 1, 1), from 0, nothing, to 1
    eps        () or (B, 1, 1, 1), above 0: variance of the luminance from which on its edges are edges of colour too; large: a plain mean
    radius     pixels
    returns    the shape of x, with its luminance

    Gradient: exact. Source of the filter: He, Sun, Tang, "Guided image filtering", IEEE TPAMI 35(6), 2013.
    """
    red, green, blue = weights().tolist()
    grey = luma(x)
    differences = x[..., 0::2, :, :] - grey
    smooth = torch.lerp(differences, guided_by(differences, grey, eps, radius), strength.to(x.dtype))
    to_green = -(red * smooth[..., :1, :, :] + blue * smooth[..., 1:, :, :]) / green
    return grey + torch.cat([smooth[..., :1, :, :], to_green, smooth[..., 1:, :, :]], -3)
