"""Regions of a picture that lie in rows and columns, however the rows are turned or foreshortened."""

from __future__ import annotations

import numpy as np

from campipe.ops.flat_regions import Regions

Cell = tuple[int, int]
PATCHES = (1.0, 1.9)
"""Distance of neighbours in sides of a square patch, which fills 0.6 to 0.95 of its cell."""
DOTS = (1.2, 6.0)
"""Distance of neighbours in sides of the square with a dot's second moments, 0.87 of its diameter."""
_ALIKE = 2.5  # ratio of areas of neighbours
_SQUARE = 0.35  # largest cosine between the two directions, in the frame in which the patch is a square
_OFF = 0.28  # of the distance to a neighbour, how far from its expected place a region may lie


def lattices(regions: Regions, least: int = 10, pitch: tuple[float, float] = PATCHES) -> list[dict[Cell, int]]:
    """Sets of regions that lie on lattices, the largest first.

    regions   as `four_sided_regions` gives them
    least     regions that a lattice needs
    pitch     least and largest distance of neighbours in sides of a region, `PATCHES` or `DOTS`
    returns   for each: (column, row) on the lattice to the region's number; columns to rows turn clockwise in the picture

    A lattice grows from each region in turn that is in none yet: its own second moments say where its neighbours in a row and a
    column may be, and every step takes the place of the last two regions over to the next.
    """
    found, taken = [], np.zeros(len(regions.area), dtype=bool)
    for seed in np.argsort(-regions.area):
        if not taken[seed]:
            lattice = _grown(regions, int(seed), pitch)
            if len(lattice) >= least:
                taken[list(lattice.values())] = True
                found.append(lattice)
    return sorted(found, key=len, reverse=True)


def _grown(regions: Regions, seed: int, pitch: tuple[float, float]) -> dict[Cell, int]:
    basis = _basis(regions, seed, pitch)
    lattice: dict[Cell, int] = {}
    if basis is None:
        return lattice
    lattice[0, 0] = seed
    queue = [((0, 0), basis)]
    used = {seed}
    while queue:
        (column, row), steps = queue.pop(0)
        here = lattice[column, row]
        for axis, sign in ((0, 1), (0, -1), (1, 1), (1, -1)):
            cell = (column + sign * (axis == 0), row + sign * (axis == 1))
            if cell in lattice:
                continue
            expected = regions.middle[here] + sign * steps[axis]
            distance = np.linalg.norm(regions.middle - expected, axis=1)
            next_one = int(distance.argmin())
            if next_one in used or distance[next_one] > _OFF * np.linalg.norm(steps[axis]) or not _alike(regions, here)[next_one]:
                continue
            lattice[cell] = next_one
            used.add(next_one)
            changed = steps.copy()
            changed[axis] = sign * (regions.middle[next_one] - regions.middle[here])
            queue.append((cell, changed))
    return lattice


def _basis(regions: Regions, seed: int, pitch: tuple[float, float]) -> np.ndarray | None:
    """Steps to the next column and the next row, (2, 2), or None where there are no such neighbours."""
    values, vectors = np.linalg.eigh(12 * regions.spread[seed])
    whiten = vectors @ np.diag(values**-0.5) @ vectors.T
    offset = regions.middle - regions.middle[seed]
    square = offset @ whiten.T  # in this frame the region is a square of side 1
    distance = np.linalg.norm(square, axis=1)
    near = np.nonzero((distance > pitch[0]) & (distance < pitch[1]) & _alike(regions, seed))[0]
    near = near[np.argsort(distance[near])]
    if len(near) < 2:
        return None
    first = near[0]
    for second in near[1:]:
        if abs(square[first] @ square[second]) < _SQUARE * distance[first] * distance[second]:
            one, two = offset[first], offset[second]
            return np.stack([one, two if one[0] * two[1] - one[1] * two[0] > 0 else -two])
    return None


def _alike(regions: Regions, one: int) -> np.ndarray:
    ratio = regions.area / regions.area[one]
    return np.asarray((ratio < _ALIKE) & (ratio > 1 / _ALIKE))
