"""The trunk of SqueezeNet 1.1."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from campipe.measure.features.trunk import FeatureNetwork, Pooling, conv, pool


class Fire(nn.Module):
    """Squeeze to a few channels, then expand by 1 x 1 and 3 x 3 convolutions side by side.

    inside    channels that come
    squeeze   channels in between
    expand    channels of each of the two
    """

    def __init__(self, inside: int, squeeze: int, expand: int) -> None:
        super().__init__()
        self.squeeze = conv(inside, squeeze, 1)
        self.expand1x1 = conv(squeeze, expand, 1)
        self.expand3x3 = conv(squeeze, expand, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        few = self.squeeze(x).relu()
        return torch.cat([self.expand1x1(few).relu(), self.expand3x3(few).relu()], 1)


class SqueezeNet(FeatureNetwork):
    """conv1, relu1 and the eight fire modules of SqueezeNet 1.1, fire2 to fire9, numbers 0 to 12.

    pooling   "max" as published, or "average"

    Source: Iandola et al., "SqueezeNet: AlexNet-level accuracy with 50x fewer parameters and <0.5MB model size", arXiv 1602.07360, 2016;
    version 1.1 of the authors' repository, with a first convolution of 3 x 3 and earlier pooling.
    """

    title = "squeezenet"
    lpips_layers = ("relu1", "fire3", "fire5", "fire6", "fire7", "fire8", "fire9")

    def __init__(self, pooling: Pooling = "max") -> None:
        super().__init__(
            [
                ("conv1", conv(3, 64, 3, stride=2)),
                ("relu1", nn.ReLU()),
                ("pool1", pool(pooling, 3, 2, ceil=True)),
                ("fire2", Fire(64, 16, 64)),
                ("fire3", Fire(128, 16, 64)),
                ("pool3", pool(pooling, 3, 2, ceil=True)),
                ("fire4", Fire(128, 32, 128)),
                ("fire5", Fire(256, 32, 128)),
                ("pool5", pool(pooling, 3, 2, ceil=True)),
                ("fire6", Fire(256, 48, 192)),
                ("fire7", Fire(384, 48, 192)),
                ("fire8", Fire(384, 64, 256)),
                ("fire9", Fire(512, 64, 256)),
            ]
        )
