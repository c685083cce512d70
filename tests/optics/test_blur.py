from __future__ import annotations

import pytest
import torch

from campipe.core.errors import CampipeError, LawError
from campipe.core.frame import Frame
from campipe.core.law import Law
from campipe.core.pipeline import Pipeline
from campipe.ops.filters import gaussian_blur
from campipe.optics import GaussianBlur


def scene(*shape: int, space: str = "scene", dtype: torch.dtype = torch.float32) -> Frame:
    return Frame(torch.rand(*shape, generator=torch.Generator().manual_seed(0), dtype=dtype), space)


@pytest.mark.parametrize("space", ["scene", "photons"])
def test_the_stage_is_the_function(space):
    f = scene(2, 3, 12, 14, space=space)
    out = GaussianBlur(1.2)(f)
    assert out.space == space
    assert torch.equal(out.data, gaussian_blur(f.data, torch.tensor(1.2), 6))


def test_sigma_0_is_the_identity():
    f = scene(1, 3, 5, 5)
    assert torch.equal(GaussianBlur(0.0)(f).data, f.data)
    assert GaussianBlur(0.0).margin == 0


def test_light_is_kept_also_where_the_kernel_is_wider_than_the_picture():
    f = scene(1, 1, 7, 9, dtype=torch.float64)
    assert float(GaussianBlur(4.0)(f).data.sum()) == pytest.approx(float(f.data.sum()), rel=1e-6)


def test_two_blurs_are_one_with_the_sum_of_their_variances():
    f = scene(1, 1, 64, 64, dtype=torch.float64)
    twice = GaussianBlur(4.0)(GaussianBlur(3.0)(f)).data
    # Inside the border's reach too: mirroring commutes with a symmetric kernel. Cutting at 5 sigma costs 1e-6.
    assert torch.allclose(twice, GaussianBlur(5.0)(f).data, atol=5e-6)


def test_a_point_spreads_evenly_to_all_sides():
    f = Frame(torch.zeros(1, 1, 21, 21), "photons")
    f.data[..., 10, 10] = 100.0
    out = GaussianBlur(1.5)(f).data
    assert torch.allclose(out, out.flip(-1)) and torch.allclose(out, out.flip(-2)) and torch.allclose(out, out.mT)


def test_a_crop_is_blurred_as_the_whole_inside_the_margin():
    blur, whole = GaussianBlur(1.0), scene(1, 3, 40, 40)
    m = blur.margin
    assert m == 5
    crop = blur(whole.crop(3, 5, 30, 30)).data
    assert torch.equal(crop[..., m:-m, m:-m], blur(whole).data[..., 3 + m : 33 - m, 5 + m : 35 - m])


def test_each_item_may_have_its_own_width():
    f, sigma = scene(2, 3, 16, 16), torch.tensor([0.7, 1.4])
    together = Pipeline([GaussianBlur(1.0, name="blur")])(f, parameters={"blur.sigma": sigma}).data
    for i in range(2):
        alone = gaussian_blur(f.data[i : i + 1], sigma[i], 7)
        assert torch.allclose(together[i : i + 1], alone, atol=1e-6)
    views = Frame(f.data[:, None, None].expand(2, 2, 3, 3, 16, 16), "scene")
    assert torch.equal(Pipeline([GaussianBlur(1.0, name="blur")])(views, parameters={"blur.sigma": sigma}).data[:, 1, 2], together)


def test_gradients_in_light_and_width_are_right():
    f, sigma = scene(1, 1, 5, 6, dtype=torch.float64), torch.tensor([0.9], dtype=torch.float64, requires_grad=True)
    pipeline = Pipeline([GaussianBlur(1.0, name="blur")])
    assert torch.autograd.gradcheck(
        lambda x, s: pipeline(f.replace(x), parameters={"blur.sigma": s}).data, (f.data.requires_grad_(), sigma)
    )


@pytest.mark.parametrize("start", [0.5, 3.0])
def test_the_width_is_found_again_from_afar(start):
    f, blur = scene(1, 1, 32, 32), GaussianBlur(start)
    target = GaussianBlur(1.3)(f).data
    optimiser = torch.optim.Adam(blur.trainable("sigma"), lr=0.05)
    for _ in range(200):
        optimiser.zero_grad()
        (blur(f).data - target).square().mean().backward()
        optimiser.step()
    assert float(blur.sigma.detach()) == pytest.approx(1.3, rel=1e-2)


def test_the_law_of_known_light_is_the_blurred_light():
    blur, f = GaussianBlur(1.0), scene(1, 3, 9, 9, space="photons")
    law = blur.moments(f)
    assert torch.equal(law.mean, blur(f).data)
    assert law.is_certain
    with pytest.raises(LawError, match="neighbours"):
        blur.run_law(Law.certain(f, blur.shot(None, True, None, None)).with_noise(torch.tensor(1.0)))


def test_the_configuration_builds_the_stage_again():
    blur = GaussianBlur(1.7, radius=3, name="lens")
    again = GaussianBlur(**blur.config())
    assert (float(again.sigma), again.radius, again.name, again.margin) == (float(blur.sigma), 3, "lens", 3)


@pytest.mark.parametrize("options", [{"sigma": -1.0}, {"sigma": float("nan")}, {"radius": -1}, {"radius": 1.5}])
def test_bad_numbers_are_refused(options):
    with pytest.raises(CampipeError):
        GaussianBlur(**options)
