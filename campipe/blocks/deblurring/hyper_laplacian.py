"""Deconvolution with a hyper-Laplacian prior."""

from __future__ import annotations

from typing import Any

from torch import Tensor

from campipe.blocks.deblurring.slot import Deblurrer
from campipe.core.errors import CampipeError
from campipe.ops.hyper_laplacian import hyper_laplacian


class HyperLaplacian(Deblurrer):
    """The picture whose differences of neighbours are as rare and as strong as those of photos. The best of the known-kernel methods here.

    strength     factor on the weight of the prior
    exponent     of the prior, between 0 and 1; photos have 0.5 to 0.8
    iterations   steps of the splitting
    positive     True: light is not negative

    Gradient: exact, through all iterations. See `campipe.ops.hyper_laplacian.hyper_laplacian`.
    """

    weight = "strength"
    strength: Tensor

    def __init__(
        self,
        kernel: Any,
        sigma: Any = None,
        strength: Any = 1.0,
        exponent: float = 2 / 3,
        iterations: int = 16,
        positive: bool = True,
        name: str | None = None,
    ) -> None:
        super().__init__(kernel, sigma, name)
        if not 0 < exponent < 1:
            raise CampipeError(f"the exponent of the prior lies between 0 and 1, but {exponent:g} came")
        self.number("strength", strength, positive=True)
        self.exponent, self.iterations, self.positive = float(exponent), int(iterations), bool(positive)

    def net(self, x: Tensor, kernel: Tensor, sigma: Tensor, weight: Tensor | None = None) -> Tensor:
        weight = self.strength if weight is None else weight
        options: dict[str, Any] = {"exponent": self.exponent, "iterations": self.iterations, "positive": self.positive}
        return hyper_laplacian(x, kernel, sigma, strength=weight, **options)
