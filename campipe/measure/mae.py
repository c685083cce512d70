"""Mean errors per picture: MAE and MSE."""

from __future__ import annotations

from torch import Tensor, nn

from campipe.measure.checks import check_pair, precise


def mae(x: Tensor, y: Tensor, *, data_range: float) -> Tensor:
    """Mean absolute error of each picture, as a fraction of the data range.

    x, y         (B, C, H, W)
    data_range   white minus black in the unit of x and y, > 0
    returns      (B,), 1

    Gradient: exact, 0 where values are equal.
    """
    size = check_pair(x, y, data_range)
    return ((precise(x) - precise(y)).abs().mean((1, 2, 3)) / size).to(x.dtype)


def mse(x: Tensor, y: Tensor, *, data_range: float) -> Tensor:
    """Mean squared error of each picture, as a fraction of the data range squared.

    x, y         (B, C, H, W)
    data_range   white minus black in the unit of x and y, > 0
    returns      (B,), 1

    Gradient: exact.
    """
    size = check_pair(x, y, data_range)
    return ((precise(x) - precise(y)).square().mean((1, 2, 3)) / size**2).to(x.dtype)


class MAE(nn.Module):
    """`mae` with its data range kept."""

    def __init__(self, *, data_range: float) -> None:
        super().__init__()
        self.data_range = data_range

    def forward(self, x: Tensor, y: Tensor) -> Tensor:
        return mae(x, y, data_range=self.data_range)


class MSE(nn.Module):
    """`mse` with its data range kept."""

    def __init__(self, *, data_range: float) -> None:
        super().__init__()
        self.data_range = data_range

    def forward(self, x: Tensor, y: Tensor) -> Tensor:
        return mse(x, y, data_range=self.data_range)
