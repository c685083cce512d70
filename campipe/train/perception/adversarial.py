"""Training against a discriminator: a task whose pictures are also to look like photos."""

from __future__ import annotations

import math
from collections.abc import Callable
from itertools import pairwise
from typing import Any

import torch
from torch import Tensor, nn

from campipe.core.errors import CampipeError
from campipe.core.random import Key
from campipe.measure.features.trunk import FeatureNetwork
from campipe.measure.losses.adversarial import AdversarialLoss
from campipe.measure.losses.lpips import lpips
from campipe.train.draws import Numbers
from campipe.train.task import Batch, Task

Answer = Callable[[Batch], tuple[Tensor, Tensor]]
Loss = Callable[[Tensor, Tensor], Tensor]


class PatchDiscriminator(nn.Module):
    """Judges the patches of a picture: 4 x 4 convolutions of stride 2, leaky rectifiers between them, and one number for each patch.

    width    channels of the first layer; each further one has twice as many
    layers   of stride 2; a patch has 26 pixels a side with two of them, and 54 with three
    seed     of the weights

    Without normalisation, so that each picture's answer hangs on that picture alone.
    Source: Isola et al., "Image-to-image translation with conditional adversarial networks", CVPR 2017.
    """

    def __init__(self, width: int = 64, layers: int = 3, seed: int = 0) -> None:
        super().__init__()
        if min(width, layers) < 1:
            raise CampipeError(f"a discriminator has at least one channel and one layer, but width={width} and layers={layers} came")
        generator = torch.Generator().manual_seed(Key(seed).fold("discriminator").seed >> 1)
        widths = [3, *(width << i for i in range(layers))]
        modules: list[nn.Module] = []
        for inside, outside in pairwise(widths):
            modules += [_conv(inside, outside, 4, 2, generator), nn.LeakyReLU(0.2)]
        modules += [_conv(widths[-1], widths[-1], 3, 1, generator), nn.LeakyReLU(0.2), _conv(widths[-1], 1, 3, 1, generator)]
        self.layers = nn.Sequential(*modules)

    def forward(self, x: Tensor) -> Tensor:
        """(B, 3, H, W), display-encoded, in [0, 1], to (B, 1, h, w), without limits."""
        out: Tensor = self.layers(4 * x - 2)
        return out


class Adversarial(Task):
    """A task that goes on with the weights it has, against a discriminator and with a perceptual distance.

    made         what is trained on, and by what figures it is judged
    answer       of the task's batch: the net's pictures and the true ones, both (B, 3, H, W)
    loss         of the two, a scalar or one number per picture, with its name
    features     network of the perceptual distance
    against      the adversarial loss
    perceptual   weight of the perceptual distance
    adversarial  weight of the generator's loss
    seed         of the discriminator's weights

    Source: the sum is that of Ledig et al., CVPR 2017, and Dong et al., "Joint demosaicing and denoising of noisy Bayer images with
    generative adversarial networks", 2018; the weights are ours.
    """

    def __init__(
        self,
        made: Task,
        answer: Answer,
        loss: Loss,
        named: str,
        features: FeatureNetwork,
        against: AdversarialLoss,
        *,
        perceptual: float,
        adversarial: float,
        seed: int = 0,
    ) -> None:
        super().__init__()
        self.made, self.net, self.rival = made, made.net, PatchDiscriminator(seed=seed)
        self.answer, self.measure, self.named, self.features, self.against = answer, loss, named, features, against
        self.weights, self.seed = {"perceptual": float(perceptual), "adversarial": float(adversarial)}, seed

    def about(self) -> dict[str, Any]:
        losses = {"loss": self.named, "against": self.against.title, "features": self.features.title, **self.weights, "seed": self.seed}
        return {**self.made.about(), **losses}

    def batch(self, numbers: Numbers) -> Batch:
        return self.made.batch(numbers)

    def forward(self, batch: Batch) -> Tensor:
        answer, wanted = self.answer(batch)
        inside = answer.clamp(0, 1)
        with self._narrow():
            distance = lpips(inside, wanted, self.features, data_range=1)
            judged, truth = self._judged(inside), self._judged(wanted)
        total = self.measure(answer, wanted).mean() + self.weights["perceptual"] * distance
        return total + self.weights["adversarial"] * self.against.generator(truth, judged)

    def rival_loss(self, batch: Batch) -> Tensor:
        with torch.no_grad():
            answer, wanted = self.answer(batch)
        with self._narrow():
            judged, truth = self._judged(answer.clamp(0, 1)), self._judged(wanted)
        return self.against.discriminator(truth, judged)

    def validate(self) -> dict[str, float]:
        return self.made.validate()

    def _judged(self, pictures: Tensor) -> Tensor:
        assert self.rival is not None
        answers: Tensor = self.rival(pictures)
        return answers.float()

    def _narrow(self) -> torch.autocast:
        """Sixteen bits on a GPU, where the features and the discriminator would take longer than the net."""
        return torch.autocast(self.device.type, torch.bfloat16, enabled=self.device.type == "cuda")


def _conv(inside: int, outside: int, size: int, stride: int, generator: torch.Generator) -> nn.Conv2d:
    """A convolution with weights drawn after He et al., ICCV 2015, for leaky rectifiers."""
    layer = nn.utils.skip_init(nn.Conv2d, inside, outside, size, stride=stride, padding=size // 2 - (size % 2 == 0))
    with torch.no_grad():
        layer.weight.normal_(0, math.sqrt(2 / (1.04 * layer.weight[0].numel())), generator=generator)
        layer.bias.zero_()
    return layer
