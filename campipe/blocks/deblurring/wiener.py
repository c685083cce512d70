"""The Wiener filter."""

from __future__ import annotations

from typing import Any

from torch import Tensor

from campipe.blocks.deblurring.slot import Deblurrer
from campipe.core.errors import CampipeError
from campipe.ops.deconvolution import wiener


class Wiener(Deblurrer):
    """The inverse of the blur where the signal is stronger than the noise. The fastest, and linear; it leaves ringing at strong edges.

    strength   factor on the ratio of noise to signal
    prior      "gradient": the signal falls with the frequency as that of natural images; "flat": one ratio for all frequencies
    rounds     how often what lies beyond the border is estimated again

    Gradient: exact. See `campipe.ops.deconvolution.wiener`.
    """

    weight = "strength"
    strength: Tensor

    def __init__(
        self,
        kernel: Any,
        sigma: Any = None,
        strength: Any = 2.0,
        prior: str = "gradient",
        rounds: int = 8,
        name: str | None = None,
    ) -> None:
        super().__init__(kernel, sigma, name)
        if prior not in ("gradient", "flat"):
            raise CampipeError(f"the prior is 'gradient' or 'flat', but {prior!r} came")
        self.number("strength", strength, positive=True)
        self.prior, self.rounds = prior, int(rounds)

    def net(self, x: Tensor, kernel: Tensor, sigma: Tensor, weight: Tensor | None = None) -> Tensor:
        weight = self.strength if weight is None else weight
        return wiener(x, kernel, sigma, strength=weight, prior=self.prior, rounds=self.rounds)
