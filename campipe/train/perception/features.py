"""The task of the small feature network: to tell damages of pictures apart, and to know pieces of one picture from those of others."""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from campipe.core.errors import CampipeError
from campipe.core.random import Key
from campipe.io.atomic import write_bytes
from campipe.measure.features.trunk import FeatureNetwork
from campipe.measure.features.vgg import CampipeSmall
from campipe.train import draws
from campipe.train.crops import Crops
from campipe.train.perception.damages import BLOCK, KINDS, damaged
from campipe.train.task import Batch, Task

WIDTH, CODE = 256, 128
"""Numbers between the features and what is told from them; numbers of a view's code."""
TEMPERATURE = 0.1
"""Of the contrast between views. Chen et al., ICML 2020, section 5.1."""
EVEN = 8
"""Filters of the first layer that see the light itself at the start; the others begin as differences of neighbours."""
_SCORED = 64
"""Samples that a validation draws of the photos held out."""


class Learner(nn.Module):
    """The trunk with what is told from its features while it learns: damage, strength, rotation, and a code of the texture.

    trunk   the feature network, which is kept; the rest is thrown away
    seed    of all weights
    """

    def __init__(self, seed: int = 0) -> None:
        super().__init__()
        generator = torch.Generator().manual_seed(Key(seed).fold("features").seed >> 1)
        self.trunk = CampipeSmall()
        self.trunk.draw(generator)
        # Most damages are in the finest detail, which random filters hardly see beside the light itself.
        with torch.no_grad():
            first = self.trunk.get_parameter("features.0.weight")[EVEN:]
            first -= first.mean((2, 3), keepdim=True)
            first *= math.sqrt(9 / 8)
        self.layers = self.trunk.lpips_layers
        # The layers looked at are rectifiers; the convolution before each says how many features there are.
        before = (self.trunk.get_parameter(f"features.{self.trunk.names[name] - 1}.weight") for name in self.layers)
        seen = 2 * sum(weight.shape[0] for weight in before)
        self.damage = _perceptron(seen, 2 * len(KINDS) + 1, generator)
        self.turn = _perceptron(seen // 2, 4, generator)
        self.code = _perceptron(seen, CODE, generator)

    def forward(self, views: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Of views, (B, 3, H, W): which damage, (B, K + 1); how strong each would be, (B, K); which rotation, (B, 4); codes, (B, CODE)."""
        features = [value.float() for value in self.trunk(views, self.layers).values()]
        # Damage shows in ratios of what the features vary by, and these are differences of logarithms.
        means = torch.cat([(value.mean((2, 3)) + 1e-2).log() for value in features], 1)
        spreads = torch.cat([0.5 * (value.var((2, 3)) + 1e-4).log() for value in features], 1)
        # Each is seen against the rest of the batch; what the heads learn is thrown away, so that no average has to be kept.
        both = functional.batch_norm(torch.cat([means, spreads], 1), None, None, training=True)
        damage = self.damage(both).float()
        code = functional.normalize(self.code(both).float(), dim=1)
        return damage[:, : len(KINDS) + 1], damage[:, len(KINDS) + 1 :], self.turn(both[:, : means.shape[1]]).float(), code


class FeatureLearning(Task):
    """Let the small feature network learn without labels.

    crops   what it is trained on; twice as many pixels a side as a view has
    seed    of the weights

    Each crop gives two views of half its side, at places, in rotations and with damages that are drawn. Of each view the network is to
    say its damage, its strength and its rotation, and which of all other views is the other piece of its picture.

    Source: rotations after Gidaris et al., "Unsupervised representation learning by predicting image rotations", ICLR 2018; the contrast
    of views is equation 1 of Chen et al., "A simple framework for contrastive learning of visual representations", ICML 2020.
    """

    steady = True

    def __init__(self, crops: Crops, seed: int = 0) -> None:
        super().__init__()
        if crops.size % (2 * BLOCK):
            raise CampipeError(f"features are trained on crops of a multiple of {2 * BLOCK} pixels, but {crops.size} came; take 128")
        self.net, self.crops, self.seed = Learner(seed), crops, seed

    @property
    def trunk(self) -> CampipeSmall:
        """The network that is trained."""
        assert isinstance(self.net, Learner)
        return self.net.trunk

    def about(self) -> dict[str, Any]:
        return {"features": CampipeSmall.title, "crops": self.crops.about(), "seed": self.seed, "damages": [k.__name__ for k in KINDS]}

    def batch(self, numbers: draws.Numbers) -> tuple[Tensor, ...]:
        """Views, (2 B, 3, H, W), the second ones behind all the first; their damages, strengths and rotations, (2 B,)."""
        return self._views(self.crops.batch(numbers), numbers)

    def forward(self, batch: Batch) -> Tensor:
        views, kind, strength, turn = batch
        damage, strengths, turns, code = self.net(views)
        hurt = kind < len(KINDS)
        own = strengths.gather(1, kind.clamp_max(len(KINDS) - 1)[:, None])[:, 0]
        error = torch.where(hurt, (own - strength).square(), 0).mean()
        told = functional.cross_entropy(damage, kind) + functional.cross_entropy(turns, turn) + 4 * error
        return told + _contrast(code)

    @torch.no_grad()
    def validate(self) -> dict[str, float]:
        """Of pieces of the photos held out, in percent: damages, rotations and partners that are told rightly."""
        size = self.crops.size
        photos = [photo for photo in self.crops.validation()]
        places = draws.uniform(self.seed, range(_SCORED), 2)
        pieces = []
        for number, (v, u) in enumerate(places.tolist()):
            photo = photos[number % len(photos)]
            top, left = int(v * (photo.shape[-2] - size + 1)), int(u * (photo.shape[-1] - size + 1))
            pieces.append(photo[0, :, top : top + size, left : left + size])
        views, kind, _, turn = self._views(torch.stack(pieces).to(self.device), range(_SCORED))
        damage, _, turns, code = self.net(views)
        likeness = (code @ code.mT).fill_diagonal_(-math.inf)
        # Pieces of one photo are all its partners.
        photo_of = torch.arange(2 * _SCORED, device=code.device) % _SCORED % len(photos)
        partner = (photo_of[likeness.argmax(1)] == photo_of).float().mean()
        damage_told, turn_told = ((told.argmax(1) == wanted).float().mean() for told, wanted in ((damage, kind), (turns, turn)))
        return {"damage": 100 * float(damage_told), "rotation": 100 * float(turn_told), "partner": 100 * float(partner)}

    def _views(self, pictures: Tensor, numbers: draws.Numbers) -> tuple[Tensor, ...]:
        count, side, device = len(pictures), self.crops.size // 2, pictures.device
        drawn = draws.uniform(Key(self.seed).fold("views").seed, numbers, 10, device).float().unflatten(1, (2, 5)).transpose(0, 1)
        v, u, which, strength, way = drawn.flatten(0, 1).unbind(1)
        twice = torch.cat([pictures, pictures])
        rows = (v * (side + 1)).long()[:, None] + torch.arange(side, device=device)
        columns = (u * (side + 1)).long()[:, None] + torch.arange(side, device=device)
        items = torch.arange(2 * count, device=device)[:, None, None]
        views = twice.permute(0, 2, 3, 1)[items, rows[:, :, None], columns[:, None, :]].permute(0, 3, 1, 2)
        turn = (way * 4).long()
        views = torch.where((turn % 2 == 1)[:, None, None, None], views.rot90(1, (2, 3)), views)
        views = torch.where((turn >= 2)[:, None, None, None], views.rot90(2, (2, 3)), views)
        kind = (which * (len(KINDS) + 1)).long()
        noise = draws.normal(Key(self.seed).fold("noise").seed, numbers, (2, 3, side, side), device).transpose(0, 1).flatten(0, 1)
        return damaged(views, kind, strength, noise), kind, strength, turn


def write_features(network: FeatureNetwork, path: str | Path, about: Mapping[str, str]) -> Path:
    """Write a feature network's weights as float16 under its own keys, with words about them; `load_features` reads the file."""
    from safetensors.torch import save

    tensors = {name: weight.detach().to("cpu", torch.float16).contiguous() for name, weight in network.state_dict().items()}
    write_bytes(Path(path), save(tensors, {"network": network.title, **about}))
    return Path(path)


def _contrast(code: Tensor) -> Tensor:
    """Cross-entropy of finding the partner of each view among all others; partners lie half of the batch apart."""
    half = len(code) // 2
    likeness = code @ code.mT / TEMPERATURE
    likeness = likeness.masked_fill(torch.eye(len(code), dtype=torch.bool, device=code.device), -math.inf)
    partner = torch.arange(len(code), device=code.device).roll(half)
    return functional.cross_entropy(likeness, partner)


def _perceptron(inside: int, outside: int, generator: torch.Generator) -> nn.Sequential:
    """Two layers with a rectifier between them, drawn after He et al. 2015."""
    layers = [nn.utils.skip_init(nn.Linear, inside, WIDTH), nn.utils.skip_init(nn.Linear, WIDTH, outside)]
    with torch.no_grad():
        for layer, gain in zip(layers, (2, 0.1), strict=True):
            layer.weight.normal_(0, math.sqrt(gain / layer.in_features), generator=generator)
            layer.bias.zero_()
    return nn.Sequential(layers[0], nn.ReLU(), layers[1])
