"""The style loss of Gatys et al.: differences of the products between feature maps, without their places."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Literal

from torch import Tensor, nn

from campipe.core.errors import CampipeError
from campipe.measure.checks import check_pair
from campipe.measure.features.trunk import FeatureNetwork
from campipe.measure.losses.reduction import Reduction, reduced

STYLE_LAYERS = ("conv1_1", "conv2_1", "conv3_1", "conv4_1", "conv5_1")
"""Layers of VGG-19 that the style is taken from. Gatys et al. 2016."""
Normalisation = Literal["paper", "positions", "elements"]


def gram_matrix(features: Tensor) -> Tensor:
    """Products of every two feature maps, averaged over their positions: F F' / M.

    features   (B, N, h, w), M = h w positions
    returns    (B, N, N), symmetric, no eigenvalue below 0

    Gradient: exact.
    """
    flat = features.flatten(2)
    return flat @ flat.mT / flat.shape[-1]


def style_loss(
    x: Tensor,
    y: Tensor,
    network: FeatureNetwork,
    layers: Mapping[str, float] | Iterable[str] = STYLE_LAYERS,
    *,
    data_range: float,
    normalisation: Normalisation = "paper",
    reduction: Reduction = "mean",
) -> Tensor:
    """Weighted sum over layers of the squared differences between Gram matrices.

    x              (B, 3, H, W) or (B, 1, H, W), display-encoded
    y              the style: as x, of any size, and one for all where its batch is 1
    network        the paper has VGG-19 with average pooling: `feature_network("vgg19", path, pooling="average")`
    layers         layer name to weight; names alone share a weight of 1
    data_range     white minus black in the unit of x and y, > 0; black is 0
    normalisation  of N feature maps of M positions, with G = F F':
                   "paper": sum (G - A)^2 / (4 N^2 M^2), Gatys et al., equation 4
                   "positions": mean of ((G - A) / M)^2, 4 times that
                   "elements": mean of ((G - A) / (N M))^2, 4 / N^2 times that; PyTorch's tutorial, whose batch is 1
    reduction      "mean": (); "none": one per picture, (B,)
    returns        >= 0

    Where the sizes differ, each Gram matrix has its own M. Gradient: exact.
    Source: Gatys, Ecker, Bethge, "Image style transfer using convolutional neural networks", CVPR 2016.
    """
    if normalisation not in ("paper", "positions", "elements"):
        raise CampipeError(f"normalisation is 'paper', 'positions' or 'elements', but {normalisation!r} came")
    size = check_pair(x, x, data_range)
    check_pair(y, y, size)
    if y.shape[0] not in (1, x.shape[0]):
        raise CampipeError(f"one style, or one for each of {x.shape[0]} pictures, is needed, but {y.shape[0]} came")
    weights = _weights(layers)
    ours, theirs = network(x / size, weights), network(y / size, weights)
    total = x.new_zeros(x.shape[0])
    for name, weight in weights.items():
        squares = (gram_matrix(ours[name]) - gram_matrix(theirs[name])).square().mean((1, 2))
        maps = ours[name].shape[1]
        total = total + weight * squares * {"paper": 0.25, "positions": 1.0, "elements": maps**-2}[normalisation]
    return reduced(total, reduction)


def _weights(layers: Mapping[str, float] | Iterable[str]) -> dict[str, float]:
    if isinstance(layers, Mapping):
        return dict(layers)
    names = list(layers)
    return dict.fromkeys(names, 1 / max(len(names), 1))


class StyleLoss(nn.Module):
    """`style_loss` with its network and options kept."""

    def __init__(
        self,
        network: FeatureNetwork,
        layers: Mapping[str, float] | Iterable[str] = STYLE_LAYERS,
        *,
        data_range: float,
        normalisation: Normalisation = "paper",
        reduction: Reduction = "mean",
    ) -> None:
        super().__init__()
        self.network, self.layers, self.data_range = network, _weights(layers), data_range
        self.normalisation, self.reduction = normalisation, reduction
        network.checked(self.layers)

    def forward(self, x: Tensor, y: Tensor) -> Tensor:
        return style_loss(
            x, y, self.network, self.layers, data_range=self.data_range, normalisation=self.normalisation, reduction=self.reduction
        )
