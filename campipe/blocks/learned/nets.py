"""Small convolutional nets, built from plain numbers, that begin as the function 0."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional

from campipe.core.errors import CampipeError
from campipe.core.random import Key, whole


class Convolution(nn.Module):
    """A 3 x 3 convolution in the precision of its input, with zeros beyond the border and, if asked for, no constant term.

    inputs, outputs   channels
    bias              True: a constant per output is added
    even              True: the nine weights of each pair of channels are used less their mean, so that what is constant gives 0
    """

    def __init__(self, inputs: int, outputs: int, *, bias: bool, even: bool = False) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(outputs, inputs, 3, 3))
        self.bias = nn.Parameter(torch.zeros(outputs)) if bias else None
        self.even = even

    def forward(self, x: Tensor) -> Tensor:
        weight = self.weight.to(x.dtype)
        weight = weight - weight.mean((-2, -1), keepdim=True) if self.even else weight
        return functional.conv2d(x, weight, None if self.bias is None else self.bias.to(x.dtype), padding=1)


class ResidualNet(nn.Module):
    """3 x 3 to `width` channels, residual blocks of two 3 x 3, and 3 x 3 to the outputs; ReLU between them.

    inputs, outputs   channels
    width             channels in between
    blocks            residual blocks
    bias              False: no layer has a constant term, so that the net is homogeneous: twice the input gives twice the output
    even              True: the first layer sees no constant: the same added to all pixels of an input channel changes nothing
    gain              factor on the input, so that the layers see values of about 1: steps of an optimiser are as large in every net
    seed              of the weights at the start; the last layer's are 0, and the net is the function 0

    Source: residual blocks without normalisation after Lim et al., "Enhanced deep residual networks for single image super-resolution",
    CVPR workshops 2017; no constant terms after Mohan et al., "Robust and interpretable blind image denoising via bias-free
    convolutional neural networks", ICLR 2020. Gradient: exact.
    """

    def __init__(
        self,
        inputs: int,
        outputs: int,
        *,
        width: int = 32,
        blocks: int = 4,
        bias: bool = False,
        even: bool = True,
        gain: float = 1.0,
        seed: int = 0,
    ) -> None:
        super().__init__()
        for what, value, least in (("inputs", inputs, 1), ("outputs", outputs, 1), ("width", width, 1), ("blocks", blocks, 0)):
            number = whole(value)
            if number is None or number < least:
                raise CampipeError(f"{what} of a net is a whole number from {least} on, but {value!r} came")
        self.inputs, self.outputs, self.gain = int(inputs), int(outputs), float(gain)
        self.first = Convolution(inputs, width, bias=bias, even=even)
        self.inner = nn.ModuleList(Convolution(width, width, bias=bias) for _ in range(2 * blocks))
        self.last = Convolution(width, outputs, bias=bias)
        self._start(Key(seed).fold("weights"))

    @property
    def reach(self) -> int:
        """Pixels around a pixel that the output there hangs on."""
        return len(self.inner) + 2

    def forward(self, x: Tensor) -> Tensor:
        """(B, inputs, H, W) to (B, outputs, H, W)."""
        x = functional.relu(self.first(self.gain * x))
        for one, two in zip(self.inner[::2], self.inner[1::2], strict=True):
            x = x + two(functional.relu(one(x)))
        return self.last(x)

    @torch.no_grad()
    def _start(self, key: Key) -> None:
        # He et al., "Delving deep into rectifiers", ICCV 2015, equation 10; what is added to the sum is smaller, so that the sum's
        # variance does not double with every block.
        for number, layer in enumerate((self.first, *self.inner)):
            assert isinstance(layer, Convolution)
            fan_in = layer.weight[0].numel()
            added = number > 0 and number % 2 == 0
            spread = math.sqrt(2 / fan_in) * (1 / math.sqrt(len(self.inner)) if added else 1)
            generator = torch.Generator().manual_seed(key.fold(number).seed >> 1)
            layer.weight.copy_(torch.randn(layer.weight.shape, generator=generator) * spread)
