"""What every measure asks of the two pictures that it compares."""

from __future__ import annotations

import torch
from torch import Tensor

from campipe.core.errors import CampipeError, ShapeError

# A picture in [0, 255] with a data range of 1 is a mistake; an estimate that overshoots is not.
_FAR = 16.0


def check_pair(x: Tensor, y: Tensor, data_range: float, *, channels: int | None = None) -> float:
    """Refuse two pictures that cannot be compared, and return the data range as a number.

    x, y         (B, C, H, W), floating point, of one shape and on one device
    data_range   the difference between white and black in the unit of the pictures: 1, or 255; above 0
    channels     that the measure needs; None: any

    Values beyond 16 times the data range are refused: they were made for another one. Inside a graph values are not looked at.
    """
    check_shapes(x, y, channels=channels)
    return _checked_range(data_range, x, y)


def check_shapes(x: Tensor, y: Tensor, *, channels: int | None = None) -> None:
    """Refuse two pictures that are not floating-point tensors of one shape (B, C, H, W) on one device; their values are not looked at."""
    for picture in (x, y):
        if not isinstance(picture, Tensor) or not picture.is_floating_point():
            came = picture.dtype if isinstance(picture, Tensor) else type(picture).__name__
            raise ShapeError(f"a measure compares floating-point tensors, but {came} came; give frame.data, or convert with .float()")
    if x.shape != y.shape or x.ndim != 4 or min(x.shape) < 1:
        raise ShapeError(f"a measure compares two pictures of one shape (B, C, H, W), but {tuple(x.shape)} and {tuple(y.shape)} came")
    if x.device != y.device:
        raise ShapeError(f"a measure compares two pictures on one device, but {x.device} and {y.device} came; move one with .to()")
    if channels is not None and x.shape[1] != channels:
        raise ShapeError(f"this measure takes {channels} channels, but {x.shape[1]} came")


def _checked_range(data_range: float, *pictures: Tensor) -> float:
    try:
        size = float(data_range)
    except (TypeError, ValueError):
        size = 0.0
    if not 0 < size < float("inf"):
        raise CampipeError(f"data_range is a number above 0, white minus black in the unit of the pictures, but {data_range!r} came")
    if not torch.compiler.is_compiling() and not _recording(*pictures):
        for picture in pictures:
            low, high = torch.stack(torch.aminmax(picture.detach())).tolist()
            if max(-low, high) > _FAR * size:
                raise CampipeError(
                    f"the values lie within a few times data_range={size:g}, but they reach from {low:g} to {high:g}; give their own range"
                )
    return size


def _recording(*pictures: Tensor) -> bool:
    """Whether a GPU is recording what is done to the pictures, to repeat it: nothing may wait for a number from it then."""
    return any(picture.is_cuda for picture in pictures) and torch.cuda.is_current_stream_capturing()


def precise(picture: Tensor) -> Tensor:
    """The picture in float64, where its device knows that: differences of nearly equal sums need the digits."""
    return picture if picture.device.type == "mps" else picture.double()
