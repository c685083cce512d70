"""The trunks of VGG, and the small one of the same build that campipe trains itself."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from torch import nn

from campipe.measure.features.trunk import FeatureNetwork, Pooling, conv, pool


def _groups(widths: Sequence[int], depths: Sequence[int], pooling: Pooling) -> Iterator[tuple[str, nn.Module]]:
    """Groups of 3 x 3 convolutions with rectifiers; each group halves the picture at its end."""
    inside = 3
    for group, (width, depth) in enumerate(zip(widths, depths, strict=True), 1):
        for k in range(1, depth + 1):
            yield f"conv{group}_{k}", conv(inside, width, 3, padding=1)
            yield f"relu{group}_{k}", nn.ReLU()
            inside = width
        yield f"pool{group}", pool(pooling, 2, 2)


_WIDTHS = (64, 128, 256, 512, 512)


class VGG16(FeatureNetwork):
    """The 13 convolutional layers of VGG-16: conv1_1 to relu5_3 and pool5, numbers 0 to 30.

    pooling   "max" as published, or "average"

    Source: Simonyan and Zisserman, "Very deep convolutional networks for large-scale image recognition", ICLR 2015, configuration D.
    """

    title = "vgg16"
    lpips_layers = ("relu1_2", "relu2_2", "relu3_3", "relu4_3", "relu5_3")

    def __init__(self, pooling: Pooling = "max") -> None:
        super().__init__(_groups(_WIDTHS, (2, 2, 3, 3, 3), pooling))


class VGG19(FeatureNetwork):
    """The 16 convolutional layers of VGG-19: conv1_1 to relu5_4 and pool5, numbers 0 to 36.

    pooling   "max" as published, or "average"

    Source: Simonyan and Zisserman, ICLR 2015, configuration E.
    """

    title = "vgg19"

    def __init__(self, pooling: Pooling = "max") -> None:
        super().__init__(_groups(_WIDTHS, (2, 2, 4, 4, 4), pooling))


class CampipeSmall(FeatureNetwork):
    """campipe's own small feature network: eight convolutional layers, conv1_1 to relu4_2 and pool4, numbers 0 to 19; 462 304 weights.

    pooling   "max" as trained, or "average"

    No published network: its distances are its own, and are not to be printed under the name of another.
    """

    title = "campipe-small"
    lpips_layers = ("relu1_2", "relu2_2", "relu3_2", "relu4_2")
    mean = (0.5, 0.5, 0.5)
    std = (0.25, 0.25, 0.25)

    def __init__(self, pooling: Pooling = "max") -> None:
        super().__init__(_groups((32, 64, 96, 128), (2, 2, 2, 2), pooling))
