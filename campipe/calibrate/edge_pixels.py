"""Pixels of one colour and where they lie."""

from __future__ import annotations

import torch
from torch import Tensor

from campipe.core import pattern as patterns
from campipe.core.errors import CampipeError, ShapeError, SpaceError
from campipe.core.frame import Frame

Box = tuple[int, int, int, int]


def edge_pixels(frame: Frame, box: Box | None = None, channel: str = "G") -> tuple[Tensor, Tensor, Tensor]:
    """Pixels of one colour in a part of a frame: values, y and x, (N,) float64 each, rows and columns counted in the frame.

    frame     (1, C, H, W), linear in light
    box       (y, x, height, width); None: all of it
    channel   "R", "G" or "B"; a frame of one channel without a filter has but one

    Raises a CampipeError where pixels reach the capture's white level, or lie outside.
    """
    if frame.space == "display":
        raise SpaceError("sharpness is measured in linear light, but a frame in 'display' came; take it back with campipe.isp.Decode")
    if frame.batch != 1 or frame.data.ndim != 4:
        raise ShapeError(f"one frame is measured at a time, (1, C, H, W), but {tuple(frame.data.shape)} came; take items one by one")
    if channel not in patterns.CHANNEL:
        raise CampipeError(f"a channel is R, G or B, but {channel!r} came")
    top, left, height, width = box or (0, 0, frame.height, frame.width)
    if not (0 <= top and 0 <= left and height > 0 and width > 0 and top + height <= frame.height and left + width <= frame.width):
        raise ShapeError(f"a box of {height} x {width} at ({top}, {left}) does not lie inside a frame of {frame.height} x {frame.width}")
    y, x = torch.arange(top, top + height)[:, None].expand(height, width), torch.arange(left, left + width).expand(height, width)
    planes, number = frame.data.detach()[0, :, top : top + height, left : left + width].double().cpu(), patterns.CHANNEL[channel]
    chosen = torch.ones(height, width, dtype=torch.bool)
    if planes.shape[0] == 1 and frame.capture.pattern is not None:
        letters = torch.tensor(patterns.channels(frame.capture.pattern))
        chosen = letters[y % letters.shape[0], x % letters.shape[1]] == number
    plane = planes[number] if planes.shape[0] == 3 else planes[0]
    values = plane[chosen]
    white = frame.capture.white_level
    if frame.space == "dn" and white is not None and bool((values >= float(white.min())).any()):
        raise CampipeError("pixels reach the white level, and a clipped edge is sharper than the lens; expose less, or take another box")
    return values, y[chosen].double(), x[chosen].double()
