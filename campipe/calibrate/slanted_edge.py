"""Sharpness from a slanted edge: spatial frequency response, MTF50 and MTF10."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from campipe.calibrate.edge_pixels import Box, edge_pixels
from campipe.calibrate.estimate import Estimate
from campipe.core.errors import CampipeError
from campipe.core.frame import Frame
from campipe.ops.blurred_edge import fitted_edge
from campipe.ops.edge_response import edge_spread, edge_transfer

_FINEST = 1.0  # cycles per pixel up to which the response is given
_STEPS = 200
_LEAST_REACH = 6.0  # pixels on either side of the edge that are needed
_FLAT = 0.05  # degrees from the pixels' rows and columns that an edge needs


@dataclass(frozen=True)
class EdgeResponse:
    """How much of a contrast at each frequency an edge shows.

    frequency       (F,), cycles per pixel across the edge, 0 to 1; half a cycle is what the pixels can show
    mtf, error      (F,), and its standard error
    mtf50, mtf10    cycles per pixel at which it first falls to 0.5 and 0.1
    angle           degrees, of the edge's normal from the x axis (right) towards the y axis (down), pointing to the bright side
    slant           degrees between the edge and the nearest row or column
    distance, level   (K,), the edge-spread function: pixels, unit of the frame
    """

    frequency: Tensor
    mtf: Tensor
    error: Tensor
    mtf50: Estimate
    mtf10: Estimate
    angle: Estimate
    slant: float
    distance: Tensor
    level: Tensor


def slanted_edge_response(frame: Frame, box: Box | None = None, channel: str = "G", reach: float | None = None) -> EdgeResponse:
    """The spatial frequency response of one straight edge.

    frame     (1, C, H, W), linear in light: any space but "display"
    box       (y, x, height, width), pixels, of a part of the frame with nothing but the edge; None: all of it
    channel   "R", "G" or "B" of a mosaic or of RGB; of one channel without a filter it says nothing. A mosaic's pixels of that colour are
              taken where they lie: nothing is demosaicked
    reach     pixels on either side of the edge; None: as far as the box allows, 32 at most

    The edge is fitted by least squares to all pixels, as a straight line behind a Gaussian blur (`fitted_edge`), which is symmetric and so
    does not move the line; then `edge_spread` and `edge_transfer`. Frequencies are those along the edge's normal. The pixels' own area is
    part of the response: sinc(f cos) sinc(f sin) of it. Errors: of the response, carried through from the pixels' noise; of MTF50 and
    MTF10, that error over the slope there; of the angle, by the fit. Gradient: none.
    Source: ISO 12233:2017, annex D, where the line goes through the centroids of rows.
    """
    values, y, x = edge_pixels(frame, box, channel)
    edge = fitted_edge(values, y, x)
    slant = abs((math.degrees(edge.angle) + 45) % 90 - 45)
    if slant < _FLAT:
        raise CampipeError(f"an edge is slanted against the pixels' rows and columns, by 2 to 10 degrees, but this one is by {slant:.2f}")
    distance = x * math.cos(edge.angle) + y * math.sin(edge.angle) - edge.offset
    room = min(32.0, float(-distance.min()), float(distance.max())) if reach is None else float(reach)
    room = math.floor(4 * room * 0.98) / 4 if reach is None else room
    if room < max(_LEAST_REACH, 3 * edge.sigma):
        raise CampipeError(
            f"an edge needs {max(_LEAST_REACH, 3 * edge.sigma):.0f} pixels on either side of it, but there are {room:.1f}; take a wider box"
        )
    spread = edge_spread(values, distance, room)
    frequency = torch.linspace(0, _FINEST, _STEPS + 1, dtype=torch.float64)
    transfer = edge_transfer(spread, frequency)
    angle = Estimate(math.degrees(edge.angle), math.degrees(float(edge.fit.covariance[0, 0]) ** 0.5), "degrees")
    mtf50, mtf10 = (_crossing(frequency, transfer.mtf, transfer.error, level) for level in (0.5, 0.1))
    return EdgeResponse(frequency, transfer.mtf, transfer.error, mtf50, mtf10, angle, slant, spread.distance, spread.level)


def _crossing(frequency: Tensor, mtf: Tensor, error: Tensor, level: float) -> Estimate:
    """Where the response first falls to a level, linear between its steps."""
    below = (mtf < level).nonzero()
    if not len(below):
        return Estimate(math.nan, math.nan, "cycles/pixel", note=f"the response stays above {level} to {_FINEST:g} cycles/pixel")
    k = int(below[0])
    slope = float(mtf[k] - mtf[k - 1]) / float(frequency[1])
    value = float(frequency[k]) + (level - float(mtf[k])) / slope
    # The error's slope is that over a wider range, which noise moves less.
    low, high = max(0, k - 4), min(len(mtf) - 1, k + 3)
    broad = abs(float(mtf[high] - mtf[low])) / float(frequency[high] - frequency[low])
    note = f"there the response is no more than {level / float(error[k]):.1f} of its errors" if error[k] > level / 5 else ""
    return Estimate(value, float(error[k]) / max(broad, 1e-12), "cycles/pixel", note=note)
