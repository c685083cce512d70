"""Black and white level: between raw numbers and the unit in which black is 0 and the white level is 1."""

from __future__ import annotations

import torch
from torch import Tensor

from campipe.core.errors import CampipeError
from campipe.core.frame import Frame
from campipe.ops.axes import per_position


def to_unit(dn: Tensor, black: Tensor, white: Tensor) -> Tensor:
    """Raw numbers to the unit of the white level. Nothing is clipped: noise goes below black.

    dn             (B, ..., 1, H, W), DN
    black, white   broadcast with it, DN
    returns        the shape of dn, 0 = black, 1 = white level
    """
    return (dn - black) / (white - black)


def to_dn(value: Tensor, black: Tensor, white: Tensor) -> Tensor:
    """The inverse of `to_unit`. Nothing is rounded."""
    return value * (white - black) + black


def levels_of(frame: Frame) -> tuple[Tensor, Tensor]:
    """Black and white level of each pixel, from the frame's capture, shaped to broadcast with its data; a CampipeError without them."""
    black, white = frame.capture.black_level, frame.capture.white_level
    if black is None or white is None:
        missing = "black_level" if black is None else "white_level"
        raise CampipeError(f"raw numbers need black and white level, but the capture has no {missing}; give frame.replace({missing}=...)")
    shape = (frame.height, frame.width, frame.data.ndim)
    black, white = (per_position(level.to(frame.data.dtype), *shape) for level in (black, white))
    if not torch.compiler.is_compiling() and bool((white <= black).any()):
        raise CampipeError(f"the white level lies above the black level, but {float(white.min()):g} and {float(black.max()):g} DN came")
    return black, white
