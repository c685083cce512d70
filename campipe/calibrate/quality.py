"""Whether frames are what a sensor gave: noise that was smoothed, codes that were left out, darks that saw light."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from campipe.core import pattern as patterns
from campipe.core.errors import ShapeError
from campipe.core.frame import Frame
from campipe.ops.planes import pack


@dataclass(frozen=True)
class Correlation:
    """Lag-1 autocorrelation of the noise of two frames that were taken alike, plane by plane (P,).

    across, down   to the right-hand and to the lower neighbour of the same colour
    error          one standard error of each where pixels are independent: 1 / sqrt(pixels)
    """

    across: Tensor
    down: Tensor
    error: Tensor

    @property
    def smoothed(self) -> bool:
        """True: neighbours agree by more than 0.03 and by more than 5 standard errors, as they do after denoising, scaling or JPEG."""
        return bool(((torch.maximum(self.across, self.down) > 0.03) & (torch.maximum(self.across, self.down) > 5 * self.error)).any())


def pair_correlation(first: Frame, second: Frame) -> Correlation:
    """How far noise runs on to the neighbour, from the difference of two frames; row and column noise is taken away before.

    first, second   "dn", the same scene, exposure and size

    Taking a row's mean away lowers the correlation along it by 1 / width, which is given back. Electrons that stray to a neighbour after
    counting (inter-pixel capacitance) correlate noise as well: some 2 % of them are needed for 0.03.
    """
    difference = _planes(first) - _planes(second) if first.data.shape == second.data.shape else _refuse(first, second)
    d = difference - difference.mean(-1, keepdim=True)
    d = d - d.mean(-2, keepdim=True)
    power = d.square().mean((-2, -1)).clamp_min(1e-30)
    across = (d[..., 1:] * d[..., :-1]).mean((-2, -1)) / power + 1 / d.shape[-1]
    down = (d[..., 1:, :] * d[..., :-1, :]).mean((-2, -1)) / power + 1 / d.shape[-2]
    return Correlation(across, down, torch.full_like(power, 1 / math.sqrt(d[0].numel())))


def code_step(frame: Frame) -> Tensor:
    """Steps in which the numbers of each plane come, (P,), DN: 1 where every whole number occurs that ought to.

    Counted over the whole numbers that lie between the quantiles of 10 and 90 %, of which each is expected often. A step of 16 in 12 bits
    is a picture of 8 bits made longer; steps that grow with the level are a lossy curve. nan: fewer than 4 numbers lie there.
    """
    found = []
    for plane in _planes(frame):
        values = plane.flatten()
        values = values[:: max(1, values.numel() // 200_000)]
        low, high = torch.quantile(values, torch.tensor([0.1, 0.9], dtype=values.dtype))
        inside = values[(values >= low) & (values <= high)].round()
        span = float(high.floor() - low.ceil()) + 1
        # A number that is wanted less often than ten times may be missing by chance.
        enough = span >= 4 and inside.numel() / span >= 10
        found.append(span / inside.unique().numel() if enough else math.nan)
    return torch.tensor(found, dtype=torch.float64)


def leak(frame: Frame) -> tuple[Tensor, Tensor]:
    """How much brighter one side of a dark frame is than the other, (P,), DN, and one standard error: the slopes of a plane through it.

    Light that creeps in, and the glow of an amplifier, are smooth over the frame; the scatter of dark signals is not. The error is what
    rows and columns scatter about the plane, fixed offsets of whole rows included.
    """
    planes = _planes(frame)
    slopes, squares = [], []
    for axis in (-1, -2):
        means = planes.mean(axis)
        at = torch.linspace(-0.5, 0.5, means.shape[-1], dtype=torch.float64)
        slope = (means * at).sum(-1) / at.square().sum()
        rest = means - means.mean(-1, keepdim=True) - slope[:, None] * at
        slopes.append(slope.abs())
        squares.append(rest.square().sum(-1) / max(means.shape[-1] - 2, 1) / at.square().sum())
    return slopes[0] + slopes[1], (squares[0] + squares[1]).sqrt()


def _planes(frame: Frame) -> Tensor:
    """(P, h, w) float64, cut to whole tiles."""
    frame.expect("dn")
    tile = (1, 1) if frame.capture.pattern is None else patterns.size(frame.capture.pattern)
    whole = frame.data[:1, ..., : frame.height // tile[0] * tile[0], : frame.width // tile[1] * tile[1]]
    return pack(whole, tile)[0][0].double()


def _refuse(first: Frame, second: Frame) -> Tensor:
    raise ShapeError(f"two frames of one size are compared, but {tuple(first.data.shape)} and {tuple(second.data.shape)} came")
