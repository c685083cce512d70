"""Learned super-resolution: a residual net at the resolution that came, added to bicubic."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from torch import Tensor, nn
from torch.nn import functional

from campipe.blocks.learned.base import Learned
from campipe.blocks.learned.nets import ResidualNet
from campipe.blocks.super_resolving.slot import SuperResolver
from campipe.core.errors import CampipeError, ShapeError
from campipe.ops.filters import symmetric_pad
from campipe.ops.upsample import checked_factor, cubic, upsample


class SrResNet(Learned, SuperResolver):
    """Bicubic plus what a net adds, which works at the resolution that came and gives all pixels of a square at once.

    factor    times as many pixels a side; None: that of the weights, or 2 where there are none
    weights   name of weights that ship, a path, or None: untrained, which is bicubic. "super_resolve_x2" and "super_resolve_x4" are made
              for the least error, "super_resolve_x4_gan" to look sharp
    width     channels of the net, where there are no weights
    blocks    its residual blocks
    seed      of the weights that a training begins with

    Pictures are encoded for a display, in three channels, as a camera gives them: the net was trained on what a lens, a colour filter,
    counting and a demosaicker leave of photos, in light from good to dim, and takes noise away as well. It is not told the noise.

    Source: Ledig et al., "Photo-realistic single image super-resolution using a generative adversarial network", CVPR 2017, without batch
    normalisation as Lim et al., CVPR workshops 2017. Gradient: exact.
    """

    block = "super_resolve/srresnet"
    reads = ("display",)

    def __init__(
        self,
        factor: int | None = None,
        weights: str | Path | None = "super_resolve_x2",
        width: int = 64,
        blocks: int = 16,
        seed: int = 0,
        name: str | None = None,
    ) -> None:
        super().__init__(2 if factor is None else factor, name)
        self._make_body(weights, {"factor": self.factor, "width": width, "blocks": blocks}, seed)
        own = checked_factor(self.architecture.get("factor"))
        if factor is not None and own != self.factor:
            raise CampipeError(f"these weights are for a factor of {own}, but factor={factor} came; give weights of that factor")
        self.factor = own
        self.margin = max(self._reach, 2)

    def build(self, **architecture: Any) -> nn.Module:
        factor = checked_factor(architecture.pop("factor", 2))
        return ResidualNet(3, 3 * factor**2, bias=True, even=False, **architecture)

    def net(self, x: Tensor) -> Tensor:
        if x.shape[-3] != 3:
            raise ShapeError(f"the net is for pictures of 3 channels, but {x.shape[-3]} came; repeat a grey one three times")
        reach, (height, width) = self._reach, x.shape[-2:]
        padded = symmetric_pad(symmetric_pad(x, reach, -2), reach, -1)
        factor, first = self.factor, self.factor * reach
        added = self.correction(padded)[..., first : first + factor * height, first : first + factor * width]
        return upsample(x, factor, cubic, 2) + added

    def correction(self, x: Tensor) -> Tensor:
        """What is added to bicubic, (B, 3, H, W) to (B, 3, factor H, factor W), as if all were dark beyond the border."""
        return functional.pixel_shuffle(self.run_body(x, self._reach), self.factor)

    @property
    def _reach(self) -> int:
        reach = self.body.reach
        assert isinstance(reach, int)
        return reach
