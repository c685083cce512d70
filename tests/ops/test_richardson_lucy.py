"""Richardson-Lucy: beside scikit-image, and what it keeps."""

import itertools

import numpy as np
import pytest
import scipy.signal
import skimage.restoration
import torch

from campipe.ops.convolution import convolve
from campipe.ops.richardson_lucy import richardson_lucy

ZERO = torch.zeros((), dtype=torch.float64)


def blob(size: int = 33, width: float = 2.0) -> torch.Tensor:
    place = torch.arange(size, dtype=torch.float64) - size // 2
    row = torch.exp(-0.5 * (place / width) ** 2)
    return (row[:, None] * row)[None, None]


def kernel(h: int = 5, w: int = 5) -> torch.Tensor:
    k = torch.rand(1, h, w, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    return k / k.sum()


def noisy(sigma: float) -> tuple[torch.Tensor, torch.Tensor]:
    """(truth, blurred and noisy): squares on a bright ground."""
    scene = torch.full((1, 1, 52, 52), 0.2, dtype=torch.float64)
    scene[..., 12:24, 16:30], scene[..., 30:44, 10:20] = 0.9, 0.6
    y = convolve(scene, kernel())
    return scene[..., 2:-2, 2:-2], y + sigma * torch.randn(y.shape, generator=torch.Generator().manual_seed(2), dtype=torch.float64)


def test_inside_it_is_the_textbook_loop():
    y = convolve(torch.nn.functional.pad(blob(), (2, 2, 2, 2)), kernel()) + 0.05
    ours = richardson_lucy(y, kernel(), ZERO, iterations=3, tv=0, accelerate=False)[0, 0].numpy()
    # The same loop, begun with the picture as ours is; the library begins with one half everywhere.
    image, psf = y[0, 0].numpy(), kernel()[0].numpy()
    peer = image.copy()
    for _ in range(3):
        ratio = image / scipy.signal.fftconvolve(peer, psf, mode="same")
        peer = peer * scipy.signal.fftconvolve(ratio, psf[::-1, ::-1], mode="same")
    # A step carries what lies beyond the border, which differs, 4 pixels in.
    assert np.abs(ours - peer)[12:-12, 12:-12].max() < 1e-12


def test_converged_it_is_that_of_scikit_image():
    # Far along, where the start is forgotten: under an invertible kernel a picture has one original.
    k = torch.tensor([[[0.0, 0.1, 0.0], [0.1, 0.6, 0.1], [0.0, 0.1, 0.0]]], dtype=torch.float64)  # invertible
    y = convolve(torch.nn.functional.pad(blob(), (1, 1, 1, 1)), k) + 0.05
    ours = richardson_lucy(y, k, ZERO, iterations=200, tv=0, accelerate=False)[0, 0].numpy()
    peer = skimage.restoration.richardson_lucy(y[0, 0].numpy(), k[0].numpy(), num_iter=200, clip=False)
    assert np.abs(ours - peer)[8:-8, 8:-8].max() < 1e-4


@pytest.mark.parametrize("accelerate", [False, True])
def test_light_is_conserved_and_never_negative(accelerate):
    # All light lies far inside. A step conserves it exactly, an extrapolated one as long as nothing is cut at 0.
    y = convolve(torch.nn.functional.pad(blob(), (2, 2, 2, 2)), kernel())
    out = richardson_lucy(y, kernel(), ZERO, iterations=20, tv=0, accelerate=accelerate)
    assert out.min() >= 0
    assert torch.allclose(out.sum(), y.sum(), rtol=1e-6)


def test_the_likelihood_rises_and_acceleration_gets_as_far_in_fewer_steps():
    _, y = noisy(0.0)

    def misfit(iterations: int, accelerate: bool) -> float:
        x = richardson_lucy(y, kernel(), ZERO, iterations=iterations, tv=0, accelerate=accelerate)
        return float((convolve(x, kernel()) - y[..., 2:-2, 2:-2]).square().mean())

    plain = [misfit(n, False) for n in (1, 5, 20, 60)]
    assert all(after < before for before, after in itertools.pairwise(plain))
    assert misfit(20, True) < plain[-1]


def test_it_stops_for_each_item_where_the_residual_is_noise():
    _, low = noisy(0.01)
    _, high = noisy(0.05)
    sigma = torch.tensor([0.01, 0.05], dtype=torch.float64).reshape(2, 1, 1, 1)
    out = richardson_lucy(torch.cat([low, high]), kernel(), sigma, iterations=200, tv=0, discrepancy=1.0)
    residual = (convolve(out, kernel()) - torch.cat([low, high])[..., 2:-2, 2:-2]).square().mean((-3, -2, -1)).sqrt()
    # One step more or less changes it by a few per cent; so does the border that is left out here.
    assert torch.allclose(residual, sigma.flatten(), rtol=0.15)
    alone = richardson_lucy(high, kernel(), sigma[1:], iterations=200, tv=0, discrepancy=1.0)
    assert torch.allclose(out[1:], alone, atol=1e-8)


def test_total_variation_holds_noise_back():
    truth, y = noisy(0.02)
    sigma = torch.tensor(0.02, dtype=torch.float64)
    errors = [(richardson_lucy(y, kernel(), sigma, iterations=100, tv=tv) - truth).square().mean().item() for tv in (0.0, 1.0)]
    assert errors[1] < errors[0] / 3


def test_the_gradient_is_right():
    _, y = noisy(0.01)
    y = y[..., :9, :8].clone().requires_grad_()
    k = kernel(3, 3).requires_grad_()
    tv = torch.tensor(0.5, dtype=torch.float64, requires_grad=True)
    sigma = torch.tensor(0.02, dtype=torch.float64)
    assert torch.autograd.gradcheck(lambda y, k, tv: richardson_lucy(y, k, sigma, iterations=4, tv=tv), (y, k, tv), fast_mode=True)
