"""A net that fills in colours and takes noise away at once, and begins as the function 0."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional

from campipe.blocks.learned.nets import Convolution
from campipe.blocks.learned.unet import Correcting
from campipe.core.errors import CampipeError
from campipe.core.random import Key, whole

PLANES, COLOURS = 4, 12
"""Of a tile of a Bayer mosaic: the pixels that were seen, and the colours that are wanted."""
CELL = 4
"""Pixels of a plane that the coarsest level sees as one: two halvings."""


class JointNet(nn.Module):
    """The four planes of a mosaic at three scales, `width`, 1.5 and 2 `width` channels, to the twelve colours of a tile.

    width    channels of the finest level
    blocks   residual blocks at each side of the finest level
    middle   at each side of the level of half its resolution
    coarse   of the coarsest level
    gain     factor on mosaic and noise, so that the layers see values of about 1
    seed     of the weights at the start; the last layer's are 0, and the net is the function 0

    Most of the work is done at the finest level, where colours are filled in; the coarser ones tell structure from noise. The noise level
    enters as the thresholds of the rectifiers alone, the first layer sees no constant of a plane, no layer has a constant term: a mosaic
    of one colour gives 0 whatever the noise, and twice the mosaic with twice the noise gives twice the result.

    Source: the planes of Gharbi et al., "Deep joint demosaicking and denoising", SIGGRAPH Asia 2016; the scales of Ronneberger et al.,
    "U-Net", MICCAI 2015; no constant terms after Mohan et al., ICLR 2020. Gradient: exact.
    """

    def __init__(self, *, width: int = 64, blocks: int = 4, middle: int = 1, coarse: int = 1, gain: float = 16.0, seed: int = 0) -> None:
        super().__init__()
        for what, value, least in (("width", width, 2), ("blocks", blocks, 1), ("middle", middle, 1), ("coarse", coarse, 1)):
            number = whole(value)
            if number is None or number < least:
                raise CampipeError(f"{what} of a net is a whole number from {least} on, but {value!r} came")
        self.gain = float(gain)
        wide, wider = 3 * width // 2, 2 * width

        def several(channels: int, count: int) -> nn.ModuleList:
            return nn.ModuleList(Correcting(channels, 1, gain) for _ in range(count))

        self.first = nn.Parameter(torch.zeros(width, PLANES, 3, 3))
        self.fine, self.middle, self.coarse = several(width, blocks), several(wide, middle), several(wider, coarse)
        self.down = nn.ParameterList([torch.zeros(wide, width, 2, 2), torch.zeros(wider, wide, 2, 2)])
        self.up = nn.ParameterList([torch.zeros(wider, wide, 2, 2), torch.zeros(wide, width, 2, 2)])
        self.middle_again, self.fine_again = several(wide, middle), several(width, blocks)
        self.last = Convolution(width, COLOURS, bias=False)
        self._start(Key(seed).fold("weights"))

    @property
    def reach(self) -> int:
        """Pixels of a plane around a pixel that the output there hangs on, made a multiple of the coarsest level's."""
        # First and last layer; blocks of two layers at steps of 1, 2 and 4; where in a cell a pixel lies.
        reach = 2 + 4 * len(self.fine) + 8 * len(self.middle) + 8 * len(self.coarse) + CELL - 1
        return -(-reach // CELL) * CELL

    def forward(self, x: Tensor, level: Tensor | None = None) -> Tensor:
        """What is to be added to a demosaicked picture.

        x         (B, 4, H, W): planes of the mosaic, H and W multiples of 4; or (B, 5, H, W): and a map of sigma
        level     (B, 1, 1, 1): sigma, where it is the same everywhere
        returns   (B, 12, H, W): planes of the three colours, one after the other
        """
        if level is None:
            x, level = x[:, :PLANES], x[:, PLANES:]
        # Sixteen bits would round the mosaic itself, before its constants are taken off.
        with torch.autocast(x.device.type, enabled=False):
            weight = self.first.to(x.dtype)
            padded = functional.pad(self.gain * x, (1, 1, 1, 1), mode="replicate")
            fine = functional.conv2d(padded, weight - weight.mean((-2, -1), keepdim=True))
        levels = [level]
        for _ in self.down:
            levels.append(levels[-1] if level.shape[-2:] == (1, 1) else functional.avg_pool2d(levels[-1], 2))
        fine = _through(self.fine, fine, levels[0])
        middle = _through(self.middle, functional.conv2d(fine, self.down[0].to(x.dtype), stride=2), levels[1])
        coarse = _through(self.coarse, functional.conv2d(middle, self.down[1].to(x.dtype), stride=2), levels[2])
        middle = middle + functional.conv_transpose2d(coarse, self.up[0].to(x.dtype), stride=2)
        middle = _through(self.middle_again, middle, levels[1])
        fine = fine + functional.conv_transpose2d(middle, self.up[1].to(x.dtype), stride=2)
        return self.last(_through(self.fine_again, fine, levels[0])) / self.gain

    @torch.no_grad()
    def _start(self, key: Key) -> None:
        # He et al., "Delving deep into rectifiers", ICCV 2015, equation 10, where a rectifier follows; variance kept where none does.
        kept: list[tuple[nn.Parameter, int, float]] = [(self.first, self.first[0].numel(), 1.0)]
        kept += [(weight, weight[0].numel(), 1.0) for weight in self.down]
        kept += [(weight, weight.shape[0], 0.5) for weight in self.up]
        for block in self.modules():
            if isinstance(block, Correcting):
                fan_in = block.one.weight[0].numel()
                kept += [(block.one.weight, fan_in, 2.0), (block.two.weight, fan_in, 0.5)]
        for number, (weight, fan_in, variance) in enumerate(kept):
            generator = torch.Generator().manual_seed(key.fold(number).seed >> 1)
            weight.copy_(torch.randn(weight.shape, generator=generator) * math.sqrt(variance / fan_in))


def _through(blocks: nn.ModuleList, x: Tensor, sigma: Tensor) -> Tensor:
    for block in blocks:
        x = block(x, sigma)
    return x
