"""SSIM and MS-SSIM as losses: one minus the measure."""

from __future__ import annotations

from typing import Literal

from torch import Tensor, nn

from campipe.core.errors import ShapeError
from campipe.measure.losses.reduction import Reduction, reduced
from campipe.measure.ssim import WEIGHTS, ms_ssim, ssim


def ssim_loss(x: Tensor, y: Tensor, *, data_range: float, window: int = 11, sigma: float = 1.5, reduction: Reduction = "mean") -> Tensor:
    """One minus the structural similarity.

    x, y            (B, C, H, W), each side at least `window`; display-encoded, as the constants of SSIM suppose
    data_range      white minus black in the unit of x and y, > 0
    window, sigma   of the Gaussian, pixels; Zhao et al. 2017 train with sigma = 5, for which 31 is a window
    reduction       "mean": (); "none": one per picture, (B,)
    returns         from 0 to 2; 0 for equal pictures

    Computed in float64, see `ssim`. Gradient: exact and finite.
    """
    return reduced(1 - ssim(x, y, data_range=data_range, window=window, sigma=sigma), reduction)


def ms_ssim_loss(
    x: Tensor, y: Tensor, *, data_range: float, scales: int | Literal["auto"] = 5, window: int = 11, sigma: float = 1.5,
    reduction: Reduction = "mean",
) -> Tensor:  # fmt: skip
    """One minus the structural similarity over several scales, on a pyramid.

    x, y         (B, C, H, W), each side above (window - 1) 2^(scales - 1); display-encoded
    data_range   white minus black in the unit of x and y, > 0
    scales       1 to 5; "auto": as many as the pictures have room for, so that small patches can be trained on
    window ...   as in `ssim_loss`
    returns      from 0 to 1; 0 for equal pictures

    A factor below 1e-4 goes on as a straight line to 0 (see `ms_ssim`), so that no power has an infinite slope and none is NaN. The
    gradient is 0 where a scale's contrast and structure are negative. Computed in float64. Gradient: exact and finite.
    """
    if scales == "auto":
        scales = fitting_scales(min(x.shape[-2:]), window)
    return reduced(1 - ms_ssim(x, y, data_range=data_range, scales=scales, window=window, sigma=sigma), reduction)


def fitting_scales(side: int, window: int = 11) -> int:
    """The largest number of scales, up to 5, whose windows fit into pictures of that many pixels on the shorter side."""
    fitting = [n for n in range(1, len(WEIGHTS) + 1) if side > (window - 1) * 2 ** (n - 1)]
    if not fitting:
        raise ShapeError(f"a window of {window} needs pictures of at least {window} pixels on a side, but {side} came")
    return fitting[-1]


class SSIMLoss(nn.Module):
    """`ssim_loss` with its options kept."""

    def __init__(self, *, data_range: float, window: int = 11, sigma: float = 1.5, reduction: Reduction = "mean") -> None:
        super().__init__()
        self.data_range, self.window, self.sigma, self.reduction = data_range, window, sigma, reduction

    def forward(self, x: Tensor, y: Tensor) -> Tensor:
        return ssim_loss(x, y, data_range=self.data_range, window=self.window, sigma=self.sigma, reduction=self.reduction)


class MSSSIMLoss(nn.Module):
    """`ms_ssim_loss` with its options kept."""

    def __init__(
        self, *, data_range: float, scales: int | Literal["auto"] = 5, window: int = 11, sigma: float = 1.5, reduction: Reduction = "mean"
    ) -> None:
        super().__init__()
        self.data_range, self.scales, self.window, self.sigma, self.reduction = data_range, scales, window, sigma, reduction

    def forward(self, x: Tensor, y: Tensor) -> Tensor:
        return ms_ssim_loss(
            x, y, data_range=self.data_range, scales=self.scales, window=self.window, sigma=self.sigma, reduction=self.reduction
        )
