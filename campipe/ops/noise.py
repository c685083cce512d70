"""Noise profiles: S and O of the DNG specification, and what linear steps make of them.

A profile says variance = S x + O for a value x, 0 = black, 1 = white level. Its shapes: (B, 2) for all pixels, (B, 2, h, w) per position of
the pattern, (B, 2, C) per channel. Source: DNG specification 1.4, tag NoiseProfile.
"""

from __future__ import annotations

import torch
from torch import Tensor

from campipe.core import pattern as patterns
from campipe.core.errors import CampipeError
from campipe.core.frame import Frame
from campipe.ops.axes import per_channel, per_item, per_position


def scaled(noise: Tensor, gain: Tensor) -> Tensor:
    """The profile of gain * x: S grows with the gain, O with its square.

    noise     (B, 2), (B, 2, h, w) or (B, 2, C)
    gain      broadcasts with noise[:, 0]; a number per item where noise is (B, 2), and a table (B, h, w) or (B, C) makes it one
    returns   (B, 2) + the larger of both shapes
    """
    shot, floor = noise.unbind(1)
    missing = gain.ndim - shot.ndim
    if missing > 0:
        shot, floor = (part.reshape(*part.shape, *([1] * missing)) for part in (shot, floor))
    elif gain.ndim:
        gain = gain.reshape(*gain.shape, *([1] * -missing))
    return torch.stack(torch.broadcast_tensors(shot * gain, floor * gain**2), 1)


def per_colour(noise: Tensor, pattern: str | None, channels: int = 3) -> Tensor:
    """The profile after demosaicking, (B, 2, C): that of the pixels that were measured in each colour, on average.

    Approximate: the values between them are averages, with less noise, and neighbours become correlated.
    """
    if noise.ndim == 2:
        return noise[:, :, None].expand(-1, -1, channels)
    if noise.ndim == 3:
        return noise
    if pattern is None:
        return noise.mean((-2, -1))[:, :, None].expand(-1, -1, channels)
    table = torch.tensor(patterns.channels(pattern), device=noise.device)
    tile = noise.expand(*noise.shape[:2], *table.shape)
    return torch.stack([tile[:, :, table == c].mean(-1) for c in range(channels)], -1)


def mixed(noise: Tensor, matrix: Tensor) -> Tensor:
    """The profile after a colour matrix, (B, 2, K).

    noise    (B, 2, C) or (B, 2)
    matrix   (K, C) or (B, K, C), rows that sum to 1

    Approximate: exact for grey, and where channels are independent.
    """
    channels = noise if noise.ndim == 3 else noise[:, :, None].expand(-1, -1, matrix.shape[-1])
    squares = (matrix if matrix.ndim == 3 else matrix[None]) ** 2
    return (squares[:, None] * channels[:, :, None, :]).sum(-1)


def deviation(value: Tensor, noise: Tensor) -> Tensor:
    """Standard deviation of the noise of each pixel.

    value     (B, ..., C, H, W), 0 = black, 1 = white level
    noise     (B, 2), (B, 2, h, w) or (B, 2, C)
    returns   the shape of value; 0 where S x + O is negative

    Gradient: exact where the variance is positive, 0 elsewhere.
    """
    noise = noise.to(value.dtype)
    ndim, (height, width) = value.ndim, value.shape[-2:]
    shape = {2: per_item, 3: per_channel}.get(noise.ndim, lambda part, n: per_position(part, height, width, n))
    shot, floor = (shape(part, ndim) for part in noise.unbind(1))
    variance = shot * value + floor
    positive = variance > 0
    return torch.where(positive, torch.where(positive, variance, 1).sqrt(), 0)


def profile(frame: Frame) -> Tensor:
    """The frame's noise profile, or a CampipeError that says what to do without one."""
    if frame.capture.noise is None:
        raise CampipeError("the capture says nothing of the noise; give S and O, (B, 2), by frame.replace(noise=...)")
    return frame.capture.noise
