"""The noise level of a single picture: three estimates of the standard deviation of noise that is even and has no colour.

The one by DCT blocks is the best where a picture has texture; the other two read all of it and are quick. They take the noise of
neighbouring pixels for independent: a picture that was demosaicked, scaled or compressed has less of it in its high frequencies, and the
estimate comes out too low.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from campipe.core.errors import ShapeError

SIDE = 8
"""Pixels on a side of a DCT block."""
_LOW, _HIGH = 6, 9  # the sum of the two frequencies: 1 to 6 tell structure, from 9 on there is next to nothing but noise
_BLOCKS = 1 << 17  # blocks per plane that are looked at, at most
_SHARE, _LEAST = 0.02, 500  # blocks that are taken for flat
_NORMAL = 0.6744897501960817  # the median of |z|
_HIT = 1e-3  # share of pixels at the largest or the least value from which on these are limits that clip


def mad_level(x: Tensor) -> Tensor:
    """Noise level by the median of the finest diagonal details.

    x         (B, C, H, W), at least 2 x 2
    returns   (B, C), standard deviation in the unit of x

    Source: Donoho and Johnstone, "Ideal spatial adaptation by wavelet shrinkage", Biometrika 81, 1994, with the Haar wavelet. Too high
    where more than half of the picture is textured. Gradient: none.
    """
    _check(x, 2)
    a, b, c, d = (x[..., i : x.shape[-2] - 1 + i : 2, j : x.shape[-1] - 1 + j : 2] for i in (0, 1) for j in (0, 1))
    return (((a - b) - (c - d)) / 2).abs().flatten(2).median(2).values.detach() / _NORMAL


def laplace_level(x: Tensor) -> Tensor:
    """Noise level by the mean size of a difference of two Laplacians.

    x         (B, C, H, W), at least 3 x 3
    returns   (B, C), standard deviation in the unit of x

    Source: Immerkaer, "Fast noise variance estimation", Computer Vision and Image Understanding 64, 1996. Too high where there are edges.
    Gradient: none.
    """
    _check(x, 3)
    for dim in (-2, -1):
        size = x.shape[dim] - 2
        x = x.narrow(dim, 0, size) - 2 * x.narrow(dim, 1, size) + x.narrow(dim, 2, size)
    return x.abs().mean((-2, -1)).detach() * (math.sqrt(math.pi / 2) / 6)


def dct_level(x: Tensor) -> Tensor:
    """Noise level by the high frequencies of the flattest blocks.

    x         (B, C, H, W), at least 8 x 8
    returns   (B, C), standard deviation in the unit of x; 0 where the whole picture lies at its limits

    Of all blocks those are taken that have the least energy in low frequencies; of white noise these say nothing about the high ones, so
    that the choice brings no bias. A high frequency's level is a median over the blocks, and the result the median over frequencies.
    Where the picture is clipped, blocks with a clipped pixel are left out.
    Source: Ponomarenko, Lukin, Zriakhov, Kaarna, Astola, "An automatic approach to lossy compression of AVIRIS images", IGARSS 2007.
    Gradient: none.
    """
    _check(x, SIDE)
    levels = [_dct_level_of(plane) for plane in x.detach().flatten(0, 1)]
    return torch.stack(levels).reshape(x.shape[:2]).to(x.dtype)


def _dct_level_of(plane: Tensor) -> Tensor:
    spectra, clipped = block_spectra(plane, *limits(plane))
    kept = clipped == 0
    count = int(kept.sum())
    if count == 0:
        return spectra.new_zeros(())
    structure = torch.where(kept, energy(spectra, 1, _LOW).mean(0), torch.inf)
    flattest = structure.topk(min(count, max(_LEAST, int(_SHARE * count))), largest=False, sorted=False).indices
    return spectra[_orders(spectra.device) >= _HIGH][:, flattest].abs().median(1).values.median() / _NORMAL


def limits(plane: Tensor) -> tuple[Tensor, Tensor]:
    """The least and the largest value of a plane if enough pixels lie there to be clipped; without limits: -inf and inf."""
    low, high = torch.aminmax(plane)
    low = torch.where((plane == low).double().mean() >= _HIT, low, -torch.inf)
    return low.double(), torch.where((plane == high).double().mean() >= _HIT, high, torch.inf).double()


def block_spectra(plane: Tensor, low: Tensor, high: Tensor) -> tuple[Tensor, Tensor]:
    """DCT of overlapping blocks.

    plane       (H, W)
    low, high   limits of its values
    returns     (64, N) float64, orthonormal, frequency (v, u) in row 8 v + u; and (N,), the share of each block's pixels at a limit
    """
    stride = block_stride(plane.shape[-2], plane.shape[-1])
    blocks = torch.nn.functional.unfold(plane.double()[None, None], SIDE, stride=stride)[0]
    place = torch.arange(SIDE, dtype=torch.float64, device=plane.device)
    dct = torch.cos(math.pi / SIDE * (place + 0.5) * place[:, None]) * math.sqrt(2 / SIDE)
    dct[0] /= math.sqrt(2)
    railed = ((blocks <= low) | (blocks >= high)).double().mean(0)
    return torch.kron(dct, dct) @ blocks, railed


def block_stride(height: int, width: int) -> int:
    """Pixels between blocks: 1, unless there were too many."""
    return max(1, math.ceil(math.sqrt(height * width / _BLOCKS)))


def energy(spectra: Tensor, first: int, last: int) -> Tensor:
    """Squares of the frequencies whose sum u + v lies from `first` to `last`: (K, N)."""
    order = _orders(spectra.device)
    return spectra[(order >= first) & (order <= last)].square()


def structure_and_noise(spectra: Tensor) -> tuple[Tensor, Tensor]:
    """Mean energy of the low and of the high frequencies of each block, (N,) both."""
    return energy(spectra, 1, _LOW).mean(0), energy(spectra, _HIGH, 2 * SIDE).mean(0)


def high_frequencies() -> int:
    """How many frequencies tell of noise."""
    return int((_orders(torch.device("cpu")) >= _HIGH).sum())


def _orders(device: torch.device) -> Tensor:
    u = torch.arange(SIDE, device=device)
    return (u + u[:, None]).flatten()


def _check(x: Tensor, side: int) -> None:
    if x.ndim != 4 or not x.is_floating_point() or min(x.shape[-2:]) < side:
        raise ShapeError(f"noise is estimated of (B, C, H, W) with at least {side} x {side} pixels, but {tuple(x.shape)} came")
