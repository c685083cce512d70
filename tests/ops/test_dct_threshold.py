"""The sliding cosine transform, against scipy's transform block by block, and its limits."""

import numpy as np
import pytest
import scipy.fft
import torch

from campipe.ops.dct_threshold import dct_threshold
from campipe.ops.filters import symmetric_pad
from campipe.ops.guided import box_mean
from campipe.ops.shrink import RULES, shrink


def noise(*shape: int, dtype: torch.dtype = torch.float64) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(3), dtype=dtype)


def number(value: float) -> torch.Tensor:
    return torch.tensor(value, dtype=torch.float64).reshape(1, 1, 1, 1)


@pytest.mark.parametrize("rule", RULES)
def test_it_is_the_mean_over_blocks_of_their_shrunk_transforms(rule):
    x = noise(1, 1, 9, 11)
    padded = symmetric_pad(symmetric_pad(x, 7, -1), 7, -2)[0, 0].numpy()
    total, weights = np.zeros_like(padded), np.zeros_like(padded)
    for y in range(padded.shape[0] - 7):
        for z in range(padded.shape[1] - 7):
            c = scipy.fft.dctn(padded[y : y + 8, z : z + 8], norm="ortho")
            kept = shrink(torch.from_numpy(c), torch.tensor(1.3, dtype=torch.float64), rule).numpy()
            kept[0, 0] = c[0, 0]
            w = 1 / max(1, np.count_nonzero(kept))
            total[y : y + 8, z : z + 8] += w * scipy.fft.idctn(kept, norm="ortho")
            weights[y : y + 8, z : z + 8] += w
    expected = (total / weights)[7:-7, 7:-7]
    assert np.abs(dct_threshold(x, number(0.5), 2.6, rule)[0, 0].numpy() - expected).max() < 1e-12


@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize("mapped", [True, False])
def test_the_loop_gives_what_torch_gives(rule, mapped):
    # 250 columns are more than two runs of the loop.
    x = noise(2, 2, 21, 250)
    sigma = 0.3 + noise(2, 1, 21, 250).abs() if mapped else noise(2, 2, 1, 1).abs()
    exact = dct_threshold(x, sigma, 1.1, rule)
    out = dct_threshold(x.float(), sigma.float(), 1.1, rule)
    # float32 in another order; a coefficient on the threshold may fall to either side, which shows by less than a hundredth.
    assert (out.double() - exact).abs().mean() < 2e-6
    assert (out.double() - exact).abs().max() < 1e-2


def test_with_a_large_threshold_only_means_of_blocks_are_left():
    x = noise(1, 1, 20, 20)
    out = dct_threshold(x, number(1e6), 1.0)
    # Of a pixel inside, the mean of the 64 blocks over it: a tent of 15 x 15 pixels.
    tent = torch.tensor([1, 2, 3, 4, 5, 6, 7, 8, 7, 6, 5, 4, 3, 2, 1], dtype=torch.float64) / 64
    expected = (x[0, 0, 3:18, 2:17] * tent[:, None] * tent).sum()
    assert torch.allclose(out[0, 0, 10, 9], expected)


def test_strips_give_what_the_whole_gives_with_and_without_a_graph(monkeypatch):
    x = noise(1, 2, 24, 20)
    whole = dct_threshold(x, number(0.5), 2.6)
    monkeypatch.setattr("campipe.ops.dct_threshold._STRIP", 64 * 2 * 27 * 9)
    assert torch.allclose(dct_threshold(x, number(0.5), 2.6), whole, atol=1e-13)
    slopes = []
    for limit in (1 << 30, 64 * 2 * 27 * 9):
        monkeypatch.setattr("campipe.ops.dct_threshold._STRIP", limit)
        leaf = x.clone().requires_grad_()
        dct_threshold(leaf, number(0.5), 2.6, "soft").square().sum().backward()
        slopes.append(leaf.grad)
    assert torch.allclose(*slopes, atol=1e-12)


def test_box_mean_is_a_mean():
    x = noise(1, 1, 9, 8)
    assert torch.allclose(box_mean(x, 2)[0, 0, 4, 3], x[0, 0, 2:7, 1:6].mean())
