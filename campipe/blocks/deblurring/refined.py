"""What learned deblurrers share: a base in linear light, and a net whose correction is added as a display would show it."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from campipe.blocks.learned.base import Learned
from campipe.blocks.learned.limit import whole_cells
from campipe.blocks.learned.nafnet import NafNet
from campipe.core.errors import ShapeError
from campipe.ops.colour import srgb_decode, srgb_encode

STRIDE = 8
"""Pixels of the picture that the net's coarsest level sees as one: planes of half the resolution, and two halvings."""

_MEAN = 0.2  # of linear light, of a photo that is well exposed: what pictures are scaled to before the net sees them
_TINY = 1e-12
_DARK, _SPREAD = 1e-3, 3.0  # log(sigma + dark) / spread lies from -2.3 without noise to -0.7 at a tenth of white


class Refined(Learned):
    """Mixed into a deblurrer: `refine` adds what a net finds to a base.

    The net sees the blurred picture and the base in linear light, the base as a display encodes it, and the noise level, all scaled so that
    the picture's mean is that of a photo; what it gives is added to the encoded base. Twice the light with twice the noise is twice the
    result. The untrained block is its base to the last bit.
    """

    def build(self, **architecture: object) -> nn.Module:
        return NafNet(4 * 10, 4 * 3, **architecture)  # type: ignore[arg-type]

    def refine(self, x: Tensor, base: Tensor, sigma: Tensor) -> Tensor:
        """The base with its correction.

        x         (B, C, H, W), linear light, blurred; C is 1 or 3
        base      the shape of x, a first estimate
        sigma     of the noise in the unit of x, (), or (B or 1, C or 1, 1, 1)
        returns   the shape of x
        """
        if x.shape[-3] not in (1, 3):
            raise ShapeError(f"a learned deblurrer takes pictures of 1 or 3 channels, but {x.shape[-3]} came; take 'hyper_laplacian'")
        white = x.mean((-3, -2, -1), keepdim=True).abs().clamp_min(_TINY) / _MEAN
        shown = srgb_encode(base / white)
        height, width = x.shape[-2:]
        level = sigma.to(x.dtype).square().reshape(1, 1, 1, 1) if sigma.ndim == 0 else sigma.to(x.dtype).square().mean(1, keepdim=True)
        told = ((level.clamp_min(_TINY**2).sqrt() / white + _DARK).log() / _SPREAD).expand(x.shape[0], 1, height, width)
        seen = [_three(each) for each in (x / white, base / white, shown)]
        planes = functional.pixel_unshuffle(whole_cells(torch.cat([*seen, told], 1), STRIDE), 2)
        body = self.body
        assert isinstance(body, NafNet)
        found = functional.pixel_shuffle(self.run_body(planes, body.reach), 2)[..., :height, :width].to(x.dtype)
        shown = shown.expand_as(found).contiguous()  # both curves below see numbers in the same order, and without a net cancel to the bit
        added = white * (srgb_decode(shown + found) - srgb_decode(shown))
        return base + (added.mean(1, keepdim=True) if x.shape[-3] == 1 else added)


def _three(x: Tensor) -> Tensor:
    return x if x.shape[1] == 3 else x.expand(-1, 3, -1, -1)
