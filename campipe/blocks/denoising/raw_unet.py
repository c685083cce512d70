"""Learned denoising of mosaics: a U-Net on the four planes of a Bayer mosaic, told the noise level of every pixel by the capture."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from campipe.blocks.denoising.slot import Denoiser
from campipe.blocks.denoising.unet import Unet
from campipe.blocks.learned.base import Learned
from campipe.blocks.learned.limit import limited, whole_cells
from campipe.blocks.learned.scales import CELL
from campipe.blocks.learned.unet import UNet
from campipe.core.errors import ShapeError
from campipe.core.frame import Frame
from campipe.ops.filters import mirror_pad
from campipe.ops.planes import Tile, pack, pack_table, unpack

PLANES = 4
"""Positions of a Bayer pattern: the planes that the net takes together."""

_SMOOTH = (1 / 16, 4 / 16, 6 / 16, 4 / 16, 1 / 16)
"""Weights of the level that sigma is taken at, along rows and columns of a plane: a variance 1/13 of a pixel's."""


class RawUnet(Learned, Denoiser):
    """A raw denoiser for any camera: the mosaic plus what a net finds to be noise in its four planes, looked at together.

    weights   name of weights that ship, a path, or None: untrained, which changes nothing
    others    weights of `Unet` for pictures that are no Bayer mosaic, plane by plane; None: those are refused
    width     channels of its finest level, where there are no weights
    blocks    its residual blocks at each side of a level
    coarse    residual blocks of its coarsest level; None: twice as many
    bounded   True: what is added is bound to the noise within the net, so that a clean shot stays as it is (where there are no weights)
    seed      of the weights that a training begins with

    One set of weights serves every camera, since the noise comes from the capture: a map of sigma, sqrt(S x + O) of the profile at the
    level x that a mosaic's plane has around the pixel (5 x 5 binomial weights). Planes are laid over one another as in every crop of a
    mosaic, so that all phases are treated alike. No layer has a constant term: twice the light with twice the noise gives twice the
    result, at any exposure. A pixel changes by 6 sigma at most. `stabilise` concerns other pictures alone.
    A large mosaic is done piece by piece within, but its pieces lie on a grid of 8 pixels: a crop that does not begin on the grid comes out
    slightly otherwise.

    Source: planes of the mosaic and a map of the noise that follows the signal after Brooks et al., "Unprocessing images for learned raw
    denoising", CVPR 2019; the net is `campipe.blocks.learned.unet.UNet`. Gradient: exact.
    """

    block = "denoise/raw_unet"
    tiles = False
    margin = None
    least = 2

    def __init__(
        self,
        sigma: Any = None,
        weights: str | Path | None = "raw_denoise",
        others: str | Path | None = "denoise_grey",
        width: int = 32,
        blocks: int = 2,
        coarse: int | None = None,
        bounded: bool = True,
        stabilise: bool = True,
        seed: int = 0,
        name: str | None = None,
    ) -> None:
        super().__init__(sigma, stabilise, name)
        further = {} if coarse is None else {"coarse": coarse}
        self._make_body(weights, {"width": width, "blocks": blocks, "bounded": bool(bounded), **further}, seed)
        self.others = None if others is None else Unet(weights=others)

    def build(self, **architecture: Any) -> nn.Module:
        return UNet(PLANES, cell=1, **architecture)

    def net(self, x: Tensor, sigma: Tensor) -> Tensor:
        if x.shape[-3] == PLANES:
            return self.denoised(x, sigma)
        if self.others is None:
            raise ShapeError(
                f"these weights are for the four planes of a Bayer mosaic, but {x.shape[-3]} came; take others='denoise_grey', or denoise "
                "with 'unet'"
            )
        return self.others.net(x, sigma)

    def denoised(self, planes: Tensor, sigma: Tensor) -> Tensor:
        """(B, 4, H, W), and its sigma, (B or 1, 4 or 1, H or 1, W or 1)."""
        height, width = planes.shape[-2:]
        sigma = sigma.to(planes.dtype).expand(-1, PLANES, -1, -1)
        told = whole_cells(sigma.expand(planes.shape), CELL) if sigma.shape[-2:] != (1, 1) else sigma
        return planes + limited(self.correction(whole_cells(planes, CELL), told)[..., :height, :width], sigma)

    def correction(self, planes: Tensor, sigma: Tensor) -> Tensor:
        """What is added, (B, 4, H, W), H and W multiples of 4: sigma is (B or 1, 4, 1, 1), or a map of the shape of the planes."""
        assert isinstance(self.body, UNet)
        if sigma.shape[-2:] == (1, 1):
            return self.run_body(planes, self.body.reach, sigma)
        return self.run_body(torch.cat([planes, sigma], 1), self.body.reach)

    def unfreeze(self) -> list[nn.Parameter]:
        return super().unfreeze() + ([] if self.others is None else self.others.unfreeze())

    def freeze(self) -> None:
        super().freeze()
        if self.others is not None:
            self.others.freeze()

    def _by_profile(self, frame: Frame, data: Tensor, pattern: str | None, tile: Tile, before: Tile, views: Any) -> Tensor:
        if frame.capture.noise is None or tile != (2, 2):
            return super()._by_profile(frame, data, pattern, tile, before, views)
        planes, cut = pack(data, tile, before)
        table = pack_table(frame.capture.noise, tile, before)
        return unpack(self._flat(planes, sigma_map(planes, table), views), tile, cut, before)


def sigma_map(planes: Tensor, noise: Tensor) -> Tensor:
    """Standard deviation of the noise of each pixel, at the level that its plane has around it.

    planes    (B, ..., C, H, W), 0 = black, 1 = white level, with their noise
    noise     (B, 2, C) or (B, 2, 1), S and O
    returns   the shape of planes: sqrt(S max(x, 0) + O) of the smoothed x

    Gradient: that of x, but where it is below 0, and none where there is no noise.
    """
    ends = (1,) * (planes.ndim - 4)
    shot, floor = (part.to(planes.dtype).reshape(part.shape[0], *ends, part.shape[1], 1, 1) for part in noise.unbind(1))
    x = planes
    for dim in (-1, -2):
        wide = mirror_pad(x, 2, 2, dim)
        x = sum((w * wide.narrow(dim, i, x.shape[dim]) for i, w in enumerate(_SMOOTH)), torch.zeros_like(x))
    variance = shot.clamp_min(0) * x.clamp_min(0) + floor.clamp_min(0)
    positive = variance > 0
    return torch.where(positive, torch.where(positive, variance, 1).sqrt(), 0)
