"""Feature networks for perceptual losses: trunks of published classifiers, whose weights the user brings, and a small one of campipe's own.

`feature_network("vgg19", "vgg19.pth")` gives one with its weights; `feature_network("campipe-small")` needs no file.
"""

from campipe.measure.features.alexnet import AlexNet
from campipe.measure.features.squeezenet import SqueezeNet
from campipe.measure.features.trunk import FeatureNetwork
from campipe.measure.features.vgg import VGG16, VGG19, CampipeSmall
from campipe.measure.features.weights import NETWORKS, feature_network, load_features

__all__ = [
    "NETWORKS",
    "VGG16",
    "VGG19",
    "AlexNet",
    "CampipeSmall",
    "FeatureNetwork",
    "SqueezeNet",
    "feature_network",
    "load_features",
]
