"""Joint demosaicking and denoising: a net that is told the noise level corrects Malvar's method."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from campipe.blocks.demosaicking.slot import Demosaicker
from campipe.blocks.learned.base import Learned
from campipe.blocks.learned.joint_net import JointNet
from campipe.blocks.learned.limit import limited
from campipe.blocks.learned.scales import CELL
from campipe.core import pattern as patterns
from campipe.core.frame import Frame
from campipe.core.shot import Shot
from campipe.ops.axes import pattern_table, per_channel, per_position
from campipe.ops.demosaick import check_bayer, check_size, malvar
from campipe.ops.filters import mirror_pad
from campipe.ops.levels import levels_of, to_unit
from campipe.ops.noise import per_colour
from campipe.ops.stabilise import stabilise, unstabilise

STRIDE = 2 * CELL
"""Pixels of the mosaic that the coarsest level sees as one, and pixels of its mirror image that are put around it."""


class Joint(Learned, Demosaicker):
    """Malvar's picture plus what a net finds in the noisy mosaic: colours that were not seen, and the noise of those that were.

    sigma       standard deviation of the noise, in the unit of the frame's data ("dn": DN), one number, or one per item given as a
                parameter; None: what the capture's noise profile says of each pixel, and where it says nothing, none
    weights     name of weights that ship, a path, or None: untrained, which is Malvar's method
    width       channels of the net's finest level, where there are no weights
    blocks      its residual blocks at each side of that level
    stabilise   True: noise that grows with the signal is made even by the generalised Anscombe transform, and the exact unbiased inverse
                taken of the picture. False: the net gets a sigma map. It matters where sigma is None.
    seed        of the weights that a training begins with

    All colours of a tile are corrected. A measured pixel changes by 6 sigma at most, so that without noise what was measured stays. The net
    was trained on pictures encoded for a display with sigmas from 0 to 20 of 255; twice the mosaic with twice the noise gives twice the
    picture, so that other exposures are served too. The noise of the result is unknown: its capture holds no profile. A frame without a
    colour filter is repeated in three equal channels, and keeps its noise. A large picture is done piece by piece within, but its pieces
    lie on a grid of 8 pixels: a crop that does not begin on the grid comes out slightly otherwise.

    Source: Gharbi et al., "Deep joint demosaicking and denoising", SIGGRAPH Asia 2016, with another net, on the linear base of Malvar et
    al., ICASSP 2004. Gradient: exact, 0 where a measured pixel is at its limit.
    """

    block = "demosaick/joint"
    primary = "sigma"
    tiles = False
    margin = None

    def __init__(
        self,
        sigma: Any = None,
        weights: str | Path | None = "jdd",
        width: int = 64,
        blocks: int = 4,
        stabilise: bool = True,
        seed: int = 0,
        name: str | None = None,
    ) -> None:
        super().__init__(name)
        self.stabilise = bool(stabilise)
        if sigma is not None:
            self.number("sigma", sigma, positive=True)
        self._make_body(weights, {"width": width, "blocks": blocks}, seed)

    def build(self, **architecture: Any) -> nn.Module:
        return JointNet(**architecture)

    def transform(self, frame: Frame, shot: Shot) -> Frame:
        pattern, noise = frame.capture.pattern, frame.capture.noise
        if pattern is None:
            return super().transform(frame, shot)
        mosaic, unit = frame.data, None
        if frame.space == "dn":
            black, white = levels_of(frame)
            mosaic, unit = to_unit(mosaic, black, white), white - black
        with torch.autocast(mosaic.device.type, enabled=False):
            if hasattr(self, "sigma"):
                level = self.value("sigma", frame, shot).to(mosaic.dtype)
                out = self.net(mosaic, pattern, level if unit is None else level / unit)
            elif noise is None:
                out = self.net(mosaic, pattern)
            else:
                out = self._by_profile(mosaic, pattern, per_colour(noise, pattern).to(mosaic.dtype))
        return frame.replace(out, space="camera", noise=None)

    def _by_profile(self, mosaic: Tensor, pattern: str, noise: Tensor) -> Tensor:
        """Of a profile for each colour, (B, 2, 3)."""
        height, width = mosaic.shape[-2:]
        shot, floor = (per_position(pattern_table(part, pattern), height, width, mosaic.ndim) for part in noise.unbind(1))
        if not self.stabilise:
            return self.net(mosaic, pattern, _root(shot * mosaic + floor))
        even = self.net(stabilise(mosaic, shot, floor), pattern, 1.0)
        return unstabilise(even, *(per_channel(part, mosaic.ndim) for part in noise.unbind(1)))

    def net(self, mosaic: Tensor, pattern: str, sigma: Tensor | float = 0.0) -> Tensor:
        """Demosaick and denoise plain tensors: (..., 1, H, W) to (..., 3, H, W).

        mosaic    at least one tile of the pattern, and any size from there on
        pattern   one of RGGB, GRBG, GBRG and BGGR, as pixel (0, 0) sees it
        sigma     standard deviation of the noise in the unit of the mosaic, >= 0; broadcasts with it
        """
        check_bayer(pattern)
        check_size(mosaic)
        lead, (height, width) = mosaic.shape[:-3], mosaic.shape[-2:]
        red = pattern.index("R")
        # The mosaic begins on a whole cell, but for the row and column by which its first tile is cut.
        top, left = STRIDE + red // 2, STRIDE + red % 2

        def whole(x: Tensor) -> Tensor:
            x = mirror_pad(x, top, STRIDE + -(top + height) % STRIDE, -2)
            x = mirror_pad(x, left, STRIDE + -(left + width) % STRIDE, -1)
            return x.reshape(-1, *x.shape[-3:])

        level = torch.as_tensor(sigma, dtype=mosaic.dtype, device=mosaic.device)
        level = level.reshape(*([1] * (mosaic.ndim - level.ndim)), *level.shape)
        if level.shape[-2:] == (1, 1):
            spread = level.expand(*lead, 1, 1, 1).reshape(-1, 1, 1, 1)
        else:
            spread = whole(level.expand_as(mosaic))
        added = self.correction(whole(mosaic), spread)[..., top : top + height, left : left + width].reshape(*lead, 3, height, width)
        seen = _seen(pattern, height, width, mosaic.device)
        return malvar(mosaic, pattern) + torch.where(seen, limited(added, level), added)

    def correction(self, mosaic: Tensor, sigma: Tensor) -> Tensor:
        """What is added to the base, (B, 1, H, W) to (B, 3, H, W), of an RGGB mosaic; H and W are multiples of 8.

        sigma   (B, 1, 1, 1), or a map of the shape of the mosaic
        """
        net = self.body
        assert isinstance(net, JointNet)
        planes = functional.pixel_unshuffle(mosaic, 2)
        if sigma.shape[-2:] == (1, 1):
            found = self.run_body(planes, net.reach, sigma)
        else:
            found = self.run_body(torch.cat([planes, functional.avg_pool2d(sigma, 2)], 1), net.reach)
        return functional.pixel_shuffle(found, 2)


def _seen(pattern: str, height: int, width: int, device: torch.device) -> Tensor:
    """(3, H, W): True where a colour was measured."""
    table = torch.tensor(patterns.channels(pattern), device=device)
    tile = torch.stack([table == channel for channel in range(3)])
    return tile.repeat(1, -(-height // 2), -(-width // 2))[:, :height, :width]


def _root(variance: Tensor) -> Tensor:
    positive = variance > 0
    return torch.where(positive, torch.where(positive, variance, 1).sqrt(), 0)
