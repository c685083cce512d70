"""Highlights: clipped colours are cut to white, turned to white evenly, or reconstructed."""

from __future__ import annotations

import torch
from torch import Tensor

from campipe.core.errors import CampipeError, SpaceError
from campipe.core.frame import Frame
from campipe.core.shot import Shot
from campipe.core.stage import Stage
from campipe.ops import highlights as ops
from campipe.ops.axes import per_channel, per_item
from campipe.ops.surrogate import clipped


class RecoverHighlights(Stage):
    """Treat what white balance has lifted above the level where the first colour saturates.

    mode        "clip": cut off there, as `ClipHighlights`; "blend": keep lightness and hue, and take chroma away, after demosaicking;
                "reconstruct": estimate clipped colours from those that are not, by the colour of their surroundings, before or after
    threshold   fraction of its saturation from which on "reconstruct" takes a colour for clipped

    The levels of saturation are the capture's white-balance gains, and 1 without any. What is not clipped stays as it is, to the bit; the
    result goes above 1 and is for a tone curve to bring down. A frame of one channel without a filter is clipped at 1, or stays.
    Gradient: exact where a value was predicted, 1 where it was not clipped; 0 above the ceiling of "clip".
    """

    reads = ("mosaic", "camera")

    def __init__(self, mode: str = "reconstruct", threshold: float = 0.99, name: str | None = None) -> None:
        super().__init__(name)
        if mode not in ("clip", "blend", "reconstruct"):
            raise CampipeError(f"highlights are treated by 'clip', 'blend' or 'reconstruct', but {mode!r} came")
        if not 0 < threshold <= 1:
            raise CampipeError(f"the threshold is a fraction above 0 and up to 1, but {threshold} came")
        self.mode, self.threshold = mode, float(threshold)
        self.margin = None if mode == "reconstruct" else 0

    def transform(self, frame: Frame, shot: Shot) -> Frame:
        data, gains = frame.data, self._gains(frame)
        colourless = data.shape[-3] == 1 and frame.capture.pattern is None
        if self.mode == "clip":
            ceiling = torch.ones(1) if colourless else gains.amin(-1)
            return frame.replace(clipped(data, -torch.inf, per_item(ceiling.to(data), data.ndim)))
        if colourless:
            return frame
        if frame.space == "camera":
            ceilings = per_channel(gains, data.ndim)
            out = ops.blend(data, ceilings) if self.mode == "blend" else ops.reconstruct(data, ceilings, self.threshold)
            return frame.replace(out)
        if self.mode == "blend":
            raise SpaceError("blending needs all colours at every pixel, but a mosaic came; put it after the demosaicker")
        assert frame.capture.pattern is not None
        return frame.replace(ops.reconstruct_mosaic(data, frame.capture.pattern, gains, self.threshold))

    def _gains(self, frame: Frame) -> Tensor:
        gains = frame.capture.wb
        return torch.ones(1, 3, dtype=frame.data.dtype, device=frame.data.device) if gains is None else gains.to(frame.data.dtype)
