"""Mean colour difference of pictures, CIEDE2000."""

from __future__ import annotations

from torch import Tensor, nn

from campipe.measure.checks import check_pair, precise
from campipe.ops.lab import delta_e_2000, srgb_to_lab


def ciede2000(x: Tensor, y: Tensor, *, data_range: float) -> Tensor:
    """Mean CIEDE2000 colour difference of each picture; about 1 is just noticeable.

    x, y         (B, 3, H, W), sRGB-encoded: frames in "display"
    data_range   white minus black in the unit of x and y, > 0
    returns      (B,)

    Colours are taken to CIELAB under D65 for the 2 degree observer. Gradient: finite everywhere; see `delta_e_2000`.
    Source: Sharma, Wu, Dalal, Color Research and Application 30, 2005.
    """
    size = check_pair(x, y, data_range, channels=3)
    return delta_e_2000(srgb_to_lab(precise(x) / size), srgb_to_lab(precise(y) / size)).mean((-2, -1)).to(x.dtype)


class CIEDE2000(nn.Module):
    """`ciede2000` with its data range kept."""

    def __init__(self, *, data_range: float) -> None:
        super().__init__()
        self.data_range = data_range

    def forward(self, x: Tensor, y: Tensor) -> Tensor:
        return ciede2000(x, y, data_range=self.data_range)
