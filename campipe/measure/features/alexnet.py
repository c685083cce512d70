"""The trunk of AlexNet, as its one-column form has it."""

from __future__ import annotations

from torch import nn

from campipe.measure.features.trunk import FeatureNetwork, Pooling, conv, pool


class AlexNet(FeatureNetwork):
    """The five convolutional layers of AlexNet without local normalisation: conv1 to relu5 and pool5, numbers 0 to 12.

    pooling   "max" as published, or "average"

    Source: Krizhevsky, "One weird trick for parallelizing convolutional neural networks", arXiv 1404.5997, 2014, for the widths
    64, 192, 384, 256, 256; the build is that of Krizhevsky, Sutskever, Hinton, NIPS 2012.
    """

    title = "alexnet"
    lpips_layers = ("relu1", "relu2", "relu3", "relu4", "relu5")

    def __init__(self, pooling: Pooling = "max") -> None:
        super().__init__(
            [
                ("conv1", conv(3, 64, 11, stride=4, padding=2)),
                ("relu1", nn.ReLU()),
                ("pool1", pool(pooling, 3, 2)),
                ("conv2", conv(64, 192, 5, padding=2)),
                ("relu2", nn.ReLU()),
                ("pool2", pool(pooling, 3, 2)),
                ("conv3", conv(192, 384, 3, padding=1)),
                ("relu3", nn.ReLU()),
                ("conv4", conv(384, 256, 3, padding=1)),
                ("relu4", nn.ReLU()),
                ("conv5", conv(256, 256, 3, padding=1)),
                ("relu5", nn.ReLU()),
                ("pool5", pool(pooling, 3, 2)),
            ]
        )
