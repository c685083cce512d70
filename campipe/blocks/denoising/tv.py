"""Total variation denoising."""

from __future__ import annotations

from typing import Any

from torch import Tensor

from campipe.blocks.denoising.slot import Denoiser
from campipe.core.errors import CampipeError
from campipe.ops.total_variation import total_variation

_WEIGHT = 0.8  # of sigma: best over sigmas of 10 to 50 of 255 on grey pictures, 0.7 to 0.9
_JOINT_WEIGHT = {1: 0.8, 3: 1.0, 4: 1.0}


class TotalVariation(Denoiser):
    """The picture of least total variation that stays near: flat parts with sharp edges, also where there were slopes (stairs).

    strength   factor on the weight of the total variation
    rounds     steps of the primal-dual method
    joint      True: the channels' edges fall together. False: each channel by itself

    A sigma map weighs the variation of each pixel. A pixel's result hangs on `rounds` pixels around it. Gradient: that of the steps taken.
    Source: Rudin, Osher, Fatemi, Physica D 60, 1992; Chambolle and Pock, JMIV 40, 2011; see `campipe.ops.total_variation`.
    """

    strength: Tensor

    def __init__(
        self, sigma: Any = None, strength: Any = 1.0, rounds: int = 40, joint: bool = True, stabilise: bool = True, name: str | None = None
    ) -> None:
        super().__init__(sigma, stabilise, name)
        self.rounds, self.joint = int(rounds), bool(joint)
        if self.rounds < 1:
            raise CampipeError(f"rounds is 1 or more, but {rounds} came")
        self.margin = self.rounds
        self.number("strength", strength, positive=True)

    def net(self, x: Tensor, sigma: Tensor) -> Tensor:
        factor = _JOINT_WEIGHT.get(x.shape[-3], _WEIGHT) if self.joint else _WEIGHT
        return total_variation(x, sigma * self.strength * factor, self.rounds, self.joint)
