from __future__ import annotations

import numpy as np
import pytest
import torch

from campipe import isp
from campipe.core.errors import CampipeError, LawError
from campipe.core.frame import Capture, Frame
from campipe.core.law import Law
from campipe.ops import illuminants
from campipe.ops import white_balance as ops
from campipe.ops.colour import D65, cam_to_srgb, cam_to_xyz, srgb_decode

XTRANS = "GGRGGBGGBGGRBRGRBGGGBGGRGGRGGBRBGBRG"
PATTERNS = pytest.mark.parametrize("pattern", ["RGGB", "GBRG", XTRANS], ids=["rggb", "gbrg", "xtrans"])
METHODS = pytest.mark.parametrize("method", list(ops.METHODS))
GAINS = torch.tensor([2.1, 1.0, 1.6])
D750 = torch.tensor([[0.9020, -0.2890, -0.0715], [-0.4535, 1.2436, 0.2348], [-0.0934, 0.1919, 0.7086]], dtype=torch.float64)


def colours(pattern: str, height: int, width: int) -> torch.Tensor:
    w = 2 if len(pattern) == 4 else 6
    table = torch.tensor(["RGB".index(c) for c in pattern]).reshape(w, w)
    return table[torch.arange(height)[:, None] % w, torch.arange(width) % w]


def grey_scene(gains: torch.Tensor = GAINS, height: int = 48, width: int = 60, seed: int = 0) -> torch.Tensor:
    """A scene of greys from 0.1 to 0.9 in blocks of 6 x 6, as the camera sees it under a light: (1, 3, H, W)."""
    random = torch.rand(1, 1, height // 6, width // 6, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    grey = (0.1 + 0.8 * random).repeat_interleave(6, -2).repeat_interleave(6, -1)
    return grey / gains.to(grey).reshape(1, 3, 1, 1)


def under(rgb: torch.Tensor, pattern: str) -> torch.Tensor:
    return rgb.gather(1, colours(pattern, *rgb.shape[-2:]).expand(rgb.shape[0], 1, *rgb.shape[-2:]))


@METHODS
@PATTERNS
def test_the_light_of_a_grey_scene_is_found(method, pattern):
    rgb = grey_scene()
    for frame in (Frame(under(rgb, pattern), "mosaic", Capture(pattern=pattern)), Frame(rgb, "camera", Capture(pattern=pattern))):
        out = isp.AutoWhiteBalance(method)(frame)
        assert torch.allclose(out.capture.wb, GAINS.double(), rtol=1e-6)
        balanced = out.data / rgb[:, 1:2]
        assert torch.allclose(balanced, torch.ones_like(balanced), rtol=1e-6)


@pytest.mark.parametrize(("method", "limit"), [("grey_world", 10.5), ("shades_of_grey", 7.0), ("white_patch", 8.2)])
def test_the_light_of_a_colourful_scene_is_found_nearly(method, limit, shared, figure):
    import imageio.v3 as iio

    errors = []
    for path in sorted((shared / "photos_test_kodak24").glob("*.webp")):
        linear = srgb_decode(torch.from_numpy(iio.imread(path)[::4, ::4] / 255.0).permute(2, 0, 1)[None]) * 0.97
        seen = linear / GAINS.double().reshape(1, 3, 1, 1)
        gains = isp.AutoWhiteBalance(method)(Frame(seen, "camera")).capture.wb[0]
        light, found = 1 / GAINS.double(), 1 / gains
        errors.append(float(torch.rad2deg(torch.acos((light @ found) / light.norm() / found.norm()))))
    figure(f"angle between planted and found light, mean of Kodak's 24, {method}, degrees", np.mean(errors), f"<= {limit:g}")
    assert len(errors) == 24 and np.mean(errors) < limit


@METHODS
def test_clipped_places_do_not_count(method):
    rgb = grey_scene()
    blown = rgb.clone()
    blown[..., :12, :12] = 1.0  # white in every channel: a gain of 1
    mosaic = Frame(under(blown, "RGGB"), "mosaic", Capture(pattern="RGGB"))
    assert torch.allclose(isp.AutoWhiteBalance(method)(mosaic).capture.wb, GAINS.double(), rtol=1e-6)


def test_shades_of_grey_is_the_minkowski_mean_and_lies_between_the_others():
    values = torch.rand(1, 3, 500, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    good = torch.ones(1, 500, dtype=torch.bool)
    for p in (1.0, 6.0):
        norms = (values.numpy() ** p).mean(-1) ** (1 / p)
        np.testing.assert_allclose(ops.minkowski(values, good, p).numpy(), norms[:, 1:2] / norms, rtol=1e-12)
    level = np.percentile(values.numpy(), 99, axis=-1, method="nearest")
    np.testing.assert_allclose(ops.white_patch(values, good).numpy(), level[:, 1:2] / level, rtol=1e-12)
    # p goes to the maximum.
    top = values.amax(-1)
    assert torch.allclose(ops.minkowski(values, good, 2000.0), top[:, 1:2] / top, rtol=1e-2)


@METHODS
def test_each_item_has_its_own_light_and_shares_it_over_its_times(method):
    two = torch.cat([grey_scene(), grey_scene(torch.tensor([1.2, 1.0, 2.5]), seed=1)])
    frame = Frame(under(two, "RGGB"), "mosaic", Capture(pattern="RGGB"))
    out = isp.AutoWhiteBalance(method)(frame)
    assert torch.allclose(out.capture.wb[1], torch.tensor([1.2, 1.0, 2.5], dtype=torch.float64), rtol=1e-6)
    times = torch.stack([frame.data, frame.data * 0.5], 1)[:, None]
    assert isp.AutoWhiteBalance(method)(frame.replace(times)).capture.wb.shape == (2, 3)


@METHODS
def test_the_gradient_goes_by_way_of_the_gains_too(method):
    rgb = torch.rand(2, 3, 4, 6, generator=torch.Generator().manual_seed(0), dtype=torch.float64) * 0.8 + 0.1
    for data, space in ((rgb, "camera"), (under(rgb, "RGGB"), "mosaic")):
        frame = Frame(data.clone(), space, Capture(pattern="RGGB"))
        stage = isp.AutoWhiteBalance(method)
        assert torch.autograd.gradcheck(lambda x, f=frame, s=stage: s(f.replace(x)).data, frame.data.requires_grad_())


def test_a_frame_without_colour_stays_and_noise_has_no_law():
    grey = Frame(torch.rand(1, 1, 6, 6), "mosaic")
    assert torch.equal(isp.AutoWhiteBalance()(grey).data, grey.data)
    frame = Frame(under(grey_scene(), "RGGB"), "mosaic", Capture(pattern="RGGB"))
    stage = isp.AutoWhiteBalance()
    assert torch.allclose(stage.moments(frame).mean, stage(frame).data)
    with pytest.raises(LawError, match="noisy"):
        stage.run_law(Law.certain(frame, stage.shot(None, True, None, None)).with_noise(0.1))


@pytest.mark.parametrize("cct", [2500.0, 3200.0, 5000.0, 6504.0, 9000.0])
def test_gains_for_a_temperature_make_its_white_grey(cct):
    import colour

    body = colour.UCS_uv_to_xy(colour.temperature.CCT_to_uv_Krystek1985(cct))
    xy = colour.temperature.CCT_to_xy_CIE_D(cct) if cct >= 4000 else body
    reading = D750 @ torch.from_numpy(colour.xy_to_XYZ(xy))
    out = isp.TemperatureBalance(cct, xyz_to_cam=D750)(Frame(reading.reshape(1, 3, 1, 1) * 0.5, "camera"))
    assert torch.allclose(out.data, out.data[:, 1:2].expand_as(out.data), rtol=1e-5)
    assert torch.allclose(out.capture.wb[0], reading[1] / reading, rtol=1e-5)


def test_tint_moves_across_the_locus():
    tensor = torch.tensor(5000.0, dtype=torch.float64)
    for tint in (-8.0, 8.0):
        eye = torch.eye(3, dtype=torch.float64)
        gains = ops.of_temperature(tensor, torch.tensor(tint), eye)
        xyz = 1 / gains
        moved = illuminants.xy_to_uv(illuminants.xyz_to_xy(xyz)) - illuminants.xy_to_uv(illuminants.daylight_xy(tensor))
        assert float(moved.norm()) == pytest.approx(abs(tint) * 1e-3, rel=1e-9) and float(moved[1]) * tint > 0


def test_the_captures_own_camera_serves_where_none_is_given():
    wb = (1 / (D750 @ D65))[None]
    wb = wb / wb[:, 1:2]
    rendering = cam_to_srgb(D750)[None]
    data = torch.rand(1, 3, 4, 4, dtype=torch.float64)
    given = isp.TemperatureBalance(3200.0, xyz_to_cam=D750)(Frame(data, "camera")).data
    for known in ({"cam_to_srgb": rendering}, {"cam_to_xyz": cam_to_xyz(rendering)}):
        out = isp.TemperatureBalance(3200.0)(Frame(data, "camera", Capture(wb=wb, **known)))
        assert torch.allclose(out.data, given, rtol=1e-4)  # seven digits of sRGB's white
    neutral = isp.TemperatureBalance(6504.0)(Frame(data, "camera", Capture(wb=wb, cam_to_srgb=rendering)))
    assert torch.allclose(neutral.capture.wb, wb, rtol=2e-3)  # D65 of the locus and of sRGB


def test_a_temperature_is_found_by_gradient():
    frame = Frame(torch.rand(1, 3, 4, 4, generator=torch.Generator().manual_seed(0)), "camera")
    target = isp.TemperatureBalance(4500.0, xyz_to_cam=D750)(frame).data
    learner = isp.TemperatureBalance(6000.0, xyz_to_cam=D750, name="balance")
    optimiser = torch.optim.LBFGS(learner.trainable("temperature"), lr=0.5, max_iter=30)

    def loss():
        optimiser.zero_grad()
        value = ((learner(frame).data - target) ** 2).mean()
        value.backward()
        return value

    optimiser.step(loss)
    learner.freeze()
    assert float(learner.temperature) == pytest.approx(4500, rel=0.01)


@pytest.mark.parametrize(
    ("make", "match"),
    [
        (lambda: isp.AutoWhiteBalance("retinex"), "grey_world, shades_of_grey, white_patch"),
        (lambda: isp.AutoWhiteBalance(clip=0), "above 0"),
        (lambda: isp.AutoWhiteBalance()(Frame(torch.ones(1, 3, 4, 4), "camera")), "clipped all over"),
        (lambda: isp.AutoWhiteBalance()(Frame(torch.zeros(1, 3, 4, 4), "camera")), "black all over"),
        (lambda: isp.TemperatureBalance(500.0), "1000 to 25000"),
        (lambda: isp.TemperatureBalance(xyz_to_cam=[1.0]), r"\(3, 3\)"),
        (lambda: isp.TemperatureBalance()(Frame(torch.ones(1, 3, 4, 4), "camera")), "give xyz_to_cam"),
    ],
)
def test_bad_input_is_refused_in_one_line(make, match):
    with pytest.raises(CampipeError, match=match) as caught:
        make()
    assert "\n" not in str(caught.value)
