"""Total variation: the solution of a step in closed form, the gap between primal and dual, and another library."""

from itertools import pairwise

import numpy as np
import pytest
import torch

from campipe.ops.total_variation import divergence, duality_gap, gradient, solve, total_variation


def noisy(*shape: int, dtype: torch.dtype = torch.float64) -> torch.Tensor:
    draws = torch.Generator().manual_seed(4)
    step = (torch.arange(shape[-1]) > shape[-1] // 3).to(dtype)
    return step + 0.2 * torch.randn(*shape, generator=draws, dtype=dtype)


def weight(value: float) -> torch.Tensor:
    return torch.tensor(value, dtype=torch.float64).reshape(1, 1, 1, 1)


@pytest.mark.parametrize("transposed", [False, True])
def test_a_step_loses_the_weight_over_its_width_on_each_side(transposed):
    # 10 columns at 0, 20 at 1: the levels move towards one another by weight / 10 and weight / 20.
    x = (torch.arange(30) >= 10).double().expand(1, 1, 6, 30).contiguous()
    x = x.mT.contiguous() if transposed else x
    out = total_variation(x, weight(0.5), 2000)
    out = out.mT if transposed else out
    expected = torch.where(torch.arange(30) >= 10, 1 - 0.5 / 20, 0.5 / 10).double()
    assert torch.allclose(out, expected.expand(1, 1, 6, 30), atol=1e-4)


def test_a_large_weight_leaves_the_mean():
    x = noisy(1, 1, 8, 9)
    assert torch.allclose(total_variation(x, weight(50.0), 3000), x.mean().expand_as(x), atol=1e-3)


def test_divergence_is_minus_the_adjoint_of_the_gradient():
    u, p, q = noisy(3, 1, 1, 7, 8)
    dy, dx = gradient(u)
    assert torch.allclose((dy * p + dx * q).sum(), -(u * divergence(p, q)).sum())


@pytest.mark.parametrize("joint", [True, False])
def test_the_gap_closes_with_the_square_of_the_rounds(joint):
    x = noisy(1, 3, 40, 44)
    gaps = [float(duality_gap(x, weight(0.2), *solve(x, weight(0.2), n, joint), joint)) / x.numel() for n in (20, 40, 80, 160)]
    assert all(g > 0 for g in gaps)
    assert all(b < a / 3 for a, b in pairwise(gaps))  # a quarter, and room
    assert gaps[1] < 0.01 * 0.2**2  # after the 40 rounds of the block: a hundredth of the noise


def test_it_is_the_minimum_that_scikit_image_finds():
    restoration = pytest.importorskip("skimage.restoration")
    x = noisy(1, 1, 32, 36)
    expected = restoration.denoise_tv_chambolle(x[0, 0].numpy(), weight=0.15, eps=1e-9, max_num_iter=5000)
    assert np.abs(total_variation(x, weight(0.15), 1500)[0, 0].numpy() - expected).max() < 2e-3


def test_together_the_channels_of_a_grey_picture_stay_grey():
    x = noisy(1, 1, 20, 22).expand(1, 3, 20, 22)
    together = total_variation(x, weight(0.3), 60)
    assert torch.allclose(together[:, 0], together[:, 2])
    # Three equal channels have a modulus of sqrt(3) times one: the weight of each is less by that.
    assert torch.allclose(together[:, :1], total_variation(x[:, :1], weight(0.3 / 3**0.5), 60), atol=1e-12)


@pytest.mark.parametrize("joint", [True, False])
@pytest.mark.parametrize("mapped", [True, False])
def test_the_loop_gives_what_torch_gives(joint, mapped):
    x = noisy(2, 3, 21, 33)
    level = torch.rand(2, 1, 21, 33, generator=torch.Generator().manual_seed(0), dtype=torch.float64) * 0.4 if mapped else weight(0.2)
    out = total_variation(x.float(), level.float(), 30, joint)
    assert (out.double() - total_variation(x, level, 30, joint)).abs().max() < 1e-5  # float32
