"""Richardson-Lucy deconvolution."""

from __future__ import annotations

from typing import Any

from torch import Tensor

from campipe.blocks.deblurring.slot import Deblurrer
from campipe.ops.richardson_lucy import richardson_lucy


class RichardsonLucy(Deblurrer):
    """The most likely positive picture under counting noise, held back by its total variation, or by stopping early.

    iterations    how many at most
    tv            weight of the total variation, relative to what noise and picture say; 0: none, and iterations have to end early
    discrepancy   stop where the residual falls below so many sigma; None: never. 1, with tv=0, is the method with Morozov's stop
    accelerate    extrapolate the steps

    Gradient: exact, through all iterations, whose memory it needs. See `campipe.ops.richardson_lucy.richardson_lucy`.
    """

    weight = "tv"
    tv: Tensor

    def __init__(
        self,
        kernel: Any,
        sigma: Any = None,
        iterations: int = 60,
        tv: Any = 1.0,
        discrepancy: float | None = None,
        accelerate: bool = True,
        name: str | None = None,
    ) -> None:
        super().__init__(kernel, sigma, name)
        self.number("tv", tv, positive=True)
        self.iterations, self.accelerate = int(iterations), bool(accelerate)
        self.discrepancy = None if discrepancy is None else float(discrepancy)

    def net(self, x: Tensor, kernel: Tensor, sigma: Tensor, weight: Tensor | None = None) -> Tensor:
        weight = self.tv if weight is None else weight
        options: dict[str, Any] = {"iterations": self.iterations, "discrepancy": self.discrepancy, "accelerate": self.accelerate}
        return richardson_lucy(x, kernel, sigma, tv=0.0 if self.is_off("tv", weight) else weight, **options)
