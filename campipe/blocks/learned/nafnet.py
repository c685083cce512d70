"""A small U-Net of gated blocks, after NAFNet, that begins as the function 0."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional

from campipe.core.errors import CampipeError
from campipe.core.random import Key, whole

_SMALL = 1e-6  # added to the variance that a layer is divided by


class Gated(nn.Module):
    """A block of NAFNet on (B, H, W, C): a pixel's features are normalised, mixed, seen 3 x 3, multiplied by one another, and added.

    The second half does the same without the 3 x 3. Factors on what is added begin at 0, so that a block begins as the identity.
    """

    def __init__(self, width: int) -> None:
        super().__init__()
        self.width = width
        self.scale = nn.ParameterList([torch.ones(width), torch.ones(width)])
        self.shift = nn.ParameterList([torch.zeros(width), torch.zeros(width)])
        self.widen = nn.ParameterList([torch.zeros(2 * width, width), torch.zeros(2 * width, width)])
        self.narrow = nn.ParameterList([torch.zeros(width, width), torch.zeros(width, width)])
        self.constant = nn.ParameterList([torch.zeros(2 * width), torch.zeros(2 * width)])
        self.around = nn.Parameter(torch.zeros(2 * width, 1, 3, 3))
        self.factor = nn.ParameterList([torch.zeros(width), torch.zeros(width)])

    def forward(self, x: Tensor) -> Tensor:
        """(B, H, W, C) to the same."""
        return self._half(self._half(x, 0), 1)

    def _half(self, x: Tensor, i: int) -> Tensor:
        kind = x.dtype
        normal = functional.layer_norm(x, (self.width,), self.scale[i].to(kind), self.shift[i].to(kind), _SMALL)
        wide = functional.linear(normal, self.widen[i].to(kind), self.constant[i].to(kind))
        if i == 0:
            planes = wide.permute(0, 3, 1, 2)  # a view: the memory stays as it is
            wide = functional.conv2d(planes, self.around.to(kind), padding=1, groups=2 * self.width).permute(0, 2, 3, 1)
        one, two = wide.chunk(2, -1)
        return x + self.factor[i].to(kind) * functional.linear(one * two, self.narrow[i].to(kind))


class NafNet(nn.Module):
    """Gated blocks at three scales, `width`, 2 and 4 `width` channels, with sums across.

    inputs, outputs   channels
    width             channels of the finest level
    blocks            gated blocks at each side of the two finer levels
    coarse            gated blocks of the coarsest level
    seed              of the weights at the start; the last layer's are 0, and the net is the function 0

    No batch normalisation. The attention of the published net, a mean over the whole picture, is left out, so that a crop gives
    what the picture gives there. Source: Chen, Chu, Zhang, Sun, "Simple baselines for image restoration", ECCV 2022. Gradient: exact.
    """

    def __init__(self, inputs: int, outputs: int, *, width: int = 48, blocks: int = 2, coarse: int = 3, seed: int = 0) -> None:
        super().__init__()
        for what, value in (("inputs", inputs), ("outputs", outputs), ("width", width), ("blocks", blocks), ("coarse", coarse)):
            number = whole(value)
            if number is None or number < 1:
                raise CampipeError(f"{what} of a net is a whole number from 1 on, but {value!r} came")
        fine, middle, widest = width, 2 * width, 4 * width

        def several(channels: int, count: int) -> nn.ModuleList:
            return nn.ModuleList(Gated(channels) for _ in range(count))

        self.first = nn.Parameter(torch.zeros(fine, inputs, 3, 3))
        self.fine, self.middle, self.coarse = several(fine, blocks), several(middle, blocks), several(widest, coarse)
        self.down = nn.ParameterList([torch.zeros(middle, fine, 2, 2), torch.zeros(widest, middle, 2, 2)])
        self.up = nn.ParameterList([torch.zeros(widest, middle, 2, 2), torch.zeros(middle, fine, 2, 2)])
        self.middle_again, self.fine_again = several(middle, blocks), several(fine, blocks)
        self.last = nn.Parameter(torch.zeros(outputs, fine, 3, 3))
        self.stride = 4
        self._start(Key(seed).fold("weights"))

    @property
    def reach(self) -> int:
        """Pixels around a pixel that the output there hangs on, made a multiple of what the coarsest level sees as one."""
        reach = 2 + 2 * len(self.fine) + 4 * len(self.middle) + 4 * len(self.coarse) + self.stride - 1
        return -(-reach // self.stride) * self.stride

    def forward(self, x: Tensor) -> Tensor:
        """(B, inputs, H, W), H and W multiples of 4, to (B, outputs, H, W)."""
        x = x.contiguous(memory_format=torch.channels_last)  # blocks work on the channels of each pixel
        with torch.autocast(x.device.type, enabled=False):  # of light, 16 bits would round away what is darker than noise
            fine = functional.conv2d(x, self.first.to(x.dtype), padding=1)
        fine = _through(self.fine, _narrow(fine))
        middle = _through(self.middle, functional.conv2d(fine, self.down[0].to(x.dtype), stride=2))
        coarse = _through(self.coarse, functional.conv2d(middle, self.down[1].to(x.dtype), stride=2))
        middle = _through(self.middle_again, middle + functional.conv_transpose2d(coarse, self.up[0].to(x.dtype), stride=2))
        fine = _through(self.fine_again, fine + functional.conv_transpose2d(middle, self.up[1].to(x.dtype), stride=2))
        return functional.conv2d(fine, self.last.to(x.dtype), padding=1)

    @torch.no_grad()
    def _start(self, key: Key) -> None:
        # Variance is kept, as in He et al., "Delving deep into rectifiers", ICCV 2015, section 2.2, where no rectifier follows.
        kept: list[tuple[nn.Parameter, int]] = [(self.first, self.first[0].numel())]
        kept += [(weight, weight[0].numel()) for weight in self.down]
        kept += [(weight, weight.shape[0]) for weight in self.up]
        for block in self.modules():
            if isinstance(block, Gated):
                kept += [(weight, weight.shape[1]) for weight in (*block.widen, *block.narrow)]
                kept.append((block.around, 9))
        for number, (weight, fan_in) in enumerate(kept):
            generator = torch.Generator().manual_seed(key.fold(number).seed >> 1)
            weight.copy_(torch.randn(weight.shape, generator=generator) / math.sqrt(fan_in))


def _through(blocks: nn.ModuleList, x: Tensor) -> Tensor:
    x = x.permute(0, 2, 3, 1)
    for block in blocks:
        x = block(x)
    return x.permute(0, 3, 1, 2)


def _narrow(x: Tensor) -> Tensor:
    """In the precision of autocast, where that is on."""
    return x.to(torch.get_autocast_dtype(x.device.type)) if torch.is_autocast_enabled(x.device.type) else x
