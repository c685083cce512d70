from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from campipe.ops.chroma import chroma_denoise, luma, saturation_matrix, vibrance
from campipe.ops.colour import apply_matrix
from campipe.ops.edge_aware import guided_by
from campipe.ops.guided import box_mean, guided_filter
from campipe.ops.sharpen import guided_sharpen, unsharp_mask

DOUBLE = torch.float64


def picture(*, seed: int = 0, dtype: torch.dtype = DOUBLE, channels: int = 3) -> torch.Tensor:
    return torch.rand(2, channels, 12, 15, generator=torch.Generator().manual_seed(seed), dtype=dtype) * 1.4 - 0.2


def number(value: float) -> torch.Tensor:
    return torch.tensor(value, dtype=DOUBLE)


# Saturation.


@pytest.mark.parametrize("amount", [0.0, 0.5, 1.0, 1.7])
def test_saturation_keeps_luminance_and_scales_the_distance_from_grey(amount):
    x = picture()
    out = apply_matrix(x, saturation_matrix(number(amount)))
    assert torch.allclose(luma(out), luma(x), atol=1e-14)
    assert torch.allclose(out - luma(out), amount * (x - luma(x)), atol=1e-14)


def test_vibrance_keeps_luminance_and_moves_pale_colours_most():
    x = torch.tensor([[0.5, 0.5, 0.5], [0.5, 0.45, 0.4], [0.5, 0.1, 0.1], [0.5, 0.0, 0.2]], dtype=DOUBLE).T.reshape(1, 3, 1, 4)
    out = vibrance(x, number(0.8))
    assert torch.allclose(luma(out), luma(x), atol=1e-15)
    gain = ((out - luma(out)).abs().sum(1) / (x - luma(x)).abs().sum(1).clamp_min(1e-30))[0, 0]
    assert torch.equal(out[..., 0], x[..., 0]) and gain[1] > 1.6 and 1 < gain[2] < 1.2 and abs(gain[3] - 1) < 1e-12


def test_saturation_and_vibrance_have_their_gradients():
    amounts = torch.tensor([0.7, 1.3], dtype=DOUBLE)
    assert torch.autograd.gradcheck(saturation_matrix, amounts.requires_grad_())
    x = picture()[:1, :, :3, :3].clone()
    assert torch.autograd.gradcheck(vibrance, (x.requires_grad_(), number(0.4).requires_grad_()))


# The noise of colours.


@pytest.mark.parametrize(("dtype", "close"), [(DOUBLE, 1e-15), (torch.float32, 3e-7)])
def test_luminance_is_the_same_before_and_after(dtype, close):
    x = picture(dtype=dtype)
    for strength in (0.3, 1.0):
        out = chroma_denoise(x, number(strength), torch.tensor(1e-2, dtype=dtype), 3)
        assert out.dtype == dtype and (luma(out) - luma(x)).abs().max() <= close * 2
        assert (out - x).abs().max() > 0.05


def test_no_strength_changes_nothing_and_plain_colour_stays():
    x = picture()
    assert torch.allclose(chroma_denoise(x, number(0.0), number(1e-2), 3), x, atol=1e-15)
    flat = luma(x) + torch.tensor([0.1, 0.0, -0.2], dtype=DOUBLE).reshape(3, 1, 1)
    assert torch.allclose(chroma_denoise(flat, number(1.0), number(1e-2), 3), flat, atol=1e-13)


def test_a_large_epsilon_is_the_plain_mean_of_the_square():
    x = picture()
    differences = x[:, 0::2] - luma(x)
    plain = torch.nn.functional.avg_pool2d(torch.nn.functional.avg_pool2d(differences, 5, 1), 5, 1)
    out = chroma_denoise(x, number(1.0), number(1e9), 2)
    assert torch.allclose((out[:, 0::2] - luma(out))[..., 4:-4, 4:-4], plain, atol=1e-8)


def test_colour_noise_falls_and_a_colour_edge_that_luminance_shows_stays(figure):
    clean = torch.cat([torch.full((1, 3, 64, 32), v, dtype=DOUBLE) for v in (0.2, 0.6)], -1)
    clean = clean * torch.tensor([1.0, 0.8, 0.5], dtype=DOUBLE).reshape(3, 1, 1)
    clean[..., :32] = clean[..., :32].flip(1)  # the hue changes with the luminance
    noise = 0.03 * torch.randn(1, 3, 64, 64, generator=torch.Generator().manual_seed(2), dtype=DOUBLE)
    out = chroma_denoise(clean + noise, number(1.0), number(1e-2), 4)

    def off(x: torch.Tensor) -> float:
        error = (x - luma(x)) - (clean - luma(clean))
        return float(error.square().mean().sqrt())

    figure("chroma error left by chroma_denoise, radius 4, of that of the noise", off(out) / off(clean + noise), "< 0.35")
    assert off(out) < 0.35 * off(clean + noise)


def test_chroma_denoise_has_its_gradient_in_everything():
    x = picture()[:1, :, :5, :6].clone()
    assert torch.autograd.gradcheck(
        lambda x, s, e: chroma_denoise(x, s, e, 2), (x.requires_grad_(), number(0.8).requires_grad_(), number(0.02).requires_grad_())
    )


# Filters and sharpening.


def test_a_picture_that_guides_itself_is_filtered_as_by_the_plain_guided_filter():
    x = picture(channels=1)
    assert torch.allclose(guided_by(x, x, number(0.01), 2), guided_filter(x, number(0.01), 2), atol=1e-13)


@given(st.integers(0, 2**31), st.floats(1e-5, 0.1), st.integers(1, 4))
def test_the_halo_of_guided_sharpening_is_bounded(seed, eps, radius):
    random = torch.Generator().manual_seed(seed)
    x = torch.rand(1, 1, 16, 16, generator=random, dtype=DOUBLE) ** 8  # lonely bright pixels, the worst case
    x = torch.where(torch.rand(1, 1, 16, 16, generator=random) < 0.5, x, x.round())
    bound = 1.5 * np.sqrt(((2 * radius + 1) ** 2 - 1) * eps) / 2
    assert (guided_sharpen(x, number(1.5), number(eps), radius) - x).abs().max() <= bound + 1e-9


def test_an_edge_gets_a_halo_from_an_unsharp_mask_and_none_to_speak_of_from_guided_sharpening(figure):
    edge = torch.cat([torch.full((1, 1, 32, 16), v, dtype=DOUBLE) for v in (0.2, 0.8)], -1)
    plain = unsharp_mask(edge, number(1.0), number(1.5), number(0.0), 8).max() - 0.8
    kept = guided_sharpen(edge, number(1.0), number(1e-3), 2).max() - 0.8
    figure("overshoot at an edge of 0.6: unsharp mask, radius 1.5", float(plain), "> 0.2")
    figure("overshoot at an edge of 0.6: guided sharpening, epsilon 0.001", float(kept), "< 0.006")
    assert plain > 0.2 and kept < 0.006


def test_texture_is_raised_by_both():
    texture = 0.5 + 0.01 * torch.rand(1, 1, 32, 32, generator=torch.Generator().manual_seed(0), dtype=DOUBLE)
    for out in (unsharp_mask(texture, number(1.0), number(1.5), number(0.0), 8), guided_sharpen(texture, number(1.0), number(1e-3), 2)):
        assert out.std() > 1.5 * texture.std() and torch.allclose(out.mean(), texture.mean(), atol=1e-4)


def test_an_unsharp_mask_is_twice_the_picture_less_its_blur():
    from scipy.ndimage import gaussian_filter

    x = picture(channels=1)
    blurred = gaussian_filter(x[0, 0].numpy(), 1.3, mode="reflect", radius=7)
    assert np.abs(unsharp_mask(x, number(1.0), number(1.3), number(0.0), 7)[0, 0].numpy() - (2 * x[0, 0].numpy() - blurred)).max() < 1e-12


def test_differences_below_the_threshold_are_left_alone_and_larger_ones_are_shortened_by_it():
    x = picture(channels=1)
    detail = unsharp_mask(x, number(1.0), number(1.0), number(0.0), 5) - x
    moved = unsharp_mask(x, number(1.0), number(1.0), number(0.1), 5) - x
    assert (moved[detail.abs() <= 0.1] == 0).all() and (detail.abs() <= 0.1).any()
    assert torch.allclose(moved, detail.sign() * (detail.abs() - 0.1).clamp_min(0), atol=1e-15)


def test_colour_differences_stay_as_they_were():
    x = picture()
    for out in (unsharp_mask(x, number(1.0), number(1.0), number(0.05), 5), guided_sharpen(x, number(1.0), number(1e-3), 2)):
        assert torch.allclose(out - luma(out), x - luma(x), atol=1e-14)


def test_sharpening_has_its_gradient_in_everything():
    x = picture()[:1, :, :5, :6].clone()
    numbers = [number(v).requires_grad_() for v in (0.8, 0.9, 0.03)]
    assert torch.autograd.gradcheck(lambda x, a, s, t: unsharp_mask(x, a, s, t, 5), (x.requires_grad_(), *numbers))
    assert torch.autograd.gradcheck(lambda x, a, e: guided_sharpen(x, a, e, 2), (x, numbers[0], number(0.02).requires_grad_()))


@pytest.mark.parametrize("radius", [0, 1, 2, 3, 4, 7, 20])
def test_a_box_mean_is_the_mean_of_the_square(radius):
    from scipy.ndimage import uniform_filter

    x = picture()
    assert np.abs(box_mean(x, radius)[1, 2].numpy() - uniform_filter(x[1, 2].numpy(), 2 * radius + 1, mode="reflect")).max() < 1e-14
