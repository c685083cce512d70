"""Components of variance: what frames, rows, columns and single pixels bring to the temporal noise of a stack."""

from __future__ import annotations

import math
from dataclasses import dataclass

from torch import Tensor

from campipe.core.errors import CampipeError


@dataclass(frozen=True)
class Part:
    """A variance and its standard error, DN^2; it may come out below 0 where there is none. `freedom`: that of its mean square."""

    variance: float
    error: float
    freedom: float


@dataclass(frozen=True)
class Components:
    """Temporal variance split by what shares it.

    pixel    of one pixel alone, with the variance of rounding
    row      common to a row of one frame
    column   common to a column of one frame
    frame    common to a frame
    total    of a pixel over frames: all of them
    """

    pixel: Part
    row: Part
    column: Part
    frame: Part
    total: Part


def variance_components(rows: Tensor, columns: Tensor, variance: float, spread: float = 2.0) -> Components:
    """Split the temporal variance of a stack of frames of one plane.

    rows       (L, h) mean of each row of each frame, DN, float64
    columns    (L, w) mean of each column of each frame
    variance   DN^2, mean over pixels of the unbiased variance over the L frames
    spread     variance of a squared deviation of a pixel, relative to the square of its mean: 2 for the normal law, 2 plus the excess
               kurtosis otherwise

    A value is pixel mean + frame + row of this frame + column of this frame + pixel noise, all but the first random. Mean squares of the
    deviations from each pixel's mean over frames have, in this order, L - 1, (L - 1)(h - 1), (L - 1)(w - 1) and (L - 1)(h - 1)(w - 1)
    degrees of freedom, and equating them with their expectations gives estimates without bias. A mean square M with n degrees has the
    variance 2 M^2 / n, that of pixels `spread` M^2 / n; frames, rows and columns are means of many pixels and so near normal.
    Source: analysis of variance of a layout without replication, H. Scheffe, The Analysis of Variance, 1959, section 7.2.
    """
    frames, h = rows.shape
    w = columns.shape[1]
    if frames < 2 or h < 2 or w < 2:
        raise CampipeError(f"temporal noise needs two frames of two rows and columns or more, but {frames} of {h} x {w} came")
    moved = rows - rows.mean(0)
    common = moved.mean(1, keepdim=True)
    across = columns - columns.mean(0) - common
    n = h * w
    sums = {
        "frame": n * float(common.square().sum()),
        "row": w * float((moved - common).square().sum()),
        "column": h * float(across.square().sum()),
    }
    sums["pixel"] = max(0.0, (frames - 1) * n * variance - sum(sums.values()))
    degrees = {"frame": frames - 1.0, "row": (frames - 1.0) * (h - 1), "column": (frames - 1.0) * (w - 1)}
    degrees["pixel"] = degrees["row"] * (w - 1)
    mean = {name: sums[name] / degrees[name] for name in sums}
    own = {name: (spread if name == "pixel" else 2.0) * mean[name] ** 2 / degrees[name] for name in sums}

    def part(weights: dict[str, float], freedom: float) -> Part:
        value = sum(weight * mean[name] for name, weight in weights.items())
        return Part(value, math.sqrt(sum(weight**2 * own[name] for name, weight in weights.items())), freedom)

    shares = {name: degrees[name] / ((frames - 1) * n) for name in sums}
    total = part(shares, 1.0)
    effective = 2 * total.variance**2 / total.error**2 if total.error > 0 else math.inf  # Satterthwaite's
    return Components(
        pixel=part({"pixel": 1.0}, degrees["pixel"]),
        row=part({"row": 1 / w, "pixel": -1 / w}, degrees["row"]),
        column=part({"column": 1 / h, "pixel": -1 / h}, degrees["column"]),
        frame=part({"frame": 1 / n, "row": -1 / n, "column": -1 / n, "pixel": 1 / n}, degrees["frame"]),
        total=Part(total.variance, total.error, effective),
    )
