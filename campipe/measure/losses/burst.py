"""The loss of kernel prediction networks for bursts: one term for the merged picture, and one for each frame that fades away."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn

from campipe.core.errors import CampipeError, ShapeError
from campipe.measure.checks import check_shapes
from campipe.measure.losses.anneal import Exponential
from campipe.measure.losses.reduction import Reduction, reduced
from campipe.ops.colour import srgb_encode


def kpn_loss(
    x: Tensor, frames: Tensor, y: Tensor, *, weight: float, white: Tensor | float = 1.0, border: int = 8, reduction: Reduction = "mean"
) -> Tensor:
    """basic(x, y) + weight sum over the frames of basic(frame, y), with basic(a, b) = mean (a - b)^2 + mean |grad a - grad b| / 2.

    x           (B, C, H, W), linear light: the merged picture
    frames      (B, N, C, H, W), linear light: what each frame alone gives, as bright as the whole, N f_i * X_i
    y           (B, C, H, W), linear light: the target
    weight      of the frames' terms; 100 x 0.9998^step in the released code
    white       the white level, () or (B,), in the unit of x, > 0
    border      pixels at every edge that are left out
    reduction   "mean": (); "none": one per picture, (B,)
    returns     >= 0, in the unit of display values

    All are divided by the white level and encoded for sRGB first; below black and above white the curve goes on as a straight line, so that
    no pixel loses its slope. Differences are half of those to the next pixel, and their mean is over both directions. The frames' terms
    are added, as in the released code; averages take weight / N. Gradient: exact, 0 at corners.
    Source: Mildenhall et al., "Burst denoising with kernel prediction networks", CVPR 2018.
    """
    check_shapes(x, y)
    if frames.ndim != 5 or frames[:, 0].shape != x.shape or frames.shape[1] < 1:
        raise ShapeError(f"frames are (B, N, C, H, W) beside pictures of {tuple(x.shape)}, but {tuple(frames.shape)} came")
    if border < 0 or min(x.shape[-2:]) < 2 * border + 2:
        raise ShapeError(f"a border of {border} leaves no 2 x 2 pixels of {x.shape[-2]} x {x.shape[-1]}; give a smaller border=")
    level = torch.as_tensor(white, dtype=x.dtype, device=x.device)
    if level.ndim > 1 or not bool((level > 0).all()):
        raise CampipeError(f"white is a number above 0, or one per picture, but {white} came")
    target = _encoded(y, level, border)
    total = _basic(_encoded(x, level, border), target)
    if weight:
        for frame in frames.unbind(1):
            total = total + weight * _basic(_encoded(frame, level, border), target)
    return reduced(total, reduction)


def _basic(x: Tensor, y: Tensor) -> Tensor:
    error = x - y
    here = error[..., :-1, :-1]
    slopes = (error[..., 1:, :-1] - here).abs() + (error[..., :-1, 1:] - here).abs()
    # Half differences, and the mean over both directions.
    return error.square().mean((1, 2, 3)) + slopes.mean((1, 2, 3)) / 4


def _encoded(linear: Tensor, white: Tensor, border: int) -> Tensor:
    value = linear[..., border : linear.shape[-2] - border, border : linear.shape[-1] - border]
    value = value / (white.reshape(-1, 1, 1, 1) if white.ndim else white)
    # The curve of sRGB, and its tangents at black and at white beyond them.
    return torch.where(value > 1, 1 + 1.055 / 2.4 * (value - 1), torch.where(value < 0, 12.92 * value, srgb_encode(value.clamp(0, 1))))


class KPNLoss(nn.Module):
    """`kpn_loss` whose weight a schedule gives for the step that the caller names; nothing is counted here.

    schedule   from the step to the weight; None: 100 x 0.9998^step
    """

    def __init__(self, schedule: Callable[[int], float] | None = None, *, border: int = 8, reduction: Reduction = "mean") -> None:
        super().__init__()
        self.schedule = Exponential(100.0, 0.9998) if schedule is None else schedule
        self.border, self.reduction = border, reduction

    def forward(self, x: Tensor, frames: Tensor, y: Tensor, *, step: int, white: Tensor | float = 1.0) -> Tensor:
        return kpn_loss(x, frames, y, weight=self.schedule(step), white=white, border=self.border, reduction=self.reduction)
