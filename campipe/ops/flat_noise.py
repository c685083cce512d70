"""Noise of flat patches of one picture: by differences of neighbours, which gradients of the light do not reach.

Patches are given by labels: an integer for each pixel, its patch, or -1 outside of all. Every mean is taken over places where a filter lies
inside a single patch.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from campipe.core.errors import ShapeError

_SECOND = (1.0, -2.0, 1.0)
_ODD = 5.0  # standard errors from the median patch beyond which a patch is not like the others: an edge or a grain of dust lies in it


def patch_sums(values: Tensor, labels: Tensor, count: int) -> tuple[Tensor, Tensor]:
    """Sum over each patch, and how many places it is taken over: (count,) float64 both.

    values, labels   (H, W); label -1 is left out
    """
    inside = labels >= 0
    where = labels[inside]
    sums = torch.bincount(where, values[inside].double(), minlength=count)
    return sums, torch.bincount(where, minlength=count).double()


def patch_values(values: Tensor, labels: Tensor, count: int) -> list[Tensor]:
    """The values of each patch, flat."""
    inside = labels >= 0
    where = labels[inside]
    return list(values[inside][where.argsort(stable=True)].split(torch.bincount(where, minlength=count).tolist()))


def patch_variances(plane: Tensor, labels: Tensor, count: int, step: int = 1) -> tuple[Tensor, Tensor]:
    """Variance of white noise in each patch, and its degrees of freedom: (count,) float64 both; nan where no filter fits.

    plane     (H, W)
    labels    (H, W), patch of each pixel, -1 outside
    step      distance between the filter's taps, pixels: 1 hears the highest frequencies, 2 those an octave below

    The mean square of (1, -2, 1) down times (1, -2, 1) across, over 36, its weights' sum of squares: exact for white noise, and nothing is
    left of light that changes along one axis alone, or as a plane or a saddle. Freedom: N over the sum of squared autocorrelations
    of the filtered noise, (35 / 18)^2, so that the variance of the estimate is 2 sigma^4 / freedom.
    """
    filtered = second_difference(second_difference(plane.double(), -2, step), -1, step)
    patches = _shared(_shared(labels, -2, 2 * step), -1, 2 * step)
    sums, places = patch_sums(filtered.square(), patches, count)
    return sums / places / 36, places / (35 / 18) ** 2


def lag_correlation(plane: Tensor, labels: Tensor, count: int, dim: int, lag: int = 1) -> tuple[float, float]:
    """Correlation of noise between a pixel and its neighbour along an axis, over all patches, and its standard error for white noise.

    plane, labels   (H, W), as in `patch_variances`
    dim             -1: neighbours in a row; -2: in a column
    lag             distance, pixels

    Across that axis the second difference takes the light away, so that no mean has to be subtracted and white noise has expectation 0;
    a smoothing that is separable shows its own correlation. Patches count by their pixels; those that lie 5 standard errors from their
    median are left out, since an edge lies in them. The error is that of a product of N pairs, of which the difference makes 18 / 35
    independent.
    """
    across = -1 if dim == -2 else -2
    filtered = second_difference(plane.double(), across)
    patches = _shared(labels, across, 2)
    size = filtered.shape[dim] - lag
    first, second = filtered.narrow(dim, 0, size), filtered.narrow(dim, lag, size)
    pairs = torch.where(patches.narrow(dim, 0, size) == patches.narrow(dim, lag, size), patches.narrow(dim, 0, size), -1)
    products, places = patch_sums(first * second, pairs, count)
    squares, all_places = patch_sums(filtered.square(), patches, count)
    used = (places > 0) & (squares > 0)
    if not bool(used.any()):
        return math.nan, math.nan
    places = places[used]
    each = products[used] / places * all_places[used] / squares[used]
    kept = (each - each.median()).abs() <= _ODD * (35 / 18 / places).sqrt()
    total = float(places[kept].sum())
    return float((places * each)[kept].sum()) / total, math.sqrt(35 / 18 / total)


def octave_ratio(plane: Tensor, labels: Tensor, count: int) -> tuple[float, float]:
    """Noise power of the highest frequencies over that an octave below, over all patches: 1 for white noise, and its standard error.

    The two filters of `patch_variances` with steps 1 and 2; the error knows how far they hear the same frequencies.
    """
    (fine, many), (coarse, fewer) = (patch_variances(plane, labels, count, step) for step in (1, 2))
    used = (fewer > 0) & (coarse > 0)
    if not bool(used.any()):
        return math.nan, math.nan
    weight = fewer[used] / (fine[used] + coarse[used])
    each = fine[used] / coarse[used]
    kept = ((each / each.median()).log().abs() <= _ODD * (4 / fewer[used]).sqrt()).double()
    ratio = (kept * weight * fine[used]).sum() / (kept * weight * coarse[used]).sum()
    # Sum of squared correlations between the filters' outputs, per axis: (1, -2, 1) against (1, 0, -2, 0, 1), over 6.
    shared = _cross_squares() ** 2
    own = (35 / 18) ** 2
    places, more = (float((kept * n[used]).sum()) * own for n in (fewer, many))
    variance = 2 * (own / places + own / more - 2 * shared / more)
    return float(ratio), math.sqrt(variance)


def second_difference(plane: Tensor, dim: int, step: int = 1) -> Tensor:
    """x[i] - 2 x[i + step] + x[i + 2 step] along an axis; 2 step shorter."""
    size = plane.shape[dim] - 2 * step
    if size < 1:
        raise ShapeError(f"noise is measured on planes of {2 * step + 1} pixels or more along each axis, but {tuple(plane.shape)} came")
    return sum((w * plane.narrow(dim, i * step, size) for i, w in enumerate(_SECOND)), torch.zeros((), dtype=plane.dtype))


def _shared(labels: Tensor, dim: int, reach: int) -> Tensor:
    """The patch of a run of reach + 1 pixels along an axis that lies in one patch, else -1."""
    size = labels.shape[dim] - reach
    first = labels.narrow(dim, 0, size)
    same = torch.ones_like(first, dtype=torch.bool)
    for i in range(1, reach + 1):
        same &= labels.narrow(dim, i, size) == first
    return torch.where(same, first, -1)


def _cross_squares() -> float:
    fine = torch.tensor(_SECOND, dtype=torch.float64)
    wide = torch.zeros(9, dtype=torch.float64)
    wide[[2, 4, 6]] = fine
    return float((torch.nn.functional.conv1d(wide[None, None], fine[None, None], padding=2) / 6).square().sum())
