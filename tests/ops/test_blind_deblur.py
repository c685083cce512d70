"""Finding a kernel: from a picture of edges, and the parts by themselves."""

import pytest
import torch

from campipe.ops.blind_deblur import _centred, _non_negative, estimate_kernel, few_edges, sizes
from campipe.ops.convolution import convolve, otf


def path(n: int = 9) -> torch.Tensor:
    """A bent stroke with its centre of mass near the middle."""
    k = torch.zeros(n, n)
    for i in range(1, n - 1):
        k[n // 2 + (i - n // 2) // 2, i] = 1.0
    return k / k.sum()


def tiles(size: int, seed: int = 0) -> torch.Tensor:
    """Rectangles of random grey, which lie over one another: sharp edges of all sizes."""
    generator = torch.Generator().manual_seed(seed)
    scene = torch.full((1, 1, size, size), 0.5)
    for _ in range(60):
        y, x, h, w = (int(torch.randint(0, m, (1,), generator=generator)) for m in (size, size, size // 3, size // 3))
        scene[..., y : y + h + 4, x : x + w + 4] = float(torch.rand(1, generator=generator))
    return scene


def test_the_kernel_of_a_picture_with_edges_is_found():
    truth = path()
    y = convolve(tiles(104), truth[None])
    y = y + 0.002 * torch.randn(y.shape, generator=torch.Generator().manual_seed(1))
    found = estimate_kernel(y, 9)[0]
    likeness = torch.nn.functional.conv2d(torch.nn.functional.pad(truth, (8,) * 4)[None, None], found[None, None]).max()
    # 1 is the same kernel, at any place; an even square of 9 x 9 has 0.29.
    assert likeness / (truth.norm() * found.norm()) > 0.8


def test_the_kernel_is_the_same_for_a_brighter_picture_and_in_a_batch():
    y = convolve(tiles(48), path(7)[None])
    both = estimate_kernel(torch.cat([y, 0.01 * y]), 7)
    assert torch.allclose(both[0], both[1], atol=1e-3)
    assert both.min() >= 0 and torch.allclose(both.sum((-2, -1)), torch.ones(2))


def test_a_constant_has_no_blur_that_anybody_could_see():
    found = estimate_kernel(torch.full((1, 1, 20, 20), 0.3), 5)[0]
    assert found[2, 2] == 1 and found.sum() == 1


@pytest.mark.parametrize(("largest", "expected"), [(3, [3]), (5, [3, 5]), (25, [3, 7, 11, 17, 25])])
def test_sizes_are_odd_and_grow_by_about_the_root_of_two(largest, expected):
    assert sizes(largest) == expected


def test_a_picture_of_few_edges_lies_near_the_sharp_one():
    scene = tiles(48)
    transfer = otf(path(7), (48, 48))
    blurred = torch.fft.rfft2(scene[0, 0]) * transfer
    found = torch.fft.irfft2(few_edges(blurred, transfer, (48, 48), 2e-3), s=(48, 48))
    before = (torch.fft.irfft2(blurred, s=(48, 48)) - scene[0, 0]).square().mean()
    assert (found - scene[0, 0]).square().mean() < before / 4


def test_the_non_negative_minimum_meets_its_conditions():
    a = torch.randn(30, 12, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    matrix, target = a.T @ a, a.T @ torch.randn(30, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    x = _non_negative(matrix, target)
    slope = matrix @ x - target
    # Karush, Kuhn, Tucker: no slope where x is positive, and none downwards where it is 0.
    assert (x >= 0).all() and (slope > -1e-4).all() and (x * slope).abs().max() < 1e-4 and (x == 0).any()


def test_the_centre_of_mass_is_moved_to_the_middle_and_nothing_comes_round():
    kernel = torch.zeros(7, 7)
    kernel[0, 1], kernel[0, 2], kernel[1, 2] = 0.25, 0.5, 0.25
    moved = _centred(kernel)
    assert torch.equal(moved[3, 2:5], torch.tensor([0.25, 0.5, 0.0])) and moved[4, 3] == 0.25
