"""Block matching and three-dimensional filtering."""

from __future__ import annotations

from typing import Any

from torch import Tensor

from campipe.blocks.denoising.slot import Denoiser, one_sigma
from campipe.core.errors import CampipeError
from campipe.ops.bm3d import SIDE, STEP, bm3d
from campipe.ops.surrogate import refused


class BlockMatching(Denoiser):
    """BM3D: stack blocks of 8 x 8 pixels that look alike, shrink the stack's transform, and average what the stacks say of a pixel; twice.

    step   pixels between the blocks that stacks are made for, 1 to 8: 3 as published; 2 is 0.02 dB better and takes twice as long

    Colours are matched by their brightness, the planes of a Bayer mosaic by their mean, and all filtered in these stacks. A sigma map
    counts by its root mean square. Stacks begin at the frame's own corner, so that a tile is not what the whole is there. Works in
    float32 on the CPU: about 5 s of one core per megapixel, 8 s in colour.
    Gradient: none, and refused; "nlm" and "dct" have one.
    Source: Dabov, Foi, Katkovnik, Egiazarian, "Image denoising by sparse 3-D transform-domain collaborative filtering", IEEE TIP 16(8),
    2007; see `campipe.ops.bm3d`.
    """

    tiles = False
    differentiable = False
    margin = None
    least = SIDE

    def __init__(self, sigma: Any = None, step: int = STEP, stabilise: bool = True, name: str | None = None) -> None:
        super().__init__(sigma, stabilise, name)
        if not isinstance(step, int) or not 1 <= step <= SIDE:
            raise CampipeError(f"step is 1 to {SIDE} pixels, so that blocks cover the picture, but {step!r} came")
        self.step = step

    def net(self, x: Tensor, sigma: Tensor) -> Tensor:
        return refused(bm3d(x, one_sigma(sigma), self.step), "bm3d", "take 'nlm' or 'dct', or detach the frame", x, sigma)
