"""What a JPEG file makes of a picture: colour differences at a lower resolution, and rounded cosine coefficients of 8 x 8 blocks."""

from __future__ import annotations

import torch
from torch import Tensor

from campipe.core.errors import CampipeError
from campipe.ops.colour import apply_matrix
from campipe.ops.jpeg_blocks import MIDDLE, SIDE, coded, extended, nearest
from campipe.ops.jpeg_tables import CHROMINANCE, LUMINANCE, quantisation_table
from campipe.ops.surrogate import clipped, floored

SUBSAMPLING = {"4:4:4": (1, 1), "4:2:2": (1, 2), "4:2:0": (2, 2)}
"""Pixels, down and across, that share one pair of colour differences."""
ROUNDINGS = ("straight", "cubic")

TO_YCC = torch.tensor([[19595, 38470, 7471], [-11059, -21709, 32768], [32768, -27439, -5329]], dtype=torch.float64) / 65536
"""R'G'B' to Y'CbCr, both differences without their offset of 128. ITU-T T.871 (JFIF), section 7, in the 16 bits of integer codecs."""
FROM_YCC = torch.tensor([[65536, 0, 91881], [65536, -22554, -46802], [65536, 116130, 0]], dtype=torch.float64) / 65536
"""The way back, likewise."""


def jpeg(x: Tensor, quality: Tensor, subsampling: str = "4:2:0", rounding: str = "straight") -> Tensor:
    """Return the picture as it comes back from a baseline JPEG file.

    x             (B, 3, H, W), or (B, 1, H, W) for a grey file; encoded for a display, clipped to [0, 1]
    quality       () or (B, 1, 1, 1), 1 to 100, the scale of libjpeg
    subsampling   "4:4:4", "4:2:2" or "4:2:0": the resolution of the colour differences
    rounding      "straight": the file's own numbers; "cubic": no pixel is rounded, and coefficients as `jpeg_blocks.cubic` has it
    returns       the shape of x; multiples of 1 / 255 with "straight"

    Borders, averages, roundings and the smooth enlargement of colour differences are those of libjpeg.

    Gradient: with "straight" every rounding counts as the identity, so that it is the gradient of the same chain without them; with
    "cubic" exact for x. 0 where a value was clipped. For the quality: of the steps before they are rounded to whole levels.
    Source: ITU-T T.81, Annex A and K; T.871 for the colours.
    """
    if subsampling not in SUBSAMPLING:
        raise CampipeError(f"the subsampling is one of {', '.join(SUBSAMPLING)}, but {subsampling!r} came")
    if rounding not in ROUNDINGS:
        raise CampipeError(f"the rounding is {' or '.join(map(repr, ROUNDINGS))}, but {rounding!r} came")
    whole, quality = rounding == "straight", quality.to(x.dtype)
    fine = quantisation_table(LUMINANCE, quality)
    x = _level(clipped(x, 0, 1) * 255, whole)
    if x.shape[-3] == 1:
        return coded(x, fine, whole) / 255
    ycc = apply_matrix(x, TO_YCC.to(x))
    grey = coded(_level(ycc[:, :1], whole), fine, whole)
    # The differences are rounded a hair less than upwards at a tie.
    colour = _smaller(_level(ycc[:, 1:] + MIDDLE - (2.0**-16 if whole else 0), whole), SUBSAMPLING[subsampling], whole)
    colour = coded(colour, quantisation_table(CHROMINANCE, quality), whole)[..., : -(-x.shape[-1] // SUBSAMPLING[subsampling][1])]
    colour = _larger(colour, SUBSAMPLING[subsampling], whole)[..., : x.shape[-2], : x.shape[-1]] - MIDDLE
    out = apply_matrix(torch.cat([grey, colour], -3), FROM_YCC.to(x))
    return clipped(_level(out, whole), 0, 255) / 255


def _level(x: Tensor, whole: bool) -> Tensor:
    return nearest(x) if whole else x


def _smaller(x: Tensor, step: tuple[int, int], whole: bool) -> Tensor:
    """Means of groups of pixels, and columns up to a full block. Ties go down and up by turns of the columns, against a drift."""
    down, across = step
    count = down * across
    if count == 1:
        return x
    x = extended(extended(x, -x.shape[-2] % down, -2), -x.shape[-1] % (across * SIDE), -1)
    total = x[..., ::2] + x[..., 1::2]
    total = total[..., ::2, :] + total[..., 1::2, :] if down == 2 else total
    if not whole:
        return total / count
    turn = torch.arange(total.shape[-1], device=x.device) % 2
    return floored((total + (count // 4 + turn).to(x.dtype)) / count)


def _larger(x: Tensor, step: tuple[int, int], whole: bool) -> Tensor:
    """Twice as many columns, and rows if asked for: three parts of the nearest value and one of the next. Ties as above."""
    down, across = step
    if down * across == 1:
        return x
    if x.shape[-1] <= 2:  # the values of so narrow a plane are repeated
        return x.repeat_interleave(across, -1).repeat_interleave(down, -2)
    shares, first, second = (16, 8, 7) if down == 2 else (4, 1, 2)
    rows = torch.stack(_woven(x, -2), -2).flatten(-3, -2) if down == 2 else x
    left, right = _woven(rows, -1)
    if whole:
        left, right = floored((left + first) / shares), floored((right + second) / shares)
    else:
        left, right = left / shares, right / shares
    return torch.stack([left, right], -1).flatten(-2)


def _woven(x: Tensor, dim: int) -> tuple[Tensor, Tensor]:
    """Three times each value plus the one before it, and plus the one behind it; at the ends plus itself."""
    size = x.shape[dim]
    before = torch.cat([x.narrow(dim, 0, 1), x.narrow(dim, 0, size - 1)], dim)
    behind = torch.cat([x.narrow(dim, 1, size - 1), x.narrow(dim, size - 1, 1)], dim)
    return 3 * x + before, 3 * x + behind
