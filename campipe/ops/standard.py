"""Standardised draws for a whole frame: the key of the stage, the addresses of the frame, one plane at a time."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from campipe.core.errors import ShapeError
from campipe.core.frame import Frame
from campipe.core.random import Grid, Key
from campipe.core.shot import Shot
from campipe.ops import draws

Draw = Callable[[Key, Grid], Tensor]


def over_planes(frame: Frame, key: Key, draw: Draw) -> Tensor:
    """Call `draw` for every channel and view of a frame, and put the planes together.

    draw      (key, grid) to (N, 1, h, w), N = B * T
    returns   (B, C, h, w), or (B, V, T, C, h, w)

    Channel 0 of view 0 has the key itself; further channels and views have keys folded from it.
    """
    grid = frame.grid(key)
    channels = frame.data.shape[-3]
    views = frame.data.shape[1] if frame.data.ndim == 6 else 1
    planes = []
    for v in range(views):
        at_view = key.fold("view").fold(v) if v else key
        per_channel = [draw(at_view.fold("channel").fold(c) if c else at_view, grid) for c in range(channels)]
        planes.append(torch.cat(per_channel, 1) if channels > 1 else per_channel[0])
    if frame.data.ndim == 4:
        return planes[0]
    times = frame.data.shape[2]
    return torch.stack([p.reshape(frame.batch, times, *p.shape[1:]) for p in planes], 1)


def _given(frame: Frame, shot: Shot, block: str | None) -> Tensor | None:
    """Draws handed in by the caller, checked to broadcast with the frame."""
    given = shot.given(block)
    if given is None:
        return None
    sizes = zip(reversed(given.shape), reversed(frame.data.shape), strict=False)
    if given.ndim > frame.data.ndim or any(own not in (1, wanted) for own, wanted in sizes):
        raise ShapeError(f"draws for {'.'.join(shot.path)} must broadcast with {tuple(frame.data.shape)}, but {tuple(given.shape)} came")
    return given


def normal(frame: Frame, shot: Shot, block: str | None = None) -> Tensor:
    """Standard normal numbers, one per value of the frame: given ones, or drawn by the shot's key."""
    given = _given(frame, shot, block)
    if given is not None:
        return given
    return over_planes(frame, shot.key_for(block), lambda k, g: draws.normal(k, g, dtype=frame.data.dtype, device=frame.data.device))


def row_normal(frame: Frame, shot: Shot, block: str | None = None) -> Tensor:
    """Standard normal numbers, one per row of the frame."""
    given = _given(frame, shot, block)
    if given is not None:
        return given
    dtype, device = frame.data.dtype, frame.data.device
    return over_planes(frame, shot.key_for(block), lambda k, g: draws.normal(k, g.rows(), dtype=dtype, device=device))


def tukey_lambda(frame: Frame, shot: Shot, shape: Tensor, block: str | None = None) -> Tensor:
    """Tukey-lambda numbers of unit variance, one per value of the frame.

    shape     () or (B, 1, 1, 1), above -0.5
    """
    given = _given(frame, shot, block)
    if given is not None:
        return given
    shapes = shape.reshape(-1)
    if frame.data.ndim == 6 and shapes.numel() > 1:
        shapes = shapes.repeat_interleave(frame.data.shape[2])
    dtype, device = frame.data.dtype, frame.data.device
    per_plane = shapes if shapes.numel() > 1 else float(shapes)
    return over_planes(frame, shot.key_for(block), lambda k, g: draws.tukey_lambda(k, g, per_plane, dtype=dtype, device=device))


def counts(frame: Frame, shot: Shot) -> Tensor:
    """Poisson counts with the frame's data as their rates. No gradient: see `ops.surrogate.counted`.

    With draws given from outside (standard normal ones), the count is the fourth term of their Cornish-Fisher expansion, floored: its total
    variation from the Poisson law is 1.4e-4 at a rate of 10, 1.2e-6 at 100, and at most 6e-3 at rates from 0.5 to 2.
    """
    given = _given(frame, shot, None)
    rate = frame.data.detach()
    if given is not None:
        return expanded_count(rate, given)
    key = shot.key_for()
    grid = frame.grid(key)
    if frame.data.ndim == 4 and frame.data.shape[1] == 1:
        return draws.poisson(rate, key, grid)
    rates = rate.movedim(-3, 0) if rate.ndim == 4 else rate.movedim(-3, 0).movedim(2, 0)
    shape = rate.shape
    if rate.ndim == 4:
        parts = [draws.poisson(r[:, None], key.fold("channel").fold(c) if c else key, grid) for c, r in enumerate(rates)]
        return torch.cat(parts, 1)
    views = []
    for v, by_channel in enumerate(rates):
        k = key.fold("view").fold(v) if v else key
        planes = [
            draws.poisson(r.reshape(-1, 1, *shape[-2:]), k.fold("channel").fold(c) if c else k, grid).reshape(
                shape[0], shape[2], 1, *shape[-2:]
            )
            for c, r in enumerate(by_channel)
        ]
        views.append(torch.cat(planes, 2))
    return torch.stack(views, 1)


def expanded_count(rate: Tensor, normal: Tensor) -> Tensor:
    """The Poisson quantile of a standard normal number, by its Cornish-Fisher expansion, floored and not below 0.

    rate, normal   any shape, e- and 1
    """
    root = rate.clamp_min(1e-12).sqrt()
    w = normal
    value = (
        rate
        + root * w
        + (1 / 3 + w**2 / 6)
        - (w / 36 + w**3 / 72) / root
        + (-8 / 405 + 7 * w**2 / 810 + w**4 / 270) / rate.clamp_min(1e-12)
    )
    return torch.where(rate > 0, value.floor().clamp_min(0), 0)
