"""What every feature network has in common: a row of layers under torchvision's names, of which some are looked at."""

from __future__ import annotations

from collections.abc import Iterable
from typing import ClassVar, Literal

import torch
from torch import Tensor, nn

from campipe.core.errors import CampipeError, ShapeError

Pooling = Literal["max", "average"]

IMAGENET_MEAN = (0.485, 0.456, 0.406)
"""Mean of the ImageNet photos per channel, in [0, 1]; what the published networks were trained behind."""
IMAGENET_STD = (0.229, 0.224, 0.225)
"""Their standard deviation per channel."""


class FeatureNetwork(nn.Module):
    """A convolutional trunk whose layers can be asked for by name. Its weights are frozen.

    features   the layers; their numbers are those of torchvision's `features`, so that its checkpoints have fitting keys
    names      layer name to number: "conv1_2", "relu1_2", "pool1"; a number as text, "4", is a name too

    A new network has no weights and refuses to run until it is given some: `load_features`, or `draw` for random ones. Its weights stay in
    their precision, and pictures are brought to it.
    """

    title: ClassVar[str] = ""
    lpips_layers: ClassVar[tuple[str, ...]] = ()
    mean: ClassVar[tuple[float, float, float]] = IMAGENET_MEAN
    std: ClassVar[tuple[float, float, float]] = IMAGENET_STD

    def __init__(self, layers: Iterable[tuple[str, nn.Module]]) -> None:
        super().__init__()
        named = list(layers)
        self.features = nn.Sequential(*(module for _, module in named))
        self.names = {name: i for i, (name, _) in enumerate(named)} | {str(i): i for i in range(len(named))}
        self.ready = False
        self.register_buffer("_mean", torch.tensor(self.mean).reshape(1, 3, 1, 1), persistent=False)
        self.register_buffer("_std", torch.tensor(self.std).reshape(1, 3, 1, 1), persistent=False)
        self.requires_grad_(False)
        self.register_load_state_dict_post_hook(_has_weights)

    def forward(self, x: Tensor, layers: Iterable[str]) -> dict[str, Tensor]:
        """The features of a picture at the named layers.

        x         (B, 3, H, W) or (B, 1, H, W), display-encoded, 0 = black, 1 = white; grey is taken for three equal channels
        layers    names, in any order
        returns   name to (B, N, h, w)

        Nothing behind the last of the layers is computed. Gradient: exact; 0 where a rectifier cuts off.
        """
        wanted = self.checked(layers)
        if not self.ready:
            raise CampipeError(f"{self.title} needs weights, but has none; load them with load_features, or draw() them")
        if x.ndim != 4 or x.shape[1] not in (1, 3) or not x.is_floating_point():
            raise ShapeError(f"a feature network takes (B, 3, H, W) or (B, 1, H, W), but {tuple(x.shape)} of {x.dtype} came")
        out: dict[str, Tensor] = {}
        x = x.to(next(self.parameters()).dtype)
        value = (x.expand(-1, 3, -1, -1) - self._mean.to(x)) / self._std.to(x)  # type: ignore[operator]
        for number in range(max(wanted.values()) + 1):
            module = self.features[number]
            if min(value.shape[-2:]) < _least(module):
                raise ShapeError(f"{x.shape[-2]} x {x.shape[-1]} pixels are too few for layer {number} of {self.title}; give larger ones")
            value = module(value)
            out |= {name: value for name, place in wanted.items() if place == number}
        return out

    def checked(self, layers: Iterable[str]) -> dict[str, int]:
        """The numbers of the named layers; a CampipeError names the one that is not there."""
        wanted = list(layers)
        for name in wanted:
            if name not in self.names:
                known = [n for n in self.names if not n.isdigit()]
                raise CampipeError(f"{self.title} has no layer {name!r}; it has {', '.join(known)}, and 0 to {len(self.features) - 1}")
        if not wanted:
            raise CampipeError("a layer of the feature network is needed, but none was named")
        return {name: self.names[name] for name in wanted}

    def draw(self, generator: torch.Generator) -> FeatureNetwork:
        """Give every layer random weights, normal with the variance 2 / fan-in of He et al. 2015, and no bias. Returns the network."""
        with torch.no_grad():
            for name, weight in self.named_parameters():
                if name.endswith("bias"):
                    weight.zero_()
                else:
                    weight.normal_(0, (2 / weight[0].numel()) ** 0.5, generator=generator)
        self.ready = True
        return self


def _has_weights(network: FeatureNetwork, _: object) -> None:
    network.ready = True


def _least(module: nn.Module) -> int:
    """Pixels on a side below which a layer has no place to stand on."""
    if isinstance(module, (nn.Conv2d, nn.MaxPool2d, nn.AvgPool2d)):
        size, padding = module.kernel_size, module.padding
        size = size if isinstance(size, int) else size[0]
        return max(size - 2 * (padding if isinstance(padding, int) else int(padding[0])), 1)
    return 1


def conv(inside: int, outside: int, size: int, stride: int = 1, padding: int = 0) -> nn.Conv2d:
    """A convolution whose weights are still nothing: torch's own would draw them from its global generator."""
    return nn.utils.skip_init(nn.Conv2d, inside, outside, size, stride=stride, padding=padding)


def pool(kind: Pooling, size: int, stride: int, ceil: bool = False) -> nn.Module:
    """Pooling by the maximum, as published, or by the mean, which Gatys et al. prefer for making pictures."""
    if kind not in ("max", "average"):
        raise CampipeError(f"pooling is 'max' or 'average', but {kind!r} came")
    return nn.MaxPool2d(size, stride, ceil_mode=ceil) if kind == "max" else nn.AvgPool2d(size, stride, ceil_mode=ceil)
