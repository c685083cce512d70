"""Linear demosaicking: a kernel for each position of the pattern and each colour.

`apply_kernels` is the engine; `bilinear_kernels` and `malvar_kernels` are two sets of numbers for it. It works on the planes of the
pattern, four of half the resolution for Bayer, by shifted sums, so that a tile gets the bits of the whole, and nothing is rounded by
matrix units. On the CPU and without a gradient, compiled loops do the same.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable

import torch
from torch import Tensor

from campipe.core import pattern as patterns
from campipe.core.errors import CampipeError, ShapeError
from campipe.ops.compiled import loops_serve
from campipe.ops.filters import mirror_pad

Kernel = dict[tuple[int, int], float]
"""Weights by (dy, dx), the place of the sample as seen from the pixel."""
Kernels = Callable[[str, int, int, int], Kernel]
"""The kernel of (pattern, y, x, channel): what a pixel at position (y, x) of the pattern makes of its neighbours for that channel."""


def check_bayer(pattern: str) -> str:
    """Return the pattern if it is one of RGGB, GRBG, GBRG and BGGR."""
    if pattern not in ("RGGB", "GRBG", "GBRG", "BGGR"):
        raise CampipeError(
            f"this demosaicker takes RGGB, GRBG, GBRG or BGGR, but the pattern is {patterns.check(pattern)!r}; take 'wiener' for it"
        )
    return pattern


def _role(pattern: str, y: int, x: int, channel: int) -> str:
    """What a colour is to a pixel: its "own"; the "green" of a red or blue one; in the "row" or "column" of a green one; "opposite"."""
    table = patterns.channels(pattern)
    own = table[y][x]
    if own == channel:
        return "own"
    if channel == patterns.CHANNEL["G"]:
        return "green"
    if own != patterns.CHANNEL["G"]:
        return "opposite"
    return "row" if table[y][1 - x] == channel else "column"


def _transposed(kernel: Kernel) -> Kernel:
    return {(x, y): w for (y, x), w in kernel.items()}


def _star(reach: int, weight: float) -> Kernel:
    return {place: weight for place in ((-reach, 0), (0, -reach), (0, reach), (reach, 0))}


def _corners(weight: float) -> Kernel:
    return {(y, x): weight for y in (-1, 1) for x in (-1, 1)}


_ROW: Kernel = {(0, -1): 1 / 2, (0, 1): 1 / 2}
_BILINEAR: dict[str, Kernel] = {
    "own": {(0, 0): 1.0},
    "green": _star(1, 1 / 4),
    "row": _ROW,
    "column": _transposed(_ROW),
    "opposite": _corners(1 / 4),
}

_MALVAR_ROW: Kernel = {
    (0, 0): 5 / 8, (0, -1): 1 / 2, (0, 1): 1 / 2, (0, -2): -1 / 8, (0, 2): -1 / 8, (-2, 0): 1 / 16, (2, 0): 1 / 16, **_corners(-1 / 8),
}  # fmt: skip
_MALVAR: dict[str, Kernel] = {
    "own": {(0, 0): 1.0},
    "green": {(0, 0): 1 / 2, **_star(1, 1 / 4), **_star(2, -1 / 8)},
    "row": _MALVAR_ROW,
    "column": _transposed(_MALVAR_ROW),
    "opposite": {(0, 0): 3 / 4, **_corners(1 / 4), **_star(2, -3 / 16)},
}


def bilinear_kernels(pattern: str, y: int, x: int, channel: int) -> Kernel:
    """The mean of the nearest samples of that colour: two or four."""
    return _BILINEAR[_role(pattern, y, x, channel)]


def malvar_kernels(pattern: str, y: int, x: int, channel: int) -> Kernel:
    """The mean of the nearest samples, corrected by the Laplacian of the pixel's own colour.

    Source: Malvar, He, Cutler, "High-quality linear interpolation for demosaicing of Bayer-patterned color images", ICASSP 2004, figure 2.
    """
    return _MALVAR[_role(pattern, y, x, channel)]


def by_loop(method: str, mosaic: Tensor, pattern: str) -> Tensor:
    """Demosaick by a compiled loop: float32 on the CPU, (..., 1, H, W) to (..., 3, H, W).

    method   a name in `campipe.ops.kernels.demosaick_rows.LOOPS`
    """
    from campipe.ops.kernels.demosaick_whole import demosaick

    check_bayer(pattern)
    check_size(mosaic)
    return demosaick(method, mosaic, pattern)


def check_size(mosaic: Tensor, tile: tuple[int, int] = (2, 2)) -> None:
    """Refuse a mosaic of less than one tile."""
    height, width = mosaic.shape[-2:]
    if height < tile[0] or width < tile[1]:
        raise ShapeError(f"demosaicking needs at least {tile[0]} x {tile[1]} pixels, but {height} x {width} came")


def bilinear(mosaic: Tensor, pattern: str) -> Tensor:
    """Demosaick by `bilinear_kernels`: (..., 1, H, W) to (..., 3, H, W). Gradient: exact."""
    check_bayer(pattern)
    return by_loop("bilinear", mosaic, pattern) if loops_serve(mosaic) else apply_kernels(mosaic, pattern, bilinear_kernels, 1)


def malvar(mosaic: Tensor, pattern: str) -> Tensor:
    """Demosaick by `malvar_kernels`: (..., 1, H, W) to (..., 3, H, W). Gradient: exact."""
    check_bayer(pattern)
    return by_loop("malvar", mosaic, pattern) if loops_serve(mosaic) else apply_kernels(mosaic, pattern, malvar_kernels, 2)


def squared(kernels: Kernels) -> Kernels:
    """The kernels that carry the variance of independent pixels."""
    return lambda pattern, y, x, channel: {place: w * w for place, w in kernels(pattern, y, x, channel).items()}


def apply_kernels(mosaic: Tensor, pattern: str, kernels: Kernels, reach: int) -> Tensor:
    """Demosaick by a kernel for each position and colour.

    mosaic    (..., 1, H, W), at least one tile of the pattern, and any size from there on
    pattern   as the mosaic's pixel (0, 0) sees it
    reach     pixels that the kernels reach from their middle
    returns   (..., 3, H, W)

    Beyond the border the mosaic goes on as `continued` says. Gradient: exact.
    """
    h, w = patterns.size(pattern)
    check_size(mosaic, (h, w))
    height, width = mosaic.shape[-2:]
    top, left = -(-reach // h) * h, -(-reach // w) * w  # the padded mosaic begins with the same position of the pattern
    padded = continued(continued(mosaic[..., 0, :, :], top, top + -height % h, h, -2), left, left + -width % w, w, -1)
    planes = [[padded[..., i::h, j::w].contiguous() for j in range(w)] for i in range(h)]
    rows, columns = -(-height // h), -(-width // w)

    def sample(y: int, x: int) -> Tensor:
        y, x = y + top, x + left
        return planes[y % h][x % w][..., y // h : y // h + rows, x // w : x // w + columns]

    channels = []
    for channel in range(3):
        parts = [[_weighted(sample, kernels(pattern, i, j, channel), i, j) for j in range(w)] for i in range(h)]
        lines = [torch.stack(row, -1).flatten(-2) for row in parts]
        channels.append(torch.stack(lines, -2).flatten(-3, -2))
    return torch.stack(channels, -3)[..., :height, :width]


def continued(data: Tensor, before: int, after: int, period: int, dim: int) -> Tensor:
    """Continue a mosaic beyond both ends of an axis so that its pattern goes on.

    data            any shape, at least one period along the axis
    before, after   pixels

    With a period of 2 by its mirror image about the outermost pixel; with another one, whose mirror image may see other colours, by its
    outermost period, again and again.
    """
    if period == 2:
        return mirror_pad(data, before, after, dim)
    size = data.shape[dim]
    place = torch.arange(-before, size + after, device=data.device)
    place = torch.where(place < 0, place % period, torch.where(place < size, place, size - period + (place - size) % period))
    return data.index_select(dim, place)


def _weighted(sample: Callable[[int, int], Tensor], kernel: Kernel, i: int, j: int) -> Tensor:
    """Sum of weight times sample over a kernel; samples of one weight are added up first."""
    groups: dict[float, list[tuple[int, int]]] = defaultdict(list)
    for (dy, dx), weight in kernel.items():
        groups[weight].append((i + dy, j + dx))
    total = None
    for weight, places in groups.items():
        part = sample(*places[0])
        for place in places[1:]:
            part = part + sample(*place)
        total = (part if weight == 1 else part * weight) if total is None else torch.add(total, part, alpha=weight)
    if total is None:
        raise CampipeError("a demosaicking kernel has at least one weight")
    return total
