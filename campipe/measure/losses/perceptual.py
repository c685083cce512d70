"""Distances between features of a classifier: the perceptual loss, and the content loss of Gatys et al."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from torch import Tensor, nn

from campipe.core.errors import CampipeError
from campipe.measure.checks import check_pair
from campipe.measure.features.trunk import FeatureNetwork
from campipe.measure.losses.reduction import Reduction, reduced

Distance = Literal["l1", "l2"]


def perceptual_loss(
    x: Tensor,
    y: Tensor,
    network: FeatureNetwork,
    layers: Mapping[str, float],
    *,
    data_range: float,
    distance: Distance = "l2",
    reduction: Reduction = "mean",
) -> Tensor:
    """Weighted sum over layers of the mean difference of their features.

    x, y         (B, 3, H, W) or (B, 1, H, W), display-encoded
    network      whose features are compared, such as `feature_network("vgg19", path)`
    layers       layer name to weight: {"conv5_4": 1.0}; names with "conv" are taken before the rectifier, with "relu" behind it
    data_range   white minus black in the unit of x and y, > 0; black is 0
    distance     "l2": the mean squared difference; "l1": the mean absolute one
    reduction    "mean": (); "none": one per picture, (B,)
    returns      >= 0

    Gradient: exact, into x and y; the network's weights are frozen.
    Source: Johnson, Alahi, Fei-Fei, "Perceptual losses for real-time style transfer and super-resolution", ECCV 2016.
    """
    if distance not in ("l1", "l2"):
        raise CampipeError(f"distance is 'l1' or 'l2', but {distance!r} came")
    size = check_pair(x, y, data_range)
    ours, theirs = network(x / size, layers), network(y / size, layers)
    total = x.new_zeros(x.shape[0])
    for name, weight in layers.items():
        difference = ours[name] - theirs[name]
        total = total + weight * (difference.abs() if distance == "l1" else difference.square()).mean((1, 2, 3))
    return reduced(total, reduction)


def content_loss(
    x: Tensor, y: Tensor, network: FeatureNetwork, layer: str = "conv4_2", *, data_range: float, reduction: Reduction = "mean"
) -> Tensor:
    """Half the sum of the squared differences of the features at one layer.

    x, y         (B, 3, H, W) or (B, 1, H, W), display-encoded
    network      the paper has VGG-19 with average pooling: `feature_network("vgg19", path, pooling="average")`
    layer        whose features are compared, as the convolution gives them
    data_range   white minus black in the unit of x and y, > 0; black is 0
    reduction    "mean": (); "none": one per picture, (B,)
    returns      >= 0; grows with the number of pixels, as the paper prints it

    The paper's VGG takes pictures in [0, 255] less their mean, without dividing by a standard deviation: its figures are larger.
    Gradient: exact. Source: Gatys, Ecker, Bethge, "Image style transfer using convolutional neural networks", CVPR 2016, equation 1.
    """
    size = check_pair(x, y, data_range)
    difference = network(x / size, [layer])[layer] - network(y / size, [layer])[layer]
    return reduced(0.5 * difference.square().sum((1, 2, 3)), reduction)


class PerceptualLoss(nn.Module):
    """`perceptual_loss` with its network and options kept."""

    def __init__(
        self,
        network: FeatureNetwork,
        layers: Mapping[str, float],
        *,
        data_range: float,
        distance: Distance = "l2",
        reduction: Reduction = "mean",
    ) -> None:
        super().__init__()
        network.checked(layers)
        self.network, self.layers, self.data_range = network, dict(layers), data_range
        self.distance, self.reduction = distance, reduction

    def forward(self, x: Tensor, y: Tensor) -> Tensor:
        return perceptual_loss(
            x, y, self.network, self.layers, data_range=self.data_range, distance=self.distance, reduction=self.reduction
        )


class ContentLoss(nn.Module):
    """`content_loss` with its network and options kept."""

    def __init__(self, network: FeatureNetwork, layer: str = "conv4_2", *, data_range: float, reduction: Reduction = "mean") -> None:
        super().__init__()
        network.checked([layer])
        self.network, self.layer, self.data_range, self.reduction = network, layer, data_range, reduction

    def forward(self, x: Tensor, y: Tensor) -> Tensor:
        return content_loss(x, y, self.network, self.layer, data_range=self.data_range, reduction=self.reduction)
