"""Finding a ColorChecker in a picture: flat regions in rows and columns whose colours are those of the chart."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache

import numpy as np
import torch
from torch import Tensor

from campipe.calibrate.chart_colours import chart_linear
from campipe.calibrate.chart_lattice import Cell, lattices
from campipe.core import pattern as patterns
from campipe.core.errors import CampipeError, ShapeError
from campipe.core.frame import Frame
from campipe.ops.colour import srgb_decode
from campipe.ops.flat_regions import edge_strength, four_sided_regions
from campipe.ops.planes import pack
from campipe.ops.projective import fitted_projection, projected

GRID = (4, 6)
"""Rows and columns of a ColorChecker."""
_SIDES = (640, 320, 1280)  # longest side of the pictures that are searched, pixels, in this order
_EDGES = (0.6, 0.75, 0.86, 0.45)  # share of pixels that count as flat, in this order
_SMALLEST, _LARGEST = 20.0, 0.03  # area of a patch: pixels; share of the picture
_SURE = 0.8  # agreement from which on no other place is tried
_FOUND = 0.6  # agreement that a chart needs
_CLIPPED = 0.995  # of the brightest value: patches from here up say nothing of their colour
_PRESENT = 0.6  # share of a lattice's regions that lie within the chart


@dataclass(frozen=True)
class FoundChart:
    """Where a chart lies.

    corners      (y, x), pixels, of the field of patches, as `patch_means` takes them: they go by the chart, however it is turned
    confidence   share of the patches' colour variance that the chart's colours explain, each patch left out in turn; 0 to 1
    patches      of the 24, how many were seen as regions of their own
    """

    corners: tuple[tuple[float, float], ...]
    confidence: float
    patches: int


def find_chart(frame: Frame) -> FoundChart:
    """Find a ColorChecker of 24 patches.

    frame   (1, C, H, W): "dn" or "mosaic" under a pattern, or RGB in "camera", "linear" or "display"

    The picture is cut into regions without edges; those that are parallelograms, in rows and columns, make lattices. Every place and every
    turn of 4 x 6 cells on a lattice is judged by how well one matrix and one offset take the chart's colours to what is seen there,
    which asks for no white balance, no black level and no colour matrix. Turned by any angle and foreshortened; seen in a mirror it is
    not found. A CampipeError says so where no place explains 60 % of the variance of colours. Gradient: none.
    """
    frame.expect("dn", "mosaic", "camera", "linear", "display")
    if frame.batch != 1 or frame.data.ndim != 4:
        raise ShapeError(f"a chart is looked for in one frame, (1, C, H, W), but {tuple(frame.data.shape)} came; take items one by one")
    picture, size = _linear_picture(frame)
    best: FoundChart | None = None
    for small, factor in _scales(picture, size):
        strength = edge_strength((small - small.amin()).clamp_min(0).sqrt())
        for share in _EDGES:
            flat = strength < torch.quantile(strength.flatten()[:: max(1, strength.numel() // 100_000)], share)
            regions = four_sided_regions(flat, _SMALLEST, _LARGEST * flat.numel())
            for lattice in lattices(regions)[:3]:
                found = _placed(small, factor, regions.middle, lattice)
                if found is not None and (best is None or _rank(found) > _rank(best)):
                    best = found
            if best is not None and best.confidence > _SURE and best.patches == 24:
                return best
        if best is not None and best.confidence > _SURE:
            return best
    if best is None or best.confidence < _FOUND:
        seen = "no 4 x 6 patches were seen" if best is None else f"the likeliest place has {best.confidence:.0%} of the chart's colours"
        raise CampipeError(f"there is no ColorChecker in the picture, {seen}; give its corners, or take it larger and evenly lit")
    return best


def _rank(chart: FoundChart) -> float:
    """Places that explain the colours alike differ by the patches that were seen, which say where the corners are."""
    return chart.confidence + 0.002 * chart.patches


def _linear_picture(frame: Frame) -> tuple[Tensor, int]:
    """Linear RGB (3, h, w) float32, and the pixels of the frame to a side of one of its pixels."""
    data = frame.data.detach().float()
    if data.shape[1] == 3:
        return (srgb_decode(data[0]) if frame.space == "display" else data[0]), 1
    pattern = frame.capture.pattern
    if pattern is None:
        raise ShapeError("a chart is found by its colours, but a frame of one channel without a filter came")
    tile = patterns.size(pattern)
    whole = data[..., : data.shape[-2] // tile[0] * tile[0], : data.shape[-1] // tile[1] * tile[1]]
    planes = pack(whole, tile)[0][0]
    letters = torch.tensor(patterns.channels(pattern)).flatten()
    return torch.stack([planes[letters == c].mean(0) for c in range(3)]), tile[0]


def _scales(picture: Tensor, size: int) -> Iterator[tuple[Tensor, int]]:
    done = set()
    for side in _SIDES:
        factor = max(1, round(max(picture.shape[-2:]) / side))
        if factor not in done and min(picture.shape[-2:]) >= 24 * factor:
            done.add(factor)
            yield torch.nn.functional.avg_pool2d(picture[None], factor)[0], factor * size


def _placed(picture: Tensor, factor: int, middle: np.ndarray, lattice: dict[Cell, int]) -> FoundChart | None:
    """The best place and turn of the chart on a lattice; None where the lattice has no room for it."""
    cells = torch.tensor(list(lattice), dtype=torch.float64)
    if float((cells.amax(0) - cells.amin(0)).min()) < 1:
        return None
    there = torch.from_numpy(middle[list(lattice.values())])
    view = fitted_projection(cells, there)
    best, rows, columns = (-1.0, 0, cells), *GRID
    for turn in range(4):
        quarter = torch.tensor([[0.0, 1.0], [-1.0, 0.0]], dtype=torch.float64).matrix_power(turn)
        turned = cells @ quarter.T
        low, high = turned.amin(0).int().tolist(), turned.amax(0).int().tolist()
        for left in range(min(low[0], high[0] - columns + 1), max(low[0], high[0] - columns + 1) + 1):
            for top in range(min(low[1], high[1] - rows + 1), max(low[1], high[1] - rows + 1) + 1):
                moved = turned - torch.tensor([left, top])
                inside = ((moved >= 0) & (moved < torch.tensor([columns, rows]))).all(1)
                if int(inside.sum()) < max(8, _PRESENT * len(cells)):
                    continue
                back = torch.eye(3, dtype=torch.float64)  # from places on the chart to cells of the lattice
                back[:2, :2], back[:2, 2] = quarter.T, quarter.T @ torch.tensor([left - 0.5, top - 0.5], dtype=torch.float64)
                score = _agreement(picture, view @ back)
                if score > best[0]:
                    best = (score, int(inside.sum()), moved)
    if best[0] < 0:
        return None
    inside = ((best[2] >= 0) & (best[2] < torch.tensor([columns, rows]))).all(1)
    corners = torch.tensor([[0.0, 0.0], [columns, 0.0], [columns, rows], [0.0, rows]], dtype=torch.float64)
    found = projected(fitted_projection(best[2][inside] + 0.5, there[inside]), corners)
    found = (found + 0.5) * factor - 0.5
    return FoundChart(tuple((float(y), float(x)) for x, y in found), best[0], best[1])


@cache
def _design() -> Tensor:
    """The chart's colours and a constant, (24, 4)."""
    return torch.cat([chart_linear(), torch.ones(GRID[0] * GRID[1], 1, dtype=torch.float64)], 1)


def _agreement(picture: Tensor, projection: Tensor) -> float:
    """Share of the colours' variance at the 24 places that an affine map of the chart's colours explains, each left out in turn."""
    rows, columns = GRID
    v, u = torch.meshgrid(torch.arange(rows) + 0.5, torch.arange(columns) + 0.5, indexing="ij")
    fine = torch.linspace(-0.2, 0.2, 5)
    around = torch.stack(torch.meshgrid(fine, fine, indexing="ij"), -1).reshape(1, -1, 2)
    place = projected(projection, torch.stack([u, v], -1).reshape(-1, 1, 2) + around).round().long()
    height, width = picture.shape[-2:]
    if not bool(((place >= 0) & (place < torch.tensor([width, height]))).all()):
        return -1.0
    seen = picture[:, place[..., 1], place[..., 0]].double().mean(-1).T  # (24, 3)
    kept = (seen < _CLIPPED * picture.amax((1, 2)).double()).all(1)
    if int(kept.sum()) < 16:
        return -1.0
    seen, design = seen[kept], _design()[kept]
    hat = design @ torch.linalg.pinv(design)
    rest = (seen - hat @ seen) / (1 - hat.diagonal())[:, None]
    return 1 - float((rest.square().sum(0) / (seen - seen.mean(0)).square().sum(0).clamp_min(1e-12)).mean())
