"""LPIPS, version 0.1: how different two pictures look, by the features of a classifier."""

from __future__ import annotations

from collections.abc import Sequence
from os import PathLike

import torch
from torch import Tensor, nn

from campipe.core.errors import CampipeError
from campipe.measure.checks import check_pair
from campipe.measure.features.trunk import FeatureNetwork
from campipe.measure.features.weights import read_state
from campipe.measure.losses.reduction import Reduction, reduced

_EPSILON = 1e-10  # added to the length of a feature vector, as in the published code
_SLACK = 0.25  # overshoot of an estimate, as a fraction of the data range; a picture in [-1, 1] lies beyond it


def lpips(
    x: Tensor,
    y: Tensor,
    network: FeatureNetwork,
    linear: Sequence[Tensor] | None = None,
    *,
    data_range: float,
    reduction: Reduction = "mean",
) -> Tensor:
    """Sum over layers of the weighted squared differences between features of unit length, averaged over positions.

    x, y         (B, 3, H, W) or (B, 1, H, W), display-encoded, from 0 to `data_range`; grey is taken for three equal channels
    network      the trunk. The published measure has AlexNet, and VGG-16 as a loss: `feature_network("alexnet", path)`
    linear       a weight per channel for each of the network's `lpips_layers`, (N,) or (1, N, 1, 1); None: 1 everywhere, which is the
                 uncalibrated distance of the paper
    data_range   white minus black in the unit of x and y, > 0
    reduction    "mean": (); "none": one per picture, (B,)
    returns      >= 0; 0 for equal pictures

    The published code takes pictures from -1 to 1; here they are from 0 to `data_range`, and values that lie further outside than a quarter
    of it are refused. The scaling of that code is ImageNet's mean and deviation, which the network applies.
    Gradient: exact, 0 at features of length 0.
    Source: Zhang, Isola, Efros, Shechtman, Wang, "The unreasonable effectiveness of deep features as a perceptual metric", CVPR 2018;
    version 0.1 of the authors' code.
    """
    size = check_pair(x, y, data_range)
    if not torch.compiler.is_compiling():
        ends = [torch.stack(torch.aminmax(picture.detach())).tolist() for picture in (x, y)]
        low, high = min(low for low, _ in ends), max(high for _, high in ends)
        if low < -_SLACK * size or high > (1 + _SLACK) * size:
            raise CampipeError(
                f"lpips takes display values from 0 to data_range={size:g}, but they reach from {low:g} to {high:g}; "
                f"pictures in [-1, 1] become (x + 1) / 2 with data_range=1"
            )
    layers = network.lpips_layers
    if not layers:
        raise CampipeError(f"lpips is not defined on {network.title}; take alexnet, vgg16, squeezenet or campipe-small")
    if linear is not None and len(linear) != len(layers):
        raise CampipeError(f"lpips on {network.title} has {len(layers)} layers, but weights for {len(linear)} came")
    ours, theirs = network(x / size, layers), network(y / size, layers)
    total = x.new_zeros(x.shape[0])
    for i, name in enumerate(layers):
        squares = (_unit(ours[name]) - _unit(theirs[name])).square()
        if linear is not None:
            if linear[i].numel() != squares.shape[1]:
                raise CampipeError(f"{name} of {network.title} has {squares.shape[1]} channels, but {linear[i].numel()} weights came")
            squares = squares * linear[i].to(squares).reshape(1, -1, 1, 1)
        total = total + squares.sum(1).mean((1, 2))
    return reduced(total, reduction)


def lpips_weights(path: str | PathLike[str]) -> list[Tensor]:
    """Read the published weights of the layers, (N,) each: a file of the `lpips` package with keys lin0.model.1.weight and so on.

    Raises a CampipeError where the file cannot be read, has no such keys, or has weights below 0.
    """
    state = read_state(path)
    found: list[Tensor] = []
    while (key := f"lin{len(found)}.model.1.weight") in state:
        found.append(state[key].float().flatten())
    if not found:
        raise CampipeError(f"{path}: weights of lpips have a key lin0.model.1.weight, which is not there")
    if any(not bool((weight >= 0).all()) for weight in found):
        raise CampipeError(f"{path}: weights of lpips are not negative, but some are; is it another file?")
    return found


def _unit(features: Tensor) -> Tensor:
    squares = features.square().sum(1, keepdim=True)
    some = squares > 0
    return features / (torch.where(some, torch.where(some, squares, 1).sqrt(), 0) + _EPSILON)


class LPIPS(nn.Module):
    """`lpips` with its network, weights and options kept.

    network   the trunk, such as `feature_network("alexnet", path)`
    linear    path of the published weights of that trunk's layers; tensors as `lpips` takes them; None: 1 everywhere
    """

    def __init__(
        self,
        network: FeatureNetwork,
        linear: str | PathLike[str] | Sequence[Tensor] | None = None,
        *,
        data_range: float,
        reduction: Reduction = "mean",
    ) -> None:
        super().__init__()
        self.network, self.data_range, self.reduction = network, data_range, reduction
        weights = lpips_weights(linear) if isinstance(linear, (str, PathLike)) else linear
        self._count = None if weights is None else len(weights)
        for i, weight in enumerate(weights or ()):
            self.register_buffer(f"linear{i}", weight.detach().flatten())

    def forward(self, x: Tensor, y: Tensor) -> Tensor:
        linear = None if self._count is None else [getattr(self, f"linear{i}") for i in range(self._count)]
        return lpips(x, y, self.network, linear, data_range=self.data_range, reduction=self.reduction)
