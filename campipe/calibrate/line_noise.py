"""Row, column and frame noise: what the pixels of a line of one frame have in common, and lose in the next."""

from __future__ import annotations

import math
from dataclasses import dataclass

from campipe.calibrate.components import Part
from campipe.calibrate.dark import DarkStatistics, temporal_components
from campipe.calibrate.estimate import Estimate
from campipe.calibrate.rounding import QUANTISED, ROUNDING

_SEEN = 3.0  # standard errors above nothing from which on a deviation is given, and not an upper limit


@dataclass(frozen=True)
class LineNoise:
    """Temporal noise that pixels share, standard deviations, DN.

    plane    name of the plane, or "all": the whole frame, whose rows run through two colours
    row      one number for each row of each frame: the `row_noise` of a profile, times the gain
    column   one number for each column of each frame
    frame    one number for each frame: flicker of the black level
    """

    plane: str
    row: Estimate
    column: Estimate
    frame: Estimate


def line_noise(statistics: DarkStatistics) -> tuple[LineNoise, ...]:
    """Row, column and frame noise of each plane, and of the whole frame as the last, "all".

    The mean of w pixels scatters by their own noise too, so that the variance of row means is row^2 + pixel^2 / w: the second is taken
    off, which leaves no bias (`campipe.calibrate.components`, where the standard errors are). error(sigma) = error(sigma^2) / (2 sigma).
    Where a variance lies less than three errors above 0, the answer is an upper limit at 95 %; where the whole dark variance is below
    0.24 DN^2 rounding swallows part of what lines share, and the limit is that of the read noise.
    """
    planes = [*statistics.planes, *([statistics.whole_frame] if statistics.pattern is not None else [])]
    out = []
    for plane in planes:
        parts = temporal_components(plane)
        if statistics.whole and parts.total.variance < QUANTISED:
            limit = Estimate(math.sqrt(QUANTISED - ROUNDING), math.nan, "DN", bound=True, note="quantisation-limited")
            out.append(LineNoise(plane.name, limit, limit, limit))
            continue
        out.append(LineNoise(plane.name, *(deviation(part) for part in (parts.row, parts.column, parts.frame))))
    return tuple(out)


def deviation(part: Part, unit: str = "DN") -> Estimate:
    """A standard deviation from a variance, or the upper limit of one that is hardly seen."""
    if part.variance < _SEEN * part.error or part.error == 0:
        limit = math.sqrt(max(part.variance, 0.0) + 1.645 * part.error)
        return Estimate(limit, math.nan, unit, bound=True, note="not told apart from none")
    sigma = math.sqrt(part.variance)
    return Estimate(sigma, part.error / (2 * sigma), unit, part.freedom)
