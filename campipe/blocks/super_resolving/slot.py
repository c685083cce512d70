"""What all super-resolvers share: the factor, and what becomes of the capture."""

from __future__ import annotations

from typing import Any, ClassVar

from torch import Tensor

from campipe.blocks.base import Block
from campipe.core.frame import Frame
from campipe.core.shot import Shot
from campipe.ops.upsample import checked_factor


class SuperResolver(Block):
    """Give a picture more pixels. To be derived from: implement `net(x)`.

    factor   times as many pixels a side, whole, from 1 on

    A pixel becomes a square of `factor` x `factor` pixels that covers the same place of the sensor; the origin moves with it. Frames with
    views and times are done picture by picture. The noise of the result is neither white nor known: its capture holds no profile. The
    result has another size, so that it is not done tile by tile from outside; `margin` counts pixels of the frame that came.
    """

    slot = "super_resolve"
    reads: ClassVar[tuple[str, ...]] = ("camera", "linear", "display")
    tiles = False

    def __init__(self, factor: int = 2, name: str | None = None) -> None:
        super().__init__(name)
        self.factor = checked_factor(factor)

    def net(self, x: Tensor) -> Tensor:
        """Super-resolve plain tensors: (B, C, H, W) to (B, C, factor H, factor W)."""
        raise NotImplementedError(f"{type(self).__name__} does not say what it does; implement net(x)")

    def transform(self, frame: Frame, shot: Shot) -> Frame:
        data = frame.data
        out = self.net(data.flatten(0, data.ndim - 4))
        entries: dict[str, Any] = {} if frame.capture.origin is None else {"origin": frame.capture.origin * self.factor}
        return frame.replace(out.reshape(*data.shape[:-2], *out.shape[-2:]), noise=None, **entries)
