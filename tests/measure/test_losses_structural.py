"""SSIM, MS-SSIM and the mix of Zhao et al. as losses, against other code, another derivation, and figures of a photo."""

from __future__ import annotations

import imageio.v3 as iio
import numpy as np
import pytest
import pytorch_msssim
import torch

from campipe.core.errors import CampipeError, ShapeError
from campipe.measure.losses import dense_ms_ssim_loss, l1_loss, ms_ssim_l1_loss, ms_ssim_loss, pyramid_ms_ssim_l1_loss, ssim_loss
from campipe.measure.losses.structural import fitting_scales

SIGMAS = (0.5, 1.0, 2.0, 4.0, 8.0)


@pytest.fixture(scope="module")
def pair(photos) -> tuple[torch.Tensor, torch.Tensor]:
    """A noisy and a clean crop of two photos, (2, 3, 192, 176)."""
    clean = torch.stack([torch.from_numpy(photos[name][40:232, 60:236].copy()).movedim(-1, 0) for name in ("astronaut", "coffee")]) / 255
    noise = torch.randn(clean.shape, generator=torch.Generator().manual_seed(1))
    return (clean + 25 / 255 * noise).clamp(0, 1).double(), clean.double()


def test_ssim_and_ms_ssim_losses_are_those_of_pytorch_msssim(pair):
    noisy, clean = pair
    theirs = 1 - pytorch_msssim.ssim(noisy, clean, data_range=1, size_average=False)
    assert ssim_loss(noisy, clean, data_range=1, reduction="none").tolist() == pytest.approx(theirs.tolist(), abs=1e-5)
    theirs = 1 - pytorch_msssim.ms_ssim(noisy, clean, data_range=1, size_average=False)
    assert ms_ssim_loss(noisy, clean, data_range=1, reduction="none").tolist() == pytest.approx(theirs.tolist(), abs=1e-5)


def test_gradients_are_those_of_pytorch_msssim(pair):
    noisy, clean = pair
    for ours, theirs in ((ssim_loss, pytorch_msssim.ssim), (ms_ssim_loss, pytorch_msssim.ms_ssim)):
        x, z = noisy.clone().requires_grad_(), noisy.clone().requires_grad_()
        ours(x, clean, data_range=1).backward()
        (1 - theirs(z, clean, data_range=1)).backward()
        # Their window is rounded to float32: its sum is off by 1e-7, beside variances of 1e-3.
        assert torch.allclose(x.grad, z.grad, rtol=1e-3, atol=1e-4 * float(z.grad.abs().max()))


def test_opposite_pictures_have_finite_gradients():
    x = torch.rand(1, 1, 64, 64, generator=torch.Generator().manual_seed(0), dtype=torch.float64).requires_grad_()
    for loss in (ssim_loss, dense_ms_ssim_loss, ms_ssim_l1_loss):
        (grad,) = torch.autograd.grad(loss(x, 1 - x.detach(), data_range=1), x)
        assert torch.isfinite(grad).all() and grad.abs().max() > 0
    for loss in (ms_ssim_loss, pyramid_ms_ssim_l1_loss):
        (grad,) = torch.autograd.grad(loss(x, 1 - x.detach(), data_range=1, scales="auto"), x)
        assert torch.isfinite(grad).all()


@pytest.mark.parametrize(("side", "scales"), [(11, 1), (20, 1), (21, 2), (81, 4), (160, 4), (161, 5), (900, 5)])
def test_auto_takes_as_many_scales_as_there_is_room_for(side, scales):
    assert fitting_scales(side) == scales


def test_small_patches_train_with_auto_and_are_refused_without(pair):
    noisy, clean = (t[..., :64, :70] for t in pair)
    with pytest.raises(ShapeError, match="160"):
        ms_ssim_loss(noisy, clean, data_range=1)
    auto = ms_ssim_loss(noisy, clean, data_range=1, scales="auto")
    assert torch.equal(auto, ms_ssim_loss(noisy, clean, data_range=1, scales=3))
    with pytest.raises(ShapeError, match="11 pixels"):
        ms_ssim_loss(noisy[..., :8], clean[..., :8], data_range=1, scales="auto")


# The mix at full resolution.


def windowed(x: np.ndarray, sigma: float) -> float:
    """The mean of a patch under a Gaussian window as large as the patch."""
    place = np.arange(x.shape[0]) - x.shape[0] // 2
    weights = np.exp(-(place[:, None] ** 2 + place**2) / (2 * sigma**2))
    return float((weights / weights.sum() * x).sum())


def at_the_middle(x: np.ndarray, y: np.ndarray) -> tuple[float, float]:
    """MS-SSIM and L1 at the middle of a patch as Zhao et al. define them, from central moments."""
    product = 1.0
    for sigma in SIGMAS:
        mx, my = windowed(x, sigma), windowed(y, sigma)
        vx, vy, vxy = windowed((x - mx) ** 2, sigma), windowed((y - my) ** 2, sigma), windowed((x - mx) * (y - my), sigma)
        product *= (2 * vxy + 0.03**2) / (vx + vy + 0.03**2)
    luminance = (2 * mx * my + 0.01**2) / (mx**2 + my**2 + 0.01**2)
    return luminance * product, windowed(np.abs(x - y), SIGMAS[-1])


@pytest.mark.parametrize("side", [31, 33])
def test_a_patch_has_the_value_of_the_paper_at_its_middle(pair, side):
    noisy, clean = (t[:, :, 20 : 20 + side, 30 : 30 + side] for t in pair)
    noisy = 0.7 * clean + 0.3 * noisy
    structural, mixed = [], []
    for x, y in zip(noisy, clean, strict=True):
        values = np.array([at_the_middle(a.numpy(), b.numpy()) for a, b in zip(x, y, strict=True)]).mean(0)
        structural.append(1 - values[0])
        mixed.append(0.84 * (1 - values[0]) + 0.16 * values[1])
    options = {"data_range": 1, "radius": side // 2, "border": "inside", "reduction": "none"}
    # The narrower windows end at 5 sigma, where 4e-6 of the peak is left.
    assert dense_ms_ssim_loss(noisy, clean, **options).tolist() == pytest.approx(structural, abs=2e-5)
    assert ms_ssim_l1_loss(noisy, clean, **options).tolist() == pytest.approx(mixed, abs=2e-5)
    assert min(structural) > 0.02


def test_every_pixel_has_the_value_of_its_own_patch(pair):
    noisy, clean = (t[:1, :, :40, :44] for t in pair)
    whole = dense_ms_ssim_loss(noisy, clean, data_range=1, border="inside")
    patches = [
        dense_ms_ssim_loss(noisy[..., i : i + 33, j : j + 33], clean[..., i : i + 33, j : j + 33], data_range=1, border="inside")
        for i in range(8)
        for j in range(12)
    ]
    assert whole.item() == pytest.approx(torch.stack(patches).mean().item(), rel=1e-10)


def test_mirrored_borders_are_those_of_a_picture_that_was_mirrored(pair):
    noisy, clean = (t[:1, :, :40, :44] for t in pair)
    ahead = [torch.nn.functional.pad(t, (16, 16, 16, 16), mode="reflect") for t in (noisy, clean)]
    options = {"data_range": 1, "alpha": 0.5}
    outside = ms_ssim_l1_loss(*ahead, border="inside", **options)
    assert ms_ssim_l1_loss(noisy, clean, **options).item() == pytest.approx(outside.item(), rel=1e-10)


def test_only_the_ratio_to_the_data_range_counts(pair):
    noisy, clean = (t[..., :40, :40] for t in pair)
    for loss in (ssim_loss, dense_ms_ssim_loss, ms_ssim_l1_loss):
        assert loss(255 * noisy, 255 * clean, data_range=255).item() == pytest.approx(loss(noisy, clean, data_range=1).item(), rel=1e-9)
    pyramid = [pyramid_ms_ssim_l1_loss(k * noisy, k * clean, data_range=k, scales="auto").item() for k in (1, 255)]
    assert pyramid[0] == pytest.approx(pyramid[1], rel=1e-9)


def test_alpha_goes_from_l1_to_the_structural_part(pair):
    noisy, clean = (t[:1] for t in pair)
    structural = dense_ms_ssim_loss(noisy, clean, data_range=1)
    assert torch.equal(ms_ssim_l1_loss(noisy, clean, data_range=1, alpha=1.0), structural)
    blurred = ms_ssim_l1_loss(noisy, clean, data_range=1, alpha=0.0)
    # The window of 8 pixels weighs the picture evenly but for its border.
    assert blurred.item() == pytest.approx(l1_loss(noisy, clean).item(), rel=0.02)
    assert pyramid_ms_ssim_l1_loss(noisy, clean, data_range=1, alpha=0.0).item() == pytest.approx(l1_loss(noisy, clean).item(), rel=1e-6)
    assert torch.equal(pyramid_ms_ssim_l1_loss(noisy, clean, data_range=1, alpha=1.0), ms_ssim_loss(noisy, clean, data_range=1))
    with pytest.raises(CampipeError, match="from 0 to 1"):
        ms_ssim_l1_loss(noisy, clean, data_range=1, alpha=1.5)
    with pytest.raises(CampipeError, match="'mirror' or 'inside'"):
        ms_ssim_l1_loss(noisy, clean, data_range=1, border="zeros")
    with pytest.raises(ShapeError, match="33 pixels"):
        ms_ssim_l1_loss(noisy[..., :32], clean[..., :32], data_range=1, border="inside")


@pytest.mark.slow
def test_a_noisy_photo_has_the_figures_of_the_paper_s_definition(shared, figure):
    clean = torch.from_numpy(iio.imread(shared / "photos_test_kodak24" / "kodim08.webp")).movedim(-1, 0)[None].double() / 255
    noise = torch.from_numpy(np.random.default_rng(0).standard_normal(clean.shape))
    noisy = (clean + 25 / 255 * noise).clamp(0, 1)
    dense = 1 - dense_ms_ssim_loss(noisy, clean, data_range=1).item()
    mix = ms_ssim_l1_loss(noisy, clean, data_range=1).item()
    blurred = (mix - 0.84 * (1 - dense)) / 0.16
    wang = 1 - ms_ssim_loss(noisy, clean, data_range=1).item()
    figure("kodim08, sigma 25: MS-SSIM of Zhao et al.", dense, "0.186 +- 0.001")
    figure("kodim08, sigma 25: MS-SSIM of Wang et al.", wang, "0.898 +- 0.001")
    figure("kodim08, sigma 25: mix with alpha = 0.84", mix, "0.696 +- 0.001")
    # Three digits of another implementation, for another draw of the noise, which moves them by some 2e-4.
    assert dense == pytest.approx(0.186, abs=1e-3)
    assert blurred == pytest.approx(0.0752, abs=3e-4)
    assert mix == pytest.approx(0.696, abs=1e-3)
    assert wang == pytest.approx(0.8978, abs=1e-3)
