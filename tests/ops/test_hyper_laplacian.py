"""The hyper-Laplacian prior: its shrinkage against a search, and the energy of the whole."""

import pytest
import torch

from campipe.ops.convolution import convolve
from campipe.ops.hyper_laplacian import energy, hyper_laplacian, shrink


def kernel(h: int = 5, w: int = 5) -> torch.Tensor:
    k = torch.rand(1, h, w, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    return k / k.sum()


def squares(sigma: float) -> tuple[torch.Tensor, torch.Tensor]:
    scene = torch.full((1, 1, 52, 52), 0.2, dtype=torch.float64)
    scene[..., 12:24, 16:30], scene[..., 30:44, 10:20] = 0.9, 0.6
    y = convolve(scene, kernel())
    return scene, y + sigma * torch.randn(y.shape, generator=torch.Generator().manual_seed(2), dtype=torch.float64)


@pytest.mark.parametrize("exponent", [0.5, 2 / 3, 0.8])
@pytest.mark.parametrize("beta", [1.0, 16.0, 256.0])
def test_shrinkage_is_the_minimum_that_a_search_finds(exponent, beta):
    v = torch.linspace(-3, 3, 101, dtype=torch.float64)
    grid = torch.linspace(-3, 3, 60001, dtype=torch.float64)  # steps of 1e-4, and 0

    def cost(w, v):
        return w.abs() ** exponent + beta / 2 * (w - v) ** 2

    found = shrink(v, beta, exponent)
    searched = torch.stack([grid[cost(grid, each).argmin()] for each in v])
    # At the threshold 0 and the root cost the same; elsewhere the place is the grid's to half a step.
    assert ((found - searched).abs() < 1e-4).float().mean() > 0.97
    assert (cost(found, v) <= cost(searched, v) + 1e-12).all()


def test_float32_is_as_exact_as_its_digits():
    v = torch.linspace(-3, 3, 1001)
    assert (shrink(v, 8.0, 2 / 3) - shrink(v.double(), 8.0, 2 / 3)).abs().max() < 1e-6


def test_the_gradient_of_shrinkage_is_that_of_the_minimum():
    v = torch.tensor([-2.0, -0.4, -0.01, 0.0, 0.02, 0.5, 1.7], dtype=torch.float64, requires_grad=True)
    beta = torch.tensor(20.0, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(lambda v, b: shrink(v, b, 2 / 3), (v, beta))


def test_the_energy_is_lower_than_before_and_falls_with_iterations():
    scene, y = squares(0.01)
    sigma, truth = torch.tensor(0.01, dtype=torch.float64), scene[..., 2:-2, 2:-2]
    # The method scales the picture by its typical difference, that of photos being 0.06, and weighs the data by 0.2 / sigma^2 there.
    typical = (sum(scene.diff(dim=d).square().mean() for d in (-2, -1)) / 2).sqrt()
    weight = 0.2 / 0.01**2 * (typical / 0.06) ** (2 / 3)

    def total(x: torch.Tensor) -> float:
        return float(energy(x, y[..., 2:-2, 2:-2], kernel(), weight, 2 / 3))

    found = [total(hyper_laplacian(y, kernel(), sigma, iterations=n)) for n in (2, 5, 16)]
    assert total(y) > found[0] > found[1] > found[2]
    assert found[2] < 1.5 * total(truth)  # which is not the minimum, but near it


def test_edges_come_back_sharp_and_flat_places_flat():
    scene, y = squares(0.01)
    out = hyper_laplacian(y, kernel(), torch.tensor(0.01, dtype=torch.float64))
    error, before = ((p - scene[..., 2:-2, 2:-2])[..., 4:-4, 4:-4].square().mean().sqrt() for p in (out, y))
    assert error < 0.02 and error < before / 4  # where a plain inverse amplifies the noise of 0.01


@pytest.mark.parametrize("positive", [False, True])
def test_light_is_not_negative_if_so_wished(positive):
    scene = torch.zeros(1, 1, 36, 36, dtype=torch.float64)
    scene[..., 16:20, 16:20] = 1
    y = convolve(scene, kernel()) + 0.02 * torch.randn(1, 1, 32, 32, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    out = hyper_laplacian(y, kernel(), torch.tensor(0.02, dtype=torch.float64), positive=positive)
    assert bool((out < 0).any()) != positive


def test_the_gradient_is_right():
    _, y = squares(0.01)
    y = y[..., 8:16, 12:20].clone().requires_grad_()
    k = kernel(3, 3).requires_grad_()
    sigma = torch.tensor(0.02, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(lambda y, k, s: hyper_laplacian(y, k, s, iterations=3), (y, k, sigma), fast_mode=True)
