"""Classical methods for the damages of Noise2Noise: what a net that never saw a clean picture is held against."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn import functional

from campipe.blocks.denoising.bm3d import BlockMatching
from campipe.ops.filters import gaussian_blur
from campipe.ops.stabilise import stabilise, unstabilise

Restore = Callable[[Tensor], Tensor]


def bm3d(sigma: float) -> Restore:
    """BM3D that is told sigma, in the unit of the picture."""
    block = BlockMatching()
    return lambda seen: block.net(seen, torch.full((1, 1, 1, 1), sigma))


def stabilised_bm3d(white: float) -> Restore:
    """BM3D under the Anscombe transform, for counts whose white is so many photons."""
    block, shot, floor = BlockMatching(), torch.full((1, 1, 1, 1), 1 / white), torch.zeros(1, 1, 1, 1)
    return lambda seen: unstabilise(block.net(stabilise(seen, shot, floor), torch.ones(1, 1, 1, 1)), shot, floor)


def median(side: int) -> Restore:
    """The median of each channel in a window of `side` x `side` pixels."""

    def restore(seen: Tensor) -> Tensor:
        reach = side // 2
        windows = functional.pad(seen, (reach, reach, reach, reach), mode="reflect").unfold(2, side, 1).unfold(3, side, 1)
        return windows.flatten(-2).median(-1).values

    return restore


def normalised_average(deviation: float = 0.8) -> Restore:
    """Missing pixels, all of whose colours are 0, as means of those around, under a Gaussian of this standard deviation, px; the others
    stay. Source: Knutsson, Westin, "Normalized and differential convolution", CVPR 1993."""

    def restore(seen: Tensor) -> Tensor:
        valid = (seen.sum(1, keepdim=True) > 0).to(seen.dtype)
        wide = torch.full(seen.shape[:1], deviation)
        around = gaussian_blur(seen, wide, 5) / gaussian_blur(valid, wide, 5).clamp_min(1e-6)
        return torch.where(valid > 0, seen, around)

    return restore
