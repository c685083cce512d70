"""Measured dark frames as a noise source: their law, their rows, their mean, and the place of every draw."""

import math

import numpy as np
import pytest
import scipy.stats
import torch

from campipe.camera import Camera
from campipe.core.errors import CampipeError
from campipe.core.frame import Capture, Frame
from campipe.core.random import Key
from campipe.io.dng import write_dng
from campipe.sensor import DarkFrames, FrameSensor

SIDE = 96
LEVELS = [[64.3, 63.6], [64.0, 65.7]]


def taken(number=12, *, seed=5, read_noise=2.0, row_noise=0.8, gain=1.0, shape=-0.1, black=LEVELS, dsnu=0.5):
    """Dark frames of a sensor, (number, 1, SIDE, SIDE)."""
    sensor = FrameSensor(
        SIDE, SIDE, "RGGB", read_noise=read_noise, row_noise=row_noise, read_shape=shape, gain=gain, dsnu=dsnu, black_level=black
    )
    frame = sensor.expose(torch.zeros(number, 1, SIDE, SIDE), key=Key(seed))
    return frame.replace(iso=torch.full((number,), 800.0))


def measured(library, black=64.0, gain=1.0, size=SIDE):
    return FrameSensor(size, size, "RGGB", black_level=black, gain=gain, read_noise=50.0, dsnu=9.0).with_dark_frames(library)


def dark(sensor, number=8, key=3, size=SIDE):
    return sensor.expose(torch.zeros(number, 1, size, size), key=Key(key))


def test_without_light_the_codes_have_the_law_of_the_library():
    # Of a library that is level at a whole number, drawn within its codes and rounded again, every code comes back as it was.
    frames = taken(black=64.0)
    out = dark(measured(DarkFrames.of([frames], black=64.0)), 24)
    a, b = (np.bincount(f.data.long().flatten().numpy(), minlength=100) for f in (frames, out))
    used = a + b >= 20
    # The frames that are drawn share their numbers, so the law is told by the mixture of frames and rolls, not pixel by pixel.
    chosen = scipy.stats.chi2_contingency(np.array([a[used], b[used]])).statistic
    assert chosen / (used.sum() - 1) < 4.0
    assert float(out.data.var()) == pytest.approx(float(frames.data.var()), rel=0.02)


def test_a_shot_is_a_frame_of_the_library_rolled_by_whole_tiles():
    frames = taken(3, black=64.0)
    shot = dark(measured(DarkFrames.of([frames], black=64.0)), 1).data[0, 0]
    steps = [(y, x) for y in range(0, SIDE, 2) for x in range(0, SIDE, 2)]
    near = [(f[0], step) for f in frames.data for step in steps if f[0, -step[0], -step[1]] == shot[0, 0]]
    found = [step for f, step in near if torch.equal(shot, torch.roll(f, step, (0, 1)))]
    assert len(found) == 1


def test_the_mean_is_the_black_level_whatever_the_library_s_own():
    # Each position's level is a fraction; what is left of it would darken or lighten every shadow.
    frames = taken(12)
    library = DarkFrames.of([frames])
    drawn = dark(measured(library), 100).data
    for i in range(2):
        for j in range(2):
            plane = drawn[:, :, i::2, j::2].double()
            own = frames.data[:, :, i::2, j::2].double()
            # Shots repeat the library's frames: of 12 frames drawn 100 times, the mean scatters by the frames' own means.
            scatter = float(own.mean((1, 2, 3)).std()) / math.sqrt(100) + 0.5 / math.sqrt(plane.numel())
            assert abs(float(plane.mean()) - 64.0) < 5 * scatter, (i, j)


@pytest.mark.parametrize("sigma", [0.6, 1.0, 4.0])
def test_the_signal_behind_the_draw_has_the_noise_before_rounding(sigma):
    # Between two codes there is no rounding yet: its 1/12 DN^2 is gone from the library, and the converter adds it once.
    frames = taken(8, read_noise=sigma, row_noise=0.0, shape=None, black=64.3, dsnu=0.0)
    library = DarkFrames.of([frames], roll=False)
    drawn = library.draw(Frame(torch.zeros(64, 1, SIDE, SIDE), "analog"), Key(1)).double()
    variance = float(frames.data.double().var())
    assert float(drawn.var()) == pytest.approx(library.variance, abs=5 * variance * math.sqrt(2 / frames.data.numel()))
    assert library.variance == pytest.approx(sigma**2, abs=0.02 + 5 * variance * math.sqrt(2 / frames.data.numel()))


def test_light_is_rounded_once():
    sigma, gain = 1.0, 0.1
    library = DarkFrames.of([taken(16, read_noise=sigma, row_noise=0.0, shape=None, black=64.0)])
    sensor = measured(library, gain=gain)
    light = sensor.expose(torch.full((32, 1, SIDE, SIDE), 40.0 / 0.6), key=Key(2)).data.double()
    expected = gain**2 * 40 + library.variance + 1 / 12
    assert float(light.var()) == pytest.approx(expected, rel=5 * math.sqrt(2 / light.numel()) + 0.01)
    # A second rounding would stand out.
    assert 1 / 12 / expected > 2 * (5 * math.sqrt(2 / light.numel()) + 0.01)


def test_rows_stay_rows():
    frames = taken(12, row_noise=3.0, black=64.0)
    drawn = dark(measured(DarkFrames.of([frames])), 60).data.double()
    rows = [float(f.mean(-1).var()) for f in (frames.data.double(), drawn)]
    assert rows[1] == pytest.approx(rows[0], rel=0.1)


def test_a_crop_has_the_noise_of_its_place_and_an_item_that_of_its_number():
    sensor = measured(DarkFrames.of([taken(6)]), size=192)
    light = torch.zeros(2, 1, 192, 192)
    whole = sensor.expose(light, key=Key(4)).data
    part = sensor.expose(light[:, :, 30:90, 50:], key=Key(4), origin=(30, 50)).data
    assert torch.equal(part, whole[:, :, 30:90, 50:])
    alone = sensor.expose(light[:1], key=Key(4).items([1])).data
    assert torch.equal(alone[0], whole[1])
    assert torch.equal(sensor.expose(light, key=Key(4)).data, whole)
    assert not torch.equal(sensor.expose(light, key=Key(5)).data, whole)


def test_frames_that_stay_keep_the_fixed_pattern():
    sensor = FrameSensor(SIDE, SIDE, "RGGB", read_noise=0.5, gain=1.0, dsnu=6.0, black_level=64)
    frames = sensor.expose(torch.zeros(6, 1, SIDE, SIDE), key=Key(1)).replace(iso=torch.full((6,), 100.0))
    pattern = frames.data.mean(0).flatten()
    for roll, least, most in ((False, 0.95, 1.0), (True, -0.1, 0.1)):
        shots = dark(measured(DarkFrames.of([frames], roll=roll))).data
        agreement = float(torch.corrcoef(torch.stack([pattern, shots[3].flatten()]))[0, 1])
        assert least < agreement <= most


def test_the_ideal_leaves_it_out_and_light_keeps_its_gradient():
    sensor = measured(DarkFrames.of([taken(4)]))
    assert float(sensor.expose(torch.zeros(1, 1, SIDE, SIDE), noise=False).data.std()) == 0
    photons = torch.full((1, 1, SIDE, SIDE), 100.0, requires_grad=True)
    sensor.expose(photons, key=Key(0)).data.sum().backward()
    assert float(photons.grad.mean()) == pytest.approx(0.6, rel=0.02)


def test_the_capture_says_how_much_noise_there_is():
    library = DarkFrames.of([taken(8)])
    shot = dark(measured(library))
    span = shot.capture.white_level - shot.capture.black_level
    assert torch.allclose(shot.capture.noise[:, 1] * span**2, torch.tensor(library.variance + 1 / 12).float(), rtol=1e-4)
    assert float(shot.data.var()) == pytest.approx(library.variance + 1 / 12, rel=0.05)


@pytest.fixture(scope="module")
def camera():
    plain = Camera.load("sony-a7s2")
    return plain, plain.with_dark_frames(DarkFrames.of([taken(4, black=512.0)]))


def scene():
    return Frame(torch.full((2, 3, 64, 64), 0.2), "scene")


def test_a_camera_photographs_with_them_at_their_iso(camera):
    plain, changed = camera
    shot = changed.capture(scene(), key=Key(1))
    assert shot.capture.iso.tolist() == [800.0, 800.0]
    assert torch.equal(shot.data, changed.capture(scene(), iso=800, key=Key(1)).data)
    # The ideal is that of the camera as it was, which is left as it was.
    same = plain.capture(scene(), iso=800, noise=False).data
    assert torch.equal(changed.capture(scene(), noise=False).data, same)
    assert plain.dark_frames is None and not torch.equal(plain.capture(scene(), iso=800, key=Key(1)).data, shot.data)
    black = Frame(torch.zeros(1, 3, 64, 64), "scene")
    assert float(changed.capture(black, key=Key(1)).data.var()) == pytest.approx(changed.dark_frames.variance + 1 / 12, rel=0.15)


def test_a_folder_of_raw_files_serves_as_well(camera, tmp_path):
    frames = taken(2, black=512.0)
    for i in range(2):
        write_dng(tmp_path / f"{i}.dng", frames.item(i))
    read = camera[0].with_dark_frames(tmp_path).capture(scene(), key=Key(1))
    assert torch.equal(read.data, camera[0].with_dark_frames(DarkFrames.of([frames])).capture(scene(), key=Key(1)).data)


def test_another_iso_is_refused(camera):
    with pytest.raises(CampipeError, match="noise of ISO 800, where they were taken, but ISO 400 was asked for; give iso=800"):
        camera[1].capture(scene(), iso=400, key=Key(1))
    with pytest.raises(CampipeError, match="ISO 400"):
        camera[1].capture(scene(), iso=torch.tensor([800.0, 400.0]), key=Key(1))
    with pytest.raises(CampipeError, match="ISO 400"):
        camera[1].at(400)


def test_frames_that_do_not_fit_are_refused(camera, tmp_path):
    with pytest.raises(CampipeError, match="share ISO, size and pattern"):
        DarkFrames.of([taken(1), taken(1).replace(iso=torch.tensor([100.0]))])
    with pytest.raises(CampipeError, match="a capture has none"):
        DarkFrames.of([Frame(torch.zeros(1, 1, 8, 8), "dn", Capture(pattern="RGGB"))])
    with pytest.raises(CampipeError, match="fractions came"):
        DarkFrames(torch.full((1, 8, 8), 0.5), 100)
    with pytest.raises(CampipeError, match="pattern of their sensor, RGGB, but BGGR came"):
        measured(DarkFrames(torch.zeros(1, 8, 8), 100, "BGGR"))
    with pytest.raises(CampipeError, match="but there is none in"):
        camera[0].with_dark_frames(tmp_path)
    with pytest.raises(CampipeError, match="but the dark frames were taken at ISO 7"):
        camera[0].with_dark_frames(DarkFrames(torch.zeros(1, 8, 8), 7, "RGGB"))
    with pytest.raises(CampipeError, match="closed form"):
        camera[1].moments(scene())
