"""How the noise of a single picture grows with its signal: S and O of variance = S x + O."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from campipe.core.errors import CampipeError
from campipe.ops.noise_estimation import SIDE, block_spectra, block_stride, high_frequencies, limits, structure_and_noise

_BINS = 32
_SHARE = 0.05  # of a bin's blocks, those that the first line is drawn through
_FLAT = (0.8, 1.0, 1.2)  # structure of a block, in units of its noise, below which it counts as flat; the first that leaves enough
_ROUNDS = 8
_CLIPPED = 2e-3  # share of clipped pixels from which on the variance of a bin is not that of its noise
_INDEPENDENT = 60  # blocks that a bin needs, as if they did not overlap by more than 7 pixels of 8
_LEVELS = 4  # bins that a line needs
_TEXTURE = 1.5  # standard deviations above the line at which a bin's weight is halved


@dataclass(frozen=True)
class NoiseCurve:
    """What a picture says of its noise.

    noise    (2,) S and O
    error    (2,) their standard errors, from the number of flat blocks and from how well their variances lie on a line
    levels   brightness levels with flat blocks
    flat     fraction of the picture's blocks that are flat
    """

    noise: Tensor
    error: Tensor
    levels: int
    flat: float


def noise_curve(planes: Tensor) -> NoiseCurve:
    """Fit S and O to planes that share them.

    planes    (N, H, W), at least 8 x 8, 0 = black, 1 = white level; pixels with independent noise
    returns   S >= 0 and O >= 0; a CampipeError where too few brightness levels have flat blocks

    Blocks of 8 x 8 pixels are sorted by their mean into bins of equal size. A bin's variance is the median energy of the high frequencies
    of those of its blocks whose low frequencies tell no structure; of white noise the one says nothing of the other, so that the choice
    brings no bias. Bins with clipped pixels are left out. The line is drawn by least squares, where bins high above it, which are textured,
    lose weight; then blocks are chosen anew by what the line says, eight times. Gradient: none.
    Source: Colom and Buades, "Analysis and extension of the Ponomarenko et al. method, estimating a noise curve from a single image", Image
    Processing On Line 3, 2013, for variance by brightness; the choice of blocks by the line and the line itself are ours.
    """
    stride = block_stride(*planes.shape[-2:])
    blocks = _blocks(planes.detach())
    for flat in _FLAT:
        try:
            return _fit(*blocks, flat, stride)
        except CampipeError as error:
            refusal = error
    raise refusal


def _fit(mean: Tensor, structure: Tensor, noise: Tensor, clipped: Tensor, threshold: float, stride: int) -> NoiseCurve:
    bins = [b for b in mean.argsort().tensor_split(_BINS) if len(b) and float(clipped[b].mean()) < _CLIPPED]
    least = max(8, _INDEPENDENT // stride**2)
    chosen = [b[structure[b].topk(min(len(b), max(least, int(_SHARE * len(b)))), largest=False).indices] for b in bins]
    line = mean.new_zeros(2)
    for _ in range(_ROUNDS + 1):
        rows = [(mean[c].mean(), _median_level(noise[c]), len(c)) for c in chosen if len(c) >= least]
        _enough(rows)
        level, variance, count = (torch.as_tensor(column, dtype=mean.dtype, device=mean.device) for column in zip(*rows, strict=True))
        expected = line[0] * level + line[1]
        weight = count / torch.where(expected > 0, expected, variance.clamp_min(1e-30)).square()
        line, trust = _line(level, variance, weight)
        flat = structure < threshold * (line[0] * mean + line[1])
        chosen = [b[flat[b]] for b in bins]
    return NoiseCurve(line, _errors(line, level, variance, count * trust, stride), len(rows), float(flat.double().mean()))


def _blocks(planes: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Mean, structure, noise and share of clipped pixels of every block of every plane."""
    rows = []
    for plane in planes:
        spectra, clipped = block_spectra(plane, *limits(plane))
        rows.append(torch.stack([spectra[0] / SIDE, *structure_and_noise(spectra), clipped]))
    mean, structure, noise, clipped = torch.cat(rows, 1)
    return mean, structure, noise, clipped


def _median_level(energies: Tensor) -> Tensor:
    """Variance of noise from the median of mean squares over K frequencies: chi-squared, by Wilson and Hilferty's cube."""
    return energies.median() / (1 - 2 / (9 * high_frequencies())) ** 3


def _line(level: Tensor, variance: Tensor, weight: Tensor) -> tuple[Tensor, Tensor]:
    """S and O, none of them negative, and how far each bin is trusted, (K,) in (0, 1]."""
    trust = torch.ones_like(level)
    scale = (weight * variance.square()).median().sqrt()  # weights are relative: such that the typical bin's deviation is 1
    for _ in range(20):
        w = weight * trust
        line = _solved(level, variance, w)
        off = (variance - line[0] * level - line[1]) * weight.sqrt() / scale
        typical = off.abs().median().clamp_min(1e-9) / 0.6745
        trust = 1 / (1 + (off.clamp_min(0) / (_TEXTURE * typical)).square())
    return line, trust


def _solved(level: Tensor, variance: Tensor, weight: Tensor) -> Tensor:
    """Weighted least squares with S >= 0 and O >= 0."""
    total = weight.sum()
    centre, height = (weight * level).sum() / total, (weight * variance).sum() / total
    slope = (weight * (level - centre) * (variance - height)).sum() / (weight * (level - centre).square()).sum().clamp_min(1e-300)
    floor = height - slope * centre
    if slope < 0:
        return torch.stack([torch.zeros_like(height), height])
    if floor < 0:
        return torch.stack([(weight * level * variance).sum() / (weight * level * level).sum(), torch.zeros_like(height)])
    return torch.stack([slope, floor])


def _errors(line: Tensor, level: Tensor, variance: Tensor, count: Tensor, stride: int) -> Tensor:
    """Standard errors of S and O: those of medians of chi-squared energies, or those that the scatter about the line shows, if larger."""
    expected = (line[0] * level + line[1]).clamp_min(1e-30)
    blocks = count * min(1.0, stride**2 / SIDE)  # blocks that overlap share noise; checked on flat fields
    weight = blocks * high_frequencies() / (math.pi * expected.square())
    scatter = (weight * (variance - expected).square()).sum() / max(1, len(level) - 2)
    centre = (weight * level).sum() / weight.sum()
    spread = (weight * (level - centre).square()).sum()
    return (torch.stack([1 / spread, 1 / weight.sum() + centre.square() / spread]) * scatter.clamp_min(1)).sqrt()


def _enough(rows: list[tuple[Tensor, Tensor, int]]) -> None:
    if len(rows) < _LEVELS:
        raise CampipeError(
            f"noise that grows with the signal needs flat blocks at {_LEVELS} brightness levels or more, but {len(rows)} have any; "
            "give a larger picture, or estimate one sigma"
        )
    levels, noise = torch.stack([r[0] for r in rows]), torch.stack([r[1] for r in rows])
    span = float(levels.max() - levels.min())
    if span < max(0.1 * float(levels.abs().max()), 2 * float(noise.median().sqrt())):
        raise CampipeError(
            f"noise that grows with the signal needs several brightness levels, but all flat blocks lie within {span:.2g} of each other; "
            "estimate one sigma"
        )
