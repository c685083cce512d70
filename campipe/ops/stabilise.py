"""Variance stabilisation: the generalised Anscombe transform and its exact unbiased inverse.

Everything that happens is a function of electrons u = x / S and of a read noise g = sqrt(O) / S. The transform is written less the
constant 2 g, so that it goes over into x / sqrt(O) where S goes to 0, and nothing large cancels on the way back.
"""

from __future__ import annotations

import torch
from torch import Tensor

from campipe.ops.unbiased import correction

_LEAST = 1e-10  # variance that takes the place of none at all: 1e-5 of the white level, less than a step of 16 bits


def stabilise(value: Tensor, shot: Tensor, floor: Tensor) -> Tensor:
    """Make Poisson-Gaussian noise even: its standard deviation becomes 1.

    value     any shape, in the unit of a frame; variance = shot * value + floor
    shot      S, broadcasts with the value; 0: the noise does not grow with the signal
    floor     O, broadcasts with the value; below 0 counts as 0
    returns   (2 / S) (sqrt(max(S x + 3/8 S^2 + O, 0)) - sqrt(O)), the shape of value: 0 near black; x / sqrt(O) where S is 0

    Gradient: exact; 0 where the root's argument is not positive. Source: Murtagh, Starck, Bijaoui, "Image restoration with noise
    suppression using a multiresolution support", Astronomy and Astrophysics Supplement 112, 1995, less a constant.
    """
    shot, floor, root = _parts(value, shot, floor)
    raised = value + 0.375 * shot
    inside = shot * raised + floor
    positive = inside > 0
    out = 2 * raised / (torch.where(positive, inside, 1).sqrt() + root)
    lowest = -2 * root / torch.where(shot > 0, shot, 1)
    return torch.where(positive, out, lowest)


def unstabilise(value: Tensor, shot: Tensor, floor: Tensor) -> Tensor:
    """The exact unbiased inverse: the x whose stabilised noisy values have this mean, not the x that is transformed to it.

    value         as `stabilise` gives it, denoised
    shot, floor   as for `stabilise`; one pair for each item or channel (each pair new to the process costs some 40 ms, once)
    returns       the shape of value, in the unit of a frame

    Below the mean that belongs to black the algebraic inverse goes on, shifted to meet: dark noise keeps both signs.
    Gradient: exact, by the interpolated table. Source: Makitalo and Foi, "Optimal inversion of the generalized Anscombe transformation for
    Poisson-Gaussian noise", IEEE TIP 22(1), 2013.
    """
    shot, floor, root = _parts(value, shot, floor)
    bowl = shot * value.square() / 4 + value * root
    safe = torch.where(shot > 0, shot, 1)
    beyond = (shot > 0) & (value * safe < -2 * root)  # left of the vertex it goes on as an odd function
    bowl = torch.where(beyond, -bowl - 2 * floor / safe, bowl)
    read = torch.where(shot > 0, root / safe, 0)
    return bowl + shot * (correction(value, read) - 0.125)


def _parts(value: Tensor, shot: Tensor, floor: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """S and O, not negative, not both next to nothing, and the root of O."""
    shot, floor = shot.to(value.dtype).clamp_min(0), floor.to(value.dtype).clamp_min(0)
    floor = torch.where(shot + floor < _LEAST, _LEAST, floor)
    positive = floor > 0
    return shot, floor, torch.where(positive, torch.where(positive, floor, 1).sqrt(), 0)
