"""Block: a stage that fills a slot."""

from __future__ import annotations

from typing import Any, ClassVar

from torch import Tensor

from campipe.core.stage import Stage


class Block(Stage):
    """A way to fill a slot. All blocks of a slot share its signature, and one test covers them all.

    slot             name of the slot
    tiles            True: a tile, with `margin` pixels around it, gives what the whole picture gives there
    differentiable   False: a gradient is refused with a CampipeError on backward, never a silent zero
    """

    slot: ClassVar[str] = ""
    tiles: ClassVar[bool] = True
    differentiable: ClassVar[bool] = True

    def net(self, *inputs: Any) -> Tensor:
        """The block on plain tensors, with the slot's signature. To be implemented."""
        raise NotImplementedError(f"{type(self).__name__} does not say what it does; implement net")
