"""The Wiener filter: beside scikit-image, beside its closed form, and its derivatives."""

import numpy as np
import pytest
import skimage.restoration
import torch

from campipe.ops.convolution import convolve, domain, extend, filtered, otf, seen
from campipe.ops.deconvolution import difference_power, inverse_filter, noise_power, power, signal_power, whole_sum, wiener


def noise(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.rand(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def kernel(h: int = 3, w: int = 5, seed: int = 1) -> torch.Tensor:
    k = noise(1, h, w, seed=seed)
    return k / k.sum()


def test_wrapped_around_it_is_that_of_scikit_image():
    y, k = noise(16, 18), kernel(5, 5)
    regular = difference_power((16, 18), y)
    out = filtered(y, inverse_filter(otf(k[0], (16, 18)), 0.03 * regular))
    peer = skimage.restoration.wiener(y.numpy(), k[0].numpy(), 0.03, reg=regular.sqrt().numpy() + 0j, is_real=True, clip=False)
    assert np.allclose(out, peer, atol=1e-10)


def test_differences_have_the_power_that_is_said():
    x = noise(1, 1, 12, 16)
    direct = sum((x.roll(-1, d) - x).square().sum() for d in (-1, -2))
    spectral = whole_sum(power(torch.fft.rfft2(x)) * difference_power((12, 16), x), 16) / (12 * 16)
    assert torch.allclose(spectral.squeeze(), direct)


def test_the_power_of_the_signal_is_found_under_blur_and_noise():
    # A picture made with the prior's spectrum, blurred and noisy: 256^2 numbers, of which the low frequencies count most.
    size, generator = (256, 256), torch.Generator().manual_seed(0)
    weights = difference_power(size, torch.zeros((), dtype=torch.float64))
    white = torch.fft.rfft2(torch.randn(1, 1, *size, generator=generator, dtype=torch.float64))
    amplitude = torch.where(weights > 0, 0.02 / torch.where(weights > 0, weights, 1).sqrt(), 0)
    transfer = otf(kernel()[:, None], size)
    y = torch.fft.irfft2(white * amplitude * transfer, s=size)
    y = y + 0.01 * torch.randn(y.shape, generator=generator, dtype=torch.float64)
    found = signal_power(y, transfer, weights, noise_power(y, torch.tensor(0.01)))
    assert abs(float(found) / 0.02**2 - 1) < 0.05


def test_with_rounds_it_comes_to_the_best_estimate_under_unknown_surroundings():
    # The oracle: the regularised least squares of the pixels that were seen, by dense linear algebra.
    y, k, sigma = noise(1, 1, 17, 19), kernel(), torch.tensor(0.1, dtype=torch.float64)
    size = domain((17, 19), (3, 5))
    count = size[0] * size[1]
    transfer, weights, mask = otf(k[:, None], size), difference_power(size, y), seen(y, size)
    variance = noise_power(y, sigma)
    ratio = variance / signal_power(extend(y, size), transfer, weights, variance)
    units = torch.eye(count, dtype=torch.float64).reshape(count, 1, *size)
    blur = filtered(units, transfer).reshape(count, count).T
    smooth = filtered(units, weights).reshape(count, count).T
    kept = mask.flatten().bool()
    system = blur[kept].T @ blur[kept] + ratio.item() * smooth
    best = torch.linalg.solve(system, blur[kept].T @ y.flatten()).reshape(1, 1, *size)[..., :17, :19]
    errors = [  # largest, over the whole picture
        (wiener(y, k, sigma, strength=1.0, rounds=n) - best).abs().max().item() for n in (0, 8, 100)
    ]
    assert errors[1] < errors[0] / 3 and errors[2] < 1e-3 * errors[0]


@pytest.mark.parametrize("prior", ["gradient", "flat"])
def test_the_gradient_is_right(prior):
    y, k = noise(1, 2, 5, 6).requires_grad_(), kernel().requires_grad_()
    sigma, strength = (torch.tensor(v, dtype=torch.float64, requires_grad=True) for v in (0.05, 1.5))
    assert torch.autograd.gradcheck(
        lambda y, k, s, f: wiener(y, k, s, strength=f, prior=prior, rounds=3), (y, k, sigma, strength), fast_mode=True
    )


def test_the_flat_prior_keeps_the_mean_too():
    y = torch.full((1, 1, 9, 9), 0.4, dtype=torch.float64)
    assert torch.allclose(wiener(y, kernel(), torch.tensor(0.1), prior="flat"), y)


def test_true_surroundings_are_not_needed_for_a_sharp_border():
    smooth = torch.nn.functional.avg_pool2d(noise(1, 1, 50, 50), 5, 1)
    k = kernel(7, 7)
    truth = smooth[..., 3:-3, 3:-3]
    y = convolve(smooth, k)
    out = wiener(y, k, torch.tensor(1e-3))
    assert (out - truth).abs().max() < 3 * (out - truth)[..., 8:-8, 8:-8].abs().max() + 0.1
