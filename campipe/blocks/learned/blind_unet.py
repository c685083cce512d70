"""The U-Net of Noise2Noise: it is told nothing of the damage, and gives the picture itself."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from campipe.blocks.learned.nets import Convolution
from campipe.core.errors import CampipeError
from campipe.core.random import Key, whole

SLOPE = 0.1
"""Of the leaky rectifier below 0, as in the paper."""
_GREY = 0.5  # what the net sees as 0: the paper works on values from -0.5 to 0.5


class BlindUnet(nn.Module):
    """3 x 3 convolutions at `levels` + 1 scales, joined across by concatenation; no normalisation, and no noise level.

    channels   of the picture
    width      channels of the way down; on the way up they are twice as many, and 4/3 and 2/3 of it at the finest scale
    levels     halvings, by the largest of 2 x 2
    seed       of the weights at the start

    With 48 channels and five levels it is the net of the paper, 991,203 weights. Sides that are no multiple of 2^levels are continued by
    their last pixels, and cut again. The last layer works in float32 also where the others are cast to fewer bits. Gradient: exact.
    Source: Lehtinen et al., "Noise2Noise: learning image restoration without clean data", ICML 2018, appendix; initial weights after
    He et al., "Delving deep into rectifiers", ICCV 2015.
    """

    def __init__(self, channels: int = 3, *, width: int = 48, levels: int = 5, seed: int = 0) -> None:
        super().__init__()
        for what, value, least in (("channels", channels, 1), ("width", width, 3), ("levels", levels, 2)):
            number = whole(value)
            if number is None or number < least:
                raise CampipeError(f"{what} of a net is a whole number from {least} on, but {value!r} came")
        self.levels = int(levels)
        self.architecture: dict[str, Any] = {"channels": int(channels), "width": int(width), "levels": int(levels)}

        def layer(inputs: int, outputs: int) -> Convolution:
            return Convolution(inputs, outputs, bias=True)

        self.first = layer(channels, width)
        self.down = nn.ModuleList(layer(width, width) for _ in range(levels))
        self.coarse = layer(width, width)
        twice = 2 * width
        self.up = nn.ModuleList(layer(twice if i == 0 else twice + width, twice) for i in range(levels - 1))
        self.again = nn.ModuleList(layer(twice, twice) for _ in range(levels - 1))
        wide, narrow = 4 * width // 3, 2 * width // 3
        self.finest = nn.ModuleList((layer(twice + channels, wide), layer(wide, narrow)))
        self.last = layer(narrow, channels)
        self._start(Key(seed).fold("weights"))

    def forward(self, x: Tensor) -> Tensor:
        """The picture that is behind a damaged one, (B, channels, H, W) each, in [0, 1] or near it."""
        height, width = x.shape[-2:]
        step = 2**self.levels
        padded = functional.pad(x, (0, -width % step, 0, -height % step), mode="replicate") - _GREY
        if padded.is_cuda:
            padded = padded.contiguous(memory_format=torch.channels_last)  # in which tensor cores convolve
        out, skipped = _rectified(self.first(padded)), [padded]
        for layer in self.down:
            out = functional.max_pool2d(_rectified(layer(out)), 2)
            skipped.append(out)
        out = _rectified(self.coarse(out))
        skipped.pop()  # the coarsest is where the way up begins
        for layer, again in zip(self.up, self.again, strict=True):
            out = _rectified(again(_rectified(layer(_joined(out, skipped.pop())))))
        out = _joined(out, skipped.pop())
        for layer in self.finest:
            out = _rectified(layer(out))
        with torch.autocast(out.device.type, enabled=False):
            out = self.last(out if out.dtype == torch.float64 else out.float())
        return out[..., :height, :width] + _GREY

    @torch.no_grad()
    def _start(self, key: Key) -> None:
        for number, layer in enumerate(module for module in self.modules() if isinstance(module, Convolution)):
            gain = 1.0 if layer is self.last else math.sqrt(2)
            generator = torch.Generator().manual_seed(key.fold(number).seed >> 1)
            layer.weight.copy_(torch.randn(layer.weight.shape, generator=generator) * (gain / math.sqrt(layer.weight[0].numel())))


def _rectified(x: Tensor) -> Tensor:
    return functional.leaky_relu(x, SLOPE)


def _joined(coarse: Tensor, fine: Tensor) -> Tensor:
    return torch.cat([functional.interpolate(coarse, scale_factor=2, mode="nearest"), fine], 1)
