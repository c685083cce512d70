"""Blur by motion: a continuous way, held against sums over pixels and against waves."""

from __future__ import annotations

import math

import pytest
import torch

from campipe.ops.motion_blur import motion_blur


def wave(width: int, cycles: int, phase: float = 0.0) -> torch.Tensor:
    """A cosine that its mirror image continues without a seam."""
    x = torch.arange(width, dtype=torch.float64) + 0.5
    return torch.cos(math.pi * cycles * x / width + phase)[None, None, None].expand(1, 1, 3, width)


@pytest.mark.parametrize("length", [0.0, 0.3, 2.0, 7.5])
@pytest.mark.parametrize("cycles", [0, 1, 5])
def test_a_wave_keeps_its_place_and_loses_the_contrast_of_its_mean_over_the_way(length, cycles):
    frequency = cycles / 64
    wanted = wave(32, cycles) * (math.sin(math.pi * frequency * length) / (math.pi * frequency * length) if frequency * length else 1)
    assert torch.allclose(motion_blur(wave(32, cycles), length), wanted, atol=1e-12)


def test_light_is_conserved_and_a_length_per_item_is_that_of_the_item():
    light = torch.rand(2, 1, 8, 24, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    lengths = torch.tensor([3.0, 6.5], dtype=torch.float64)[:, None, None, None]
    both = motion_blur(light, lengths)
    assert torch.allclose(both.sum(-1), light.sum(-1))
    assert torch.allclose(both[1:], motion_blur(light[1:], 6.5))


def test_a_smooth_picture_comes_out_as_the_mean_of_the_picture_moved():
    x = torch.linspace(-4, 4, 65, dtype=torch.float64)
    steps = torch.arange(-400, 401, dtype=torch.float64) / 800 * 12  # pixels along a way of 12
    moved = torch.exp(-((x[:, None] - steps * (8 / 64)) ** 2) * 2).mean(1)
    blurred = motion_blur(torch.exp(-(x**2) * 2)[None, None, None], 12.0)[0, 0, 0]
    assert torch.allclose(blurred, moved, atol=2e-3)  # the mean of 801 places, its two ends counted in full


def test_the_gradient_reaches_light_and_length():
    light = torch.rand(1, 1, 2, 8, generator=torch.Generator().manual_seed(1), dtype=torch.float64).requires_grad_()
    assert torch.autograd.gradcheck(motion_blur, (light, torch.tensor(2.3, dtype=torch.float64).requires_grad_()))
