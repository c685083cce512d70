"""The colours of the 24 patches of a ColorChecker."""

from __future__ import annotations

from functools import cache

import numpy as np
import torch
from torch import Tensor

from campipe.ops.colour import D50, D65, SRGB_TO_XYZ, adaptation

EDITIONS = {
    "before November 2014": "ColorChecker24 - Before November 2014",
    "after November 2014": "ColorChecker24 - After November 2014",
    "2005": "ColorChecker 2005",
}
"""Names of the editions, and how colour-science calls them: X-Rite changed the pigments in November 2014."""


@cache
def _xyz(edition: str) -> np.ndarray:
    import colour

    chart = colour.CCS_COLOURCHECKERS[EDITIONS[edition]]
    return np.array([colour.xyY_to_XYZ(value) for value in chart.data.values()])


def chart_xyz(edition: str = "after November 2014") -> Tensor:
    """XYZ under D50 of the 24 patches, row by row: (24, 3) float64; by colour-science, which loads with the first call."""
    return torch.from_numpy(_xyz(edition).copy())


def chart_linear(edition: str = "after November 2014") -> Tensor:
    """Linear sRGB of the 24 patches, row by row, adapted from D50 to D65 by Bradford's matrix: (24, 3) float64; cyan is outside."""
    return chart_xyz(edition) @ (torch.linalg.inv(SRGB_TO_XYZ) @ adaptation(D50, D65)).T
