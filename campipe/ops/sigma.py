"""Sigma maps: how much noise each pixel has, as the capture knows it."""

from __future__ import annotations

from torch import Tensor

from campipe.core.frame import Frame
from campipe.ops.levels import levels_of, to_unit
from campipe.ops.noise import deviation, profile


def sigma_map(frame: Frame) -> Tensor:
    """Standard deviation of the noise of each pixel: sqrt(max(S x + O, 0)), from the capture.

    frame     in "dn", "mosaic", "camera" or "linear"
    returns   the shape of frame.data, in its unit

    The frame's own noisy values stand for the expectation, which is all that a real frame has. After demosaicking it is approximate.
    Gradient: exact.
    """
    frame.expect("dn", "mosaic", "camera", "linear")
    noise = profile(frame)
    if frame.space != "dn":
        return deviation(frame.data, noise)
    black, white = levels_of(frame)
    return deviation(to_unit(frame.data, black, white), noise) * (white - black)
