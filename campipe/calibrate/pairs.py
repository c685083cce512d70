"""What two frames of one exposure say: mean, temporal variance, fixed pattern and clipping, plane by plane.

The difference of the two frames holds no fixed pattern, their product no temporal noise: the first gives the temporal variance (EMVA 1288
Release 4, "two-image method"), the second that of the fixed pattern.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from campipe.calibrate.planes import plane_names
from campipe.core import pattern as patterns
from campipe.core.errors import CampipeError, ShapeError
from campipe.core.frame import Frame

Window = tuple[int, int, int, int]
_LARGEST = tuple(2.0**bits - 1 for bits in (8, 10, 12, 14, 16))
_ROWS = 16  # from so many rows on, their scatter tells the error of the variance


@dataclass(frozen=True)
class PairStatistics:
    """Statistics of pairs of frames that were exposed alike. Tensors are (P,) float64, one number for each plane.

    planes             names of the planes, see `campipe.calibrate.planes`
    mean               DN, of both frames, black level included
    variance           DN^2, temporal: half the variance of the difference. An offset of one whole frame against the other, such as
                       flicker makes, is not in it
    variance_error     DN^2, one standard error, from the scatter of the contributions of neighbouring rows, so that noise which the
                       pixels of a row share is in it; with fewer than 16 rows that of normal noise, variance sqrt(2 / (n - 1))
    spatial_variance   DN^2, of the fixed pattern, uneven illumination included: the covariance of the two frames; scatters around 0
                       where there is none
    shift              DN, mean of the first frame less that of the second; of several pairs the largest one
    pixels             how many pixels were compared
    saturated          fraction of pixels at the white level or above
    clipped            fraction of pixels at 0 or below
    freedom            degrees of freedom of variance_error
    seconds, iso       of the exposure, where known; photons: mean number per pixel, where given
    pairs              number of pairs
    """

    planes: tuple[str, ...]
    mean: Tensor
    variance: Tensor
    variance_error: Tensor
    spatial_variance: Tensor
    shift: Tensor
    pixels: Tensor
    saturated: Tensor
    clipped: Tensor
    freedom: Tensor
    seconds: float | None = None
    iso: float | None = None
    photons: float | None = None
    pairs: int = 1

    def row(self, plane: str) -> int:
        """Number of a plane in the tensors."""
        if plane not in self.planes:
            raise CampipeError(f"the pair has planes {', '.join(self.planes)}, but {plane!r} was asked for")
        return self.planes.index(plane)


def pair_statistics(
    first: Frame | Tensor | np.ndarray,
    second: Frame | Tensor | np.ndarray,
    *,
    roi: Window | None = None,
    white: float | Tensor | None = None,
    photons: float | None = None,
    pattern: str | None = None,
    seconds: float | None = None,
    iso: float | None = None,
) -> PairStatistics:
    """Statistics of two frames that were exposed alike.

    first, second   in "dn", (B, 1, H, W), the items of a batch are pairs of their own; or plain arrays (H, W), of uint16 or float32 for
                    speed
    roi             y, x, height and width, pixels; None: the whole frame
    white           DN, one number or a table (h, w) by position: a pixel is saturated from here up; None: the capture's white level, or
                    where there is none the largest number of 8, 10, 12, 14 or 16 bits, if the frames reach it
    photons         per pixel, mean over the exposure
    pattern, seconds, iso   of plain arrays; a frame's capture knows them

    Sums are float64. On the CPU one compiled pass goes over both frames; elsewhere, and for other kinds of numbers, torch does the same.
    Raises a CampipeError where the two differ in size, pattern, exposure time or ISO, or hold what is no number.
    """
    one, two = _pixels(first), _pixels(second)
    if one.shape != two.shape:
        raise ShapeError(f"the two frames of a pair are of one size, but {_size(one)} and {_size(two)} came")
    pattern = _agreed("pattern", first, second, pattern)
    seconds, iso = _agreed("seconds", first, second, seconds), _agreed("iso", first, second, iso)
    y, x, height, width = (0, 0, *one.shape[-2:]) if roi is None else roi
    if not (0 <= y and 0 <= x and y + height <= one.shape[-2] and x + width <= one.shape[-1]):
        raise ShapeError(f"a region of {height} x {width} at ({y}, {x}) does not lie inside a frame of {_size(one)}")
    tile = (1, 1) if pattern is None else patterns.size(pattern)
    if height < 2 * tile[0] or width < 2 * tile[1]:
        least = f"{2 * tile[0]} x {2 * tile[1]}"
        raise ShapeError(f"a pair needs two tiles of the pattern at least each way, {least}, but {height} x {width} came")
    levels = np.roll(_levels(first, white, tile), (-y, -x), (0, 1))
    known: dict[str, Any] = {"seconds": seconds, "iso": iso, "photons": photons}
    names = plane_names(patterns.roll(pattern, y, x))
    sums = (_sums(a, b, (y, x, height, width), levels) for a, b in zip(one, two, strict=True))
    return joined([_finished(each, names, tile, width, levels, known) for each in sums])


def joined(pairs: Sequence[PairStatistics]) -> PairStatistics:
    """Several pairs of one exposure as one: means by number of pixels, errors as those of independent pairs.

    The pairs have the same planes. What they do not agree about among seconds, iso and photons is None in the result.
    """
    if not pairs:
        raise CampipeError("one pair of frames or more is needed, but none came")
    if len(pairs) == 1:
        return pairs[0]
    names = pairs[0].planes
    for pair in pairs:
        if sorted(pair.planes) != sorted(names):
            raise CampipeError(f"pairs that are joined have the same planes, but {', '.join(names)} and {', '.join(pair.planes)} came")
    rows = {f: torch.stack([getattr(p, f)[[p.planes.index(n) for n in names]] for p in pairs]) for f in _TENSORS}
    share = rows["pixels"] / rows["pixels"].sum(0)
    means = {f: (share * rows[f]).sum(0) for f in ("mean", "variance", "spatial_variance", "saturated", "clipped")}
    error = (share * rows["variance_error"]).square().sum(0).sqrt()
    shift = rows["shift"].gather(0, rows["shift"].abs().argmax(0, keepdim=True))[0]
    found: dict[str, Any] = {**means, "variance_error": error, "shift": shift, "pairs": sum(p.pairs for p in pairs)}
    found |= {f: rows[f].sum(0) for f in ("pixels", "freedom")}
    found |= {f: getattr(pairs[0], f) if len({getattr(p, f) for p in pairs}) == 1 else None for f in ("seconds", "iso", "photons")}
    return PairStatistics(names, **found)


_TENSORS = ("mean", "variance", "variance_error", "spatial_variance", "shift", "pixels", "saturated", "clipped", "freedom")


def _pixels(frame: Frame | Tensor | np.ndarray) -> Tensor | np.ndarray:
    """(B, H, W) of a raw frame or array."""
    data = frame.expect("dn").data.detach() if isinstance(frame, Frame) else frame
    if isinstance(data, np.ndarray | Tensor) and data.ndim == 4 and data.shape[1] == 1:
        return data[:, 0]
    if isinstance(data, np.ndarray | Tensor) and data.ndim == 2:
        return data[None]
    shape = tuple(data.shape) if hasattr(data, "shape") else type(data).__name__
    raise ShapeError(f"a pair is made of raw frames (B, 1, H, W) or arrays (H, W), but {shape} came; take one view and time")


def _size(data: Tensor | np.ndarray) -> str:
    return " x ".join(map(str, data.shape[-2:]))


def _agreed(name: str, first: object, second: object, given: Any) -> Any:
    """What both captures say, or what was given where they are silent."""
    said = [getattr(f.capture, name) for f in (first, second) if isinstance(f, Frame)]
    values = {float(v.flatten()[0]) if isinstance(v, Tensor) else v for v in said if v is not None}
    if any(isinstance(v, Tensor) and bool((v != v.flatten()[0]).any()) for v in said):
        raise CampipeError(f"the frames of a pair share their {name}, but the batch has several; go through its items one by one")
    if len(values) > 1:
        raise CampipeError(f"the two frames of a pair share their {name}, but {' and '.join(map(str, sorted(values, key=str)))} came")
    return given if given is not None else next(iter(values), None)


def _levels(frame: object, white: float | Tensor | None, tile: tuple[int, int]) -> np.ndarray:
    """(h, w) level from which on a pixel is saturated; infinite where nobody says."""
    if white is None and isinstance(frame, Frame) and frame.capture.white_level is not None:
        white = frame.capture.white_level[0]
    if white is None:
        return np.full(tile, math.inf)
    return np.array(np.broadcast_to(torch.as_tensor(white).detach().double().cpu().numpy(), tile))


def _sums(one: Tensor | np.ndarray, two: Tensor | np.ndarray, window: Window, levels: np.ndarray) -> np.ndarray:
    """(rows, w, 8) as `campipe.ops.kernels.pair_statistics.pair_rows` gives them."""
    y, x, height, width = window
    arrays = [_array(one), _array(two)]
    if arrays[0] is None or arrays[1] is None or arrays[0].dtype != arrays[1].dtype:
        a, b = (torch.as_tensor(t)[y : y + height, x : x + width].double() for t in (one, two))
        return _sums_torch(a, b, levels)
    from campipe.ops.kernels.pair_statistics import pair_rows
    from campipe.ops.kernels.threads import over_rows

    out = np.empty((height, levels.shape[1], 8))
    over_rows(lambda start, end: pair_rows(*arrays, y, x, width, levels.shape[1], levels, start, end, out), height, width)
    return out


def _array(data: Tensor | np.ndarray) -> np.ndarray | None:
    """Contiguous numbers that the compiled loop takes, or None."""
    if isinstance(data, Tensor):
        if data.device.type != "cpu" or data.dtype not in (torch.float32, torch.uint16):
            return None
        data = data.contiguous().numpy()
    return np.ascontiguousarray(data) if data.dtype in (np.float32, np.uint16) and data.dtype.isnative else None


def _sums_torch(a: Tensor, b: Tensor, levels: np.ndarray) -> np.ndarray:
    """The same sums, of float64 tensors on any device."""
    height, width = levels.shape
    out = torch.empty(a.shape[0], width, 8, dtype=torch.float64)
    for i in range(height):
        for j in range(width):
            p, q = a[i::height, j::width], b[i::height, j::width]
            both, level = torch.cat([p, q], 1), float(levels[i, j])
            top = both.amax(1)
            numbers = [p.sum(1), q.sum(1), (p - q).square().sum(1), (p * q).sum(1), (both >= level).sum(1), (both <= 0).sum(1)]
            numbers += [top, (both == top[:, None]).sum(1)]
            out[i::height, j] = torch.stack([n.double() for n in numbers], 1).cpu()
    return out.numpy()


def _finished(
    sums: np.ndarray, names: tuple[str, ...], tile: tuple[int, int], width: int, levels: np.ndarray, known: dict[str, Any]
) -> PairStatistics:
    """From sums over rows to statistics."""
    columns = []
    for i in range(tile[0]):
        for j in range(tile[1]):
            each = len(range(j, width, tile[1]))
            columns.append(_plane(sums[i :: tile[0], j], each, float(levels[i, j])))
    table = torch.tensor(np.array(columns), dtype=torch.float64)
    if not bool(torch.isfinite(table).all()):
        raise CampipeError("the frames of a pair hold finite numbers only, but some are not; mend or leave out these pixels")
    numbers: dict[str, Any] = dict(zip(_TENSORS, table.unbind(1), strict=True))
    return PairStatistics(names, **numbers, **known)


def _plane(sums: np.ndarray, each: int, level: float) -> tuple[float, ...]:
    """The numbers of one plane, in the order of _TENSORS, from (rows, 8) sums over rows of `each` pixels."""
    a, b, square, product, high, low = sums[:, :6].sum(0)
    rows, n = len(sums), len(sums) * each
    shift = (a - b) / n
    parts = sums[:, 2] - 2 * shift * (sums[:, 0] - sums[:, 1]) + each * shift**2
    variance = (square - n * shift**2) / (2 * (n - 1))
    if rows >= _ROWS:
        # From one row to the next, so that shading, which makes rows differ by their light, is not taken for noise. Von Neumann's mean
        # square of successive differences has 2/3 of the degrees of freedom.
        spread = float(np.square(np.diff(parts)).mean()) / 2
        error, freedom = math.sqrt(rows * spread) / (2 * (n - 1)), 2 / 3 * (rows - 1)
    else:
        error, freedom = max(variance, 0.0) * math.sqrt(2 / (n - 1)), n - 1
    spatial = (product - a * b / n) / (n - 1)
    if math.isinf(level):
        top = sums[:, 6].max()
        high = sums[sums[:, 6] == top, 7].sum() if top in _LARGEST else 0.0
    return (a + b) / (2 * n), max(variance, 0.0), error, spatial, shift, n, high / (2 * n), low / (2 * n), freedom
