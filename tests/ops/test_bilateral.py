"""Bilateral and guided filter: limits in closed form, windows one by one, and another library."""

import numpy as np
import pytest
import torch

from campipe.ops.bilateral import bilateral
from campipe.ops.filters import gaussian_blur, symmetric_pad
from campipe.ops.guided import box_mean, guided_filter


def noisy(*shape: int) -> torch.Tensor:
    step = 0.5 * (torch.arange(shape[-1]) > shape[-1] // 2)
    return step + 0.1 * torch.randn(*shape, generator=torch.Generator().manual_seed(6), dtype=torch.float64)


def number(value: float) -> torch.Tensor:
    return torch.tensor(value, dtype=torch.float64)


def test_with_a_wide_range_of_values_it_is_a_gaussian_blur():
    x = noisy(2, 3, 12, 15)
    assert torch.allclose(bilateral(x, number(1.4), number(1e6), 4), gaussian_blur(x, number(1.4), 4), atol=1e-9)


def test_with_a_narrow_one_the_picture_comes_back():
    x = noisy(1, 1, 12, 15)
    for spread in (number(0.0).reshape(1, 1, 1, 1), number(1e-9).reshape(1, 1, 1, 1)):
        assert torch.allclose(bilateral(x, number(1.4), spread, 4), x, atol=1e-12)
        assert torch.allclose(bilateral(x.float(), number(1.4).float(), spread.float(), 4), x.float(), atol=1e-7)


@pytest.mark.parametrize("channels", [1, 3])
def test_inside_it_is_what_kornia_does(channels):
    filters = pytest.importorskip("kornia.filters")
    x = noisy(1, channels, 20, 22)
    expected = filters.bilateral_blur(x, (7, 7), 0.3, (1.5, 1.5), color_distance_type="l2")
    # It sums the squared differences of the channels, where here their mean counts.
    out = bilateral(x, number(1.5), number(0.3 / channels**0.5), 3)
    assert (out - expected)[..., 3:-3, 3:-3].abs().max() < 1e-9


def test_the_weight_of_values_is_that_of_scikit_image():
    # Its weights in place are laid out for windows a pixel wider than those it sums (0.26), so they are all 1 here.
    restoration = pytest.importorskip("skimage.restoration")
    x = noisy(1, 1, 20, 22).clamp_min(0)
    expected = restoration.denoise_bilateral(x[0, 0].numpy(), win_size=7, sigma_color=0.3, sigma_spatial=1e6, bins=1_000_000)
    out = bilateral(x, number(1e6), number(0.3), 3)[0, 0].numpy()
    assert np.abs(out - expected)[3:-3, 3:-3].max() < 1e-5  # the width of its bins


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("mapped", [True, False])
def test_the_loop_gives_what_torch_gives(channels, mapped):
    x = noisy(2, channels, 14, 37)
    spread = 0.05 + noisy(2, 1, 14, 37).abs() if mapped else number(0.2).reshape(1, 1, 1, 1)
    out = bilateral(x.float(), number(1.3).float(), spread.float(), 3)
    assert (out.double() - bilateral(x, number(1.3), spread, 3)).abs().max() < 3e-6  # 49 weights in float32


def test_its_exponential_is_one():
    import numba

    from campipe.ops.kernels.bilateral import exponential

    @numba.njit
    def fill(x, out):
        for i in range(x.shape[0]):
            out[i] = exponential(x[i])

    x = -np.concatenate([np.linspace(0, 87, 100_001), [0.0, 1e-9, 200.0, 1e30, np.inf]]).astype(np.float32)
    out = np.empty_like(x)
    fill(x, out)
    exact = np.exp(np.maximum(x.astype(np.float64), -87))
    # The argument times log2 e is rounded, by half a unit of 125 at -87, which is 4e-6, and less in proportion nearer to 0.
    assert (np.abs(out / exact - 1) < 3e-7 + 1e-7 * np.abs(np.maximum(x, -87))).all()


def test_the_guided_filter_fits_a_line_in_every_window():
    x, radius, eps = noisy(1, 1, 11, 12), 2, 0.02
    padded = symmetric_pad(symmetric_pad(x, 2 * radius, -1), 2 * radius, -2)[0, 0].numpy()
    # Ridge regression of the picture on itself in each window; a pixel's value is the mean over the windows it lies in.
    at = (5, 6)
    values = []
    for dy in range(-radius, radius + 1):
        for dx in range(-radius, radius + 1):
            y, z = at[0] + dy + 2 * radius, at[1] + dx + 2 * radius
            w = padded[y - radius : y + radius + 1, z - radius : z + radius + 1].ravel()
            centred = w - w.mean()
            slope = (centred @ centred) / (centred @ centred + len(w) * eps)
            values.append(slope * padded[at[0] + 2 * radius, at[1] + 2 * radius] + (1 - slope) * w.mean())
    out = guided_filter(x, number(eps), radius)[0, 0][at]
    assert out.item() == pytest.approx(np.mean(values), abs=1e-12)


def test_the_guided_filter_goes_from_the_picture_to_the_mean_of_its_means():
    x = noisy(1, 2, 10, 13)
    assert torch.allclose(guided_filter(x, number(0.0), 2), x)
    assert torch.allclose(guided_filter(x, number(1e9), 2), box_mean(box_mean(x, 2), 2), atol=1e-8)


def test_the_guided_filter_bears_a_large_offset_in_float32():
    x = noisy(1, 1, 20, 20)
    out = guided_filter((x + 200).float(), torch.tensor(0.02), 2).double() - 200
    assert (out - guided_filter(x, number(0.02), 2)).abs().max() < 1e-4  # seven digits of 200
