"""What all denoisers share: where the noise level comes from, mosaics as planes, and noise that grows with the signal."""

from __future__ import annotations

from typing import Any, ClassVar

import torch
from torch import Tensor

from campipe.blocks.base import Block
from campipe.core import pattern as patterns
from campipe.core.errors import CampipeError, ShapeError
from campipe.core.frame import Frame
from campipe.core.shot import Shot
from campipe.ops.axes import per_channel
from campipe.ops.levels import levels_of, to_dn, to_unit
from campipe.ops.noise import deviation, per_colour
from campipe.ops.planes import Tile, pack, pack_table, registration, unpack
from campipe.ops.stabilise import stabilise, unstabilise


class Denoiser(Block):
    """Take noise away. To be derived from: implement `net(x, sigma)`.

    sigma       standard deviation of the noise, in the unit of the frame's data ("dn": DN), one number, or one per item given as a
                parameter; None: what the capture's noise profile says of each pixel
    stabilise   True: noise that grows with the signal is made even by the generalised Anscombe transform, the method run at a sigma of 1,
                and the exact unbiased inverse taken. False: the method gets a sigma map. It matters where sigma is None.

    A mosaic is denoised as planes, one for each position of its pattern, laid over one another as in every crop of it, so that a method
    may look at them together. `margin` and `least` count pixels of a plane, in a mosaic tiles of the pattern; to the margin there comes the
    rest of a tile that a border may cut. The profile of the result is unknown: its capture holds none. Frames with views and times are
    denoised picture by picture. Without noise (a sigma of 0) the picture comes back as it is, but for rounding.
    """

    slot = "denoise"
    reads = ("dn", "mosaic", "camera", "linear", "display")
    primary = "sigma"
    least: ClassVar[int] = 1  # pixels on a side that a picture has at least

    def __init__(self, sigma: Any = None, stabilise: bool = True, name: str | None = None) -> None:
        super().__init__(name)
        self.stabilise = bool(stabilise)
        if sigma is not None:
            self.number("sigma", sigma, positive=True)

    def net(self, x: Tensor, sigma: Tensor) -> Tensor:
        """Denoise plain tensors.

        x         (B, C, H, W), floating point; C is 1, 3 or the number of positions of a pattern
        sigma     standard deviation of the noise in the unit of x, >= 0, broadcasts with x: (B or 1, C or 1, H or 1, W or 1)
        returns   the shape of x
        """
        raise NotImplementedError(f"{type(self).__name__} does not say what it does; implement net(x, sigma)")

    def transform(self, frame: Frame, shot: Shot) -> Frame:
        for name in self._positive:
            if name != "sigma" and ".".join([*shot.path, name]) in (shot.parameters or {}):
                raise CampipeError(f"{name} is one number for the whole batch; give it to the block, or give sigma per item")
        data = frame.data
        views = data.shape[1:-3]
        if frame.space == "dn":
            black, white = levels_of(frame)
            data = to_unit(data, black, white)
        pattern = frame.capture.pattern if frame.space in ("dn", "mosaic") else None
        tile = (1, 1) if pattern is None else patterns.size(pattern)
        before = registration(pattern)
        if min(data.shape[-2] // tile[0], data.shape[-1] // tile[1]) < self.least:
            wanted = f"{self.least * tile[0]} x {self.least * tile[1]}"
            raise ShapeError(f"at least {wanted} pixels are needed, but {data.shape[-2]} x {data.shape[-1]} came")
        if hasattr(self, "sigma"):
            level = self.value("sigma", frame, shot).to(data.dtype)
            if frame.space == "dn":
                level = level / (white - black)
            planes, cut = pack(data, tile, before)
            spread = pack(level.expand_as(data), tile, before)[0] if level.ndim == data.ndim and level.shape[-1] > 1 else level
            out = unpack(self._flat(planes, spread, views), tile, cut, before)
        else:
            out = self._by_profile(frame, data, pattern, tile, before, views)
        if frame.space == "dn":
            out = to_dn(out, black, white)
        return frame.replace(out, noise=None)

    def _by_profile(self, frame: Frame, data: Tensor, pattern: str | None, tile: Tile, before: Tile, views: Any) -> Tensor:
        noise = frame.capture.noise
        if noise is None:
            raise CampipeError(
                "the capture says nothing of the noise; give the block sigma=, or the frame S and O, (B, 2), by frame.replace(noise=...); "
                "campipe.calibrate.noise.estimate_noise(frame) finds them"
            )
        if pattern is None:
            noise = per_colour(noise, None, data.shape[-3])
        planes, cut = pack(data, tile, before)
        if not self.stabilise:
            spread = pack(deviation(data, noise), tile, before)[0]
            return unpack(self._flat(planes, spread, views), tile, cut, before)
        table = pack_table(noise, tile, before)
        shot_part, floor = (per_channel(part, data.ndim).to(data.dtype) for part in table.unbind(1))
        even = self._flat(stabilise(planes, shot_part, floor), planes.new_ones(()), views)
        return unpack(unstabilise(even, shot_part, floor), tile, cut, before)

    def _flat(self, planes: Tensor, sigma: Tensor, views: Any) -> Tensor:
        """Run the net on (B, C, H, W), in the precision that came; views and times are items of the batch."""
        with torch.autocast(planes.device.type, enabled=False):
            if not views:
                return self.net(planes, sigma.reshape(*([1] * (4 - sigma.ndim)), *sigma.shape))
            if sigma.ndim == planes.ndim:  # an axis that is one number stays one
                sigma = sigma.expand(*planes.shape[: len(views) + 1], *sigma.shape[-3:]).flatten(0, len(views))
            flat = self.net(planes.flatten(0, len(views)), sigma.reshape(*([1] * (4 - sigma.ndim)), *sigma.shape))
            return flat.reshape(planes.shape)


def one_sigma(sigma: Tensor) -> Tensor:
    """A sigma for each item and channel, (B or 1, C or 1, 1, 1): the root mean square of a map. For methods that know no map."""
    if sigma.shape[-2:] == (1, 1):
        return sigma
    variance = sigma.square().mean((-2, -1), keepdim=True)
    positive = variance > 0
    return torch.where(positive, torch.where(positive, variance, 1).sqrt(), 0)
