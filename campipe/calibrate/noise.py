"""Noise of a picture of which nothing is known: one level, or the S and O of a profile."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from campipe.core import pattern as patterns
from campipe.core.errors import CampipeError
from campipe.core.frame import Frame
from campipe.ops.levels import levels_of, to_unit
from campipe.ops.noise_curve import noise_curve
from campipe.ops.noise_estimation import dct_level, laplace_level, mad_level
from campipe.ops.planes import pack
from campipe.ops.surrogate import refused

_LEVELS = {"dct": dct_level, "laplace": laplace_level, "mad": mad_level}


@dataclass(frozen=True)
class NoiseEstimate:
    """A noise profile with what it is worth.

    noise    (B, 2), (B, 2, h, w) per position of the pattern or (B, 2, C) per channel: S and O, for `frame.replace(noise=...)`
    error    the same shape: standard errors of S and O. They know of scatter, not of texture that all levels share
    flat     (B,) or with the further axes: fraction of the picture that is flat enough to tell; below 0.02, do not trust it
    """

    noise: Tensor
    error: Tensor
    flat: Tensor


def estimate_sigma(frame: Frame, method: str = "dct") -> Tensor:
    """Standard deviation of noise that is the same everywhere, from the picture alone.

    frame     any space; picture by picture
    method    "dct": the flattest blocks (`dct_level`); "laplace" and "mad": quick, and too high where there is texture
    returns   (B, C), or (B, h, w) per position of a mosaic's pattern, in the unit of the data; views and times are averaged

    Noise has to be independent between pixels: estimate before demosaicking, scaling or compression. Gradient: refused.
    """
    if method not in _LEVELS:
        raise CampipeError(f"there is no way {method!r} to estimate noise; there are {', '.join(sorted(_LEVELS))}")
    planes, tile = _planes(frame, frame.data)
    flat = planes.flatten(0, -4)
    level = _LEVELS[method](flat).reshape(frame.batch, -1, flat.shape[1]).square().mean(1).sqrt()
    level = level.unflatten(1, tile) if tile != (1, 1) else level
    return refused(level, "noise estimation", "detach the frame", frame.data)


def estimate_noise(frame: Frame, *, each: bool = False) -> Frame:
    """The frame with a noise profile that was estimated from its data; see `noise_estimate`."""
    return frame.replace(noise=noise_estimate(frame, each=each).noise)


def noise_estimate(frame: Frame, *, each: bool = False) -> NoiseEstimate:
    """S and O of variance = S x + O, 0 = black and 1 = white level, from the picture alone.

    frame   in "dn", "mosaic", "camera" or "linear"
    each    False: one S and O for the whole picture, as raw numbers have; True: one for each position of the pattern or channel, as they
            have after white balance

    Raises a CampipeError where the picture has too few flat regions, or too few brightness levels among them. Noise has to be independent
    between pixels: estimate before demosaicking. Gradient: refused.
    """
    frame.expect("dn", "mosaic", "camera", "linear")
    data = to_unit(frame.data, *levels_of(frame)) if frame.space == "dn" else frame.data
    planes, tile = _planes(frame, data)
    rows = planes.reshape(frame.batch, -1, *planes.shape[-3:]).movedim(2, 1)  # (B, planes, views x times, h, w)
    groups = rows if each else rows.flatten(1, 2)[:, None]
    curves = [[noise_curve(group) for group in item] for item in groups]
    noise = torch.stack([torch.stack([c.noise for c in item], -1) for item in curves]).to(data.dtype)
    error = torch.stack([torch.stack([c.error for c in item], -1) for item in curves]).to(data.dtype)
    flat = torch.tensor([[c.flat for c in item] for item in curves], dtype=data.dtype, device=data.device)
    if not each:
        noise, error, flat = noise[..., 0], error[..., 0], flat[:, 0]
    elif tile != (1, 1):
        noise, error, flat = (t.unflatten(-1, tile) for t in (noise, error, flat))
    return NoiseEstimate(refused(noise, "noise estimation", "detach the frame", frame.data), error, flat)


def _planes(frame: Frame, data: Tensor) -> tuple[Tensor, tuple[int, int]]:
    """Data as planes of one colour, cut to whole tiles, and the tile."""
    pattern = frame.capture.pattern if frame.data.shape[-3] == 1 else None
    tile = (1, 1) if pattern is None else patterns.size(pattern)
    whole = data[..., : data.shape[-2] // tile[0] * tile[0], : data.shape[-1] // tile[1] * tile[1]]
    return pack(whole, tile)[0], tile
