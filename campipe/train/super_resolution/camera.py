"""What a camera of a lower resolution makes of a photo: lens, pixels, colour filter, counting, demosaicking; a whole batch at once."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from campipe.core.errors import ShapeError
from campipe.ops.colour import srgb_decode, srgb_encode
from campipe.ops.demosaick import malvar
from campipe.ops.filters import gaussian_blur, gaussian_radius

BLUR, ELECTRONS, READ, GAINS = 0.4, 4000.0, 4.0, (2.0, 1.0, 1.6)
"""The camera of the scores: as `Shot` has them, in good light."""
WIDEST = 0.5
"""Standard deviation of the widest blur that is meant, px."""


@dataclass(frozen=True)
class Shot:
    """The numbers of photographs, one of each per picture.

    blur        (B,) standard deviation of the lens's blur, px, at most 0.5
    electrons   (B,) at white
    read        (B,) standard deviation of the read noise, e-
    gains       (B, 3) of white balance; the least one is 1
    """

    blur: Tensor
    electrons: Tensor
    read: Tensor
    gains: Tensor

    @classmethod
    def of_scores(cls, batch: int = 1, device: torch.device | str = "cpu") -> Shot:
        """The camera by which super-resolvers are compared."""
        one = torch.ones(batch, device=device)
        return cls(BLUR * one, ELECTRONS * one, READ * one, one[:, None] * torch.tensor(GAINS, device=device))


def photographed(photo: Tensor, factor: int, shot: Shot, noise: Tensor) -> Tensor:
    """A photo as a camera with fewer pixels takes it, developed by Malvar's method and encoded.

    photo     (B, 3, f H, f W), sRGB-encoded, in [0, 1]: of the sharp scene
    factor    f
    noise     (B, 1, H, W), standard normal numbers
    returns   (B, 3, H, W), sRGB-encoded, in [0, 1]

    Light is blurred by the lens and summed over the square of each pixel; an RGGB filter lets one colour through, in which white is
    1 / gain; photons and reading add noise of variance (x / electrons + (read / electrons)^2); then the colours are balanced. Counts are
    taken for normal, as they nearly are from ten electrons on.

    Gradient: exact, 0 where the result is clipped. Source: the noise is that of Foi et al., "Practical Poissonian-Gaussian noise modeling
    and fitting for single-image raw-data", IEEE Transactions on Image Processing 17, 2008.
    """
    height, width = photo.shape[-2:]
    if height % factor or width % factor or height < 2 * factor or width < 2 * factor:
        raise ShapeError(f"a photo of whole pixels of {factor} x {factor}, at least 2 x 2 of them, is needed, but {height} x {width} came")
    light = gaussian_blur(srgb_decode(photo), factor * shot.blur, gaussian_radius(factor * WIDEST))
    small = functional.avg_pool2d(light, factor)
    gain = seen(shot.gains[:, :, None, None].expand_as(small))
    raw = seen(small) / gain
    electrons, read = shot.electrons[:, None, None, None], shot.read[:, None, None, None]
    raw = raw + (raw.clamp_min(0) / electrons + (read / electrons).square()).sqrt() * noise
    return srgb_encode(malvar(raw * gain, "RGGB").clamp(0, 1))


def seen(picture: Tensor) -> Tensor:
    """What is seen of a picture through an RGGB filter: (B, 3, H, W) to (B, 1, H, W)."""
    height, width = picture.shape[-2:]
    rows = torch.arange(height, device=picture.device)[:, None] % 2
    columns = torch.arange(width, device=picture.device) % 2
    return picture.gather(1, (rows + columns).expand(picture.shape[0], 1, height, width))
