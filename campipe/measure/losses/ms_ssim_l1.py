"""The mix of MS-SSIM and L1 of Zhao et al.: at full resolution, as they define it, and on a pyramid, as others took it."""

from __future__ import annotations

from functools import lru_cache
from typing import Literal

import torch
from torch import Tensor, nn

from campipe.core.errors import CampipeError, ShapeError
from campipe.measure.checks import check_pair, precise
from campipe.measure.losses.reduction import Reduction, reduced
from campipe.measure.losses.structural import ms_ssim_loss
from campipe.ops.filters import gaussian_kernel, gaussian_radius, mirror_pad

SIGMAS = (0.5, 1.0, 2.0, 4.0, 8.0)
"""Standard deviations of the windows, pixels. Zhao et al. 2017."""
ALPHA = 0.84
"""Weight of MS-SSIM against L1. Zhao et al. 2017; the code that they released has 0.025, and the two are not to be mixed."""
Border = Literal["mirror", "inside"]
_C1, _C2 = 0.01**2, 0.03**2


def dense_ms_ssim_loss(
    x: Tensor, y: Tensor, *, data_range: float, radius: int = 16, border: Border = "mirror", reduction: Reduction = "mean"
) -> Tensor:
    """One minus the MS-SSIM of Zhao et al.: windows of five sizes at full resolution, l_M times the product of all cs_i, no exponents.

    x, y         (B, C, H, W), display-encoded
    data_range   white minus black in the unit of x and y, > 0
    radius       pixels that the windows reach from their middle: 16, two sigmas of the widest
    border       "mirror": the value of every pixel, the pictures continued by their mirror image. "inside": the pixels whose window lies
                 inside; a patch of 2 radius + 1 then has one, its middle, which is all that the paper looks at
    reduction    "mean": (); "none": one per picture, (B,)
    returns      0 for equal pictures; above 1 where structure is opposite

    Much lower than the MS-SSIM of Wang et al. for the same pictures (0.19 in place of 0.90 for noise of 25/255), since no factor is
    drawn up by an exponent below 1. Computed in float64. Gradient: exact and finite: products only, nothing is clamped.
    Source: Zhao, Gallo, Frosio, Kautz, "Loss functions for image restoration with neural networks", IEEE Transactions on Computational
    Imaging 3, 2017.
    """
    similarity, _ = _dense(x, y, data_range, radius, border)
    return reduced(1 - similarity, reduction)


def ms_ssim_l1_loss(
    x: Tensor,
    y: Tensor,
    *,
    data_range: float,
    alpha: float = ALPHA,
    radius: int = 16,
    border: Border = "mirror",
    reduction: Reduction = "mean",
) -> Tensor:
    """The mix of Zhao et al.: alpha (1 - MS-SSIM) + (1 - alpha) G L1, at full resolution.

    alpha   weight of the structural part, 0 to 1. 0.84 is the paper's; with it the structural part outweighs L1 by tens to one
    other arguments as in `dense_ms_ssim_loss`

    G is the window of the widest scale: |x - y| is averaged under it at the pixels where MS-SSIM is evaluated, as a fraction of the data
    range. Computed in float64. Gradient: exact; 0 for L1 where values are equal. Source: as `dense_ms_ssim_loss`.
    """
    _check_alpha(alpha)
    similarity, difference = _dense(x, y, data_range, radius, border)
    return reduced(alpha * (1 - similarity) + (1 - alpha) * difference, reduction)


def pyramid_ms_ssim_l1_loss(
    x: Tensor,
    y: Tensor,
    *,
    data_range: float,
    alpha: float = ALPHA,
    scales: int | Literal["auto"] = 5,
    reduction: Reduction = "mean",
) -> Tensor:
    """The mix with the MS-SSIM of Wang et al., on a pyramid: alpha (1 - MS-SSIM) + (1 - alpha) L1.

    alpha    weight of the structural part, 0 to 1. The paper's 0.84 balances another MS-SSIM: here L1 weighs several times as much
    scales   1 to 5, or "auto"; see `ms_ssim_loss`
    other arguments as in `dense_ms_ssim_loss`

    What many public implementations call the loss of Zhao et al. Gradient: exact and finite.
    """
    _check_alpha(alpha)
    size = check_pair(x, y, data_range)
    structural = ms_ssim_loss(x, y, data_range=size, scales=scales, reduction="none")
    return reduced(alpha * structural + (1 - alpha) * (x - y).abs().mean((1, 2, 3)) / size, reduction)


def _check_alpha(alpha: float) -> None:
    if not 0 <= alpha <= 1:
        raise CampipeError(f"alpha is a weight from 0 to 1, but {alpha!r} came")


def _dense(x: Tensor, y: Tensor, data_range: float, radius: int, border: Border) -> tuple[Tensor, Tensor]:
    """MS-SSIM and L1 under the widest window, per picture: (B,) each, in the precision of x."""
    size = check_pair(x, y, data_range)
    if border not in ("mirror", "inside") or not isinstance(radius, int) or radius < 1:
        raise CampipeError(f"border is 'mirror' or 'inside' and radius a whole number above 0, but {border!r} and {radius!r} came")
    least = 2 if border == "mirror" else 2 * radius + 1
    if min(x.shape[-2:]) < least:
        raise ShapeError(
            f"border={border!r} needs {least} pixels on a side, but {x.shape[-2]} x {x.shape[-1]} came; give a smaller radius= or 'mirror'"
        )
    a, b = precise(x) / size, precise(y) / size
    channels = a.shape[1]
    fields = torch.cat([a, b, a * a + b * b, a * b], 1)
    product: Tensor | None = None
    for sigma in SIGMAS:
        down, across = (_windows(side, sigma, radius, border, a.dtype, a.device) for side in a.shape[-2:])
        mean_a, mean_b, squares, cross = (down @ fields @ across.mT).split(channels, 1)
        means = mean_a**2 + mean_b**2
        contrast = (2 * (cross - mean_a * mean_b) + _C2) / (squares - means + _C2)
        product = contrast if product is None else product * contrast
    assert product is not None
    luminance = (2 * mean_a * mean_b + _C1) / (means + _C1)
    difference = down @ (a - b).abs() @ across.mT
    return (luminance * product).mean((1, 2, 3)).to(x.dtype), difference.mean((1, 2, 3)).to(x.dtype)


@lru_cache(maxsize=20)
@torch.inference_mode(False)
def _windows(side: int, sigma: float, radius: int, border: Border, dtype: torch.dtype, device: torch.device) -> Tensor:
    """The Gaussian windows of a row of pixels as a matrix, a row for each place: (side or fewer, side).

    A product with it, mirrored ends and all, takes a fifth of the time of sums over 33 shifted copies. The matrices of the sizes that a
    training has are kept, where they are needed.
    """
    reach = min(radius, gaussian_radius(sigma))
    kernel = gaussian_kernel(torch.tensor(sigma, dtype=torch.float64), reach)
    pixels = mirror_pad(torch.eye(side, dtype=torch.float64), reach, reach, 0)
    rows = torch.zeros(side, side, dtype=torch.float64)
    for k, weight in enumerate(kernel.tolist()):
        rows += weight * pixels[k : k + side]
    return (rows if border == "mirror" else rows[radius : side - radius]).to(device, dtype)


class DenseMSSSIMLoss(nn.Module):
    """`dense_ms_ssim_loss` with its options kept."""

    def __init__(self, *, data_range: float, radius: int = 16, border: Border = "mirror", reduction: Reduction = "mean") -> None:
        super().__init__()
        self.data_range, self.radius, self.border, self.reduction = data_range, radius, border, reduction

    def forward(self, x: Tensor, y: Tensor) -> Tensor:
        return dense_ms_ssim_loss(
            x, y, data_range=self.data_range, radius=self.radius, border=self.border, reduction=self.reduction
        )  # fmt: skip


class MSSSIML1Loss(nn.Module):
    """`ms_ssim_l1_loss` with its options kept."""

    def __init__(
        self, *, data_range: float, alpha: float = ALPHA, radius: int = 16, border: Border = "mirror", reduction: Reduction = "mean"
    ) -> None:
        super().__init__()
        self.data_range, self.alpha, self.radius, self.border, self.reduction = data_range, alpha, radius, border, reduction

    def forward(self, x: Tensor, y: Tensor) -> Tensor:
        return ms_ssim_l1_loss(
            x, y, data_range=self.data_range, alpha=self.alpha, radius=self.radius, border=self.border, reduction=self.reduction
        )


class PyramidMSSSIML1Loss(nn.Module):
    """`pyramid_ms_ssim_l1_loss` with its options kept."""

    def __init__(
        self, *, data_range: float, alpha: float = ALPHA, scales: int | Literal["auto"] = 5, reduction: Reduction = "mean"
    ) -> None:
        super().__init__()
        self.data_range, self.alpha, self.scales, self.reduction = data_range, alpha, scales, reduction

    def forward(self, x: Tensor, y: Tensor) -> Tensor:
        return pyramid_ms_ssim_l1_loss(
            x, y, data_range=self.data_range, alpha=self.alpha, scales=self.scales, reduction=self.reduction
        )  # fmt: skip
