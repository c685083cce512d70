"""The noise profile of a raw frame whose file says nothing of it."""

from __future__ import annotations

import torch
from torch import Tensor

from campipe.core import pattern as patterns
from campipe.core.errors import CampipeError
from campipe.core.frame import Frame
from campipe.core.law import Law
from campipe.core.shot import Shot
from campipe.core.stage import Stage
from campipe.ops.levels import levels_of, to_unit
from campipe.ops.noise_curve import noise_curve
from campipe.ops.noise_estimation import dct_level
from campipe.ops.planes import pack


class EstimateNoise(Stage):
    """Write S and O of variance = S x + O into the capture where it knows no noise profile, as the picture itself tells them.

    always   True: also where the capture knows one

    Where the picture has too few flat regions of different brightness for a line, S is 0 and O the square of one level for all. It looks at
    the whole picture: run it before tiles are cut. Gradient: that of the data is 1; the profile counts as a given number.
    """

    reads = ("dn", "mosaic")
    margin = None

    def __init__(self, always: bool = False, name: str | None = None) -> None:
        super().__init__(name)
        self.always = bool(always)

    def transform(self, frame: Frame, shot: Shot) -> Frame:
        if frame.capture.noise is not None and not self.always:
            return frame
        with torch.no_grad():
            data = to_unit(frame.data, *levels_of(frame)) if frame.space == "dn" else frame.data
            tile = (1, 1) if frame.capture.pattern is None else patterns.size(frame.capture.pattern)
            height, width = (size // step * step for size, step in zip(data.shape[-2:], tile, strict=True))
            planes = pack(data[..., :height, :width], tile)[0]
            return frame.replace(noise=torch.stack([_profile(item.flatten(0, -3)) for item in planes]).to(frame.data.dtype))

    def law(self, law: Law) -> Law:
        return law


def _profile(planes: Tensor) -> Tensor:
    """(2,) S and O of (N, H, W)."""
    try:
        return noise_curve(planes).noise
    except CampipeError:
        level = dct_level(planes[None]).square().mean()
        return torch.stack([torch.zeros_like(level), level])
