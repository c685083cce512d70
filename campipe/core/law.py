"""Law: what is known of the distribution of a value on its way through the stages.

While the family is known, a value is `scale * min(N, cap) + offset + noise`, with N Poisson distributed and the noise a sum of independent
terms of mean 0. That is what lets clipping and rounding be integrated exactly at the end.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

import torch
from torch import Tensor

from campipe.core.errors import LawError
from campipe.core.frame import Capture, Frame
from campipe.core.shot import Shot


@dataclass(frozen=True)
class Noise:
    """One additive term of mean 0.

    std     standard deviation, in the unit of the law's value; broadcasts with it
    shape   Tukey-lambda shape, or None for the normal law
    """

    std: Tensor
    shape: Tensor | None = None


@dataclass(frozen=True)
class Law:
    """The law of each pixel, over all that differs from frame to frame.

    space, capture   as of a frame
    mean, variance   (B, C, H, W) or broadcasting to it; unit of the space, and its square
    rate             expected counts of the Poisson variable N, or None: nothing was counted yet
    cap              largest count that is kept, or None
    scale, offset    the value is scale * min(N, cap) + offset + noise
    noise            independent additive terms
    known            False once the value has left that family; mean and variance still hold
    """

    space: str
    capture: Capture
    mean: Tensor
    variance: Tensor
    shot: Shot
    rate: Tensor | None = None
    cap: Tensor | None = None
    scale: Tensor = field(default_factory=lambda: torch.ones(()))
    offset: Tensor = field(default_factory=lambda: torch.zeros(()))
    noise: tuple[Noise, ...] = ()
    known: bool = True

    @classmethod
    def certain(cls, frame: Frame, shot: Shot) -> Law:
        """The law of a frame that is known exactly."""
        zero = torch.zeros((), dtype=frame.data.dtype, device=frame.data.device)
        return cls(frame.space, frame.capture, frame.data, zero.expand_as(frame.data), shot, scale=zero + 1, offset=frame.data)

    def frame(self) -> Frame:
        """The mean as a frame: what a stage looks at for shapes and the capture."""
        return Frame(self.mean, self.space, self.capture)

    def replace(self, **changes: Any) -> Law:
        return replace(self, **changes)

    @property
    def is_certain(self) -> bool:
        return self.known and self.rate is None and not self.noise

    def plus(self, amount: Tensor | float) -> Law:
        """The law after a known amount was added."""
        return replace(self, mean=self.mean + amount, offset=self.offset + amount)

    def times(self, factor: Tensor | float) -> Law:
        """The law after multiplication by a known factor."""
        factor = torch.as_tensor(factor, dtype=self.mean.dtype, device=self.mean.device)
        noise = tuple(Noise(n.std * factor.abs(), n.shape) for n in self.noise)
        moved = replace(self, mean=self.mean * factor, variance=self.variance * factor**2, noise=noise)
        return replace(moved, scale=self.scale * factor, offset=self.offset * factor)

    def with_noise(self, std: Tensor | float, shape: Tensor | float | None = None) -> Law:
        """The law after an independent term of mean 0 was added."""
        std = torch.as_tensor(std, dtype=self.mean.dtype, device=self.mean.device)
        shape = None if shape is None else torch.as_tensor(shape, dtype=self.mean.dtype, device=self.mean.device)
        return replace(self, variance=self.variance + std**2, noise=(*self.noise, Noise(std, shape)))

    def counted(self) -> Law:
        """The law after independent arrivals with the present value as their rate were counted."""
        if not self.is_certain:
            raise LawError("counting has a closed form only for a rate that is known; put the stages that add noise after it")
        zero = torch.zeros((), dtype=self.mean.dtype, device=self.mean.device)
        return replace(self, variance=self.mean.clamp_min(0), rate=self.mean.clamp_min(0), scale=zero + 1, offset=zero)

    def unknown(self, mean: Tensor, variance: Tensor) -> Law:
        """The law after a step out of the family: only mean and variance are known from here on."""
        return replace(self, mean=mean, variance=variance, rate=None, cap=None, noise=(), known=False)
