"""White-balance gains from what is in the picture, and from what is known of light and camera. Gains are (B, 3) with green = 1."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from campipe.core import pattern as patterns
from campipe.core.errors import CampipeError, ShapeError
from campipe.ops.illuminants import light_xy, uv_to_xy, xy_to_uv, xy_to_xyz
from campipe.ops.planes import pack


def samples(data: Tensor, pattern: str | None, clip: float) -> tuple[Tensor, Tensor]:
    """Colours of a picture as a list, without those that are clipped in any channel.

    data      (B, ..., 1, H, W) under a pattern, of which each tile becomes one colour; or (B, ..., 3, H, W)
    clip      values from here up are clipped, 1 = white level
    returns   colours (B, 3, N), never below 0, and (B, N) bool: which of them count
    """
    if data.shape[-3] == 3:
        rgb, peak = data, data.amax(-3)
    elif pattern is not None:
        th, tw = patterns.size(pattern)
        if data.shape[-2] < th or data.shape[-1] < tw:
            raise ShapeError(f"white balance needs one tile of the pattern, {th} x {tw}, but {tuple(data.shape[-2:])} came")
        whole = data[..., : data.shape[-2] // th * th, : data.shape[-1] // tw * tw]
        planes, _ = pack(whole, (th, tw))
        letters = torch.tensor(patterns.channels(pattern), device=data.device).flatten()
        rgb = torch.stack([planes[..., letters == c, :, :].mean(-3) for c in range(3)], -3)
        peak = planes.amax(-3)
    else:
        raise ShapeError("white balance from the picture needs colours, but a frame of one channel without a filter came")
    flat = rgb.movedim(-3, 1).flatten(2).clamp_min(0)
    good = (peak < clip).flatten(1)
    if not torch.compiler.is_compiling() and not bool(good.any(1).all()):
        raise CampipeError(
            f"white balance needs pixels below {clip:g} of the white level, but a picture is clipped all over; give its gains"
        )
    return flat, good


def minkowski(colours: Tensor, good: Tensor, p: float) -> Tensor:
    """Gains that make the Minkowski means of all colours equal.

    colours   (B, 3, N), >= 0; good: (B, N), which count
    p         1: grey world (Buchsbaum, J. Franklin Institute 310, 1980); 6: shades of grey

    Gradient: exact. Source: Finlayson and Trezzi, "Shades of gray and colour constancy", Color Imaging Conference 2004.
    """
    kept = torch.where(good[:, None], colours, 0)
    largest = kept.detach().amax((1, 2), keepdim=True).clamp_min(1e-12)  # keeps powers in range, and cancels
    relative = (kept / largest).clamp_min(1e-9)
    means = ((relative**p * good[:, None]).sum(-1) / good[:, None].sum(-1)) ** (1 / p)
    return _to_green(means)


def white_patch(colours: Tensor, good: Tensor, percentile: float = 99.0) -> Tensor:
    """Gains that make a high percentile of all colours equal: the brightest surface is taken for white.

    colours, good   as for `minkowski`

    Gradient: of the pixels at the percentile. Source: Land and McCann, J. Optical Society of America 61, 1971; a percentile in place of
    the maximum, after Barnard et al., IEEE Trans. Image Processing 11, 2002.
    """
    levels = []
    for item, mask in zip(colours, good, strict=True):
        kept = item[:, mask]
        rank = min(max(round(percentile / 100 * (kept.shape[1] - 1)), 0), kept.shape[1] - 1)
        levels.append(kept.kthvalue(rank + 1, -1).values)
    return _to_green(torch.stack(levels))


def _to_green(level: Tensor) -> Tensor:
    if not torch.compiler.is_compiling() and not bool((level > 1e-8).all()):
        raise CampipeError("white balance needs light in every colour, but one of them is black all over; give the gains")
    return level[:, 1:2] / level


METHODS: dict[str, Callable[[Tensor, Tensor], Tensor]] = {
    "grey_world": lambda colours, good: minkowski(colours, good, 1.0),
    "shades_of_grey": lambda colours, good: minkowski(colours, good, 6.0),
    "white_patch": white_patch,
}
"""Ways to find the gains in the picture itself, by name."""


def of_neutral(neutral: Tensor) -> Tensor:
    """Gains (..., 3) that make a camera's reading of white, (..., 3), grey."""
    return neutral[..., 1:2] / neutral


def of_white(xy: Tensor, xyz_to_cam: Tensor) -> Tensor:
    """Gains for a camera under light of a white point: (..., 3).

    xy           (..., 2)
    xyz_to_cam   (..., 3, 3) XYZ to camera RGB before white balance, any scale: a DNG's ColorMatrix
    """
    return of_neutral((xyz_to_cam.double() @ xy_to_xyz(xy)[..., None])[..., 0])


def of_temperature(cct: Tensor, tint: Tensor, xyz_to_cam: Tensor) -> Tensor:
    """Gains for a camera under light of a colour temperature: (..., 3) float64.

    cct    (...), K, 1000 to 25000: daylight from 4000 K up, a black body below
    tint   (...), distance from that light in thousandths of u and v (CIE 1960), across the locus; above 0 the light is greener

    Gradient: exact.
    """
    xy = light_xy(cct)
    step = 1e-3 * cct.double()
    uv = xy_to_uv(xy)
    along = xy_to_uv(light_xy(cct + step)) - xy_to_uv(light_xy(cct - step))
    # With T both u and v fall, so that this points upwards in v: towards green.
    across = torch.stack([along[..., 1], -along[..., 0]], -1) / torch.linalg.vector_norm(along, dim=-1, keepdim=True)
    return of_white(uv_to_xy(uv + 1e-3 * tint.double()[..., None] * across), xyz_to_cam)
