"""Sparsity: how far the units of a code are from being silent most of the time."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from campipe.core.errors import CampipeError

_LEAST = 1e-6  # mean activations are kept this far from 0 and 1, where the divergence is infinite


def sparsity_loss(code: Tensor, *, rho: float) -> Tensor:
    """Kullback-Leibler divergence of the units' mean activations from a small one, summed over the units.

    code      (N, units), activations in [0, 1]
    rho       mean activation that is asked for, 0 < rho < 1; 0.05 is usual
    returns   (), sum over units of rho log(rho / m) + (1 - rho) log((1 - rho) / (1 - m)), m the unit's mean over the N samples; >= 0

    Gradient: exact, 0 for a unit whose mean lies within 1e-6 of 0 or 1. Source: Xie, Xu, Chen, NIPS 2012.
    """
    if not 0 < rho < 1:
        raise CampipeError(f"the mean activation of a sparse code lies between 0 and 1, but rho={rho!r} came")
    if code.ndim != 2:
        raise CampipeError(f"a code is (N, units), but {tuple(code.shape)} came; flatten the samples into one axis")
    mean = code.mean(0).clamp(_LEAST, 1 - _LEAST)
    return (rho * torch.log(rho / mean) + (1 - rho) * torch.log((1 - rho) / (1 - mean))).sum()


class SparsityLoss(nn.Module):
    """`sparsity_loss` with its option kept."""

    def __init__(self, *, rho: float) -> None:
        super().__init__()
        self.rho = rho

    def forward(self, code: Tensor) -> Tensor:
        return sparsity_loss(code, rho=self.rho)
