"""Defective pixels: those that a map names, and those that stand out."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from campipe.core.errors import CampipeError, ShapeError
from campipe.core.frame import Frame
from campipe.core.shot import Shot
from campipe.core.stage import Stage
from campipe.ops import defects as ops
from campipe.ops.noise import deviation, profile


class CorrectDefects(Stage):
    """Replace pixels that are dead, stuck or hot, from their neighbours of the same colour; for every pattern.

    places      (y, x) of known defects on the sensor: a list of pairs
    detect      whether those are looked for that stand out as well
    k           how far a pixel may lie from the median of its eight neighbours, standard deviations of the noise profile there
    threshold   the same as a fixed number, 1 = white level; None: by the noise profile
    spread      what texture is granted on top, in units of the spread of the neighbours. 4 takes up to one good pixel in a
                thousand of sharp photos with little noise for a defect; 1 misses fewer defects, and takes twenty times as many good ones
    estimate    "directional": the mean of the opposite pair that agrees best; "median": of the neighbours

    Where nothing but normal noise is in the picture, a good pixel is replaced with k = 5 at a rate of 3e-6 where spread = 0, and of less
    than 1e-6 where it is 1 or more.
    Gradient: exact for the pixels that were replaced; which ones they are has none.
    """

    reads = ("mosaic",)

    def __init__(
        self,
        places: Sequence[Sequence[int]] = (),
        detect: bool = True,
        k: float = 5.0,
        threshold: float | None = None,
        spread: float = 4.0,
        estimate: str = "directional",
        name: str | None = None,
    ) -> None:
        super().__init__(name)
        self.places = torch.as_tensor([list(p) for p in places], dtype=torch.int64).reshape(-1, 2) if _pairs(places) else _refuse(places)
        if k <= 0 or spread < 0 or (threshold is not None and threshold <= 0):
            raise CampipeError(f"k and threshold are above 0 and spread is not below, but {k}, {threshold} and {spread} came")
        if estimate not in ("directional", "median"):
            raise CampipeError(f"the estimate is 'directional' or 'median', but {estimate!r} came")
        self.detect, self.k, self.threshold, self.spread = bool(detect), float(k), threshold, float(spread)
        self.directional = estimate == "directional"
        self.margin = 4  # of X-Trans; others look less far

    def transform(self, frame: Frame, shot: Shot) -> Frame:
        return frame.replace(ops.replaced(frame.data, self.mask(frame), frame.capture.pattern, self.directional))

    def mask(self, frame: Frame) -> Tensor:
        """Which pixels are replaced: the shape of the frame's data, bool."""
        with torch.no_grad():
            known = self._known(frame)
            if not self.detect:
                return known
            data, pattern = frame.data.detach(), frame.capture.pattern
            around = ops.surroundings(data, pattern)
            limit = self.threshold if self.threshold is not None else self.k * deviation(around[0].clamp_min(0), profile(frame))
            return known | ops.detected(data, pattern, limit, self.spread, around)

    def _known(self, frame: Frame) -> Tensor:
        mask = torch.zeros_like(frame.data, dtype=torch.bool)
        for item, origin in enumerate(frame.origin().cpu()):
            inside = self.places - origin
            inside = inside[((inside >= 0) & (inside < torch.tensor([frame.height, frame.width]))).all(1)]
            mask[item, ..., inside[:, 0], inside[:, 1]] = True
        return mask


def _pairs(places: Any) -> bool:
    return all(len(p) == 2 and all(float(v) == int(v) >= 0 for v in p) for p in places)


def _refuse(places: Any) -> Tensor:
    raise ShapeError(f"defects are named by pairs (y, x) of whole numbers on the sensor, but {places} came")
