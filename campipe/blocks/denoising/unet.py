"""Learned denoising: a small U-Net that is told the noise level of every pixel."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from campipe.blocks.denoising.slot import Denoiser
from campipe.blocks.learned.base import Learned
from campipe.blocks.learned.limit import limited, whole_cells
from campipe.blocks.learned.unet import STRIDE, UNet
from campipe.core.errors import CampipeError, ShapeError


class Unet(Learned, Denoiser):
    """The picture plus what a net finds to be noise in it: one net for all noise levels, and another for colours.

    weights    name of weights that ship, a path, or None: untrained, which changes nothing
    colour     weights for pictures of three channels, beside weights for one; None, or no weights: channel by channel
    channels   of the pictures that the net is for, where there are no weights: 1 or 3
    width      channels of its finest level
    blocks     its residual blocks at each side of a level
    coarse     residual blocks of its coarsest level; None: twice as many
    seed       of the weights that a training begins with

    Weights for one channel denoise any number of channels, each by itself, and so mosaics; weights for three take pictures of three
    alone. A net is trained on sigmas from 0 to 55 of 255; what it does to twice the picture with twice the noise is twice as much. A
    pixel changes by 6 sigma at most, so that what has no noise stays. A large picture is done piece by piece within, but its pieces lie
    on a grid of 8 pixels: a crop that does not begin on the grid comes out slightly otherwise.

    Source: Zhang et al., "FFDNet", IEEE Transactions on Image Processing 27, 2018, and Zhang et al., "Plug-and-play image restoration
    with deep denoiser prior", IEEE Transactions on Pattern Analysis and Machine Intelligence 44, 2022, whose shape of net this is, made
    small. Gradient: exact.
    """

    block = "denoise/unet"
    tiles = False
    margin = None
    least = 2

    def __init__(
        self,
        sigma: Any = None,
        weights: str | Path | None = "denoise_grey",
        colour: str | Path | None = "denoise_colour",
        channels: int = 1,
        width: int = 32,
        blocks: int = 1,
        coarse: int | None = None,
        stabilise: bool = True,
        seed: int = 0,
        name: str | None = None,
    ) -> None:
        super().__init__(sigma, stabilise, name)
        further = {} if coarse is None else {"coarse": coarse}
        self._make_body(weights, {"channels": channels, "width": width, "blocks": blocks, **further}, seed)
        alone = weights is None or colour is None or self._unet.channels == 3
        self.colour = None if alone else Unet(weights=colour, colour=None)
        if self.colour is not None and self.colour._unet.channels != 3:
            raise CampipeError(f"colour= is for weights of three channels, but {colour} has one; give it as weights=, or colour=None")

    def build(self, **architecture: Any) -> nn.Module:
        return UNet(**architecture)

    def net(self, x: Tensor, sigma: Tensor) -> Tensor:
        count = self._unet.channels
        if self.colour is not None and x.shape[-3] == 3:
            return self.colour.net(x, sigma)
        if count != 1 and x.shape[-3] != count:
            raise ShapeError(f"these weights are for pictures of {count} channels, but {x.shape[-3]} came; take weights='denoise_grey'")
        if count == x.shape[-3]:
            return self._denoised(x, sigma)
        sigma = sigma.expand(x.shape[0], x.shape[1], *sigma.shape[-2:])
        return self._denoised(x.flatten(0, 1)[:, None], sigma.flatten(0, 1)[:, None]).reshape(x.shape)

    def unfreeze(self) -> list[nn.Parameter]:
        return super().unfreeze() + ([] if self.colour is None else self.colour.unfreeze())

    def freeze(self) -> None:
        super().freeze()
        if self.colour is not None:
            self.colour.freeze()

    @property
    def _unet(self) -> UNet:
        assert isinstance(self.body, UNet)
        return self.body

    def _denoised(self, x: Tensor, sigma: Tensor) -> Tensor:
        """(B, C, H, W) of as many channels as the net is for."""
        height, width = x.shape[-2:]
        sigma = sigma.to(x.dtype).expand(-1, x.shape[1], -1, -1)
        if sigma.shape[-2:] != (1, 1):
            sigma = sigma.expand(*x.shape)
        told = whole_cells(sigma, STRIDE) if sigma.shape[-2:] != (1, 1) else sigma
        return x + limited(self.correction(whole_cells(x, STRIDE), told)[..., :height, :width], sigma)

    def correction(self, x: Tensor, sigma: Tensor) -> Tensor:
        """What is added, (B, C, H, W), H and W multiples of 8: sigma is (B or 1, C, 1, 1), or a map of the shape of x."""
        planes = functional.pixel_unshuffle(x, 2)
        if sigma.shape[-2:] == (1, 1):
            found = self.run_body(planes, self._unet.reach, sigma)
        else:
            found = self.run_body(torch.cat([planes, functional.avg_pool2d(sigma, 2)], 1), self._unet.reach)
        return functional.pixel_shuffle(found, 2)
