"""Blur by spectra is blur by sums, and the rectangle around a picture leaves it exact."""

import numpy as np
import pytest
import scipy.signal
import torch

from campipe.ops.convolution import convolve, domain, extend, fill, filtered, otf, seen, smooth_size


def noise(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.rand(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


@pytest.mark.parametrize("kernel", [(1, 1), (3, 5), (4, 3), (2, 6)])
@pytest.mark.parametrize("size", [(12, 13), (9, 16)])
def test_convolution_is_that_of_scipy_where_all_is_known(kernel, size):
    x, k = noise(2, 3, *size), noise(2, *kernel, seed=1)
    out = convolve(x, k)
    for b in range(2):
        for c in range(3):
            assert np.allclose(out[b, c], scipy.signal.convolve2d(x[b, c], k[b], mode="valid"))


@pytest.mark.parametrize("kernel", [(1, 1), (3, 5), (4, 3), (2, 6)])
def test_the_middle_of_a_kernel_is_the_identity(kernel):
    k = torch.zeros(kernel, dtype=torch.float64)
    k[(kernel[0] - 1) // 2, (kernel[1] - 1) // 2] = 1
    x = noise(1, 1, 8, 10)
    assert torch.allclose(filtered(x, otf(k, (8, 10))), x)


def test_the_picture_hangs_on_nothing_beyond_the_rectangle():
    # What is seen of a scene that fills the rectangle, wrapped, is what is seen of it lying in a larger scene.
    scene, k = noise(1, 1, 40, 40), noise(1, 4, 7, seed=1)
    size = domain((11, 13), (4, 7))
    y = convolve(scene, k)[..., 5:16, 6:19]
    rows = (torch.arange(size[0]) + size[0] // 2) % size[0] - size[0] // 2
    rectangle = torch.zeros(1, 1, *size, dtype=torch.float64)
    for i in range(size[0]):
        for j in range(size[1]):
            dy, dx = (i if i < 11 + 2 else i - size[0]), (j if j < 13 + 4 else j - size[1])
            rectangle[..., i, j] = scene[..., 2 + 5 + dy, 3 + 6 + dx]
    assert rows.numel() == size[0]
    assert torch.allclose(filtered(rectangle, otf(k, size))[..., :11, :13], y)


@pytest.mark.parametrize("least", [1, 2, 7, 17, 97, 262, 280, 541])
def test_sizes_are_even_and_have_small_factors(least):
    size = smooth_size(least)
    rest = size
    for prime in (2, 3, 5):
        while rest % prime == 0:
            rest //= prime
    assert size >= least and size % 2 == 0 and rest == 1 and size < 1.2 * least + 4


def test_the_first_guess_keeps_the_picture_and_steps_nowhere_more_than_it_does():
    ramp = torch.arange(20.0).expand(1, 1, 12, 20)
    wide = extend(ramp, (18, 32))
    assert torch.equal(wide[..., :12, :20], ramp)
    # Around the seam it comes down from 19 to 0 in 12 pixels, smoothly: at most twice the mean slope, and that of the mirror images.
    assert (wide - wide.roll(1, -1)).abs().max() < 2 * 19 / 12 + 1


def test_filling_leaves_what_was_seen():
    y, guess = noise(1, 2, 5, 6), noise(1, 2, 8, 10, seed=1)
    out = fill(y, guess, seen(y, (8, 10)))
    assert torch.equal(out[..., :5, :6], y)
    assert torch.equal(out[..., 5:, :], guess[..., 5:, :]) and torch.equal(out[..., 6:], guess[..., 6:])


@pytest.mark.parametrize("size", [(12, 14), (11, 13)])
def test_each_channel_may_have_its_own_kernel(size):
    generator = torch.Generator().manual_seed(3)
    x = torch.rand(2, 3, *size, generator=generator, dtype=torch.float64)
    kernels = torch.rand(2, 3, 3, 5, generator=generator, dtype=torch.float64)
    out = convolve(x, kernels)
    for c in range(3):
        assert torch.allclose(out[:, c : c + 1], convolve(x[:, c : c + 1], kernels[:, c]), atol=1e-12)
