"""Nets of fully connected layers: a multilayer perceptron, a tied auto-encoder, and auto-encoders stacked upon one another."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional

from campipe.core.errors import CampipeError
from campipe.core.random import Key, whole

_LOGISTIC = 4.0  # of weights before a logistic function, whose slope is a quarter


class Dense(nn.Module):
    """A fully connected layer in the precision of its input: (..., inputs) to (..., outputs)."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.weight, self.bias = nn.Parameter(torch.zeros(outputs, inputs)), nn.Parameter(torch.zeros(outputs))

    def forward(self, x: Tensor) -> Tensor:
        return functional.linear(x, self.weight.to(x.dtype), self.bias.to(x.dtype))

    def turned(self, x: Tensor, bias: Tensor) -> Tensor:
        """The way back through the same weights, (..., outputs) to (..., inputs), with a constant of its own."""
        return functional.linear(x, self.weight.mT.to(x.dtype), bias.to(x.dtype))


class Perceptron(nn.Module):
    """Layers of `width` with tanh between them, and a linear last one.

    inputs, outputs   numbers of a sample
    width             of each layer in between
    layers            of these
    seed              of the weights at the start; the last layer's are 0, and the net is the function 0

    Source: Burger, Schuler, Harmeling, "Image denoising: can plain neural networks compete with BM3D?", CVPR 2012. Gradient: exact.
    """

    def __init__(self, inputs: int, outputs: int, *, width: int = 600, layers: int = 4, seed: int = 0) -> None:
        super().__init__()
        checked(inputs=inputs, outputs=outputs, width=width, layers=layers)
        self.inner = nn.ModuleList(Dense(inputs if i == 0 else width, width) for i in range(layers))
        self.last = Dense(width, outputs)
        start(list(self.inner), Key(seed).fold("weights"))

    def forward(self, x: Tensor) -> Tensor:
        for layer in self.inner:
            x = torch.tanh(layer(x))
        return self.last(x)


class TiedAutoencoder(nn.Module):
    """s(W x + b) is the code of x, and W' code + c what it stands for: one matrix both ways, logistic s.

    inputs   numbers of a sample
    width    of its code
    seed     of the weights at the start

    Source: Vincent et al., "Stacked denoising autoencoders", Journal of Machine Learning Research 11, 2010, section 3, with the linear
    decoder of section 5 for pieces of natural pictures. Gradient: exact.
    """

    def __init__(self, inputs: int, *, width: int = 144, seed: int = 0) -> None:
        super().__init__()
        checked(inputs=inputs, width=width)
        self.layer = Dense(inputs, width)
        start([self.layer], Key(seed).fold("weights"))
        # A code that says nothing, all of it one half, stands for 0.
        self.back = nn.Parameter(-0.5 * self.layer.weight.detach().sum(0))

    def encode(self, x: Tensor) -> Tensor:
        return torch.sigmoid(self.layer(x))

    def decode(self, code: Tensor) -> Tensor:
        return self.layer.turned(code, self.back)

    def forward(self, x: Tensor) -> Tensor:
        return self.decode(self.encode(x))


class StackedAutoencoder(nn.Module):
    """Logistic layers up to the innermost code and down again, and a linear last one: x -> h1 -> h2 -> h1 -> x for two widths.

    inputs    numbers of a sample
    outputs   numbers of the answer; a part of the inputs is enough
    widths    of the codes, from the outermost
    seed      of the weights at the start; the last layer's are 0, and the net is the function 0

    Source: Xie, Xu, Chen, "Image denoising and inpainting with deep neural networks", NIPS 2012. Gradient: exact.
    """

    def __init__(self, inputs: int, outputs: int, *, widths: Sequence[int] = (720, 720), seed: int = 0) -> None:
        super().__init__()
        checked(inputs=inputs, outputs=outputs, **{f"widths[{i}]": width for i, width in enumerate(widths)})
        if not widths:
            raise CampipeError("widths of a net are at least one, but none came; give (720, 720)")
        self.widths = [int(width) for width in widths]
        self.up = nn.ModuleList(Dense(a, b) for a, b in zip((inputs, *widths[:-1]), widths, strict=True))
        self.down = nn.ModuleList(Dense(b, a) for a, b in zip((outputs, *widths[:-1]), widths, strict=True))
        key = Key(seed).fold("weights")
        start([self.up[0]], key.fold("first"), 2.0)
        start([*list(self.up)[1:], *list(self.down)[1:]], key, _LOGISTIC, centred=True)

    def forward(self, x: Tensor) -> Tensor:
        for layer in self.up:
            x = torch.sigmoid(layer(x))
        for layer in list(self.down)[:0:-1]:
            x = torch.sigmoid(layer(x))
        return self.down[0](x)

    def code(self, x: Tensor, depth: int) -> Tensor:
        """The code of x behind `depth` layers."""
        for layer in list(self.up)[:depth]:
            x = torch.sigmoid(layer(x))
        return x


def checked(**numbers: int) -> None:
    """Raise a CampipeError where a size of a net is no whole number from 1 on."""
    for what, value in numbers.items():
        number = whole(value)
        if number is None or number < 1:
            raise CampipeError(f"{what} of a net is a whole number from 1 on, but {value!r} came")


@torch.no_grad()
def start(layers: Sequence[nn.Module], key: Key, gain: float = 1.0, centred: bool = False) -> None:
    """Fill layers with random weights that keep the variance of what passes.

    gain      factor on the weights
    centred   True: the inputs are codes, whose middle is one half, and the constants take it off; False: constants stay 0

    Source: Glorot and Bengio, "Understanding the difficulty of training deep feedforward neural networks", AISTATS 2010, equation 12.
    """
    for number, layer in enumerate(layers):
        assert isinstance(layer, Dense)
        generator = torch.Generator().manual_seed(key.fold(number).seed >> 1)
        spread = gain * math.sqrt(2 / sum(layer.weight.shape))
        layer.weight.copy_(torch.randn(layer.weight.shape, generator=generator) * spread)
        if centred:
            layer.bias.copy_(-0.5 * layer.weight.sum(1))
