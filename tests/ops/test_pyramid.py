from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy.ndimage import convolve

from campipe.ops.pyramid import collapse, gaussian_pyramid, grow, laplacian_pyramid, shrink

SIZES = [(16, 16), (17, 23), (5, 64), (1, 7), (2, 2), (33, 1)]


def picture(height: int, width: int, dtype: torch.dtype = torch.float64) -> torch.Tensor:
    return torch.rand(2, 3, height, width, generator=torch.Generator().manual_seed(0), dtype=dtype)


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("levels", [0, 1, 4])
def test_a_pyramid_collapses_to_the_picture(size, levels):
    for dtype, close in ((torch.float64, 1e-15), (torch.float32, 5e-7)):
        x = picture(*size, dtype)
        assert (collapse(laplacian_pyramid(x, levels)) - x).abs().max() <= close * 4


@pytest.mark.parametrize("size", SIZES)
def test_a_constant_stays_constant_and_leaves_no_detail(size):
    x = torch.full((1, 1, *size), 0.7, dtype=torch.float64)
    assert all(torch.allclose(level, torch.full_like(level, 0.7), atol=1e-15) for level in gaussian_pyramid(x, 3))
    assert all(level.abs().max() < 1e-15 for level in laplacian_pyramid(x, 3)[:-1])


def test_shrinking_is_a_convolution_by_1_4_6_4_1_of_which_every_other_pixel_is_kept():
    x = picture(17, 22)[0, 0]
    line = np.array([1, 4, 6, 4, 1]) / 16
    wanted = convolve(x.numpy(), np.outer(line, line), mode="reflect")[::2, ::2]  # scipy's "reflect" repeats the outermost pixel
    assert np.abs(shrink(x[None, None])[0, 0].numpy() - wanted).max() < 1e-15


def test_growing_is_four_times_the_transpose_of_shrinking_away_from_the_border():
    x = picture(12, 12)[:1, :1].requires_grad_()
    small = torch.zeros(1, 1, 6, 6, dtype=torch.float64)
    small[..., 2, 3] = 1
    (transposed,) = torch.autograd.grad(shrink(x), x, small)
    assert torch.allclose(grow(small, 12, 12), 4 * transposed, atol=1e-15)


def test_the_gradient_is_that_of_the_forward():
    x = picture(7, 6)[:1, :1].requires_grad_()
    assert torch.autograd.gradcheck(lambda x: tuple(laplacian_pyramid(x, 2)), x)
