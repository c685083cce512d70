"""Denoising by sparse codes: every patch as a sum of few atoms of a dictionary, and the patches laid over one another."""

from __future__ import annotations

import math
from functools import cache

import numpy as np
import torch
from torch import Tensor

from campipe.core.errors import ShapeError
from campipe.core.resources import find

SIDE = 8
"""Pixels on a side of a patch."""
GAIN = 1.15
"""Root mean square of what is left of a patch, in standard deviations. Elad and Aharon 2006, section IV."""
_OWN = 2.0
# Weight of the noisy pixel beside its patches, up to 64. The paper's lambda = 30 / sigma (3 at 10, 0.6 at 50) needs values of 0 to 255;
# 2 gives the same on Set12 within 0.02 dB from 10 to 50 and within 0.04 dB at 5, and is the same in every unit.
_BAND = 64  # rows of patches whose results are held at a time


@cache
def dct_atoms(side: int = 16) -> Tensor:
    """The overcomplete cosine dictionary: (64, side^2), columns of length 1, all but the first without a mean.

    Products of 8 samples of cosines whose frequencies lie twice as close as those of the transform.
    Source: Elad and Aharon 2006, section IV.
    """
    place, frequency = torch.arange(SIDE, dtype=torch.float64), torch.arange(side, dtype=torch.float64)
    waves = torch.cos(math.pi / side * place[:, None] * frequency)
    waves[:, 1:] -= waves[:, 1:].mean(0)
    waves /= waves.norm(dim=0)
    return torch.kron(waves, waves).float()


@cache
def trained_atoms() -> Tensor:
    """The dictionary that ships, (64, 256), columns of length 1: learned once from photos; data/weights/dictionary-8x8.md says how."""
    from safetensors.torch import load_file

    atoms = load_file(find("data", "weights", "dictionary-8x8.safetensors"))["atoms"].float()
    return atoms / atoms.norm(dim=0)


def sparse_denoise(x: Tensor, sigma: Tensor, dictionary: Tensor) -> Tensor:
    """Denoise by sparse codes of all overlapping patches.

    x            (B, C, H, W), at least 8 x 8; each channel by itself
    sigma        standard deviation of the noise, broadcasts with x; of a map a patch takes the root mean square
    dictionary   (64, K) for all, or (B, C, 64, K); columns of length 1
    returns      the shape of x; computed in float32 on the CPU

    The mean is taken off a patch; atoms are added by orthogonal matching pursuit until at most (1.15 sigma)^2 per pixel is left, and no
    more than 32. A pixel is the mean of what its patches say of it and of itself, which counts as two of them; the paper's 30 / sigma would
    hang on the unit.
    Source: Elad and Aharon, "Image denoising via sparse and redundant representations over learned dictionaries", IEEE Transactions on
    Image Processing 15, 2006. Gradient: none.
    """
    if x.ndim != 4 or min(x.shape[-2:]) < SIDE:
        raise ShapeError(f"patches need (B, C, H, W) with at least {SIDE} x {SIDE} pixels, but {tuple(x.shape)} came")
    planes = x.detach().to("cpu", torch.float32)
    allowed = tolerances(planes, sigma)
    table = dictionary.detach().to("cpu", torch.float32).expand(*x.shape[:2], *dictionary.shape[-2:])
    total = torch.stack(
        [torch.stack([_sum_of_patches(planes[b, c], allowed[b, c], table[b, c]) for c in range(x.shape[1])]) for b in range(x.shape[0])]
    )
    out = (total + _OWN * planes) / (_overlap(x.shape[-2])[:, None] * _overlap(x.shape[-1]) + _OWN)
    return torch.where(_level(sigma) > 0, out, planes).to(x)


def tolerances(x: Tensor, sigma: Tensor) -> Tensor:
    """Energy that may be left of each patch of (B, C, H, W), by its first pixel: (B, C, H - 7, W - 7)."""
    variance = _level(sigma).square()
    if variance.shape[-2:] != (1, 1):
        variance = torch.nn.functional.avg_pool2d(variance.expand(*variance.shape[:-2], *x.shape[-2:]), SIDE, 1)
    return (GAIN**2 * SIDE**2) * variance.expand(*x.shape[:2], x.shape[-2] - SIDE + 1, x.shape[-1] - SIDE + 1)


def _level(sigma: Tensor) -> Tensor:
    level = sigma.detach().to("cpu", torch.float32)
    return level.reshape(*([1] * (4 - level.ndim)), *level.shape)


def _overlap(size: int) -> Tensor:
    """How many patches of a line cover each of its pixels."""
    place = torch.arange(size)
    most = min(SIDE, size - SIDE + 1)
    return torch.minimum(torch.minimum(place + 1, size - place), torch.tensor(most)).float()


def _sum_of_patches(plane: Tensor, allowed: Tensor, dictionary: Tensor) -> Tensor:
    from campipe.ops.kernels.omp import MOST, code_rows, lay_rows
    from campipe.ops.kernels.threads import over_rows

    picture, tolerance, atoms, gram = _arrays(plane, allowed, dictionary)
    out = np.zeros(picture.shape, np.float32)
    rows = tolerance.shape[0]
    strips = np.empty((min(rows, _BAND), SIDE, picture.shape[1]), np.float32)
    for top in range(0, rows, _BAND):
        count = min(_BAND, rows - top)

        def work(first: int, last: int, top: int = top) -> None:
            code_rows(picture, tolerance, MOST, atoms, gram, top, top + first, top + last, strips)

        over_rows(work, count, picture.shape[1] * SIDE**2)  # a patch is as much work as 64 pixels
        lay_rows(strips, top, count, out)
    return torch.from_numpy(out)


def sparse_codes(patches: Tensor, allowed: Tensor, dictionary: Tensor, most: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Codes of patches without their means.

    patches      (N, 64)
    allowed      (N,), energy that may be left of each
    dictionary   (64, K), columns of length 1
    most         atoms of a patch, at most 32
    returns      atoms (N, 32) int32, their weights (N, 32) float32, and how many of them count, (N,) int32
    """
    from campipe.ops.kernels.omp import MOST, code_patches
    from campipe.ops.kernels.threads import over_rows

    data, tolerance, atoms, gram = _arrays(patches, allowed, dictionary)
    support, weights = np.zeros((len(data), MOST), np.int32), np.zeros((len(data), MOST), np.float32)
    counts = np.zeros(len(data), np.int32)

    def work(first: int, last: int) -> None:
        code_patches(data, tolerance, min(most, MOST), atoms, gram, first, last, support, weights, counts)

    over_rows(work, len(data), SIDE**4)
    return support, weights, counts


def _arrays(data: Tensor, allowed: Tensor, dictionary: Tensor) -> tuple[np.ndarray, ...]:
    gram = (dictionary.double().T @ dictionary.double()).float()
    return tuple(np.ascontiguousarray(t.detach().float().numpy()) for t in (data, allowed, dictionary, gram))
