"""Blind deblurring: the kernel is not known."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from campipe.blocks.deblurring.slot import Deblurrer, check_size, flat
from campipe.core.errors import CampipeError
from campipe.core.frame import Frame
from campipe.core.shot import Shot
from campipe.ops.blind_deblur import estimate_kernel
from campipe.ops.colour import luminance
from campipe.ops.hyper_laplacian import hyper_laplacian
from campipe.ops.surrogate import refused


class Blind(Deblurrer):
    """Find the kernel from the picture's edges, then deblur with it and the hyper-Laplacian prior. For camera shake, the same everywhere.

    kernel_size   odd, at least 3, pixels on a side: what the blur fits into
    sigma         standard deviation of the noise; None: what the capture's noise profile says
    strength      factor on the weight of the prior of the last step; above 1, since the kernel is not exact

    The picture stands where the kernel's centre of mass is in the middle. Each item of a batch has its own kernel; `estimate_kernel` gives
    it. Gradient: none; it is refused.
    """

    differentiable = False
    blind = True
    weight = "strength"
    strength: Tensor

    def __init__(self, kernel_size: int = 25, sigma: Any = None, strength: Any = 2.0, name: str | None = None) -> None:
        super().__init__(None, sigma, name)
        if isinstance(kernel_size, bool) or int(kernel_size) != kernel_size or kernel_size < 3 or kernel_size % 2 == 0:
            raise CampipeError(f"the size of the kernel is an odd number of pixels, at least 3, but {kernel_size!r} came")
        self.kernel_size = int(kernel_size)
        self.number("strength", strength, positive=True)

    def net(self, x: Tensor, kernel: Tensor | None, sigma: Tensor, weight: Tensor | None = None) -> Tensor:
        """As that of the slot; `kernel` is None, or one that is known after all."""
        with torch.no_grad():
            kernel = self._kernel(x) if kernel is None else kernel
            out = hyper_laplacian(x, kernel, sigma, strength=self.strength if weight is None else weight)
        return refused(out, "blind", "take 'hyper_laplacian' with the kernel that estimate_kernel gives, or detach the frame", x, sigma)

    def estimate_kernel(self, frame: Frame) -> Tensor:
        """The kernel of each picture of a frame: (B, kernel_size, kernel_size), for views and times (B V T, ...)."""
        check_size(frame.expect(*self.reads), self.kernel_size, self.kernel_size)
        return self._kernel(flat(frame.data))

    def transform(self, frame: Frame, shot: Shot) -> Frame:
        check_size(frame, self.kernel_size, self.kernel_size)
        x = flat(frame.data)
        out = self.net(x, None, self.noise_level(frame, shot), self.per_picture(self.weight, frame, shot))
        return frame.replace(out.reshape(frame.data.shape), noise=None)

    def _kernel(self, x: Tensor) -> Tensor:
        light = luminance(x) if x.shape[-3] == 3 else x.mean(-3, keepdim=True)
        return estimate_kernel(light.detach(), self.kernel_size)
