"""Colours less correlated: orthonormal changes of axes, so that white noise stays white and of the same size."""

from __future__ import annotations

import torch
from torch import Tensor

from campipe.ops.colour import apply_matrix

_OPPONENT = (
    (3**-0.5, 3**-0.5, 3**-0.5),
    (2**-0.5, 0.0, -(2**-0.5)),
    (6**-0.5, -2 * 6**-0.5, 6**-0.5),
)
# Hadamard: any order of the four planes of a Bayer pattern changes signs and order of the last three rows only.
_HADAMARD = ((0.5, 0.5, 0.5, 0.5), (0.5, 0.5, -0.5, -0.5), (0.5, -0.5, 0.5, -0.5), (0.5, -0.5, -0.5, 0.5))
_AXES = {3: _OPPONENT, 4: _HADAMARD}


def to_opponent(x: Tensor, sigma: Tensor) -> tuple[Tensor, Tensor]:
    """Brightness and differences of colours, and their noise.

    x         (B, C, H, W); 3 channels are colours, 4 the planes of a Bayer pattern, others are left alone
    sigma     standard deviation of independent noise, broadcasts with x
    returns   the shape of x; and sigma of the new channels, the shape it has, with C channels where it differed between them

    Gradient: exact. Source of the axes: the opponent space of Dabov et al., "Image denoising by sparse 3-D transform-domain collaborative
    filtering", IEEE TIP 16(8), 2007, section V, made orthonormal; it is the discrete cosine transform of length 3.
    """
    axes = _AXES.get(x.shape[-3])
    if axes is None:
        return x, sigma
    matrix = torch.tensor(axes, dtype=x.dtype, device=x.device)
    if sigma.ndim < 3 or sigma.shape[-3] == 1:
        return apply_matrix(x, matrix), sigma
    variance = apply_matrix(sigma.square(), matrix.square())
    positive = variance > 0
    return apply_matrix(x, matrix), torch.where(positive, torch.where(positive, variance, 1).sqrt(), 0)


def from_opponent(x: Tensor) -> Tensor:
    """The inverse, (B, C, H, W) to the same. Gradient: exact."""
    axes = _AXES.get(x.shape[-3])
    return x if axes is None else apply_matrix(x, torch.tensor(axes, dtype=x.dtype, device=x.device).T)
