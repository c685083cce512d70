"""What heavy tails of the noise lose at a rail that is far away."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from campipe.ops.moments.noise import MixedNoise, NormalNoise

KNOTS = 1024
# Nodes and weights of the Gauss-Hermite rule of degree 9 for the standard normal law.
NODES = (0.0, 1.355626179974266, -1.355626179974266, 2.856970013872806, -2.856970013872806)
WEIGHTS = (0.5333333333333333, 0.2220759220056126, 0.2220759220056126, 0.0112574113277207, 0.0112574113277207)


@dataclass(frozen=True)
class Tails:
    """E[max(noise - distance, 0)] and the same of its square, from a table in log distance, log value.

    begin, end   DN, the range of the table; nearer distances are not looked up
    table        (K, 2)

    Asymptotic: the tails of the terms are added, and rounding is left out of them, at distances where the law of the noise is smooth.
    """

    begin: float
    end: float
    table: Tensor

    @classmethod
    def of(cls, noise: NormalNoise | MixedNoise | None, top: float) -> Tails | None:
        """The tails of a law from its reach on; None for a law that has none."""
        if not isinstance(noise, MixedNoise) or not noise.heavy:
            return None
        begin = float(noise.reach) - 1
        end = 8 * (top + begin)
        distance = torch.exp(torch.linspace(math.log(begin), math.log(end), KNOTS, dtype=torch.float64))
        return cls(begin, end, torch.stack(noise.excess(distance), 1).clamp_min(1e-300).log())

    def __call__(self, distance: Tensor) -> tuple[Tensor, Tensor]:
        low, high = math.log(self.begin), math.log(self.end)
        u = ((distance.clamp_min(self.begin).log() - low) * ((KNOTS - 1) / (high - low))).clamp_max(KNOTS - 1.001)
        i = u.detach().long()
        here, there = self.table[i], self.table[i + 1]
        value = torch.exp(here + (u - i)[..., None] * (there - here))
        return value[..., 0], value[..., 1]

    def cut(self, first: Tensor, second: Tensor, middle: Tensor, spread: Tensor, top: float) -> tuple[Tensor, Tensor]:
        """Moments about 0 and `top` out of reach: what clipping takes from mean and variance of a value that was only rounded.

        first, second    mean and variance before clipping, DN and DN^2
        middle, spread   mean and variance of the value before the noise; normal enough for far tails
        """
        # A tenth of a DN more, far below what a far tail can see, keeps the gradient finite where nothing is spread.
        root = torch.sqrt(spread + 0.01)
        up1 = up2 = down1 = down2 = torch.zeros_like(first)
        for node, weight in zip(NODES, WEIGHTS, strict=True):
            m = middle + node * root
            one, two = self(m)
            up1, up2 = up1 + weight * one, up2 + weight * two
            one, two = self(top - m)
            down1, down2 = down1 + weight * one, down2 + weight * two
        # About the mean before clipping, as pivot: a value v below 0 becomes 0, which takes v^2 + 2 |v| mean from the second moment.
        moved = up1 - down1
        return first + moved, second - up2 - 2 * first * up1 - down2 - 2 * (top - first) * down1 - moved**2
