"""From tensors on the CPU to the compiled demosaickers. Importing this module imports numba."""

from __future__ import annotations

import numpy as np
from torch import Tensor

from campipe.ops.kernels.demosaick_rows import LOOPS
from campipe.ops.kernels.demosaick_weights import weights_rows
from campipe.ops.kernels.memory import empty
from campipe.ops.kernels.threads import over_rows


def demosaick(method: str, mosaic: Tensor, pattern: str) -> Tensor:
    """Let a loop demosaick whole pictures, strip by strip.

    method    a name in `LOOPS`
    mosaic    (..., 1, H, W) float32, any strides
    pattern   RGGB, GRBG, GBRG or BGGR
    returns   (..., 3, H, W) float32, the same on any number of threads

    Gradient: none.
    """
    *views, _, height, width = mosaic.shape
    planes = mosaic.detach().reshape(-1, height, width).contiguous()
    out = empty((planes.shape[0], 3, height, width))
    if out.numel() > 0:
        (loop, rows, more), red, source, target = LOOPS[method], pattern.index("R"), planes.numpy(), out.numpy()
        lines = planes.shape[0] * -(-height // rows)
        over_rows(lambda first, last: loop(source, red // 2, red % 2, first, last, target, *more), lines, rows * width)
    return out.reshape(*views, 3, height, width)


def demosaick_by_weights(padded: Tensor, sees: np.ndarray, weights: np.ndarray) -> Tensor:
    """Let a loop demosaick whole pictures by kernels of 7 x 7.

    padded    (..., 1, H + 6, W + 6) float32: the mosaic with three pixels more on each side
    sees      (h, w) int64: the channel that each position of the pattern sees
    weights   (h, w, 3, 7, 7) float32: the kernel of each position and channel
    returns   (..., 3, H, W) float32

    Gradient: none.
    """
    *views, _, tall, broad = padded.shape
    height, width = tall - 6, broad - 6
    planes = padded.detach().reshape(-1, tall, broad).contiguous().numpy()
    out = empty((planes.shape[0], 3, height, width))
    if out.numel() > 0:
        target = out.numpy()
        over_rows(lambda first, last: weights_rows(planes, weights, sees, first, last, target), planes.shape[0] * height, width)
    return out.reshape(*views, 3, height, width)
