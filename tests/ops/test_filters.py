from __future__ import annotations

import numpy as np
import pytest
import torch

from campipe.ops.filters import gaussian_blur, gaussian_kernel, gaussian_radius, mirror_pad, symmetric_pad


def picture(*shape: int, dtype: torch.dtype = torch.float64) -> torch.Tensor:
    return torch.rand(*shape, generator=torch.Generator().manual_seed(0), dtype=dtype)


@pytest.mark.parametrize("amount", [0, 1, 5, 7, 12, 30])
def test_symmetric_pad_is_numpys(amount):
    x = picture(3, 5)
    assert np.array_equal(symmetric_pad(x, amount, -1).numpy(), np.pad(x.numpy(), ((0, 0), (amount, amount)), "symmetric"))


@pytest.mark.parametrize(("before", "after"), [(0, 0), (1, 0), (2, 3), (4, 4), (9, 2)])
def test_mirror_pad_is_numpys(before, after):
    x = picture(3, 5)
    assert np.array_equal(mirror_pad(x, before, after, -1).numpy(), np.pad(x.numpy(), ((0, 0), (before, after)), "reflect"))


@pytest.mark.parametrize("sigma", [0.3, 0.8, 2.0, 6.0])
def test_blur_is_scipys(sigma):
    ndimage = pytest.importorskip("scipy.ndimage")
    x, radius = picture(1, 1, 24, 17), gaussian_radius(sigma)
    expected = ndimage.gaussian_filter(x[0, 0].numpy(), sigma, mode="reflect", radius=radius)
    assert np.allclose(gaussian_blur(x, torch.tensor(sigma, dtype=torch.float64), radius)[0, 0].numpy(), expected, atol=1e-12)


@pytest.mark.parametrize("sigma", [0.7, 1.5, 3.0])
def test_the_kernel_has_the_width_that_was_asked_for(sigma):
    radius = gaussian_radius(sigma)
    kernel = gaussian_kernel(torch.tensor(sigma, dtype=torch.float64), radius)
    place = torch.arange(-radius, radius + 1, dtype=torch.float64)
    # A sampled Gaussian of sigma has the variance sigma^2 to exp(-2 pi^2 sigma^2); cutting it at 5 sigma takes 2e-5 of it.
    assert float((kernel * place**2).sum()) == pytest.approx(sigma**2, rel=3e-3 if sigma < 1 else 1e-4)


def test_sigma_0_is_the_identity():
    x = picture(2, 1, 6, 6)
    assert torch.equal(gaussian_blur(x, torch.tensor(0.0), 0), x)
    assert torch.equal(gaussian_blur(x, torch.tensor([0.0, 1.0]), 5)[:1], x[:1])


def test_light_and_constants_are_kept():
    x = picture(1, 1, 9, 13)
    blurred = gaussian_blur(x, torch.tensor(2.5, dtype=torch.float64), 13)
    assert float(blurred.sum()) == pytest.approx(float(x.sum()), rel=1e-12)
    assert torch.allclose(gaussian_blur(torch.full_like(x, 0.7), torch.tensor(2.5), 13), torch.full_like(x, 0.7))


def test_gradients_in_picture_and_sigma_are_right():
    x = picture(2, 1, 5, 6).requires_grad_()
    sigma = torch.tensor([0.6, 1.3], dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(lambda x, s: gaussian_blur(x, s, 7), (x, sigma))
    (slope,) = torch.autograd.grad(gaussian_blur(x, torch.zeros(2, requires_grad=True, dtype=torch.float64), 2).sum(), x)
    assert torch.isfinite(slope).all()
