"""What the nets at three scales share: blocks whose rectifiers know the noise level, the way down and up again, and the start."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional

from campipe.blocks.learned.nets import Convolution
from campipe.core.random import Key

CELL = 4
"""Pixels a side of the planes that the coarsest level sees as one: two halvings."""

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


class Scales(nn.Module):
    """Three scales of residual blocks with sums across, between a first and a last layer. To be derived from: implement `forward`.

    inputs, outputs   channels
    widths            channels of the fine, middle and coarse level
    counts            residual blocks: at each side of the two finer levels, and of the coarsest
    colours           groups of the inputs, of equal size, of each of which the first layer sees no constant
    levels            channels of sigma
    gain              factor on input and noise, so that the layers see values of about 1
    seed              of the weights at the start; the last layer's are 0, and the net is the function 0

    The noise level enters as the thresholds of the rectifiers alone, and no layer has a constant term: twice the input with twice the
    noise gives twice the output. Gradient: exact.
    """

    def __init__(
        self,
        inputs: int,
        outputs: int,
        widths: tuple[int, int, int],
        counts: tuple[int, int, int],
        *,
        colours: int,
        levels: int,
        gain: float,
        seed: int,
    ) -> None:
        super().__init__()
        self.colours, self.gain = colours, float(gain)
        fine, middle, coarse = widths

        def several(width: int, count: int) -> nn.ModuleList:
            return nn.ModuleList(Correcting(width, levels, gain) for _ in range(count))

        self.first = nn.Parameter(torch.zeros(fine, inputs, 3, 3))
        self.fine, self.middle, self.coarse = (several(*each) for each in zip(widths, counts, strict=True))
        self.down = nn.ParameterList([torch.zeros(middle, fine, 2, 2), torch.zeros(coarse, middle, 2, 2)])
        self.up = nn.ParameterList([torch.zeros(coarse, middle, 2, 2), torch.zeros(middle, fine, 2, 2)])
        self.middle_again, self.fine_again = several(middle, counts[1]), several(fine, counts[0])
        self.last = Convolution(fine, outputs, bias=False)
        self._start(Key(seed).fold("weights"))

    @property
    def reach(self) -> int:
        """Planes' pixels around a pixel that the output there hangs on, made a multiple of the coarsest level's."""
        # First and last layer; blocks of two layers, before and after at steps of 1 and 2, at steps of 4; where in a cell a pixel lies.
        reach = 2 + 4 * len(self.fine) + 8 * len(self.middle) + 8 * len(self.coarse) + CELL - 1
        return -(-reach // CELL) * CELL

    def seen(self, x: Tensor, level: Tensor) -> Tensor:
        """What the last layer is given.

        x         (B, inputs, H, W), H and W multiples of 4
        level     (B, levels, H, W) or (B, levels, 1, 1): sigma
        returns   (B, width, H, W)
        """
        fine = self._detail(x)
        levels = [level]
        for _ in self.down:
            levels.append(levels[-1] if level.shape[-2:] == (1, 1) else functional.avg_pool2d(levels[-1], 2))
        levels = [narrow(each) for each in levels]
        fine = _through(self.fine, fine, levels[0])
        middle = _through(self.middle, functional.conv2d(fine, self.down[0].to(x.dtype), stride=2), levels[1])
        coarse = _through(self.coarse, functional.conv2d(middle, self.down[1].to(x.dtype), stride=2), levels[2])
        middle = middle + functional.conv_transpose2d(coarse, self.up[0].to(x.dtype), stride=2)
        middle = _through(self.middle_again, middle, levels[1])
        fine = fine + functional.conv_transpose2d(middle, self.up[1].to(x.dtype), stride=2)
        return _through(self.fine_again, fine, levels[0])

    def _detail(self, x: Tensor) -> Tensor:
        """The first layer. It takes a small difference of large numbers, so that where the net runs in 16 bits, it alone does not."""
        with torch.autocast(x.device.type, enabled=False):
            found = functional.conv2d(functional.pad(self.gain * x, (1, 1, 1, 1), mode="replicate"), self._even(self.first.to(x.dtype)))
        return narrow(found)

    def _even(self, weight: Tensor) -> Tensor:
        """The first layer's weights less their mean over the planes and the nine places of each colour."""
        apart = weight.unflatten(1, (self.colours, -1))
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


def narrow(x: Tensor) -> Tensor:
    """What came, but where the net runs in 16 bits: in those, its channels side by side, as matrix units take them."""
    kind = x.device.type
    return x.to(torch.get_autocast_dtype(kind), memory_format=torch.channels_last) if torch.is_autocast_enabled(kind) else x


def _through(blocks: nn.ModuleList, x: Tensor, sigma: Tensor) -> Tensor:
    for block in blocks:
        x = block(x, sigma)
    return x
