"""Raw numbers to a picture in one pass, window by window: the fused form of the developing stages.

What the stages do with some sixty torch operations, each of which reads and writes the whole picture, is done here on windows that stay in
the second-level cache. Beside input and output it needs half a megabyte per thread.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from campipe.ops.kernels.memory import empty

LARGEST_PERIOD = 64
"""Pixels after which the levels and gains must repeat."""
ROWS, COLUMNS = 32, 512
"""Pixels of a window: even numbers, and few enough that its strip, planes and scratch stay in the second-level cache."""
CEILING = 13
"""Column of the numbers of an item, after those that `developing_rows` reads."""


@dataclass(frozen=True)
class Developing:
    """What happens to raw numbers, in this order; a step that is None is left out. All in float32.

        v = (dn - black) / span           black, span   (B or 1, h, w), DN, by place of the pattern; span: white less black level
        v = v * gain                      gain          (B or 1, h, w)
        v = min(v, ceiling)               ceiling       (B or 1,)
        rgb = demosaick(v)                method        a name in `campipe.ops.kernels.demosaick_rows.STRIPS`
        rgb = matrix rgb                  matrix        (B or 1, 3, 3)
        rgb = rgb * factor                factor        (B or 1,)
        rgb = tone_curve(rgb, strength)   strength      (B or 1,)
        rgb = srgb_encode(rgb)
        rgb = min(max(rgb, low), high)    limits        (low, high)

    The tables are of one size; each number has a row for every item, or one for all.
    """

    pattern: str
    method: str
    black: Tensor
    span: Tensor
    gain: Tensor
    factor: Tensor
    ceiling: Tensor | None = None
    matrix: Tensor | None = None
    strength: Tensor | None = None
    limits: tuple[float, float] | None = None


def methods() -> frozenset[str]:
    """The demosaickers that have a loop."""
    from campipe.ops.kernels.demosaick_rows import STRIPS

    return frozenset(STRIPS)


def fits(raw: Tensor, pattern: str) -> bool:
    """True where the loops can take raw numbers of that shape and pattern: one plane, a Bayer pattern, at least 2 x 2 pixels."""
    return raw.ndim == 4 and raw.shape[1] == 1 and min(raw.shape[2:]) >= 2 and pattern in ("RGGB", "GRBG", "GBRG", "BGGR")


def develop(raw: Tensor, plan: Developing) -> Tensor:
    """Develop to numbers from 0 to 1: (B, 1, H, W) float32 to (B, 3, H, W) float32.

    The same bits on any number of threads. Gradient: none; the stages give one.
    """
    from campipe.ops.kernels.developing_rows import finish_planes

    batch, _, height, width = raw.shape
    out = empty((batch, 3, height, width))
    flat, plane = out.view(-1).numpy(), height * width

    def finish(planes: np.ndarray, numbers: np.ndarray, item: int, top: int, left: int) -> None:
        finish_planes(planes, numbers, flat, 3 * item * plane + top * width + left, plane, width)

    _over_windows(raw, plan, lambda columns: finish)
    return out


def develop_integers(raw: Tensor, plan: Developing, bits: int) -> tuple[Tensor, bool]:
    """Develop to whole numbers of 8 or 16 bits: (B, H, W, 3) uint8 or uint16, and whether a value was NaN.

    The limits of the plan lie within 0 and 1. Rounded once, half to even.
    """
    from campipe.ops.kernels.developing_rows import finish_integers

    batch, _, height, width = raw.shape
    out = empty((batch, height, width, 3), torch.uint8 if bits == 8 else torch.uint16)
    flat, top_value, odd = out.view(-1).numpy(), np.float32(2**bits - 1), np.zeros(1, np.int32)

    def finisher(columns: int) -> Finish:
        scratch = np.empty(3 * columns, np.float32)

        def finish(planes: np.ndarray, numbers: np.ndarray, item: int, top: int, left: int) -> None:
            rows = scratch[: 3 * planes.shape[2]].reshape(3, -1)
            at = 3 * ((item * height + top) * width + left)
            if finish_integers(planes, numbers, flat, at, 3 * width, top_value, rows):
                odd[0] = 1

        return finish

    _over_windows(raw, plan, finisher)
    return out, bool(odd[0])


Finish = Callable[[np.ndarray, np.ndarray, int, int, int], None]
"""Takes three planes of a window, the item's numbers, the item, and the window's first row and column."""


def _numbers(plan: Developing, batch: int) -> np.ndarray:
    """(B, 14): what `finish_planes` takes, and the ceiling."""
    numbers = torch.zeros(batch, CEILING + 1)
    numbers[:, :9] = (torch.eye(3) if plan.matrix is None else plan.matrix).reshape(-1, 9)
    numbers[:, 9] = plan.factor
    if plan.strength is not None:
        numbers[:, 10] = plan.strength
    low, high = plan.limits or (-math.inf, math.inf)
    numbers[:, 11], numbers[:, 12] = low, high
    numbers[:, CEILING] = math.inf if plan.ceiling is None else plan.ceiling
    return numbers.numpy()


def _over_windows(raw: Tensor, plan: Developing, finisher: Callable[[int], Finish]) -> None:
    """Run every window of every item through the three loops, bands of rows on several threads."""
    from campipe.ops.kernels.demosaick_rows import STRIPS
    from campipe.ops.kernels.developing_rows import fill_strip, spread
    from campipe.ops.kernels.threads import over_rows

    strip, margin, planes = STRIPS[plan.method]
    batch, _, height, width = raw.shape
    tables = torch.stack([t.expand(batch, -1, -1) for t in (plan.black, plan.span, plan.gain)], 1).contiguous().numpy()
    numbers = _numbers(plan, batch)
    light, item_step, row_step = _flat(raw)
    red_y, red_x = divmod(plan.pattern.index("R"), 2)
    bands, broadest, period = -(-height // ROWS), min(width, COLUMNS), tables.shape[3]

    def work(first: int, last: int) -> None:
        padded, spare, result = (_Scratch(n, ROWS + 2 * edge, broadest + 2 * edge) for n, edge in ((1, margin), (planes, margin), (3, 0)))
        repeated = np.empty((3, tables.shape[2], broadest + 2 * margin + period), np.float32)
        finish = finisher(broadest)
        known = -1
        for band in range(first, last):
            item, top = band // bands, band % bands * ROWS
            if item != known:
                spread(tables[item], repeated)
                known = item
            start, ceiling = item * item_step, numbers[item, CEILING]
            for left in range(0, width, COLUMNS):
                rows, columns = min(ROWS, height - top), min(COLUMNS, width - left)
                inner, outer = (rows, columns), (rows + 2 * margin, columns + 2 * margin)
                piece, window = result(*inner), padded(*outer)[0]
                fill_strip(light, start, row_step, (height, width), top, left, margin, repeated, period, ceiling, window)
                # Margins, ROWS and COLUMNS are even: each window begins with the same position of the pattern.
                strip(window, red_y, red_x, piece, spare(*outer))
                finish(piece, numbers[item], item, top, left)

    over_rows(work, batch * bands, ROWS * width)


class _Scratch:
    """Memory for planes of different sizes, one after the other, each of them contiguous."""

    def __init__(self, planes: int, rows: int, columns: int) -> None:
        self.planes, self.memory = planes, np.empty(planes * rows * columns, np.float32)

    def __call__(self, rows: int, columns: int) -> np.ndarray:
        return self.memory[: self.planes * rows * columns].reshape(self.planes, rows, columns)


def _flat(raw: Tensor) -> tuple[np.ndarray, int, int]:
    """The stretch of memory that the planes lie in, and the distances of their items and rows."""
    raw = raw.detach()
    raw = raw if raw.stride(-1) == 1 or raw.shape[-1] == 1 else raw.contiguous()
    span = sum((n - 1) * step for n, step in zip(raw.shape, raw.stride(), strict=True)) + 1
    return raw.as_strided((span,), (1,)).numpy(), raw.stride(0), raw.stride(2)
