"""Feature networks by name, with weights from a file."""

from __future__ import annotations

from collections.abc import Mapping
from os import PathLike
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from campipe.core.errors import CampipeError
from campipe.core.resources import find
from campipe.measure.features.alexnet import AlexNet
from campipe.measure.features.squeezenet import SqueezeNet
from campipe.measure.features.trunk import FeatureNetwork, Pooling
from campipe.measure.features.vgg import VGG16, VGG19, CampipeSmall

NETWORKS: dict[str, type[FeatureNetwork]] = {kind.title: kind for kind in (VGG16, VGG19, AlexNet, SqueezeNet, CampipeSmall)}
_OWN = "features_small.safetensors"


def feature_network(name: str, weights: str | PathLike[str] | None = None, *, pooling: Pooling = "max") -> FeatureNetwork:
    """A feature network with its weights, ready for a loss.

    name      "vgg16", "vgg19", "alexnet", "squeezenet", or "campipe-small"
    weights   the file of a published checkpoint as torchvision distributes it (.pth), or the same names in a .safetensors; the weights of
              "campipe-small" alone ship, and None takes them
    pooling   "max" as published, or "average" for making pictures, as Gatys et al. do

    Raises a CampipeError for a name that is not there, where weights are needed and not given, and as `load_features` does.
    """
    if name not in NETWORKS:
        raise CampipeError(f"there is no feature network {name!r}; there are {', '.join(NETWORKS)}")
    network = NETWORKS[name](pooling)  # type: ignore[arg-type]
    if weights is None and name != CampipeSmall.title:
        raise CampipeError(
            f"the weights of {name} do not ship; give weights= the path of a checkpoint with keys such as features.0.weight, "
            f"or take {CampipeSmall.title!r}"
        )
    return load_features(network, _own_weights() if weights is None else weights)


def _own_weights() -> Path:
    try:
        return find("data", "weights", _OWN)
    except CampipeError:
        raise CampipeError(f"the weights of {CampipeSmall.title} are missing from data/weights/{_OWN}; give weights= a path") from None


def load_features(network: FeatureNetwork, weights: str | PathLike[str]) -> FeatureNetwork:
    """Fill a feature network from a file, in place, and return it.

    weights   a state dict as .pth or .safetensors, with the network's own keys, `features.0.weight` and so on; keys of a classifier's other
              parts are left aside. Half precision is read as float32

    Raises a CampipeError that names the file where it cannot be read, and the first key that is missing or of another shape.
    """
    state = read_state(weights)
    given = {key: value for key, value in state.items() if key.startswith("features.")}
    own = network.state_dict()
    for key, value in own.items():
        if key not in given:
            raise CampipeError(f"{weights}: weights of {network.title} have a key {key}, which is not there; is it another network's file?")
        if given[key].shape != value.shape:
            came, needed = tuple(given[key].shape), tuple(value.shape)
            raise CampipeError(f"{weights}: {key} of {network.title} is {needed}, but {came} came; is it another network's file?")
    extra = sorted(given.keys() - own.keys())
    if extra:
        raise CampipeError(f"{weights}: {network.title} has no {extra[0]}; is it another network's file?")
    if any(not bool(torch.isfinite(given[key]).all()) for key in own):
        raise CampipeError(f"{weights}: weights are finite numbers, but others came; the file is damaged")
    network.load_state_dict({key: given[key].float() for key in own})
    return network


def read_state(path: str | PathLike[str]) -> Mapping[str, Tensor]:
    """Read a state dict from a .safetensors or a file of torch.save, with tensors alone: no code of the file is run."""
    file = Path(path)
    if not file.is_file():
        raise CampipeError(f"{file}: a file of weights is needed, but there is none")
    state: Any
    try:
        if file.suffix == ".safetensors":
            from safetensors.torch import load_file

            state = load_file(file)
        else:
            state = torch.load(file, map_location="cpu", weights_only=True)
    except Exception as error:  # a damaged file shows in a dozen ways, and safetensors' own error derives from nothing narrower
        raise CampipeError(f"{file}: cannot be read as weights ({type(error).__name__}); give a .safetensors or a state dict") from None
    if not isinstance(state, Mapping) or not all(isinstance(value, Tensor) for value in state.values()):
        raise CampipeError(f"{file}: a state dict, names to tensors, is needed, but {type(state).__name__} came")
    return state
