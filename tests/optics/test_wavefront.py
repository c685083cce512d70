"""A lens by its wavefront: without aberrations it is limited by diffraction alone, and with them light is neither made nor lost."""

from __future__ import annotations

import math

import pytest
import torch

from campipe.core.errors import CampipeError, LawError, ShapeError
from campipe.core.frame import Frame
from campipe.core.law import Law
from campipe.core.pipeline import Pipeline
from campipe.optics import Wavefront
from campipe.optics.wavefront import defocus_of

POINT = {"pitch": 0.31, "pixels": 225, "samples": 1}  # pixels as fine as the transform: points


def lens(**coefficients: float) -> list[float]:
    """Coefficients by Noll's number: lens(z8=0.1)."""
    out = [0.0] * 12
    for name, value in coefficients.items():
        out[int(name[1:]) - 4] = value
    return out


def scene(*shape: int, dtype: torch.dtype = torch.float32) -> Frame:
    return Frame(torch.rand(*shape, generator=torch.Generator().manual_seed(0), dtype=dtype), "scene")


def test_without_aberrations_it_is_the_airy_pattern():
    """Peak and rings: pi / 4 (dx / (wavelength N))^2 (2 J1(v) / v)^2, v = pi r / (wavelength N)."""
    from scipy.special import j1

    psf = Wavefront(**POINT).psf()[0].double()
    place = (torch.arange(225, dtype=torch.float64) - 112) * 0.31
    radius = torch.hypot(place[:, None], place[None, :])
    for channel, wavelength in enumerate((0.61, 0.53, 0.46)):
        v = (math.pi * radius / (wavelength * 2)).clamp_min(1e-9)
        peak = math.pi / 4 * (0.31 / (wavelength * 2)) ** 2
        airy = peak * (2 * torch.from_numpy(j1(v.numpy())) / v) ** 2
        # The edge of the pupil is drawn softly, a place wide, which makes the sum of squares 1 / (3 places a radius) less than the area.
        places = 225 * 0.31 / (2 * wavelength * 2)
        assert (psf[channel] / (1 + 1 / (3 * places)) - airy).abs().max() < 0.002 * peak
        assert float(psf[channel].flatten().argmax()) == 112 * 225 + 112


def test_its_transfer_function_is_that_of_a_round_pupil():
    """2 / pi (acos v - v sqrt(1 - v^2)), v the frequency by that of the cut-off, 1 / (wavelength N)."""
    psf = Wavefront(**POINT).psf()[0].double()
    frequency = torch.fft.rfftfreq(225, 0.31, dtype=torch.float64)
    for channel, wavelength in enumerate((0.61, 0.53, 0.46)):
        v = (frequency * wavelength * 2).clamp_max(1)
        expected = 2 / math.pi * (torch.acos(v) - v * (1 - v * v).sqrt())
        found = torch.fft.rfft(torch.fft.ifftshift(psf[channel]).sum(0)).abs()
        assert (found - expected).abs().max() < 0.01


@pytest.mark.parametrize("number", [5, 8, 9, 11])
def test_a_small_error_of_the_wavefront_takes_from_the_peak_what_marechal_says(number):
    sharp = Wavefront(lens(), **POINT).psf()[0, :, 112, 112]
    blurred = Wavefront(lens(**{f"z{number}": 0.015}), **POINT).psf()[0, :, 112, 112]
    rms = 2 * math.pi * 0.015 / torch.tensor((0.61, 0.53, 0.46))  # radians
    assert torch.allclose(blurred / sharp, torch.exp(-(rms**2)), atol=2e-3)  # the law holds to the fourth power of 0.2


@pytest.mark.parametrize("coefficients", [{}, {"z8": 0.4, "z9": -0.3}, {"z4": 0.5, "z11": 0.2}])
def test_light_is_kept_and_nowhere_negative(coefficients):
    psf = Wavefront(lens(**coefficients)).psf(defocus=torch.tensor([-1.0, 0.0, 0.7]))
    assert psf.shape == (3, 3, 45, 45) and float(psf.min()) >= 0
    assert torch.allclose(psf.sum((-2, -1)), torch.ones(3, 3), atol=1e-5)


def test_both_sides_of_the_focus_are_alike_and_the_sign_of_an_odd_error_turns_the_image_round():
    perfect, both = Wavefront(), torch.tensor([0.8, -0.8])
    near, far = perfect.psf(defocus=both)
    assert torch.allclose(near, far, atol=1e-7) and torch.allclose(near, near.flip(-1, -2), atol=1e-7)
    coma = Wavefront(lens(z8=0.3, z9=0.2)).psf()
    assert torch.allclose(Wavefront(lens(z8=-0.3, z9=-0.2)).psf(), coma.flip(-1, -2), atol=1e-7)
    assert not torch.allclose(coma, coma.flip(-1, -2), atol=1e-3)
    # The path difference at a place and at the one opposite change roles: with an odd error too, both sides of the focus are the same.
    near, far = Wavefront(lens(z8=0.3, z9=0.2)).psf(defocus=both)
    assert torch.allclose(near, far, atol=1e-7)
    near, far = Wavefront(lens(z8=0.3, z11=0.2)).psf(defocus=both)
    assert not torch.allclose(near, far, atol=1e-3)


def test_far_out_of_focus_the_image_of_a_point_is_the_pupil_as_large_as_rays_make_it():
    """A disc of diameter 8 N W, W the path difference at the edge: half the diameter holds a quarter of the light."""
    psf = Wavefront(pitch=0.5, pixels=225, samples=1, wavelengths=(0.53,)).psf(defocus=torch.tensor(2.5))[0, 0]
    place = (torch.arange(225) - 112) * 0.5
    radius = torch.hypot(place[:, None], place[None, :])
    inside = [float(psf[radius <= share * 4 * 2 * 2.5].sum()) for share in (0.5, 1.1)]
    assert inside[0] == pytest.approx(0.25, abs=0.03) and inside[1] > 0.96


def test_zernikes_defocus_is_defocus():
    """sqrt(3) (2 r^2 - 1) has 2 sqrt(3) more at the edge than in the middle."""
    one = Wavefront(lens(z4=0.2)).psf()
    assert torch.allclose(one, Wavefront(lens()).psf(defocus=torch.tensor(0.2 * 2 * math.sqrt(3))), atol=1e-6)


def test_the_gradient_is_that_of_finite_differences():
    small = Wavefront([0.0] * 7, pixels=9, samples=5)
    coefficients = (0.1 * torch.rand(7, generator=torch.Generator().manual_seed(1), dtype=torch.float64)).requires_grad_()
    defocus = torch.tensor([0.2, -0.3], dtype=torch.float64, requires_grad=True)
    weights = torch.rand(2, 3, 9, 9, generator=torch.Generator().manual_seed(2), dtype=torch.float64)
    assert torch.autograd.gradcheck(lambda c, d: (weights * small.psf(c, d)).sum(), (coefficients, defocus))


def test_the_stage_spreads_a_point_by_its_point_spread_function():
    stage = Wavefront(lens(z8=0.2, z5=0.1), defocus=0.3, pixels=15)
    point = torch.zeros(1, 3, 41, 41)
    point[..., 20, 20] = 1
    out = stage(Frame(point, "photons"))
    assert out.space == "photons"
    assert torch.allclose(out.data[..., 13:28, 13:28], stage.psf(), atol=1e-6)


def test_what_is_constant_stays_and_light_is_kept():
    stage = Wavefront(lens(z8=0.3), defocus=0.6)
    flat = Frame(torch.full((1, 3, 20, 31), 0.7), "scene")
    assert torch.allclose(stage(flat).data, flat.data, atol=1e-5)
    even, f = Wavefront(defocus=0.6), scene(1, 3, 30, 33, dtype=torch.float64)
    assert torch.allclose(even(f).data.sum((-2, -1)), f.data.sum((-2, -1)), rtol=1e-5)


def test_each_item_may_have_its_own_wavefront_and_distance():
    f = scene(2, 3, 24, 25)
    coefficients, defocus = torch.stack([torch.tensor(lens(z8=0.2)), torch.tensor(lens(z11=0.1))]), torch.tensor([0.5, -0.2])
    pipeline = Pipeline([Wavefront(lens(), pixels=15, name="lens")])
    numbers = {"lens.coefficients": coefficients, "lens.defocus": defocus}
    together = pipeline(f, parameters=numbers).data
    for i in range(2):
        alone = Wavefront(coefficients[i].tolist(), float(defocus[i]), pixels=15)(Frame(f.data[i : i + 1], "scene")).data
        assert torch.allclose(together[i : i + 1], alone, atol=1e-5)
    views = Frame(f.data[:, None, None].expand(2, 2, 3, 3, 24, 25), "scene")
    assert torch.allclose(pipeline(views, parameters=numbers).data[:, 1, 2], together, atol=1e-6)


def test_a_crop_is_blurred_as_the_whole_inside_the_margin():
    stage, whole = Wavefront(lens(z8=0.2), pixels=15), scene(1, 3, 60, 60)
    m = stage.margin
    assert m == 7
    crop = stage(whole.crop(3, 5, 40, 40)).data
    assert torch.allclose(crop[..., m:-m, m:-m], stage(whole).data[..., 3 + m : 43 - m, 5 + m : 45 - m], atol=1e-6)


def test_the_law_of_known_light_is_the_blurred_light():
    stage, f = Wavefront(lens(z8=0.2), pixels=9), scene(1, 3, 12, 12)
    law = stage.moments(f)
    assert torch.equal(law.mean, stage(f).data) and law.is_certain
    with pytest.raises(LawError, match="neighbours"):
        stage.run_law(Law.certain(f, stage.shot(None, True, None, None)).with_noise(torch.tensor(1.0)))


def test_the_configuration_builds_the_stage_again():
    stage, f = Wavefront(lens(z8=0.2), 0.4, f_number=2.8, pixels=9, name="lens"), scene(1, 3, 12, 12)
    again = Wavefront(**stage.config())
    assert again.name == "lens" and torch.equal(again(f).data, stage(f).data)


def test_the_distance_says_the_defocus():
    # A lens of 6 mm at f/2, focused at 1.125 m: from 0.5625 m to infinity it is 1 um either way.
    assert defocus_of(3.0, 0.5625, 1.125) == pytest.approx(1.0) and defocus_of(3.0, math.inf, 1.125) == pytest.approx(-1.0)
    assert defocus_of(3.0, 1.125, 1.125) == 0


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"coefficients": 0.1}, "a list of numbers"),
        ({"coefficients": []}, "a list of numbers"),
        ({"f_number": 0.0}, "f_number is above 0"),
        ({"wavelengths": (0.5, -0.1)}, "a wavelength is above 0, but -0.1"),
        ({"pixels": 8}, "pixels .* odd number, but 8"),
        ({"samples": 2.0}, "samples .* odd number, but 2.0"),
        ({"samples": 3}, "3 samples a pixel are too few .*; take 5 or more"),
    ],
)
def test_what_cannot_be_is_refused_in_one_line(options, words):
    with pytest.raises(CampipeError, match=words) as told:
        Wavefront(**options)
    assert len(str(told.value).splitlines()) == 1


def test_every_channel_needs_its_wavelength():
    with pytest.raises(ShapeError, match="3 wavelengths, but 1 channels came"):
        Wavefront()(Frame(torch.ones(1, 1, 9, 9), "scene"))
