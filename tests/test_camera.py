"""Cameras: photos become light, light becomes raw, raw becomes pictures, and each number is the profile's."""

import pytest
import torch

from campipe.camera import Camera, cameras
from campipe.core.errors import CampipeError, ProfileError, ShapeError, SpaceError
from campipe.core.frame import Capture, Frame
from campipe.core.random import Key
from campipe.developing import develop
from campipe.io.files import read, write
from campipe.testing import assert_moments

KEY = Key(7)


def photo(seed=0, batch=1, side=64):
    return Frame(torch.rand(batch, 3, side, side, generator=torch.Generator().manual_seed(seed)), "display")


@pytest.mark.parametrize("name", cameras())
def test_unprocessing_and_rendering_are_inverse(name):
    camera, given = Camera.load(name), photo()
    if camera.sensor.pattern is None:
        given = given.replace(given.data[:, :1].expand(-1, 3, -1, -1))
    scene = camera.unprocess(given, key=KEY)
    error = (camera.render(scene).data - given.data).square().mean()
    assert -10 * error.log10() > 90


@pytest.mark.parametrize("name", cameras())
def test_a_saved_scene_renders_to_its_photo(name, tmp_path):
    camera, given = Camera.load(name), photo()
    if camera.sensor.pattern is None:
        given = given.replace(given.data[:, :1].expand(-1, 3, -1, -1))
    write(tmp_path / "scene.safetensors", camera.unprocess(given, key=KEY))
    error = (camera.render(read(tmp_path / "scene.safetensors")).data - given.data).square().mean()
    assert -10 * error.log10() > 90


@pytest.mark.parametrize("name", cameras())
def test_a_shot_has_the_moments_that_the_camera_predicts(name):
    """At one pixel of each row of 64 shots, since the pixels of a row share its noise."""
    camera = Camera.load(name, serial=3)
    scene = camera.unprocess(Frame(torch.rand(1, 3, 256, 8, generator=torch.Generator().manual_seed(0)), "display"), key=KEY)
    shot = dict(iso=camera.profile.iso_range[1], ev=-3.0, seconds=1 / 30)
    law = camera.moments(scene, **shot)
    raw = camera.capture(scene.map(lambda t: t.expand(64, *t.shape[1:])).replace(item=torch.arange(64)), key=KEY, **shot)
    assert_moments(raw.data[..., 4], law.mean[..., 4], law.variance[..., 4], false_alarm=1e-6)


@pytest.mark.parametrize("name", cameras())
def test_reference_white_sits_at_the_white_level_when_metered(name):
    camera = Camera.load(name)
    channels = 1 if camera.sensor.pattern is None else 3
    for iso in camera.profile.iso_range:
        raw = camera.capture(Frame(torch.ones(1, channels, 8, 8), "scene"), iso=iso, noise=False)
        shading = raw.data.max() - raw.capture.black_level
        assert float(shading / (raw.capture.white_level - raw.capture.black_level)) == pytest.approx(1.0, rel=2e-3)


def test_one_stop_halves_the_light():
    camera, scene = Camera.load("sony-a7s2"), Frame(torch.full((1, 3, 8, 8), 0.2), "scene")
    bright, dim = (camera.capture(scene, iso=100, ev=ev, noise=False) for ev in (0.0, -1.0))
    black = bright.capture.black_level
    assert torch.allclose((bright.data - black) / 2, dim.data - black, rtol=1e-5, atol=1e-3)


def test_each_item_of_a_batch_may_have_its_own_settings():
    camera = Camera.load("sony-a7s2")
    scene = camera.unprocess(photo(batch=3), key=KEY)
    iso, ev, seconds = torch.tensor([100.0, 1600.0, 25600.0]), torch.tensor([0.0, -2.0, -4.0]), torch.tensor([0.01, 0.1, 1.0])
    together = camera.capture(scene, iso=iso, ev=ev, seconds=seconds, key=KEY)
    for i in range(3):
        alone = camera.capture(scene.item(i), iso=float(iso[i]), ev=float(ev[i]), seconds=float(seconds[i]), key=KEY.items([i]))
        assert torch.equal(alone.data, together.data[i : i + 1])
        for name, value in alone.capture.tensors().items():
            assert torch.equal(value, together.item(i).capture.tensors()[name]), name


def test_the_capture_says_what_the_shot_was():
    camera = Camera.load("sony-a7s2", serial=5)
    raw = camera.capture(camera.unprocess(photo(), key=KEY), iso=1600, ev=-2.0, seconds=0.02, key=KEY)
    c = raw.capture
    assert (c.pattern, c.camera, c.serial.item(), c.iso.item(), round(c.seconds.item(), 6)) == ("RGGB", "sony-a7s2", 5, 1600.0, 0.02)
    assert c.gain.item() == pytest.approx(1.53008, rel=1e-5) and c.black_level.item() == 512 and c.white_level.item() == 16383
    span = c.white_level - c.black_level
    assert c.noise[0, 0].item() == pytest.approx(float(c.gain / span), rel=1e-5)


def test_the_noise_of_the_capture_is_the_noise_of_the_raw():
    """A flat field: variance in units of the white level is S x + O. The fixed offsets bring no photon noise, hence the mean and 1 %."""
    camera = Camera.load("sony-a7s2")
    raw = camera.capture(Frame(torch.full((1, 3, 8, 8), 0.3), "scene"), iso=3200, ev=-1.0, key=KEY)
    law = camera.moments(Frame(torch.full((1, 3, 8, 8), 0.3), "scene"), iso=3200, ev=-1.0)
    span = raw.capture.white_level - raw.capture.black_level
    x = (law.mean - raw.capture.black_level) / span
    slope, offset = raw.capture.noise[0]
    assert float((law.variance / span**2).mean()) == pytest.approx(float((slope * x + offset).mean()), rel=0.01)


def test_the_ideal_raw_has_no_noise_and_develops_to_the_rendered_scene():
    camera = Camera.load("rpi-imx477")
    smooth = Frame(torch.linspace(0.1, 0.5, 64).reshape(1, 1, 1, 64).expand(1, 3, 64, 64).clone(), "display")
    scene = camera.unprocess(smooth, tone=0.3, brightness=1.0, cct=5000.0)
    shot = dict(iso=100, ev=-1.0)
    first, second = (camera.capture(scene, noise=False, key=k, **shot) for k in (None, KEY))
    assert torch.equal(first.data, second.data)
    seen = camera.develop(first, exposure=1.0).data
    # The lens shades by a fraction of a percent in the middle, and the demosaicker is exact on ramps away from the border.
    assert (seen - camera.render(scene).data)[..., 4:-4, 4:-4].abs().max() < 4e-3


def test_developing_needs_nothing_but_the_frame():
    camera = Camera.load("nikon-d850")
    raw = camera.capture(camera.unprocess(photo(), key=KEY), iso=400, ev=-1.0, key=KEY)
    assert torch.equal(camera.develop(raw, exposure=1.0).data, develop(raw, exposure=1.0).data)


def test_a_small_frame_lies_in_the_middle_of_the_sensor_in_phase():
    camera = Camera.load("sony-a7s2")
    raw = camera.capture(Frame(torch.ones(1, 3, 30, 50), "scene"), key=KEY)
    y, x = raw.capture.origin[0].tolist()
    assert abs(y - (2832 - 30) / 2) <= 6 and abs(x - (4240 - 50) / 2) <= 6 and raw.capture.pattern == camera.sensor.pattern


def test_what_a_camera_cannot_do_is_said():
    camera = Camera.load("sony-a7s2")
    scene = camera.unprocess(photo())
    with pytest.raises(ProfileError, match="50 to 25600 ISO, but 10 came"):
        camera.capture(scene, iso=10, key=KEY)
    with pytest.raises(SpaceError, match="'scene'"):
        camera.capture(photo(), key=KEY)
    with pytest.raises(SpaceError, match="'dn'"):
        camera.develop(scene)
    with pytest.raises(CampipeError, match="absolute units"):
        camera.capture(scene.replace(absolute=True), key=KEY)
    with pytest.raises(ProfileError, match="sony-a7s2"):
        Camera.load("sony-a7s3")
    with pytest.raises(ShapeError, match="does not fit"):
        camera.capture(Frame(torch.ones(1, 3, 8, 5000), "scene"), key=KEY)
    with pytest.raises(ShapeError, match=r"in sensor: a frame of .* does not fit"):
        camera.moments(Frame(torch.ones(1, 3, 8, 5000), "scene"))


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"iso": torch.full((3,), 100.0)}, r"iso is a number, or one per item, \(2,\), but the shape \(3,\)"),
        ({"iso": "fast"}, "iso is a number.*'fast'"),
        ({"ev": float("nan")}, "ev is finite"),
        ({"ev": torch.zeros(2, 1)}, "one per item"),
        ({"seconds": float("nan")}, "seconds is finite"),
        ({"seconds": -1.0}, "not negative, but .*-1.0"),
    ],
)
def test_settings_that_cannot_be_are_refused(settings, said):
    camera, scene = Camera.load("sony-a7s2"), Frame(torch.ones(2, 3, 8, 8), "scene")
    for shoot in (lambda: camera.capture(scene, key=KEY, **settings), lambda: camera.moments(scene, **settings)):
        with pytest.raises(CampipeError, match=said) as caught:
            shoot()
        assert "\n" not in str(caught.value)


def test_developing_takes_stops_and_frames_only():
    camera = Camera.load("sony-a7s2")
    raw = camera.capture(Frame(torch.ones(2, 3, 8, 8), "scene"), key=KEY)
    assert torch.equal(camera.develop(raw, exposure=torch.tensor([0.0, -1.0])).data[1], camera.develop(raw, exposure=-1.0).data[1])
    with pytest.raises(CampipeError, match="exposure is finite"):
        camera.develop(raw, exposure=float("nan"))
    for call in (camera.unprocess, camera.capture, camera.develop):
        with pytest.raises(SpaceError, match=r"a Frame in .* but Tensor came"):
            call(raw.data)


def test_gradients_reach_the_photo_through_the_whole_camera():
    camera = Camera.load("sony-a7s2")
    data = photo().data.requires_grad_()
    raw = camera.capture(camera.unprocess(Frame(data, "display"), key=KEY), iso=1600, ev=-2.0, key=KEY)
    camera.develop(raw, exposure=2.0).data.mean().backward()
    assert torch.isfinite(data.grad).all() and (data.grad != 0).float().mean() > 0.9


def test_absent_capture_entries_fall_back_to_the_profiles_daylight():
    camera = Camera.load("sony-a7s2")
    raw = camera.capture(Frame(torch.ones(1, 3, 8, 8), "scene", Capture()), key=KEY)
    assert raw.capture.wb.shape == (1, 3) and raw.capture.cam_to_srgb.sum(-1).allclose(torch.ones(1, 3))
