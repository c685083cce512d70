"""BM3D: block matching and three-dimensional filtering, of grey and of colour.

Source: Dabov, Foi, Katkovnik, Egiazarian, "Image denoising by sparse 3-D transform-domain collaborative filtering", IEEE Transactions on
Image Processing 16(8), 2007. Colour: the same, "Color image denoising via sparse 3D collaborative filtering with grouping constraint in
luminance-chrominance space", ICIP 2007.
"""

from __future__ import annotations

import math
from functools import cache

import numpy as np
import torch
from torch import Tensor

from campipe.ops.opponent import from_opponent, to_opponent

SIDE = 8
"""Pixels on a side of a block."""
STEP = 3
"""Pixels between reference blocks. Table I of the paper, normal profile, as all that follows."""
_RADIUS = 19
_BETA = 2.0
_THRESHOLD = 2.7  # standard deviations
_FIRST, _SECOND = (16, 25.0), (32, 4.0)
"""Blocks in a group at most, and how far they may differ: the mean squared difference in noise variances. The paper says 2500 and 400 in
units of 8 bits, which is this at a sigma of 10; as multiples of the variance they hold for data in any unit."""
_BAND = 16  # rows of reference blocks that have their sums to themselves
_AT_ONCE = 16  # bands whose sums are held in memory
_SLACK = 64  # numbers behind a flat picture that whole vectors may read


@cache
def cosine_matrix(size: int = SIDE) -> np.ndarray:
    """The orthonormal DCT-II, (size, size) float64: rows are basis vectors, the first is constant."""
    k, n = np.mgrid[:size, :size]
    rows = np.cos(np.pi * (n + 0.5) * k / size) * math.sqrt(2 / size)
    rows[0] = math.sqrt(1 / size)
    return rows


@cache
def wavelet_matrix() -> np.ndarray:
    """The biorthogonal wavelet 1.5 down to one scaling coefficient, periodic, rows scaled to a norm of 1: (8, 8) float64.

    Noise of one variance keeps that variance in each coefficient. The inverse is the matrix's inverse, not its transpose.
    Source: Cohen, Daubechies, Feauveau, "Biorthogonal bases of compactly supported wavelets", Comm. Pure Appl. Math. 45, 1992, table 6.1.
    """
    low = np.array([3, -3, -22, 22, 128, 128, 22, -22, -3, 3]) * (math.sqrt(2) / 256)
    high = np.array([-1, 1]) * math.sqrt(0.5)
    out, size = np.eye(SIDE), SIDE
    while size > 1:
        level = np.zeros((size, size))
        for i in range(size // 2):
            for j, tap in enumerate(low):
                level[i, (2 * i + j - 4) % size] += tap
            for j, tap in enumerate(high):
                level[size // 2 + i, (2 * i + j) % size] += tap
        out[:size] = level @ out[:size]
        size //= 2
    return out / np.linalg.norm(out, axis=1, keepdims=True)


def bm3d(x: Tensor, sigma: Tensor, step: int = STEP) -> Tensor:
    """Denoise.

    x         (B, C, H, W), at least 8 x 8 pixels
    sigma     standard deviation of the noise, in the unit of x, (B or 1, C or 1, 1, 1); 0 gives the input back
    step      pixels between reference blocks, 1 to 8
    returns   the shape of x, computed in float32 on the CPU

    Colours, and the planes of a Bayer mosaic, are changed to brightness and differences first; blocks are matched on the mean of all
    channels, and every channel is filtered in the groups found there. The mean of a group is never shrunk, so that a constant added to x
    is added to the result, and nothing hangs on the unit: a multiple of x and sigma gives that multiple.

    The paper changes its numbers at a sigma above 40; these do not, and score as it does there. Gradient: none.
    """
    with torch.no_grad():
        planes = x.to("cpu", torch.promote_types(x.dtype, torch.float32))
        level = sigma.to(planes).expand(x.shape[0], x.shape[1], 1, 1)
        mean = planes.mean((-2, -1), keepdim=True)
        turned, deviation = to_opponent(planes - mean, level)
        out = turned.clone()
        for b in range(x.shape[0]):
            # What blocks are matched on has noise of 1.
            unit = deviation[b, 0, 0, 0] if x.shape[1] in (3, 4) else deviation[b].square().mean().sqrt()
            if unit > 0:
                filtered = _filtered((turned[b] / unit).float().numpy(), (deviation[b, :, 0, 0] / unit).float().numpy(), step)
                out[b] = torch.from_numpy(filtered) * unit
        return torch.where(level == 0, planes, from_opponent(out) + mean).to(x)


def _filtered(planes: np.ndarray, deviation: np.ndarray, step: int) -> np.ndarray:
    """Both passes over one item's planes, (C, H, W) float32, whose noise deviates by `deviation`, (C,)."""
    basic = _pass(planes, None, deviation, step, _FIRST, wavelet_matrix())
    return _pass(planes, basic, deviation, step, _SECOND, cosine_matrix())


def _pass(
    noisy: np.ndarray, estimate: np.ndarray | None, deviation: np.ndarray, step: int, group: tuple[int, float], matrix: np.ndarray
) -> np.ndarray:
    """Threshold groups matched on the noisy planes or, given an estimate, filter by Wiener's rule those matched on it.

    Bands of reference blocks are summed on their own and then put together from the top down, so that the number of threads changes no bit.
    """
    from campipe.ops.kernels.bm3d import filter_band
    from campipe.ops.kernels.threads import over_rows

    channels, height, width = noisy.shape
    # An odd number of cache lines, so that the rows of a block do not all fall into the same few sets of the cache.
    stride = (-(-width // 16) | 1) * 16
    flat = _flat(noisy, stride)
    known = flat[:0] if estimate is None else _flat(estimate, stride)
    guide = _guide(flat if estimate is None else known)
    forward, backward = (np.ascontiguousarray(m.ravel(), np.float32) for m in (matrix, np.linalg.inv(matrix)))
    window = np.outer(np.kaiser(SIDE, _BETA), np.kaiser(SIDE, _BETA)).ravel().astype(np.float32)
    rows, columns = grid(height, step), grid(width, step)
    most, limit = group[0], np.float32(group[1] * SIDE**2)
    bands = [rows[i : i + _BAND] for i in range(0, len(rows), _BAND)]
    tops = [max(0, int(band[0]) - _RADIUS) for band in bands]
    ends = [min(height, int(band[-1]) + _RADIUS + SIDE) for band in bands]
    deep = max(end - top for top, end in zip(tops, ends, strict=True))
    sums = np.zeros((2, channels, height, stride), np.float32)
    scratch = np.empty((min(_AT_ONCE, len(bands)), 2, channels, deep * stride + _SLACK), np.float32)

    def work(first: int, last: int) -> None:
        for i in range(first, last):
            total, weights = scratch[i % _AT_ONCE]
            total[:], weights[:] = 0, 0
            filter_band(
                flat, guide, known, deviation, stride, height, width, bands[i], columns, _RADIUS, limit, most,
                np.float32(_THRESHOLD), forward, backward, window, tops[i], total, weights,
            )  # fmt: skip

    for begin in range(0, len(bands), _AT_ONCE):
        end = min(begin + _AT_ONCE, len(bands))
        over_rows(lambda low, high, begin=begin: work(begin + low, begin + high), end - begin, 1 << 16)  # type: ignore[misc]
        for i in range(begin, end):
            part = scratch[i % _AT_ONCE][..., : (ends[i] - tops[i]) * stride]
            sums[:, :, tops[i] : ends[i]] += part.reshape(2, channels, -1, stride)
    return sums[0, :, :, :width] / sums[1, :, :, :width]


def grid(size: int, step: int) -> np.ndarray:
    """Where reference blocks begin on an axis: every `step` pixels, and the last place there is."""
    return np.unique(np.append(np.arange(0, size - SIDE + 1, step), size - SIDE))


def _guide(planes: np.ndarray) -> np.ndarray:
    """What blocks are matched on: brightness, or the mean of channels that were left alone, scaled so that its noise is theirs."""
    return planes[0] if len(planes) in (1, 3, 4) else planes.sum(0) * np.float32(len(planes) ** -0.5)


def _flat(planes: np.ndarray, stride: int) -> np.ndarray:
    """(C, H, W) to (C, H stride + 64): rows `stride` apart, and 0 behind them."""
    channels, height, width = planes.shape
    out = np.zeros((channels, height * stride + _SLACK), np.float32)
    out[:, : height * stride].reshape(channels, height, stride)[:, :, :width] = planes
    return out
