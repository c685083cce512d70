"""Exponential moving average of weights."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn

from campipe.core.errors import CampipeError


class Ema:
    """The average of a module's weights over the last steps: mean <- d mean + (1 - d) weight.

    module   whose weights are averaged
    decay    0 <= decay < 1; while t steps have been seen, d = min(decay, (1 + t) / (10 + t)), so that the start is soon forgotten

    Source of the averaging: Polyak, Juditsky, "Acceleration of stochastic approximation by averaging", 1992.
    """

    def __init__(self, module: nn.Module, decay: float) -> None:
        if not 0 <= decay < 1:
            raise CampipeError(f"the decay of an average is at least 0 and below 1, but {decay!r} came")
        self.module, self.decay, self.seen = module, decay, 0
        self.mean: dict[str, Tensor] = {name: p.detach().clone() for name, p in module.named_parameters()}

    def next_decay(self) -> float:
        """The decay of the next step, which is counted as taken in."""
        self.seen += 1
        return min(self.decay, self.seen / (9 + self.seen))

    def update(self) -> None:
        """Take in the weights as they are now."""
        self.take(self.next_decay())

    @torch.no_grad()
    def take(self, decay: float | Tensor) -> None:
        """mean <- decay mean + (1 - decay) weight."""
        means = list(self.mean.values())
        weights = [p.detach() for p in self.module.parameters()]
        torch._foreach_mul_(means, decay)
        torch._foreach_add_(means, torch._foreach_mul(weights, 1 - decay))

    @contextmanager
    def applied(self) -> Iterator[None]:
        """Let the module have the averaged weights for a while."""
        own = {name: p.detach().clone() for name, p in self.module.named_parameters()}
        self._put(self.mean)
        try:
            yield
        finally:
            self._put(own)

    def settle(self) -> None:
        """Let the module keep the averaged weights."""
        self._put(self.mean)

    @torch.no_grad()
    def _put(self, values: dict[str, Tensor]) -> None:
        for name, p in self.module.named_parameters():
            p.copy_(values[name])
