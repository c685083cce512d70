"""Non-local means: the definition pixel by pixel, limits in closed form, and scores beside another library's."""

import numpy as np
import pytest
import torch
from PIL import Image

from campipe import blocks
from campipe.core.errors import CampipeError
from campipe.ops.filters import symmetric_pad
from campipe.ops.nlm import nlm


def noisy(*shape: int, dtype: torch.dtype = torch.float64) -> torch.Tensor:
    step = 0.5 * (torch.arange(shape[-1]) > shape[-1] // 2)
    return step + 0.1 * torch.randn(*shape, generator=torch.Generator().manual_seed(6), dtype=dtype)


def number(value: float, dtype: torch.dtype = torch.float64) -> torch.Tensor:
    return torch.tensor(value, dtype=dtype).reshape(1, 1, 1, 1)


def by_definition(x: torch.Tensor, sigma: torch.Tensor, h: float, patch: int, window: int) -> np.ndarray:
    """The formula of the docstring, one pixel and one neighbour at a time."""
    reach, half = window // 2, patch // 2
    m = reach + half
    padded = symmetric_pad(symmetric_pad(x, m, -1), m, -2)[0].numpy()
    level = sigma.square().mean(-3)[0].expand(x.shape[-2:]).sqrt().numpy()
    out = np.zeros(tuple(x.shape[1:]))
    for y, z in np.ndindex(*x.shape[-2:]):
        own = padded[:, y + reach : y + reach + patch, z + reach : z + reach + patch]
        total, weights = 0.0, 0.0
        for i, j in np.ndindex(window, window):
            other = padded[:, y + i : y + i + patch, z + j : z + j + patch]
            apart = ((own - other) ** 2).mean() - 2 * level[y, z] ** 2
            weight = np.exp(-max(apart, 0) / (h * level[y, z]) ** 2)
            total, weights = total + weight * other[:, half, half], weights + weight
        out[:, y, z] = total / weights
    return out


@pytest.mark.parametrize(("patch", "window"), [(5, 7), (3, 5), (1, 3), (7, 1)])
@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("mapped", [True, False])
def test_it_is_the_definition(patch, window, channels, mapped):
    x = noisy(1, channels, 9, 12)
    sigma = 0.05 + noisy(1, 1, 9, 12).abs() if mapped else torch.tensor([0.08, 0.1, 0.12], dtype=x.dtype)[:channels].reshape(1, -1, 1, 1)
    expected = by_definition(x, sigma, 0.7, patch, window)
    assert np.abs(nlm(x, sigma, torch.tensor(0.7), patch, window)[0].numpy() - expected).max() < 1e-7  # 0.7 in float32
    # The loop: 49 weights of float32, of patches whose distances are 25 squares.
    out = nlm(x.float(), sigma.float(), torch.tensor(0.7), patch, window)
    assert np.abs(out[0].numpy() - expected).max() < 1e-5


def test_with_a_large_h_it_is_the_mean_of_the_window():
    x = noisy(2, 1, 16, 19, dtype=torch.float32)
    padded = symmetric_pad(symmetric_pad(x, 6, -1), 6, -2)
    expected = torch.nn.functional.avg_pool2d(padded, 13, 1)
    for given in (x, x.clone().requires_grad_()):
        assert torch.allclose(nlm(given, number(0.1, torch.float32), torch.tensor(1e4), 5, 13), expected, atol=1e-6)


def test_what_comes_again_is_averaged_and_nothing_else():
    # A texture of period 4: in a window of 13 there are 9 places with the same surroundings, and the others differ by much more than noise.
    cell = torch.rand(4, 4, generator=torch.Generator().manual_seed(1))
    clean = cell.repeat(24, 24)[None, None]
    sigma = 0.01
    error = nlm(clean + sigma * torch.randn(clean.shape, generator=torch.Generator().manual_seed(2)), number(sigma).float(),
                torch.tensor(3.0), 5, 13) - clean  # fmt: skip
    # The mean of 9 values; from 96^2 pixels of which 9 share their noise, the variance is known to 5 %.
    assert error[..., 8:-8, 8:-8].var().item() == pytest.approx(sigma**2 / 9, rel=0.2)


@pytest.mark.parametrize("channels", [1, 3])
def test_strips_and_threads_change_no_bit(channels, monkeypatch):
    import campipe.ops.nlm as module

    x = noisy(2, channels, 70, 41, dtype=torch.float32)
    whole = nlm(x, number(0.1, torch.float32), torch.tensor(0.75), 5, 13)
    monkeypatch.setattr(module, "_STRIP", 7)
    assert torch.equal(nlm(x, number(0.1, torch.float32), torch.tensor(0.75), 5, 13), whole)
    threads = torch.get_num_threads()
    try:
        torch.set_num_threads(3)
        assert torch.equal(nlm(x, number(0.1, torch.float32), torch.tensor(0.75), 5, 13), whole)
    finally:
        torch.set_num_threads(threads)


def test_the_reach_of_the_weights_has_a_gradient_also_where_rows_are_computed_again(monkeypatch):
    import campipe.ops.nlm as module

    x, h = noisy(1, 2, 8, 9), torch.tensor(0.6, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(lambda h: nlm(x, number(0.1), h, 3, 5), h)
    x, sigma = x.requires_grad_(), number(0.1).requires_grad_()
    kept = torch.autograd.grad(nlm(x, sigma, h, 3, 5).square().sum(), (x, sigma, h))
    monkeypatch.setattr(module, "_GRAPH", 0)
    again = torch.autograd.grad(nlm(x, sigma, h, 3, 5).square().sum(), (x, sigma, h))
    assert all(torch.allclose(a, b) for a, b in zip(again, kept, strict=True))
    (again,) = torch.autograd.grad(nlm(x, number(0.1), torch.tensor(0.6), 3, 5).square().sum(), x)
    assert torch.allclose(again, kept[0])


def test_descent_finds_a_better_strength(photos):
    clean = torch.from_numpy(np.ascontiguousarray(photos["astronaut"][60:108, 160:208])).permute(2, 0, 1)[None] / 255
    x = clean + 0.1 * torch.randn(clean.shape, generator=torch.Generator().manual_seed(3))
    block = blocks.denoise("nlm", strength=0.5)
    (leaf,) = block.trainable("strength")
    optimiser, errors = torch.optim.Adam([leaf], 0.1), []
    for _ in range(6):
        error = (block.net(x, torch.full((1, 1, 1, 1), 0.1)) - clean).square().mean()
        optimiser.zero_grad()
        error.backward()
        optimiser.step()
        errors.append(error.item())
    assert errors[-1] < 0.9 * errors[0]
    assert 0.7 < block.strength.item() < 1.6


@pytest.mark.parametrize("wrong", [{"patch": 4}, {"window": 0}, {"window": 2.5}])
def test_sides_that_are_not_odd_are_refused(wrong):
    with pytest.raises(CampipeError, match="odd number of pixels"):
        blocks.denoise("nlm", **wrong)


def score(shared, numbers, sigma):
    """Mean PSNR of the block and of scikit-image at its best setting, on the same noise."""
    restoration = pytest.importorskip("skimage.restoration")
    own, other = [], []
    for i in numbers:
        clean = torch.from_numpy(np.array(Image.open(shared / "gray_test_set12" / f"{i:02d}.png"))).float() / 255
        x = clean + sigma * torch.randn(clean.shape, generator=torch.Generator().manual_seed(i))
        results = blocks.denoise("nlm").net(x[None, None], torch.full((1, 1, 1, 1), sigma))[0, 0].numpy(), restoration.denoise_nl_means(
            x.numpy(), patch_size=5, patch_distance=6, h=0.6 * sigma, sigma=sigma, fast_mode=True
        )  # fmt: skip
        for psnr, result in zip((own, other), results, strict=True):
            shown = np.round(255 * result.clip(0, 1)) / 255
            psnr.append(-10 * np.log10(((shown - clean.numpy()) ** 2).mean(dtype=np.float64)))
    return np.mean(own), np.mean(other)


def test_two_pictures_are_denoised_as_well_as_by_scikit_image(shared):
    own, other = score(shared, (1, 2), 25 / 255)
    assert own > other - 0.05


@pytest.mark.slow
def test_set12_is_denoised_better_than_by_scikit_image(shared, figure):
    own, other = score(shared, range(1, 13), 25 / 255)
    figure("nlm, Set12, sigma 25: PSNR, dB", own, ">= 28.65")
    figure("nlm, Set12, sigma 25: less scikit-image's best, dB", own - other, ">= 0.05")
    assert own >= 28.65 and own - other >= 0.05
