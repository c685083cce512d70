"""A small U-Net that tells noise from picture by the noise level, and begins as the function 0."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional

from campipe.blocks.learned.nets import Convolution
from campipe.core.errors import CampipeError
from campipe.core.random import Key, whole

STRIDE = 8
"""Pixels of the picture that the coarsest level sees as one: planes of half the resolution, and two halvings."""

_START, _WIDE = -2.0, 2.0
"""Of thresholds and of bounds before the softplus: about an eighth of sigma, and twice sigma."""

_LEAST = 1e-6  # of a bound that is divided by


class Threshold(nn.Module):
    """relu(x - t sigma): a rectifier for each channel, whose threshold t >= 0 is learned and grows with the noise.

    channels   of x
    levels     of sigma: the noise level of each colour adds its share
    gain       factor on sigma
    """

    def __init__(self, channels: int, levels: int, gain: float) -> None:
        super().__init__()
        self.height = nn.Parameter(torch.full((channels, levels, 1, 1), _START))
        self.gain = gain

    def forward(self, x: Tensor, sigma: Tensor) -> Tensor:
        return functional.relu(x - functional.conv2d(sigma, self.gain * functional.softplus(self.height.to(x.dtype))))


class Bound(nn.Module):
    """t sigma tanh(x / (t sigma)): no more than the noise can be, whose height t > 0 is learned for each channel.

    channels   of x
    levels     of sigma: the noise level of each colour adds its share
    gain       factor on sigma

    Where sigma goes to 0, so does what comes out, whatever x is.
    """

    def __init__(self, channels: int, levels: int, gain: float) -> None:
        super().__init__()
        self.height = nn.Parameter(torch.full((channels, levels, 1, 1), _WIDE))
        self.gain = gain

    def forward(self, x: Tensor, sigma: Tensor) -> Tensor:
        height = functional.conv2d(sigma, self.gain * functional.softplus(self.height.to(x.dtype)))
        return height * torch.tanh(x / height.clamp_min(_LEAST))


class Correcting(nn.Module):
    """A residual block: 3 x 3, threshold, 3 x 3, added to what came."""

    def __init__(self, width: int, levels: int, gain: float) -> None:
        super().__init__()
        self.one, self.two = Convolution(width, width, bias=False), Convolution(width, width, bias=False)
        self.threshold = Threshold(width, levels, gain)

    def forward(self, x: Tensor, sigma: Tensor) -> Tensor:
        return x + self.two(self.threshold(self.one(x), sigma))


class UNet(nn.Module):
    """Planes of half the resolution at three scales: `width`, 2 and 3 `width` channels; residual blocks, sums across.

    channels   of the picture: 1 or 3; with a cell of 1, the four planes of a mosaic as well
    width      channels of the finest level
    blocks     residual blocks at each side of the two finer levels
    coarse     residual blocks of the coarsest level; None: twice as many
    bounded    True: what the last layer sees is bound to the noise, so that nothing is added where there is none
    cell       pixels a side of what becomes one pixel of the planes: 2, and 1 where the picture comes as planes of half the resolution
    gain       factor on picture and noise, so that the layers see values of about 1
    seed       of the weights at the start; the last layer's are 0, and the net is the function 0

    The noise level enters as the thresholds of the rectifiers alone, which nothing but detail passes: the first layer sees no constant of
    a colour, and no layer has a constant term. So a picture that is constant is left as it is, whatever the noise, and twice the picture
    with twice the noise gives twice the result.

    Source: Ronneberger et al., "U-Net", MICCAI 2015; planes of half the resolution and the map of sigma after Zhang et al., "FFDNet",
    IEEE Transactions on Image Processing 27, 2018; no constant terms after Mohan et al., ICLR 2020. Gradient: exact.
    """

    def __init__(
        self,
        channels: int = 1,
        *,
        width: int = 32,
        blocks: int = 1,
        coarse: int | None = None,
        cell: int = 2,
        bounded: bool = False,
        gain: float = 8.0,
        seed: int = 0,
    ) -> None:
        super().__init__()
        for what, value, least in (("width", width, 1), ("blocks", blocks, 1), ("coarse", 1 if coarse is None else coarse, 1)):
            number = whole(value)
            if number is None or number < least:
                raise CampipeError(f"{what} of a net is a whole number from {least} on, but {value!r} came")
        if channels not in ((1, 3) if cell == 2 else (1, 3, 4)):
            raise CampipeError(f"a net denoises pictures of 1 or 3 channels, but channels={channels!r} came")
        if cell not in (1, 2):
            raise CampipeError(f"the cell of a net is 1 or 2 pixels, but {cell!r} came")
        self.channels, self.blocks, self.gain, self.planes = int(channels), int(blocks), float(gain), int(channels) * cell * cell
        deepest = 2 * self.blocks if coarse is None else int(coarse)
        fine, middle, widest = width, 2 * width, 3 * width

        def several(wide: int, count: int) -> nn.ModuleList:
            return nn.ModuleList(Correcting(wide, channels, gain) for _ in range(count))

        self.first = nn.Parameter(torch.zeros(fine, self.planes, 3, 3))
        self.fine, self.middle, self.coarse = several(fine, blocks), several(middle, blocks), several(widest, deepest)
        self.down = nn.ParameterList([torch.zeros(middle, fine, 2, 2), torch.zeros(widest, middle, 2, 2)])
        self.up = nn.ParameterList([torch.zeros(widest, middle, 2, 2), torch.zeros(middle, fine, 2, 2)])
        self.middle_again, self.fine_again = several(middle, blocks), several(fine, blocks)
        self.bound = Bound(fine, self.channels, gain) if bounded else None
        self.last = Convolution(fine, self.planes, bias=False)
        self._start(Key(seed).fold("weights"))

    @property
    def reach(self) -> int:
        """Planes' pixels around a pixel that the output there hangs on, made a multiple of the coarsest level's."""
        least = STRIDE // 2
        # First and last layer; blocks of two layers before and after at steps of 1 and 2, and at steps of 4; where in a cell a pixel lies.
        reach = 2 + 2 * self.blocks * (1 + 2 + 2 + 1) + 2 * len(self.coarse) * 4 + least - 1
        return -(-reach // least) * least

    def forward(self, x: Tensor, level: Tensor | None = None) -> Tensor:
        """What is to be added.

        x         (B, P, H, W): planes of the picture, four for each channel, with a cell of 1 one; H and W are multiples of 4; or
                  (B, P + C, H, W): and those of a map of sigma
        level     (B, C, 1, 1): sigma, where it is the same everywhere
        returns   (B, P, H, W)
        """
        if level is None:
            x, level = x[:, : self.planes], x[:, self.planes :]
        fine = self._detail(x)
        levels = [level]
        for _ in self.down:
            levels.append(levels[-1] if level.shape[-2:] == (1, 1) else functional.avg_pool2d(levels[-1], 2))
        levels = [_narrow(each) for each in levels]
        fine = _through(self.fine, fine, levels[0])
        middle = _through(self.middle, functional.conv2d(fine, self.down[0].to(x.dtype), stride=2), levels[1])
        coarse = _through(self.coarse, functional.conv2d(middle, self.down[1].to(x.dtype), stride=2), levels[2])
        middle = middle + functional.conv_transpose2d(coarse, self.up[0].to(x.dtype), stride=2)
        middle = _through(self.middle_again, middle, levels[1])
        fine = fine + functional.conv_transpose2d(middle, self.up[1].to(x.dtype), stride=2)
        fine = _through(self.fine_again, fine, levels[0])
        return self.last(fine if self.bound is None else self.bound(fine, levels[0])) / self.gain

    def _detail(self, x: Tensor) -> Tensor:
        """The first layer. It takes a small difference of large numbers, so that where the net runs in 16 bits, it alone does not."""
        with torch.autocast(x.device.type, enabled=False):
            found = functional.conv2d(functional.pad(self.gain * x, (1, 1, 1, 1), mode="replicate"), self._even(self.first.to(x.dtype)))
        return _narrow(found)

    def _even(self, weight: Tensor) -> Tensor:
        """The first layer's weights less their mean over the planes and the nine places of each colour."""
        apart = weight.unflatten(1, (self.channels, -1))
        return (apart - apart.mean((2, 3, 4), keepdim=True)).flatten(1, 2)

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


def _narrow(x: Tensor) -> Tensor:
    """What came, but where the net runs in 16 bits: in those, its channels side by side, as matrix units take them."""
    kind = x.device.type
    return x.to(torch.get_autocast_dtype(kind), memory_format=torch.channels_last) if torch.is_autocast_enabled(kind) else x


def _through(blocks: nn.ModuleList, x: Tensor, sigma: Tensor) -> Tensor:
    for block in blocks:
        x = block(x, sigma)
    return x
