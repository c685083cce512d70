"""Peak signal-to-noise ratio."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from campipe.measure.checks import check_pair, precise


def psnr(x: Tensor, y: Tensor, *, data_range: float) -> Tensor:
    """Peak signal-to-noise ratio of each picture: 10 log10(data_range^2 / mean squared error), over all channels.

    x, y         (B, C, H, W)
    data_range   white minus black in the unit of x and y, > 0
    returns      (B,), dB; infinite for equal pictures

    Nothing is clipped or rounded; published figures differ in this. Gradient: exact, 0 for equal pictures.
    """
    size = check_pair(x, y, data_range)
    error = (precise(x) - precise(y)).square().mean((1, 2, 3)) / size**2
    differ = error != 0
    return torch.where(differ, -10 * torch.where(differ, error, 1).log10(), torch.inf).to(x.dtype)


class PSNR(nn.Module):
    """`psnr` with its data range kept."""

    def __init__(self, *, data_range: float) -> None:
        super().__init__()
        self.data_range = data_range

    def forward(self, x: Tensor, y: Tensor) -> Tensor:
        return psnr(x, y, data_range=self.data_range)
