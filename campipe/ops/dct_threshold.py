"""Denoising by the sliding discrete cosine transform."""

from __future__ import annotations

from functools import lru_cache

import torch
from torch import Tensor
from torch.utils.checkpoint import checkpoint

from campipe.ops.compiled import loops_serve
from campipe.ops.filters import symmetric_pad
from campipe.ops.shrink import RULES, shrink

SIDE = 8
"""Pixels on a side of a block."""
_REST = SIDE - 1
_STRIP = 1 << 24  # coefficients that are held at a time


def dct_threshold(x: Tensor, sigma: Tensor, threshold: Tensor | float, rule: str = "hard") -> Tensor:
    """Shrink the coefficients of the cosine transform of every block of 8 x 8 pixels, and average the 64 results for a pixel.

    x           (B, C, H, W), any size
    sigma       standard deviation of the noise, in the unit of x, broadcasts with x; of a map a block takes the root mean square
    threshold   in standard deviations, ()
    rule        see `campipe.ops.shrink`
    returns     the shape of x

    A block's weight is 1 over the number of coefficients that it keeps, among them always its mean. Beyond the border the picture goes on
    as its mirror image, the outermost pixel repeated. Plain float32 on the CPU goes through a compiled loop; the torch path works in strips
    of bounded memory. Gradient: exact where no coefficient lies on the threshold; the weights are held.
    Source: Yaroslavsky, Egiazarian, Astola, "Transform domain image restoration methods: review, comparison, and interpretation",
    Proc. SPIE 4304, 2001; weights of Guleryuz, "Weighted averaging for denoising with overcomplete dictionaries", IEEE TIP 16(12), 2007.
    """
    padded = symmetric_pad(symmetric_pad(x, _REST, -1), _REST, -2)
    sigma = sigma.to(x.dtype)
    if sigma.shape[-2:] != (1, 1):
        sigma = sigma.expand(*sigma.shape[:-2], *x.shape[-2:])
    level = _per_block(sigma) * threshold
    if loops_serve(x, level):
        return _by_loop(padded, level, rule, x.shape)
    rows, columns = padded.shape[-2] - _REST, padded.shape[-1] - _REST
    tall = max(1, _STRIP // (64 * x.shape[0] * x.shape[1] * columns))
    total, weights = padded.new_zeros(()), padded.new_zeros(())
    for top in range(0, rows, tall):
        bottom = min(rows, top + tall)
        part = level if level.shape[-2] == 1 else level[..., top:bottom, :]
        strip = padded[..., top : bottom + _REST, :]
        work = _strip if tall >= rows or not torch.is_grad_enabled() else _recomputed
        place = (0, 0, top, rows - bottom)
        more, weight = work(strip, part, rule)
        total, weights = total + torch.nn.functional.pad(more, place), weights + torch.nn.functional.pad(weight, place)
    inside = slice(_REST, -_REST)
    return (total / weights)[..., inside, inside]


def _recomputed(strip: Tensor, level: Tensor, rule: str) -> tuple[Tensor, Tensor]:
    """A strip whose coefficients are not kept for the way back but computed anew."""
    return checkpoint(_strip, strip, level, rule, use_reentrant=False)


def _strip(strip: Tensor, level: Tensor, rule: str) -> tuple[Tensor, Tensor]:
    """Weighted sum of the blocks and sum of the weights, each the shape of the strip, (B, C, h + 7, w + 7)."""
    basis = _basis().to(strip)
    along = strip.unfold(-1, SIDE, 1) @ basis.T
    blocks = along.unfold(-3, SIDE, 1) @ basis.T  # (B, C, h, w, 8, 8)
    mean = torch.zeros(SIDE, SIDE, dtype=torch.bool, device=strip.device)
    mean[0, 0] = True
    kept = torch.where(mean, blocks, shrink(blocks, level[..., None, None], rule))
    weight = 1 / ((kept != 0) | mean).sum((-2, -1)).to(strip.dtype)
    back = (kept * weight[..., None, None]) @ basis
    lines = _spread([back[..., j] for j in range(SIDE)], -3) @ basis
    total = _spread([lines[..., i] for i in range(SIDE)], -1)
    return total, _spread([_spread([weight] * SIDE, -2)] * SIDE, -1)


def _spread(parts: list[Tensor], dim: int) -> Tensor:
    """The sum of parts, each a step further along an axis."""
    shifted = []
    for i, part in enumerate(parts):
        place = [0, 0] * (-dim - 1) + [i, len(parts) - 1 - i]
        shifted.append(torch.nn.functional.pad(part, place))
    return torch.stack(shifted).sum(0)


def _per_block(sigma: Tensor) -> Tensor:
    """The sigma of every block, by its first pixel; numbers stay numbers."""
    if sigma.shape[-2:] == (1, 1):
        return sigma
    variance = symmetric_pad(symmetric_pad(sigma.square(), _REST, -1), _REST, -2)
    variance = torch.nn.functional.avg_pool2d(variance, SIDE, 1)
    positive = variance > 0
    return torch.where(positive, torch.where(positive, variance, 1).sqrt(), 0)


def _by_loop(padded: Tensor, level: Tensor, rule: str, shape: torch.Size) -> Tensor:
    from campipe.ops.kernels.memory import empty
    from campipe.ops.kernels.sliding_dct import sliding_dct_rows
    from campipe.ops.kernels.threads import over_rows

    batch, channels, height, width = shape
    out = empty((batch * channels, height, width))
    source = padded.detach().reshape(batch * channels, *padded.shape[-2:]).contiguous().numpy()
    limit = level.detach().expand(batch, channels, *level.shape[-2:]).reshape(batch * channels, *level.shape[-2:]).contiguous().numpy()
    result, kind = out.numpy(), RULES.index(rule)
    over_rows(lambda first, last: sliding_dct_rows(source, limit, kind, first, last, result), batch * channels * height, 16 * width)
    return out.view(shape)


@lru_cache(maxsize=1)
def _basis() -> Tensor:
    """The orthonormal cosine basis of length 8, (8, 8) float64, a basis vector in each row."""
    place = torch.arange(SIDE, dtype=torch.float64)
    basis = torch.cos(torch.pi / SIDE * place[:, None] * (place + 0.5)) * (2 / SIDE) ** 0.5
    basis[0] /= 2**0.5
    return basis
