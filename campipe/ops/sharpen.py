"""Sharpening: by the difference from a blurred picture, and by the difference from one whose edges were kept.

The luminance is sharpened, and its change is added to every channel: colour differences stay as they were.
"""

from __future__ import annotations

import torch
from torch import Tensor

from campipe.ops.chroma import luma
from campipe.ops.edge_aware import guided_by
from campipe.ops.filters import gaussian_blur


def unsharp_mask(x: Tensor, amount: Tensor, sigma: Tensor, threshold: Tensor, reach: int) -> Tensor:
    """Add what a Gaussian blur takes away.

    x           (B, C, H, W), C 1 or 3
    amount      () or (B, 1, 1, 1)
    sigma       () or (B,), of the blur, pixels
    threshold   () or (B, 1, 1, 1), in the unit of x: a difference is shortened by it, and a smaller one left alone
    reach       pixels that the kernel reaches
    returns     the shape of x

    Gradient: exact.
    """
    grey = luma(x)
    detail = grey - gaussian_blur(grey, sigma, reach)
    kept = torch.sign(detail) * (detail.abs() - threshold).clamp_min(0)
    return x + amount * kept


def guided_sharpen(x: Tensor, amount: Tensor, eps: Tensor, radius: int) -> Tensor:
    """Add what an edge-keeping smoothing takes away: texture is raised, and edges get no halo.

    x         (B, C, H, W), C 1 or 3
    amount    () or (B, 1, 1, 1)
    eps       () or (B, 1, 1, 1), above 0: variance in a square of 2 radius + 1 pixels from which on it is an edge
    radius    pixels
    returns   the shape of x; no pixel moves by more than amount sqrt((n - 1) eps) / 2, n = (2 radius + 1)^2

    Gradient: exact. Source: He, Sun, Tang, "Guided image filtering", IEEE TPAMI 35(6), 2013, section 4 (detail enhancement).
    """
    grey = luma(x)
    return x + amount * (grey - guided_by(grey, grey, eps, radius))
