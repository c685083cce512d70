"""Lens shading: gains that make up for the fall of light towards the corners, as a grid over the sensor or as a polynomial."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from campipe.core import pattern as patterns
from campipe.core.errors import CampipeError, ShapeError


def grid_gains(grid: Tensor, origin: Tensor, size: tuple[int, int], sensor: tuple[int, int], cells: bool = False) -> Tensor:
    """Gains of every pixel of a window of the sensor, bilinear between the nodes of a grid.

    grid      (C, h, w) or (B, C, h, w), at least 2 x 2 nodes
    origin    (B, 2), (y, x) of the window's first pixel on the sensor
    size      (H, W) of the window, pixels
    sensor    (height, width) of the sensor, pixels
    cells     False: the outermost nodes lie on the outermost pixels. True: the grid's numbers stand for the middles of equal cells
              that fill the sensor, as libcamera's do, and go on outside of the outermost middles as they are
    returns   (1 or B, C, H, W)

    Gradient: exact with respect to the grid.
    """
    grid = grid if grid.ndim == 4 else grid[None]
    origin = origin[:1] if bool((origin == origin[:1]).all()) else origin
    batch = max(grid.shape[0], origin.shape[0])
    grid = grid.expand(batch, *grid.shape[1:])
    for axis, dim in ((0, -2), (1, -1)):
        nodes = grid.shape[dim]
        place = origin[:, axis : axis + 1] + torch.arange(size[axis], device=grid.device)
        place = place.to(grid.dtype)
        place = (place + 0.5) / sensor[axis] * nodes - 0.5 if cells else place / max(sensor[axis] - 1, 1) * (nodes - 1)
        place = place.clamp(0, nodes - 1).expand(batch, -1)
        low = place.floor().clamp_max(nodes - 2).long()
        shape = [batch, 1, size[axis], 1] if dim == -2 else [batch, 1, 1, size[axis]]
        full = [*grid.shape]
        full[dim] = size[axis]
        first, second = (grid.gather(dim, (low + step).reshape(shape).expand(full)) for step in (0, 1))
        grid = torch.lerp(first, second, (place - low).reshape(shape))
    return grid


def field_square(origin: Tensor, size: tuple[int, int], sensor: tuple[int, int], like: Tensor) -> Tensor:
    """Squared distance from the middle of the sensor, 1 at its corners, (1 or B, H, W): the radius of `PolynomialVignetting`.

    origin    (B, 2), (y, x) of the window's first pixel on the sensor
    size      (H, W) of the window; sensor: (height, width), pixels
    like      gives precision and device
    """
    origin = origin[:1] if bool((origin == origin[:1]).all()) else origin
    y, x = (origin[:, a : a + 1] + torch.arange(size[a]).to(like) - (sensor[a] - 1) / 2 for a in (0, 1))
    return (y[:, :, None] ** 2 + x[:, None, :] ** 2) / ((sensor[0] ** 2 + sensor[1] ** 2) / 4)


def polynomial_gains(coefficients: Tensor, square: Tensor) -> Tensor:
    """1 / (1 + k1 r^2 + k2 r^4 + ...): what undoes a fall of light by that polynomial.

    coefficients    (n,) or (B, n)
    square          (1 or B, H, W), r^2
    returns         (1 or B, H, W)
    """
    k = coefficients if coefficients.ndim == 2 else coefficients[None]
    total = torch.zeros((), dtype=square.dtype, device=square.device)
    for i in reversed(range(k.shape[-1])):
        total = (total + k[:, i, None, None].to(square.dtype)) * square
    return 1 / (1 + total)


def of_pattern(gains: Tensor, pattern: str | None, origin: Tensor) -> Tensor:
    """What each pixel of a mosaic gets of gains for every colour or position.

    gains     (B, C, H, W): C is 1, 3 for R, G and B, or the number of positions of the pattern, row by row as the sensor's pixel (0, 0)
              begins them
    origin    (B, 2) of the window
    returns   (B, 1, H, W)
    """
    channels = gains.shape[1]
    if channels == 1 or (pattern is None and channels == 3):
        return gains[:, channels // 2][:, None]
    if pattern is None:
        raise ShapeError(f"a frame without a colour filter takes gains of 1 or 3 channels, but {channels} came")
    (th, tw), (height, width) = patterns.size(pattern), gains.shape[-2:]
    if channels == 3:
        table = torch.tensor(patterns.channels(pattern))[None]
    elif channels == th * tw:
        places = torch.arange(th * tw).reshape(th, tw)
        table = torch.stack([torch.roll(places, (-int(y) % th, -int(x) % tw), (0, 1)) for y, x in origin.tolist()])
    else:
        raise ShapeError(f"gains have 1, 3 or {th * tw} channels under {pattern}, but {channels} came")
    batch = max(gains.shape[0], table.shape[0])
    index = table[:, torch.arange(height)[:, None] % th, torch.arange(width) % tw].to(gains.device)
    return gains.expand(batch, *gains.shape[1:]).gather(1, index[:, None].expand(batch, 1, height, width))


def gain_grid_from_flat(flat: Tensor, pattern: str | None = None, grid: tuple[int, int] = (13, 17)) -> Tensor:
    """Gains from a picture of an evenly lit surface.

    flat      (1, 1, H, W) under `pattern`, or (1, 3, H, W): linear, black taken away, the whole sensor
    grid      rows and columns of nodes, the outermost on the outermost pixels
    returns   (1 or 3, h, w) float32; the smallest gain of each colour is 1

    Least squares: the gains between whose nodes the flat becomes most even. Averages over blocks, eight to a cell, keep the noise out.
    """
    if flat.ndim != 4 or flat.shape[0] != 1:
        raise ShapeError(f"a flat is (1, C, H, W), but {tuple(flat.shape)} came")
    planes = flat[0].double().cpu().numpy()
    height, width = planes.shape[1:]
    if pattern is not None:
        table = np.array(patterns.channels(pattern))
        letter = table[np.arange(height)[:, None] % table.shape[0], np.arange(width) % table.shape[1]]
        planes = np.stack([np.where(letter == c, planes[0], np.nan) for c in range(3)])
    rows, columns = (min(8 * (n - 1), size // 12) for n, size in zip(grid, (height, width), strict=True))
    if 2 * rows < 3 * grid[0] or 2 * columns < 3 * grid[1]:
        raise CampipeError(f"a flat of {height} x {width} is too small for a grid of {grid[0]} x {grid[1]}; take fewer nodes")
    found = []
    for plane in planes:
        means = _block_means(plane, rows, columns)
        if not np.isfinite(means).all() or means.min() <= 0:
            raise CampipeError("a flat is brighter than black everywhere; take its black level away, and light it evenly")
        tents = [_tents(n, blocks, size) for n, blocks, size in zip(grid, (rows, columns), (height, width), strict=True)]
        design = (means[:, :, None, None] / means.mean() * tents[0][:, None, :, None] * tents[1][None, :, None, :]).reshape(
            rows * columns, -1
        )
        gains = np.linalg.solve(design.T @ design, design.sum(0)).reshape(grid)
        found.append(gains / gains.min())
    return torch.from_numpy(np.stack(found)).float()


def _edges(blocks: int, size: int) -> np.ndarray:
    return np.round(np.linspace(0, size, blocks + 1)).astype(int)


def _block_means(plane: np.ndarray, rows: int, columns: int) -> np.ndarray:
    """Means of what is no NaN over blocks of nearly equal size, (rows, columns)."""
    height, width = plane.shape
    starts = _edges(rows, height)[:-1], _edges(columns, width)[:-1]
    sums, counts = (
        np.add.reduceat(np.add.reduceat(part, starts[0], axis=0), starts[1], axis=1)
        for part in (np.nan_to_num(plane), np.isfinite(plane).astype(np.float64))
    )
    return sums / np.maximum(counts, 1)


def _tents(nodes: int, blocks: int, size: int) -> np.ndarray:
    """(blocks, nodes): weights of linear interpolation, averaged over the pixels of each block."""
    place = np.arange(size) / max(size - 1, 1) * (nodes - 1)
    weights = np.clip(1 - np.abs(place[:, None] - np.arange(nodes)), 0, None)
    edges = _edges(blocks, size)
    return np.add.reduceat(weights, edges[:-1], axis=0) / np.diff(edges)[:, None]


def libcamera_gains(alsc: Mapping[str, Any], cct: float, shape: tuple[int, int] = (12, 16)) -> Tensor:
    """The gains (3, h, w) of a Raspberry Pi tuning file's shading section at a colour temperature, on the middles of cells.

    alsc    the section "rpi.alsc": luminance_lut, luminance_strength, and calibrations_Cr and calibrations_Cb by "ct" in K
    cct     K; between the temperatures of the tables they are interpolated, outside the nearest is taken
    shape   rows and columns of its tables, 12 x 16 on vc4 and 32 x 32 on pisp

    Green gets the gains of luminance, red and blue these times Cr and Cb. Source: libcamera, "Raspberry Pi Camera Algorithm and Tuning
    Guide", section ALSC.
    """

    def table(rows: Sequence[Mapping[str, Any]]) -> Tensor:
        stops = [float(r["ct"]) for r in rows]
        values = np.array([r["table"] for r in rows], dtype=np.float64)
        return torch.from_numpy(np.array([np.interp(cct, stops, column) for column in values.T])).reshape(shape)

    strength = float(alsc.get("luminance_strength", 1.0))
    one = torch.ones(shape, dtype=torch.float64)
    light = torch.tensor(alsc["luminance_lut"], dtype=torch.float64).reshape(shape) if "luminance_lut" in alsc else one
    light = strength * light + (1 - strength)
    red, blue = (table(alsc[name]) if alsc.get(name) else one for name in ("calibrations_Cr", "calibrations_Cb"))
    return torch.stack([light * red, light, light * blue]).float()
