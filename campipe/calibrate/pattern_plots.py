"""What the plots of a fixed pattern show: spectrograms, profiles and logarithmic histograms (EMVA 1288 Release 4, sections 9 and 10)."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from campipe.core.errors import CampipeError


@dataclass(frozen=True)
class Profile:
    """Along a plane: mean, smallest and largest number of each column (or row), and the middle row (or column), DN."""

    mean: Tensor
    least: Tensor
    most: Tensor
    middle: Tensor


@dataclass(frozen=True)
class Histogram:
    """How often pixels lie so far from the mean.

    deviation     (n,) DN, middles of the bins
    count         (n,) pixels
    normal        (n,) expected of a normal law with the same standard deviation
    distance      (m,) DN, rising from 0
    beyond        (m,) fraction of pixels that lie at least this far from the mean: the accumulated histogram
    """

    deviation: Tensor
    count: Tensor
    normal: Tensor
    distance: Tensor
    beyond: Tensor


def spectrogram(mean: Tensor, axis: str = "row") -> tuple[Tensor, Tensor]:
    """Power spectrum along the rows (or columns) of an average frame, averaged over them.

    mean      (M, N) DN
    axis      "row": along each row, which shows columns; "column": along each column, which shows rows
    returns   frequencies (n,), cycles per pixel from 0 to 0.5, and power (n,), DN^2, such that independent pixels of variance s^2 give s^2
              at every frequency; the mean of the frame is taken away before
    """
    lines = _along(mean, axis)
    power = torch.fft.rfft(lines - lines.mean(), dim=1).abs().square().mean(0) / lines.shape[1]
    return torch.fft.rfftfreq(lines.shape[1], dtype=torch.float64), power


def profile(mean: Tensor, axis: str = "row") -> Profile:
    """The profile of an average frame along its rows ("row": one number for each column) or columns."""
    lines = _along(mean, axis)
    return Profile(lines.mean(0), lines.amin(0), lines.amax(0), lines[lines.shape[0] // 2])


def histogram(mean: Tensor, bins: int = 256) -> Histogram:
    """The histogram of an average frame about its mean; for PRNU, of the frame behind `trendless(mean, "high-pass")`."""
    values = (mean - mean.mean()).flatten().double()
    reach = float(values.abs().max()) or 1.0
    count, edges = torch.histogram(values, bins, range=(-reach, reach))
    middle = (edges[1:] + edges[:-1]) / 2
    std = float(values.std()) or 1.0
    normal = values.numel() * torch.diff(torch.special.ndtr(edges / std))
    distance = torch.linspace(0, reach, bins // 2 + 1, dtype=torch.float64)
    order = values.abs().sort().values
    beyond = 1 - torch.searchsorted(order, distance).double() / values.numel()
    return Histogram(middle, count, normal, distance, beyond)


def _along(mean: Tensor, axis: str) -> Tensor:
    if axis not in ("row", "column"):
        raise CampipeError(f"a profile goes along a row or a column, but {axis!r} came")
    return mean.double() if axis == "row" else mean.double().T
