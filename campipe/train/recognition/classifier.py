"""A small classifier of pictures."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from campipe.core.random import Key


class Classifier(nn.Module):
    """Three convolutions and a linear layer: small pictures, encoded for a display, to scores of classes.

    width      channels of the first layer; the following have twice as many
    classes    to tell apart
    channels   of the pictures
    seed       of the weights at the start
    """

    def __init__(self, width: int = 16, classes: int = 10, channels: int = 3, seed: int = 0) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.Conv2d(channels, width, 5, stride=2, padding=2),
            nn.ReLU(),
            nn.Conv2d(width, 2 * width, 3, padding=1),
            nn.ReLU(),
            nn.MaxPool2d(2),
            nn.Conv2d(2 * width, 2 * width, 3, padding=1),
            nn.ReLU(),
            nn.AdaptiveAvgPool2d(4),
            nn.Flatten(),
            nn.Linear(2 * width * 16, classes),
        )
        generator = torch.Generator().manual_seed(Key(seed).fold("classifier").seed >> 1)
        for layer in self.layers:
            if isinstance(layer, (nn.Conv2d, nn.Linear)):
                # He et al., "Delving deep into rectifiers", ICCV 2015, equation 10.
                fan_in = layer.weight[0].numel()
                layer.weight.data.copy_(torch.randn(layer.weight.shape, generator=generator) * math.sqrt(2 / fan_in))
                assert layer.bias is not None
                layer.bias.data.zero_()

    def forward(self, picture: Tensor) -> Tensor:
        """(B, channels, H, W) in [0, 1] to (B, classes)."""
        scores: Tensor = self.layers(picture - 0.5)
        return scores
