"""The two matrices of a DNG from pictures of a chart under two lights."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from campipe.calibrate.chart_colour import ChartColour
from campipe.calibrate.chart_colours import chart_xyz
from campipe.calibrate.colour import fit_colour_matrix
from campipe.core.errors import CampipeError
from campipe.ops.colour import D50, adaptation
from campipe.ops.illuminants import HIGHEST, LOWEST, light_xy, xy_to_xyz


@dataclass(frozen=True)
class TwoLights:
    """ColorMatrix1 and 2 of a camera.

    matrix_1, matrix_2   (3, 3) float64, XYZ under the light to camera RGB before white balance; white's largest channel is 1
    error_1, error_2     (3, 3), standard errors
    cct_1, cct_2         K
    """

    matrix_1: Tensor
    matrix_2: Tensor
    error_1: Tensor
    error_2: Tensor
    cct_1: float
    cct_2: float

    def arguments(self) -> dict[str, Any]:
        """What the stage `DualIlluminantMatrix` is built with."""
        return {"matrix_1": self.matrix_1, "matrix_2": self.matrix_2, "cct_1": self.cct_1, "cct_2": self.cct_2}


def two_lights(first: ChartColour, second: ChartColour, cct: tuple[float, float], edition: str = "after November 2014") -> TwoLights:
    """Matrices from a chart seen under two lights.

    first, second   of the same camera and chart (`chart_colour`), under either light
    cct             correlated colour temperatures of the lights, K, as a colour meter reads them: the camera alone cannot tell
    edition         of the chart's colours, one of `EDITIONS`

    The chart's XYZ under D50 are taken to either light by Bradford's adaptation, which stands in for spectra that were not measured; the
    white balance of the picture becomes that of the matrix exactly. Errors: by the jackknife over patches, and those of the gains.
    Source: DNG specification 1.4, chapter 6. Gradient: none.
    """
    if not all(LOWEST <= t <= HIGHEST for t in cct) or cct[0] == cct[1]:
        raise CampipeError(f"two lights have two colour temperatures from {LOWEST:g} to {HIGHEST:g} K, but {cct[0]} and {cct[1]} came")
    (matrix_1, error_1), (matrix_2, error_2) = (_to_camera(c, t, edition) for c, t in zip((first, second), cct, strict=True))
    return TwoLights(matrix_1, matrix_2, error_1, error_2, float(cct[0]), float(cct[1]))


def _to_camera(chart: ChartColour, cct: float, edition: str) -> tuple[Tensor, Tensor]:
    white = xy_to_xyz(light_xy(torch.tensor(cct, dtype=torch.float64)))
    xyz = chart_xyz(edition) @ adaptation(D50, white).T
    used = chart.used
    balanced, target = (chart.measured * chart.gains)[used], xyz[used]

    def fitted(keep: Tensor) -> Tensor:
        to_xyz, _ = fit_colour_matrix(balanced[keep], target[keep], white=white.tolist())
        return torch.linalg.inv(to_xyz)

    everything = torch.ones(len(balanced), dtype=torch.bool)
    to_balanced = fitted(everything)
    others = torch.stack([fitted(everything & (torch.arange(len(balanced)) != k)) for k in range(len(balanced))])
    error = math.sqrt((len(balanced) - 1) ** 2 / len(balanced)) * others.std(0)
    neutral = 1 / chart.gains
    scale = (neutral / neutral.max())[:, None]
    of_gains = torch.tensor([chart.red.error / chart.red.value, 0.0, chart.blue.error / chart.blue.value], dtype=torch.float64)[:, None]
    matrix = scale * to_balanced
    return matrix, torch.hypot(scale * error, matrix * of_gains)
