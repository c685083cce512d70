"""Structural similarity, at one scale and at several."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from campipe.core.errors import CampipeError, ShapeError
from campipe.measure.checks import check_pair, precise
from campipe.ops.filters import gaussian_kernel

WEIGHTS = (0.0448, 0.2856, 0.3001, 0.2363, 0.1333)
"""Exponents of the scales, finest first. Wang, Simoncelli, Bovik 2003, section 3.2."""
_LEAST = 1e-4  # below it the power of a scale goes on as a straight line to 0


def ssim(x: Tensor, y: Tensor, *, data_range: float, window: int = 11, sigma: float = 1.5, k1: float = 0.01, k2: float = 0.03) -> Tensor:
    """Structural similarity of each picture: the mean over the places where the window lies inside, then over channels.

    x, y         (B, C, H, W), each side at least `window`
    data_range   white minus black in the unit of x and y, > 0
    window       pixels on a side of the Gaussian window, odd
    sigma        its standard deviation, pixels, > 0
    k1, k2       the constants of the paper: C1 = (k1 data_range)^2, C2 = (k2 data_range)^2
    returns      (B,), at most 1; 1 for equal pictures

    Variances are those of the population, and nothing is downsampled first: scikit-image's and piq's defaults differ, and so do their
    figures. Gradient: exact.
    Source: Wang, Bovik, Sheikh, Simoncelli, "Image quality assessment: from error visibility to structural similarity", IEEE Transactions
    on Image Processing 13, 2004.
    """
    size = check_pair(x, y, data_range)
    kernel = _window(window, sigma)
    if min(x.shape[-2:]) < window:
        raise ShapeError(f"a window of {window} x {window} needs a picture of that size, but {x.shape[-2]} x {x.shape[-1]} came")
    full, _ = _parts(precise(x), precise(y), kernel, (k1 * size) ** 2, (k2 * size) ** 2)
    return full.mean(1).to(x.dtype)


def ms_ssim(
    x: Tensor,
    y: Tensor,
    *,
    data_range: float,
    scales: int = 5,
    window: int = 11,
    sigma: float = 1.5,
    k1: float = 0.01,
    k2: float = 0.03,
) -> Tensor:
    """Structural similarity over several scales: contrast and structure of each, and the luminance of the coarsest one.

    x, y         (B, C, H, W), each side above (window - 1) 2^(scales - 1): 160 pixels with 5 scales
    data_range   white minus black in the unit of x and y, > 0
    scales       1 to 5; fewer than 5 take the first of the weights, scaled to sum to theirs
    window ...   as in `ssim`
    returns      (B,), from 0 to 1; 1 for equal pictures

    Between scales 2 x 2 pixels are averaged; an odd side gets zeros at both ends, as in pytorch_msssim. A factor that is negative counts
    as 0. Its power w < 1 has an infinite slope at 0, so that below 1e-4 a straight line to 0 takes its place. Gradient: exact and finite.
    Source: Wang, Simoncelli, Bovik, "Multi-scale structural similarity for image quality assessment", Asilomar 2003.
    """
    size = check_pair(x, y, data_range)
    if not isinstance(scales, int) or not 1 <= scales <= len(WEIGHTS):
        raise CampipeError(f"scales is a whole number from 1 to {len(WEIGHTS)}, but {scales!r} came")
    kernel = _window(window, sigma)
    least = (window - 1) * 2 ** (scales - 1)
    if min(x.shape[-2:]) <= least:
        raise ShapeError(
            f"{scales} scales need more than {least} pixels on a side, but {x.shape[-2]} x {x.shape[-1]} came; give a smaller scales="
        )
    total = sum(WEIGHTS) / sum(WEIGHTS[:scales])
    out: Tensor | None = None
    a, b = precise(x), precise(y)
    for scale in range(scales):
        if scale:
            odd = [side % 2 for side in a.shape[-2:]]
            a, b = (torch.nn.functional.avg_pool2d(t, 2, padding=odd) for t in (a, b))
        full, contrast = _parts(a, b, kernel, (k1 * size) ** 2, (k2 * size) ** 2)
        factor = _power(full if scale == scales - 1 else contrast, WEIGHTS[scale] * total)
        out = factor if out is None else out * factor
    assert out is not None
    return out.mean(1).to(x.dtype)


def _window(size: int, sigma: float) -> Tensor:
    if not isinstance(size, int) or size < 1 or size % 2 == 0 or not sigma > 0:
        raise CampipeError(f"a window has an odd size and a sigma above 0, but {size!r} and {sigma!r} came")
    return gaussian_kernel(torch.tensor(sigma, dtype=torch.float64), size // 2)


def _blurred(data: Tensor, kernel: Tensor) -> Tensor:
    """Weighted means over the window, where it lies inside."""
    reach = len(kernel) - 1
    weights = kernel.tolist()
    for dim in (-2, -1):
        size = data.shape[dim] - reach
        total = data.narrow(dim, 0, size) * weights[0]
        for k in range(1, reach + 1):
            total = torch.add(total, data.narrow(dim, k, size), alpha=weights[k])
        data = total
    return data


def _parts(x: Tensor, y: Tensor, kernel: Tensor, c1: float, c2: float) -> tuple[Tensor, Tensor]:
    """Mean similarity, and mean of its contrast-structure factor, per picture and channel: (B, C) each."""
    mean_x, mean_y = _blurred(x, kernel), _blurred(y, kernel)
    spread = _blurred(x * x + y * y, kernel) - mean_x**2 - mean_y**2
    together = _blurred(x * y, kernel) - mean_x * mean_y
    contrast = (2 * together + c2) / (spread + c2)
    luminance = (2 * mean_x * mean_y + c1) / (mean_x**2 + mean_y**2 + c1)
    return (luminance * contrast).mean((-2, -1)), contrast.mean((-2, -1))


def _power(factor: Tensor, weight: float) -> Tensor:
    line = factor.clamp(0, _LEAST) * _LEAST ** (weight - 1)
    return torch.where(factor >= _LEAST, factor.clamp_min(_LEAST) ** weight, line)


class SSIM(nn.Module):
    """`ssim` with its options kept."""

    def __init__(self, *, data_range: float, window: int = 11, sigma: float = 1.5, k1: float = 0.01, k2: float = 0.03) -> None:
        super().__init__()
        self.options = {"data_range": data_range, "window": window, "sigma": sigma, "k1": k1, "k2": k2}

    def forward(self, x: Tensor, y: Tensor) -> Tensor:
        return ssim(x, y, **self.options)  # type: ignore[arg-type]


class MSSSIM(nn.Module):
    """`ms_ssim` with its options kept."""

    def __init__(
        self, *, data_range: float, scales: int = 5, window: int = 11, sigma: float = 1.5, k1: float = 0.01, k2: float = 0.03
    ) -> None:
        super().__init__()
        self.options = {"data_range": data_range, "scales": scales, "window": window, "sigma": sigma, "k1": k1, "k2": k2}

    def forward(self, x: Tensor, y: Tensor) -> Tensor:
        return ms_ssim(x, y, **self.options)  # type: ignore[arg-type]
