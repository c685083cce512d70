"""White balance and colour matrix of a camera from a picture of a colour chart."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from campipe.core import pattern as patterns
from campipe.core.errors import CampipeError, ShapeError
from campipe.core.frame import Frame


def patch_means(
    frame: Frame, corners: Sequence[Sequence[float]], grid: tuple[int, int] = (4, 6), part: float = 0.5, clip: float | None = None
) -> Tensor:
    """Mean colour of each patch of a chart.

    frame     in "mosaic" under a pattern, or in "camera" or "linear": linear light
    corners   (y, x), pixels, of the field of patches: where patch (0, 0) begins, where the first row ends, where the last patch ends, and
              where the last row begins; the way round is that of a clock on an upright chart
    grid      rows and columns of patches
    part      of a patch's height and width that is averaged, around its middle
    clip      a patch with a pixel from here up is nan; None: no patch is
    returns   (B, rows * columns, 3), patches row by row

    The chart may lie askew: its patches are found by the projective map of the four corners. Gradient: exact.
    """
    frame.expect("mosaic", "camera", "linear")
    if torch.as_tensor(corners).shape != (4, 2):
        raise ShapeError(f"the corners of a chart are four pairs (y, x), but {corners} came")
    if not 0 < part <= 1:
        raise CampipeError(f"the part of a patch that is averaged is above 0 and at most 1, but {part} came")
    rows, columns = grid
    v, u = chart_coordinates(corners, frame.height, frame.width)
    v, u = v * rows, u * columns
    inside = ((v % 1 - 0.5).abs() < part / 2) & ((u % 1 - 0.5).abs() < part / 2)
    inside &= (v >= 0) & (v < rows) & (u >= 0) & (u < columns)
    patch = (v.floor() * columns + u.floor()).long().to(frame.data.device)
    if frame.data.shape[-3] == 1 and frame.capture.pattern is None:
        raise ShapeError("the patches of a chart are measured in colour, but a frame of one channel without a filter came")
    letters = torch.tensor(patterns.channels(frame.capture.pattern), device=frame.data.device)
    y, x = torch.arange(frame.height), torch.arange(frame.width)
    letter = letters[y[:, None] % letters.shape[0], x % letters.shape[1]]
    means = []
    for number in range(rows * columns):
        here = (inside.to(frame.data.device)) & (patch == number)
        channels = []
        for c in range(3):
            plane = frame.data[..., 0, :, :] if frame.data.shape[-3] == 1 else frame.data[..., c, :, :]
            pixels = plane[..., here & (letter == c) if frame.data.shape[-3] == 1 else here].flatten(1)
            if not pixels.shape[1]:
                raise CampipeError(f"patch {number} of the chart holds no pixels of every colour; check the corners {corners}")
            mean = pixels.mean(1)
            channels.append(mean if clip is None else torch.where(pixels.amax(1) >= clip, torch.nan, mean))
        means.append(torch.stack(channels, -1))
    return torch.stack(means, 1)


def chart_coordinates(corners: Sequence[Sequence[float]], height: int, width: int) -> tuple[Tensor, Tensor]:
    """Of every pixel, how far down and how far right on the chart it lies, 0 to 1 inside: (H, W) each, float64."""
    target = ((0.0, 0.0), (0.0, 1.0), (1.0, 1.0), (1.0, 0.0))
    rows, right = [], []
    for (y, x), (v, u) in zip(corners, target, strict=True):
        rows += [[y, x, 1, 0, 0, 0, -v * y, -v * x], [0, 0, 0, y, x, 1, -u * y, -u * x]]
        right += [v, u]
    h = torch.linalg.solve(torch.tensor(rows, dtype=torch.float64), torch.tensor(right, dtype=torch.float64))
    down, across = torch.arange(height, dtype=torch.float64)[:, None], torch.arange(width, dtype=torch.float64)
    depth = h[6] * down + h[7] * across + 1
    return (h[0] * down + h[1] * across + h[2]) / depth, (h[3] * down + h[4] * across + h[5]) / depth


def white_balance_from_patch(rgb: Tensor) -> Tensor:
    """Gains (..., 3), green = 1, that make a grey patch grey, from what the camera read there, (..., 3)."""
    if not bool((rgb > 0).all()):
        raise CampipeError(f"a grey patch is brighter than black in every colour, but {rgb.tolist()} came; take the black level away")
    return rgb[..., 1:2] / rgb


def fit_colour_matrix(
    measured: Tensor, target: Tensor, *, preserve_white: bool = True, white: Sequence[float] = (1.0, 1.0, 1.0)
) -> tuple[Tensor, float]:
    """The matrix that takes measured colours to what they should be, by least squares.

    measured         (N, 3) white-balanced camera RGB, linear, at any exposure
    target           (N, 3) linear sRGB, or XYZ
    preserve_white   True: camera white becomes the target's white, to the bit; False: nine free numbers
    white            of the target: (1, 1, 1) for linear sRGB, its XYZ for XYZ
    returns          (3, 3) float64, and the exposure by which measured colours are to be multiplied before; the matrix takes (1, 1, 1) to
                     `white`, or without `preserve_white` near it

    With r = R - G and b = B - G of the camera, each of the target's colours is exposure * white * G + alpha r + beta b: seven numbers, of
    which the last six cannot move white (Finlayson and Drew, Color Research and Application 22, 1997).
    """
    if measured.ndim != 2 or measured.shape[-1] != 3 or target.shape != measured.shape:
        raise ShapeError(f"measured and target colours are (N, 3) both, but {tuple(measured.shape)} and {tuple(target.shape)} came")
    camera, wanted = measured.double(), target.double()
    if not bool(torch.isfinite(camera).all() and torch.isfinite(wanted).all()):
        raise CampipeError("colours that a matrix is fitted to are finite numbers; leave patches out that are clipped")
    if len(camera) < 4:
        raise CampipeError(f"a colour matrix needs four colours or more, but {len(camera)} came")
    light = torch.tensor(white, dtype=torch.float64)
    if not preserve_white:
        matrix = torch.linalg.lstsq(camera, wanted).solution.T
        exposure = float((matrix.sum(1) / light).mean())
        return matrix / exposure, exposure
    green, difference = camera[:, 1], camera[:, [0, 2]] - camera[:, 1:2]
    design = torch.zeros(3, len(camera), 7, dtype=torch.float64)
    for i in range(3):
        design[i, :, 0] = light[i] * green
        design[i, :, 1 + 2 * i : 3 + 2 * i] = difference
    found = torch.linalg.lstsq(design.reshape(-1, 7), wanted.T.reshape(-1, 1)).solution[:, 0]
    exposure = float(found[0])
    weights = found[1:].reshape(3, 2) / exposure
    return torch.stack([weights[:, 0], light - weights.sum(1), weights[:, 1]], 1), exposure
