from __future__ import annotations

import numpy as np
import pytest
import torch

from campipe.ops.colour import srgb_decode, srgb_encode
from campipe.ops.exposure_fusion import blend, exposed, local_tone, log_quality

DOUBLE = torch.float64


def numbers(**changes: float) -> dict[str, torch.Tensor]:
    usual = {"contrast": 1.0, "saturation": 1.0, "exposedness": 1.0, "middle": 0.5, "sigma": 0.2, "pivot": 0.7}
    return {name: torch.tensor(value, dtype=DOUBLE) for name, value in (usual | changes).items()}


def picture(channels: int = 3, height: int = 24, width: int = 31) -> torch.Tensor:
    return torch.rand(2, channels, height, width, generator=torch.Generator().manual_seed(0), dtype=DOUBLE)


def random_weights() -> torch.Tensor:
    return torch.rand(3, 2, 1, 24, 31, generator=torch.Generator().manual_seed(1), dtype=DOUBLE).mul(9).softmax(0)


@pytest.mark.parametrize("levels", [0, 1, 4])
def test_a_blend_of_equal_pictures_is_the_picture(levels):
    x = picture()
    assert torch.allclose(blend(x.expand(3, *x.shape), random_weights(), levels), x, atol=1e-14)


def test_a_blend_of_constants_by_constant_weights_is_their_mean():
    pictures = torch.tensor([0.1, 0.5, 0.9], dtype=DOUBLE).reshape(3, 1, 1, 1, 1).expand(3, 2, 3, 24, 31)
    weights = torch.tensor([0.2, 0.3, 0.5], dtype=DOUBLE).reshape(3, 1, 1, 1, 1).expand(3, 2, 1, 24, 31)
    assert torch.allclose(blend(pictures, weights, 4), torch.tensor(0.62, dtype=DOUBLE))


@pytest.mark.parametrize("stop", [-2.0, -0.5, 0.0, 1.0, 3.0])
def test_an_exposure_brightens_up_to_the_pivot_or_darkens_down_to_it(stop):
    light = torch.linspace(-0.1, 3, 500, dtype=DOUBLE)
    out = exposed(light, torch.tensor(2**stop, dtype=DOUBLE), torch.tensor(0.4, dtype=DOUBLE))
    free = (2**stop * light < 0.4) if stop > 0 else (2**stop * light > 0.4)
    held = (light >= 0.4) if stop > 0 else ((light <= 0.4) & (light >= 0))
    assert torch.equal(out[free], 2**stop * light[free]) and torch.equal(out[held], light[held])
    assert (out.diff() >= 0).all()


@pytest.mark.parametrize("channels", [1, 3])
def test_exposures_of_no_stops_give_the_picture_back(channels):
    x = picture(channels) * 3 - 0.2
    assert torch.allclose(local_tone(x, torch.zeros(1), **numbers()), x, atol=1e-13)
    assert torch.allclose(local_tone(x, torch.zeros(3), **numbers()), x, atol=1e-13)


def test_one_exposure_alone_is_that_exposure():
    x = picture(1) * 2
    out = local_tone(x, torch.tensor([1.5]), **numbers())
    pivot = srgb_decode(torch.tensor(0.7, dtype=DOUBLE))
    assert torch.allclose(out, exposed(x, torch.tensor(2**1.5, dtype=DOUBLE), pivot), atol=1e-12)


def test_hues_stay_and_no_pixel_leaves_the_range_of_the_exposures():
    x = picture() * 1.5
    gain = local_tone(x, torch.tensor([-1.0, 0.5, 2.0]), **numbers()) / x
    assert torch.allclose(gain, gain[:, :1].expand_as(gain), atol=1e-12)
    assert gain.min() >= 0.5 and gain.max() <= 4


@pytest.mark.parametrize("channels", [1, 3])
def test_a_constant_stays_constant(channels):
    out = local_tone(torch.full((1, channels, 20, 30), 0.05, dtype=DOUBLE), torch.tensor([0.0, 1.0, 2.0]), **numbers())
    assert out.std() < 1e-14 and 0.05 < out.mean() < 0.2


def test_the_weights_of_a_constant_are_those_of_the_formula():
    stops = np.array([0.0, 1.0, 2.0])
    shown = srgb_encode(torch.from_numpy(0.05 * 2**stops)).numpy()
    weights = np.exp(-3 * (shown - 0.5) ** 2 / (2 * 0.2**2))  # the product over three equal channels; contrast and saturation are level
    wanted = float(srgb_decode(torch.tensor((weights * shown).sum() / weights.sum(), dtype=DOUBLE)))
    out = local_tone(torch.full((1, 3, 8, 8), 0.05, dtype=DOUBLE), torch.from_numpy(stops), **numbers())
    assert torch.allclose(out, torch.full_like(out, wanted), atol=1e-13)


def test_the_quality_is_the_papers_product():
    x = picture()[:1]
    a = x[0].permute(1, 2, 0).numpy()
    grey = a @ np.array([0.2126729, 0.7151522, 0.0721750])
    padded = np.pad(grey, 1, mode="symmetric")
    edge = np.abs(padded[2:, 1:-1] + padded[:-2, 1:-1] + padded[1:-1, 2:] + padded[1:-1, :-2] - 4 * grey)
    wanted = edge**0.7 * a.std(-1) ** 1.3 * np.exp(-((a - 0.5) ** 2) / (2 * 0.2**2)).prod(-1) ** 0.9
    given = numbers(contrast=0.7, saturation=1.3, exposedness=0.9)
    del given["pivot"]
    ours = log_quality(x, **given).exp()[0, 0].numpy()
    clear = (edge > 0.05) & (a.std(-1) > 0.05)  # elsewhere the floor of 0.001 is felt
    assert clear.mean() > 0.7 and np.abs(ours / wanted - 1)[clear].max() < 1e-3


def test_shadows_of_a_high_dynamic_range_ramp_open_and_highlights_stay(figure):
    ramp = torch.logspace(-3, 0, 256, dtype=DOUBLE).reshape(1, 1, 1, -1).expand(1, 3, 64, -1)
    out = local_tone(ramp, torch.tensor([0.0, 1.0, 2.0]), **numbers())[0, 0, 32]
    gain = out / ramp[0, 0, 32]
    dark = ramp[0, 0, 32] < 0.02
    figure("local tone on a ramp of 10 stops: least gain of light under 0.02", float(gain[dark].min()), "> 2.5")
    figure("local tone on a ramp of 10 stops: gain of white", float(gain[-1]), "0.98 to 1.05")
    assert gain[dark].min() > 2.5 and 0.98 < gain[-1] < 1.05
    assert (out.diff() > 0).all()


def test_shadows_beside_light_open_too():
    x = torch.full((1, 3, 64, 64), 0.4, dtype=DOUBLE)
    x[..., 20:40, 20:40] = 0.02
    gain = (local_tone(x, torch.tensor([0.0, 1.0, 2.0]), **numbers()) / x)[0, 0]
    assert gain[24:36, 24:36].min() > 1.5 and gain[50:, 50:].max() < 1.3


def test_light_above_white_is_not_lost_and_comes_back_by_a_dark_exposure():
    ramp = torch.linspace(0.05, 4, 256, dtype=DOUBLE).reshape(1, 1, 1, -1).expand(1, 3, 64, -1)
    longer = local_tone(ramp, torch.tensor([0.0, 1.0, 2.0]), **numbers())
    shorter = local_tone(ramp, torch.tensor([-3.0, -1.5, 0.0]), **numbers())
    assert longer.max() > 3.9 and shorter.max() < 1.05


def test_grey_is_fused_as_three_equal_channels():
    x = picture(1) ** 2
    alone = local_tone(x, torch.tensor([0.0, 2.0]), **numbers())
    assert torch.allclose(local_tone(x.expand(-1, 3, -1, -1), torch.tensor([0.0, 2.0]), **numbers())[:, :1], alone, atol=1e-12)


def test_every_number_has_its_gradient_and_so_has_the_picture():
    x = picture(3, 6, 7)[:1] * 0.8 + 0.1
    given = [x, torch.tensor([-0.7, 0.3, 1.5], dtype=DOUBLE), *numbers().values()]
    assert torch.autograd.gradcheck(local_tone, [t.clone().requires_grad_() for t in given], fast_mode=True)


def test_flat_grey_pictures_have_a_finite_gradient():
    x = torch.full((1, 3, 8, 8), 0.2, requires_grad=True)
    local_tone(x, torch.tensor([0.0, 2.0]), **{n: v.float() for n, v in numbers().items()}).sum().backward()
    assert x.grad is not None and torch.isfinite(x.grad).all()
