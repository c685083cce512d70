"""Edge-spread function by binning along the edge, and its modulation transfer function with standard errors: the e-SFR of ISO 12233."""

from __future__ import annotations

import math
from typing import NamedTuple

import torch
from torch import Tensor

from campipe.core.errors import CampipeError

_BIN = 0.25  # pixels: four times oversampled, as the standard has it


class EdgeSpread(NamedTuple):
    """distance (K,), pixels from the edge; level (K,), unit of the data; variance (K,) of each level."""

    distance: Tensor
    level: Tensor
    variance: Tensor


class Transfer(NamedTuple):
    """mtf and its standard error at each frequency, (F,) both."""

    mtf: Tensor
    error: Tensor


def edge_spread(values: Tensor, distance: Tensor, reach: float) -> EdgeSpread:
    """Means of pixels in bins of a quarter of a pixel across the edge.

    values     (N,) float64
    distance   (N,), pixels, from the edge along its normal
    reach      pixels on either side

    The variance of a level is that of its pixels' noise over their number. The noise is taken from the outer thirds of both sides and is
    linear in the level between them, as shot noise is. A bin without pixels is refused.
    """
    count = 2 * int(reach / _BIN)
    place = ((distance + reach) / _BIN).floor().long()
    inside = (place >= 0) & (place < count)
    number = torch.bincount(place[inside], minlength=count).double()
    if bool((number == 0).any()):
        raise CampipeError(
            f"each quarter of a pixel across the edge needs pixels, but {int((number == 0).sum())} of {count} bins have none; take an edge "
            "that is slanted by some degrees, or a longer one"
        )
    level = torch.bincount(place[inside], values[inside], minlength=count) / number
    rest = values[inside] - level[place[inside]]
    sides = []
    for outer in (distance[inside] < -reach / 3, distance[inside] > reach / 3):
        # A bin's mean takes one degree of freedom.
        freedom = (1 - 1 / number[place[inside][outer]]).sum().clamp_min(1)
        sides.append((rest[outer].square().sum() / freedom, values[inside][outer].mean()))
    (low, at_low), (high, at_high) = sides
    part = ((level - at_low) / (at_high - at_low)).clamp(0, 1)
    middle = (torch.arange(count, dtype=torch.float64) + 0.5) * _BIN - reach
    return EdgeSpread(middle, level, (low + part * (high - low)) / number)


def edge_transfer(spread: EdgeSpread, frequency: Tensor) -> Transfer:
    """The modulation transfer function of an edge-spread function.

    spread      as `edge_spread` gives it
    frequency   (F,), cycles per pixel across the edge

    Central differences of the levels, a Hamming window around the edge, and the discrete Fourier transform, over its value at 0. What the
    difference and the bins take away, sin(2 pi f d) / (2 pi f d) and sinc(f d) with d = 1/4 pixel, is given back. Errors: every step but
    the last is linear, so that the errors of the levels are carried through exactly, and through the modulus to first order; modulus
    of a value that is lost in noise is biased upwards by about its error.
    Source: ISO 12233:2017, annex D; the correction for the bins is ours.
    """
    count, distance = len(spread.level), spread.distance
    window = 0.54 + 0.46 * torch.cos(math.pi * distance / (distance[-1] + _BIN / 2))
    phase = 2 * math.pi * frequency[:, None] * distance
    wave = window * torch.exp(-1j * phase)
    # The line spread at k is (level[k + 1] - level[k - 1]) / 2: each level's weight in the transform.
    padded = torch.zeros(len(frequency), count + 2, dtype=torch.complex128)
    padded[:, 2:-2] = wave[:, 1:-1]
    weight = (padded[:, :-2] - padded[:, 2:]) / 2
    base = torch.zeros(count + 2, dtype=torch.float64)
    base[2:-2] = window[1:-1]
    base = (base[:-2] - base[2:]) / 2
    total, area = weight @ spread.level.to(torch.complex128), float(base @ spread.level)
    given = torch.special.sinc(2 * _BIN * frequency) * torch.special.sinc(_BIN * frequency)
    mtf = total.abs() / abs(area)
    unit = total / total.abs().clamp_min(1e-300)
    slope = (unit.conj()[:, None] * weight).real / abs(area) - mtf[:, None] * base / area
    error = (slope.square() @ spread.variance).sqrt()
    return Transfer(mtf / given, error / given)
