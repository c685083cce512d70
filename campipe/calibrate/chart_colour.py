"""White balance and colour matrix from a picture of a ColorChecker, with what they are worth."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from campipe.calibrate.chart_colours import chart_linear, chart_xyz
from campipe.calibrate.chart_finder import find_chart
from campipe.calibrate.colour import fit_colour_matrix, patch_means
from campipe.calibrate.estimate import Estimate
from campipe.core.errors import CampipeError
from campipe.core.frame import Frame
from campipe.ops.colour import D50, D65, SRGB_TO_XYZ, adaptation
from campipe.ops.lab import delta_e_2000
from campipe.ops.levels import levels_of, to_unit

GREYS = (19, 20, 21, 22)
"""Patches that white balance is read from: neutral 8 to 3.5. White is often clipped, and black's colour is that of the black level."""
_LEAST = 12  # patches that a matrix is fitted to; half of them fit the halves
_HALVES = torch.arange(24) // 6 % 2 == torch.arange(24) % 2  # as on a checkerboard


@dataclass(frozen=True)
class ChartColour:
    """What a chart says of a camera's colours.

    corners        (y, x) of the field of patches; found, or as given
    measured       (24, 3) linear camera RGB before white balance, 1 = white level; nan where a patch is clipped
    red, blue      white-balance gains, green = 1
    matrix         (3, 3) float64: white-balanced camera RGB to linear sRGB, rows sum to 1; `matrix_error` its standard errors
    exposure       what balanced colours are multiplied by before the matrix, so that the chart's white would be as bright as it should
    difference     (24,) CIEDE2000 of each patch behind the matrix; nan where it is clipped
    held_out       (24,) CIEDE2000 of each patch behind the matrix that the other half of the chart gives
    """

    corners: tuple[tuple[float, float], ...]
    measured: Tensor
    red: Estimate
    blue: Estimate
    matrix: Tensor
    matrix_error: Tensor
    exposure: Estimate
    difference: Tensor
    held_out: Tensor

    @property
    def gains(self) -> Tensor:
        """(3,) white-balance gains."""
        return torch.tensor([self.red.value, 1.0, self.blue.value], dtype=torch.float64)

    @property
    def mean_difference(self) -> Estimate:
        """Mean CIEDE2000 of the fitted patches; its error is their scatter."""
        return _mean(self.difference)

    @property
    def mean_held_out(self) -> Estimate:
        """Mean CIEDE2000 of patches that were not fitted."""
        return _mean(self.held_out)

    @property
    def used(self) -> Tensor:
        """(24,) bool: patches that are not clipped."""
        return ~torch.isnan(self.measured).any(1)


def chart_colour(
    frame: Frame,
    corners: Sequence[Sequence[float]] | None = None,
    *,
    edition: str = "after November 2014",
    part: float = 0.5,
    clip: float = 0.99,
) -> ChartColour:
    """White balance and colour matrix from one picture of a chart.

    frame     (1, C, H, W): "dn" with black and white level, "mosaic" under a pattern, or linear RGB before white balance in "camera"
    corners   as `patch_means` takes them; None: the chart is found (`find_chart`)
    edition   of the chart's colours, one of `EDITIONS`
    part      of a patch's height and width that is averaged
    clip      a patch with a pixel from here up, 1 = white level, is left out

    Errors: of a gain, the scatter of the grey patches, over the root of their number; of matrix and exposure, by the jackknife over
    patches (Efron, "The Jackknife, the Bootstrap and Other Resampling Plans", SIAM 1982), since what a matrix cannot fit outweighs the
    noise of a mean over a patch. The light falls evenly on the chart: a gradient of it is read as colour. Gradient: none.
    """
    frame.expect("dn", "mosaic", "camera")
    if frame.space == "dn":
        if frame.capture.black_level is None or frame.capture.white_level is None:
            raise CampipeError("colours of raw numbers need the black and the white level of the capture; give black_level and white_level")
        frame = frame.replace(to_unit(frame.data, *levels_of(frame)), "mosaic")
    where = tuple((float(y), float(x)) for y, x in (find_chart(frame).corners if corners is None else corners))
    measured = patch_means(frame, where, part=part, clip=clip)[0].double()
    used = ~torch.isnan(measured).any(1)
    if int(used.sum()) < _LEAST:
        raise CampipeError(f"a colour matrix needs {_LEAST} patches that are not clipped, but {int(used.sum())} of 24 are; expose less")
    red, blue = _balance(measured)
    balanced = measured * torch.tensor([red.value, 1.0, blue.value], dtype=torch.float64)
    target = chart_linear(edition)
    matrix, exposure = fit_colour_matrix(balanced[used], target[used])
    matrix_error, exposure_error = _jackknife(balanced[used], target[used])
    held_out = torch.full((24,), math.nan, dtype=torch.float64)
    for half in (_HALVES, ~_HALVES):
        other, scale = fit_colour_matrix(balanced[used & half], target[used & half])
        held_out[~half] = _difference(scale * balanced[~half] @ other.T, edition, ~half)
    difference = _difference(exposure * balanced @ matrix.T, edition, torch.ones(24, dtype=torch.bool))
    return ChartColour(where, measured, red, blue, matrix, matrix_error, Estimate(exposure, exposure_error), difference, held_out)


def _balance(measured: Tensor) -> tuple[Estimate, Estimate]:
    greys = measured[list(GREYS)]
    greys = greys[~torch.isnan(greys).any(1)]
    if not len(greys):
        raise CampipeError("white balance is read from the grey patches, but all of them are clipped; expose less, or correct the corners")
    if not bool((greys > 0).all()):
        raise CampipeError("a grey patch is brighter than black in every colour; check the black level and the corners")
    found = []
    for channel in (0, 2):
        ratios = greys[:, 1] / greys[:, channel]
        error = float(ratios.std()) / math.sqrt(len(ratios)) if len(ratios) > 1 else math.nan
        found.append(Estimate(float(ratios.mean()), error, "1", len(ratios) - 1))
    return found[0], found[1]


def _jackknife(camera: Tensor, target: Tensor) -> tuple[Tensor, float]:
    """Standard errors of matrix and exposure, by leaving out each patch in turn."""
    count = len(camera)
    others = [fit_colour_matrix(camera[keep], target[keep]) for keep in ~torch.eye(count, dtype=torch.bool)]
    matrices, exposures = torch.stack([m for m, _ in others]), torch.tensor([e for _, e in others], dtype=torch.float64)
    widen = math.sqrt((count - 1) ** 2 / count)
    return widen * matrices.std(0), widen * float(exposures.std())


def _difference(linear: Tensor, edition: str, patches: Tensor) -> Tensor:
    """CIEDE2000 of linear sRGB (N, 3) against these patches of the chart, both in CIELAB under D50."""
    seen = linear @ (adaptation(D65, D50) @ SRGB_TO_XYZ).T
    one, two = (_lab(xyz).T[..., None] for xyz in (seen, chart_xyz(edition)[patches]))
    return delta_e_2000(one, two)[..., 0]


def _lab(xyz: Tensor) -> Tensor:
    """CIELAB under D50 of XYZ (..., 3). Source: CIE 015:2018, 8.2.1."""
    ratio = xyz / D50
    root = torch.where(ratio > (6 / 29) ** 3, ratio.clamp_min(1e-9) ** (1 / 3), ratio * (29 / 6) ** 2 / 3 + 4 / 29)
    x, y, z = root.unbind(-1)
    return torch.stack([116 * y - 16, 500 * (x - y), 200 * (y - z)], -1)


def _mean(values: Tensor) -> Estimate:
    kept = values[~torch.isnan(values)]
    return Estimate(float(kept.mean()), float(kept.std()) / math.sqrt(len(kept)), "CIEDE2000", len(kept) - 1)
