"""How near denoisers come to the clean picture: Set12 and Kodak, white Gaussian noise, beside scikit-image."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import imageio.v3 as iio
import numpy as np
import pytest
import torch

from campipe import blocks

# By filler: what it reaches at least at a sigma of 25 of 255 on all of Set12, and on the three pictures of the fast test, dB.
LIMITS = {
    "bilateral": (27.4, 27.3),
    "bm3d": (29.9, 29.85),
    "dct": (28.9, 28.9),
    "fourier": (25.3, 25.3),
    "guided": (26.6, 26.4),
    "nlm": (28.65, 28.7),
    "tv": (28.0, 28.1),
    "unet": (29.8, 29.85),  # of the weights that ship
    "wavelet": (28.75, 28.75),
}
FAST = (2, 4, 6)  # of 256 x 256 pixels


def pictures(folder: Path, numbers: tuple[int, ...] = tuple(range(1, 13))) -> list[torch.Tensor]:
    return [torch.from_numpy(iio.imread(folder / "gray_test_set12" / f"{i:02d}.png"))[None, None].float() / 255 for i in numbers]


def with_noise(clean: list[torch.Tensor], sigma: float) -> list[torch.Tensor]:
    """Not clipped; the same noise in every run."""
    draws = torch.Generator().manual_seed(0)
    return [x + sigma * torch.randn(x.shape, generator=draws) for x in clean]


def score(clean: list[torch.Tensor], noisy: list[torch.Tensor], method: Callable[[torch.Tensor], torch.Tensor]) -> tuple[float, float]:
    """PSNR of the results, clipped and rounded to 8 bits, each picture's averaged, dB; and CPU seconds per picture."""
    start, total = time.process_time(), 0.0
    with torch.no_grad():
        results = [method(y) for y in noisy]
    seconds = (time.process_time() - start) / len(clean)
    for x, out in zip(clean, results, strict=True):
        rounded = (out.clamp(0, 1) * 255).round() / 255
        total += float(-10 * torch.log10((rounded - x).square().mean()))
    return total / len(clean), seconds


def by(name: str, sigma: float, **options: object) -> Callable[[torch.Tensor], torch.Tensor]:
    block, level = blocks.denoise(name, **options), torch.tensor(sigma).reshape(1, 1, 1, 1)
    return lambda y: block.net(y, level)


def peer(function: Callable[..., np.ndarray], **options: object) -> Callable[[torch.Tensor], torch.Tensor]:
    return lambda y: torch.from_numpy(np.asarray(function(y[0, 0].numpy(), **options)))[None, None].float()


@pytest.mark.parametrize("name", LIMITS)
def test_three_pictures_of_set12(name, shared):
    clean = pictures(shared, FAST)
    reached, _ = score(clean, with_noise(clean, 25 / 255), by(name, 25 / 255))
    assert reached > LIMITS[name][1]


@pytest.mark.slow
@pytest.mark.parametrize("name", LIMITS)
@pytest.mark.parametrize("sigma", [10, 25, 50])
def test_set12(name, sigma, shared, figure):
    clean = pictures(shared)
    reached, seconds = score(clean, with_noise(clean, sigma / 255), by(name, sigma / 255))
    limit = LIMITS[name][0] if sigma == 25 else 0.0
    figure(f"Set12, sigma {sigma}, {name}: PSNR, dB", reached, f">= {limit:g}" if limit else "")
    figure(f"Set12, sigma {sigma}, {name}: CPU seconds a picture", seconds, "")
    assert reached >= limit


@pytest.mark.slow
def test_set12_by_other_rules_of_shrinkage(shared, figure):
    clean = pictures(shared)
    noisy = with_noise(clean, 25 / 255)
    for name, options in (
        ("fourier", {"rule": "hard"}),
        ("dct", {"rule": "soft"}),
        ("dct", {"rule": "garrote"}),
        ("wavelet", {"window": None}),
        ("wavelet", {"wavelet": "haar"}),
    ):
        figure(f"Set12, sigma 25, {name} {options}: PSNR, dB", score(clean, noisy, by(name, 25 / 255, **options))[0], "")


@pytest.mark.slow
@pytest.mark.parametrize("sigma", [10, 25, 50])
def test_set12_total_variation_is_not_behind_scikit_image_each_at_its_best(sigma, shared, figure):
    restoration = pytest.importorskip("skimage.restoration")
    clean = pictures(shared)
    noisy = with_noise(clean, sigma / 255)
    peers = {w: score(clean, noisy, peer(restoration.denoise_tv_chambolle, weight=w * sigma / 255))[0] for w in (0.6, 0.7, 0.8, 0.9, 1.2)}
    own = {w: score(clean, noisy, by("tv", sigma / 255, strength=w / 0.8))[0] for w in (0.6, 0.7, 0.8, 0.9)}
    best, reached = max(peers, key=lambda w: peers[w]), max(own, key=lambda w: own[w])
    figure(f"Set12, sigma {sigma}, scikit-image TV at its best weight, {best} sigma: PSNR, dB", peers[best], "")
    figure(f"Set12, sigma {sigma}, scikit-image TV at 1.2 sigma: PSNR, dB", peers[1.2], "")
    figure(f"Set12, sigma {sigma}, TV at its best weight, {reached} sigma: PSNR, dB", own[reached], ">= scikit-image's - 0.05")
    assert own[reached] > peers[best] - 0.05
    assert own[0.8] > own[reached] - 0.3  # which is what one default for all sigmas costs


@pytest.mark.slow
def test_set12_wavelets_are_not_behind_scikit_image_at_its_best(shared, figure):
    restoration = pytest.importorskip("skimage.restoration")
    pytest.importorskip("pywt")
    clean = pictures(shared)
    noisy = with_noise(clean, 25 / 255)
    best = 0.0
    for wavelet in ("db1", "db2", "sym4"):
        options = {"sigma": 25 / 255, "wavelet": wavelet, "rescale_sigma": True}
        once, seconds = score(clean, noisy, peer(restoration.denoise_wavelet, **options))
        figure(f"Set12, sigma 25, scikit-image wavelet {wavelet}: PSNR, dB", once, "")
        figure(f"Set12, sigma 25, scikit-image wavelet {wavelet}: CPU seconds a picture", seconds, "")
        spun, seconds = score(
            clean,
            noisy,
            peer(restoration.cycle_spin, func=lambda y, o=options: restoration.denoise_wavelet(y, **o), max_shifts=7),
        )
        figure(f"Set12, sigma 25, scikit-image wavelet {wavelet}, 64 shifts: PSNR, dB", spun, "")
        figure(f"Set12, sigma 25, scikit-image wavelet {wavelet}, 64 shifts: CPU seconds a picture", seconds, "")
        best = max(best, once, spun)
    assert score(clean, noisy, by("wavelet", 25 / 255))[0] > best


@pytest.mark.slow
@pytest.mark.parametrize("name", LIMITS)
def test_kodak_in_colour(name, shared, figure):
    clean = []
    for i in range(1, 25, 4):
        photo = torch.from_numpy(iio.imread(shared / "photos_test_kodak24" / f"kodim{i:02d}.webp"))
        clean.append(photo.permute(2, 0, 1)[None, :, 128:384, 128:384].float() / 255)
    noisy = with_noise(clean, 25 / 255)
    reached, seconds = score(clean, noisy, by(name, 25 / 255))
    figure(f"6 crops of Kodak in colour, sigma 25, {name}: PSNR, dB", reached, "")
    figure(f"6 crops of Kodak in colour, sigma 25, {name}: CPU seconds a picture", seconds, "")
    assert reached > score(clean, noisy, lambda y: y)[0] + 5


def test_the_net_believes_the_sigma_that_it_is_told(shared):
    """The more noise it is told of, the more it takes off; it comes nearest to the picture where it is told the truth."""
    clean = pictures(shared, (4,))[0]
    noisy = with_noise([clean], 25 / 255)[0]
    told = [5, 10, 15, 20, 25, 30, 40, 55]
    results = [by("unet", sigma / 255)(noisy) for sigma in told]
    taken = [float((out - noisy).square().mean()) for out in results]
    assert taken == sorted(taken)
    errors = [float((out - clean).square().mean()) for out in results]
    assert told[errors.index(min(errors))] == 25


def test_colour_weights_do_better_on_colours_than_grey_ones_channel_by_channel(shared):
    photo = torch.from_numpy(iio.imread(shared / "photos_test_kodak24" / "kodim05.webp"))
    clean = [photo.permute(2, 0, 1)[None, :, 128:384, 128:384].float() / 255]
    noisy = with_noise(clean, 25 / 255)
    grey, colour = (score(clean, noisy, by("unet", 25 / 255, **options))[0] for options in ({"colour": None}, {}))
    assert score(clean, noisy, by("unet", 25 / 255, weights="denoise_colour"))[0] == colour
    assert colour > grey + 1
