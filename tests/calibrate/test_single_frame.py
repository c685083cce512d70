from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from campipe.calibrate.frame_history import frame_history
from campipe.calibrate.patches import box_labels, chart_labels
from campipe.calibrate.scene_noise import scene_transfer
from campipe.calibrate.single_frame import patch_transfer
from campipe.core.errors import CampipeError, ShapeError
from campipe.core.frame import Capture, Frame
from campipe.core.random import Key
from campipe.io.raw import read_raw
from campipe.sensor import FrameSensor

# (y, x) of the field of patches in the real frame, found by eye.
CORNERS = ((379, 515), (382, 1361), (927, 1344), (916, 527))
SIDE = 40
LEVELS = torch.linspace(60.0, 3400.0, 24)
LABELS, COUNT = box_labels([(SIDE * (k // 6) + 2, SIDE * (k % 6) + 2, SIDE - 4, SIDE - 4) for k in range(24)], (4 * SIDE, 6 * SIDE))


def chart(gradient: float = 0.3) -> torch.Tensor:
    """Photons of 24 patches, lit unevenly from left to right and by a bowl from top to bottom: (1, 3, 160, 240)."""
    y, x = torch.arange(4 * SIDE) / (4 * SIDE), torch.arange(6 * SIDE) / (6 * SIDE)
    light = (1 - gradient * x) * (1 - gradient * (y[:, None] - 0.5).square())
    levels = LEVELS.reshape(4, 6).repeat_interleave(SIDE, 0).repeat_interleave(SIDE, 1)
    return (levels * light).expand(1, 3, -1, -1).clone()


def shot(key: int, photons: torch.Tensor | None = None, gain: float = 0.8, **numbers: float) -> Frame:
    settings = {"read_noise": 3.0, "black_level": 64.0, "bits": 12, "full_well": 4000.0, **numbers}
    sensor = FrameSensor(6 * SIDE, 4 * SIDE, "RGGB", quantum_efficiency=1.0, gain=gain, serial=key, **settings)
    return sensor(Frame(chart() if photons is None else photons, "photons"), key=Key(key))


def z_scores(repeats: int, **numbers: float) -> torch.Tensor:
    """(repeats, 3): of gain, black level and green ratio, against the truth; all planes of a frame by turns."""
    rows = []
    for key in range(repeats):
        found = patch_transfer(shot(key, **numbers), LABELS, COUNT, dark_variance=(0.8 * 3) ** 2)
        plane, green = found.planes[key % 4], found.green_ratio
        rows.append([(e.value - t) / e.error for e, t in ((plane.gain, 0.8), (plane.black, 64.0), (green, 1.0))])
    return torch.tensor(rows)


@pytest.mark.parametrize("repeats", [24, pytest.param(1000, marks=pytest.mark.slow)])
def test_gain_and_black_level_of_an_unevenly_lit_chart_come_back_within_honest_errors(repeats):
    z = z_scores(repeats)
    # Five standard errors of a mean and of a standard deviation: false alarm 3e-6 for six numbers. Student's law with 21 degrees of
    # freedom, which the stated freedom is, has a standard deviation of 1.05; a wide error on rare scatter takes some of it back.
    assert (z.mean(0).abs() < 5 / math.sqrt(repeats) + 0.1).all(), z.mean(0)
    assert ((z.std(0) - 1).abs() < 5 / math.sqrt(2 * repeats) + 0.05).all(), z.std(0)


def test_a_fixed_pattern_bends_the_line_and_is_taken_away_from_the_bare_gain():
    found = [patch_transfer(shot(k, prnu=0.02), LABELS, COUNT, dark_variance=(0.8 * 3) ** 2) for k in range(4)]
    planes = [p for f in found for p in f.planes]
    seen = [p for p in planes if not p.spread.bound]
    assert len(seen) > len(planes) / 2 and all("bends" in p.gain.note for p in seen) and any("bends" in n for f in found for n in f.notes)
    squares = torch.tensor([p.spread.value**2 for p in seen])
    assert abs(float(squares.mean()) - 4e-4) < 1e-4
    z = torch.tensor([(p.bare_gain.value - 0.8) / p.bare_gain.error for p in planes])
    assert abs(float(z.mean())) < 5 / math.sqrt(len(z)) and abs(float(z.std()) - 1) < 5 / math.sqrt(2 * len(z))
    assert min(p.gain.value for p in planes) > 1.2 * 0.8  # the plain slope is far off, which the note says


def test_a_green_that_answers_less_is_found_without_the_black_level():
    photons = chart()
    photons[:, 1, 1::2] *= 0.985  # Gb of RGGB lies in odd rows
    ratios = [patch_transfer(shot(k, photons, black_level=200.0), LABELS, COUNT).green_ratio for k in range(12)]
    z = torch.tensor([(r.value - 1 / 0.985) / r.error for r in ratios])
    assert abs(float(z.mean())) < 5 / math.sqrt(12) and float(z.std()) < 1 + 5 / math.sqrt(24)
    assert all(r.error < 2e-3 for r in ratios)


def test_clipped_patches_are_left_out():
    found = patch_transfer(shot(0, chart(0.0) * 1.3), LABELS, COUNT)
    full = LEVELS * 1.3 > 4000
    for plane in found.planes:
        assert not bool((plane.used & full).any()) and int(plane.used.sum()) >= int((~full).sum()) - 1
        assert abs(plane.gain.value - 0.8) < 5 * plane.gain.error


def blurred(frame: Frame) -> Frame:
    """Each pixel with a quarter of its neighbours of the same colour in the row: a correlation of 2 * 0.25 / (1 + 2 * 0.25^2) at lag 1."""
    x = frame.data
    return frame.replace((x + 0.25 * (x.roll(2, -1) + x.roll(-2, -1))).div(1.5).round())


def test_a_denoised_frame_is_told_and_gives_no_gain():
    found = patch_transfer(blurred(shot(0)), LABELS, COUNT)
    history = found.history
    assert abs(history.along_rows.value - 0.5 / 1.125) < 5 * history.along_rows.error and abs(history.along_columns.value) < 0.02
    assert history.denoised and not history.sharpened and history.fine.value < 0.9
    assert all(math.isnan(p.gain.value) and "denoised" in p.gain.note for p in found.planes)
    x = shot(1)
    sharp = x.replace((1.6 * x.data - 0.3 * (x.data.roll(2, -1) + x.data.roll(-2, -1))).round())
    assert patch_transfer(sharp, LABELS, COUNT).history.sharpened


def test_an_untouched_frame_is_not_called_denoised():
    histories = [patch_transfer(shot(k), LABELS, COUNT).history for k in range(12)]
    for name, truth in (("along_rows", 0.0), ("along_columns", 0.0), ("fine", 1.0)):
        z = torch.tensor([(getattr(h, name).value - truth) / getattr(h, name).error for h in histories])
        assert abs(float(z.mean())) < 5 / math.sqrt(12) and abs(float(z.std()) - 1) < 5 / math.sqrt(24)
    assert not any(h.denoised or h.sharpened or h.requantised or h.lossy for h in histories)
    assert all(h.step == 1.0 or math.isnan(h.step) for h in histories) and histories[0].sentences == ()


@pytest.mark.parametrize(("step", "name"), [(4.0, "requantised"), (None, "lossy")])
def test_rounded_and_compressed_frames_are_told(step, name):
    frame = shot(0)
    if step:
        spoiled = frame.replace((frame.data / step).round() * step)
    else:  # what a coarse quantisation of an 8 x 8 DCT leaves of fine noise: the mean of each tile of one colour
        x = frame.data.clone()
        for y, left in ((0, 0), (0, 1), (1, 0), (1, 1)):
            plane = x[0, 0, y::2, left::2]
            tiles = torch.nn.functional.avg_pool2d(plane[None, None], 8).repeat_interleave(8, -2).repeat_interleave(8, -1)[0, 0]
            plane[: tiles.shape[0], : tiles.shape[1]] = tiles.round()
        spoiled = frame.replace(x)
    planes = [(spoiled.data[0, 0, y::2, x::2], LABELS[y::2, x::2]) for y in (0, 1) for x in (0, 1)]
    history = frame_history(planes, COUNT)
    assert getattr(history, name) and len(history.sentences) >= 1
    if step:
        assert history.step == step
        found = patch_transfer(spoiled, LABELS, COUNT, dark_variance=(0.8 * 3) ** 2)
        assert all(abs(p.gain.value - 0.8) < 5 * p.gain.error and abs(p.black.value - 64) < 5 * p.black.error for p in found.planes)


def test_a_real_chart_gives_gain_greens_and_an_untouched_spectrum(shared, figure):
    raw = np.fromfile(shared / "raw" / "colorchecker_1920x1080_12bit_bggr.raw", dtype="<u2").reshape(1080, 1920)
    frame = Frame(torch.from_numpy(raw.astype(np.float32))[None, None], "dn", Capture(pattern="BGGR"))
    found = patch_transfer(frame, *chart_labels(CORNERS, (1080, 1920)), white=4092)
    assert [p.name for p in found.planes] == ["B", "Gb", "Gr", "R"]
    gains = [p.gain.value for p in found.planes]
    figure("ColorChecker raw, least gain of four planes, DN/e-", min(gains), ">= 0.73")
    figure("ColorChecker raw, largest gain of four planes, DN/e-", max(gains), "<= 0.90")
    figure("ColorChecker raw, Gr/Gb off 0.988", abs(found.green_ratio.value - 0.988), "<= 0.005")
    history = found.history
    lag = max(abs(history.along_rows.value), abs(history.along_columns.value))
    figure("ColorChecker raw, largest correlation of neighbours of one colour", lag, "< 0.05")
    assert min(gains) >= 0.73 and max(gains) <= 0.90 and abs(found.green_ratio.value - 0.988) <= 0.005
    assert lag < 0.05 and not history.denoised and not history.lossy
    # Its 12-bit numbers are those of 10 bits, times 4.
    assert history.requantised and history.step == 4
    assert all(20 < p.black.value < 90 for p in found.planes)


def test_a_real_textured_frame_gives_no_more_than_a_limit(shared, figure):
    found = scene_transfer(read_raw(shared / "raw" / "nikon_d750_crop_768x512.dng"))
    assert found.gain.bound and math.isnan(found.dark_variance.value) and "texture" in found.gain.note
    figure("D750 crop, upper limit of the gain, DN/e-", found.gain.value, "<= 0.53")
    assert 0.2 < found.gain.value < 0.53


def scene(picture: torch.Tensor, gain: float, key: int) -> Frame:
    height, width = picture.shape[-2:]
    numbers = {"gain": gain, "full_well": 3600 / gain, "read_noise": 2.0, "black_level": 64.0, "bits": 12}
    sensor = FrameSensor(width, height, "RGGB", quantum_efficiency=1.0, **numbers)
    return sensor(Frame(picture * 3400 / gain, "photons"), key=Key(key))


def test_a_scene_that_is_flat_in_steps_gives_its_gain():
    steps = torch.linspace(0.02, 0.95, 8).repeat_interleave(48).expand(1, 3, 256, -1)
    found = [scene_transfer(scene(steps, 1.0, k)) for k in range(3)]
    assert not any(f.gain.bound for f in found)
    for name, truth in (("gain", 1.0), ("dark_variance", 4 + 1 / 12)):
        z = [(getattr(f, name).value - truth) / math.hypot(getattr(f, name).error, 0.02 * truth) for f in found]
        assert max(map(abs, z)) < 5


def test_limits_of_textured_scenes_hold(photos):
    limits = []
    for name, gain in (("coffee", 4.0), ("rocket", 1.0)):
        picture = torch.from_numpy(photos[name].copy()).permute(2, 0, 1)[None].float() / 255
        picture = picture[..., : picture.shape[-2] // 2 * 2, : picture.shape[-1] // 2 * 2] ** 2.2
        limits.append((scene_transfer(scene(picture, gain, 0)).gain, gain))
    assert all(limit.bound and truth < limit.value < 2 * truth for limit, truth in limits)


@pytest.mark.parametrize(
    ("make", "error", "match"),
    [
        (lambda: patch_transfer(shot(0).replace(shot(0).data.repeat(2, 1, 1, 1)), LABELS, COUNT), ShapeError, "one frame"),
        (lambda: patch_transfer(shot(0), LABELS[:-1], COUNT), ShapeError, "each pixel has a patch"),
        (lambda: patch_transfer(shot(0), torch.where(LABELS < 4, LABELS, -1), 4), CampipeError, "5 flat patches"),
        (lambda: patch_transfer(shot(0, torch.full((1, 3, 160, 240), 500.0)), LABELS, COUNT), CampipeError, "alike"),
        (lambda: patch_transfer(shot(0, chart() * 9), LABELS, COUNT), CampipeError, "expose less"),
        (lambda: chart_labels(CORNERS[:3], (9, 9)), ShapeError, "four pairs"),
        (lambda: chart_labels(CORNERS, (9, 9), part=0), CampipeError, "at most 1"),
        (lambda: box_labels([(0, 0, 9, 9), (4, 4, 9, 9)], (20, 20)), CampipeError, "apart"),
        (lambda: box_labels([(15, 0, 9, 9)], (20, 20)), ShapeError, "inside"),
        (lambda: scene_transfer(scene(torch.rand(1, 3, 128, 128), 0.2, 0)), CampipeError, "flat"),
    ],
)
def test_bad_input_is_refused_in_one_line(make, error, match):
    with pytest.raises(error, match=match) as caught:
        make()
    assert "\n" not in str(caught.value)
