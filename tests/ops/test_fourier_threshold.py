"""The Fourier transform of the whole picture keeps waves and drops noise."""

import pytest
import torch

from campipe.ops.fourier_threshold import fourier_threshold


@pytest.mark.parametrize("size", [(16, 24), (15, 21)])
def test_a_wave_comes_through_and_a_weak_one_does_not(size):
    y, x = torch.meshgrid(torch.arange(size[0]).double(), torch.arange(size[1]).double(), indexing="ij")
    wave = torch.cos(2 * torch.pi * (2 * y / size[0] + 3 * x / size[1]))
    # A wave of amplitude a is two coefficients of a / 2 sqrt(pixels).
    count = size[0] * size[1]
    threshold = torch.tensor(0.5 * count**0.5 / 3, dtype=torch.float64).reshape(1, 1, 1, 1)
    strong, weak = 0.2 + 1.01 * wave, 0.2 + 0.99 * wave
    assert torch.allclose(fourier_threshold(strong[None, None], threshold, 3.0), strong[None, None])
    assert torch.allclose(fourier_threshold(weak[None, None], threshold, 3.0), torch.full((1, 1, *size), 0.2, dtype=torch.float64))


def test_of_white_noise_next_to_nothing_is_left():
    noise = torch.randn(1, 1, 128, 128, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    left = fourier_threshold(noise, torch.ones(1, 1, 1, 1), 3.0).var()
    # The power of a coefficient is exponential: E[power; power > 9] = 10 exp(-9).
    assert left < 3 * 10 * torch.exp(torch.tensor(-9.0))
