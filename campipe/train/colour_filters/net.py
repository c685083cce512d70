"""The net that makes a picture of what a sensor counted behind any pattern of filters."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from campipe.blocks.learned.nets import ResidualNet

_LEAST = 0.1  # e-, below which the slope of the root would grow without bound


class PatternNet(nn.Module):
    """Counts behind a repeating pattern to a picture encoded for a display.

    tile     pixels a side of the pattern; every position of it is a plane
    width    channels in between
    blocks   residual blocks
    seed     of the weights at the start

    Of each plane the net sees the light, and its root, whose noise is nearly the same everywhere; and the noise level on two more planes.
    A linear filter of 3 x 3 tiles is added, so that the residual net has the rest to find.
    """

    def __init__(self, tile: int = 4, width: int = 96, blocks: int = 6, seed: int = 0) -> None:
        super().__init__()
        self.tile, self.width, self.blocks, planes = tile, width, blocks, tile * tile
        self.body = ResidualNet(2 * planes + 2, 3 * planes, width=width, blocks=blocks, bias=True, even=False, seed=seed)
        self.linear = nn.Conv2d(planes, 3 * planes, 3, padding=1)
        with torch.no_grad():
            # The mean of the roots of all pixels around: a grey picture to begin with.
            self.linear.weight.fill_(1 / (9 * planes))
            assert self.linear.bias is not None
            self.linear.bias.zero_()

    def forward(self, counts: Tensor, white: Tensor, read_noise: float) -> Tensor:
        """(B, 1, H, W) e- to (B, 3, H, W), encoded for a display and not clipped; H and W are multiples of the tile.

        white        (B, 1, 1, 1), e- that white light of one band brings to a pixel
        read_noise   e-
        """
        planes = functional.pixel_unshuffle(counts, self.tile)
        # Anscombe's transform with read noise (Murtagh et al., 1995), relative to white.
        root = ((planes + 3 / 8 + read_noise**2).clamp_min(_LEAST) / white).sqrt()
        level = torch.cat([white.rsqrt(), read_noise / white], 1).expand(-1, -1, *planes.shape[-2:])
        found = self.body(torch.cat([root, planes / white, level], 1)) + self.linear(root)
        return functional.pixel_shuffle(found, self.tile)
