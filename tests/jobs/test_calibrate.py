"""A folder of raw files becomes a profile that simulates the same camera, and a page that stands alone."""

from __future__ import annotations

import json
import re
import shutil

import numpy as np
import pytest
import torch

import campipe as cp
from campipe.calibrate.chart_colours import chart_linear
from campipe.core.errors import CampipeError, RawFileError, RecipeError
from campipe.core.profile import load_profile
from campipe.jobs.calibrate import as_json, calibrate
from campipe.jobs.calibration_files import find_files
from campipe.jobs.calibration_manifest import MANIFEST

HEIGHT, WIDTH = 168, 240
TRUTH = {"gain": 0.2, "read_noise": 4.0, "row_noise": 0.8, "dark_current": 20.0, "black_level": 100.0, "prnu": 0.01, "dsnu": 2.0}
SENSOR = cp.sensor.FrameSensor(WIDTH, HEIGHT, "RGGB", serial=2, full_well=18000, bits=12, **TRUTH)
LEVELS = (150.0, 600.0, 2000.0, 4000.0, 7000.0, 10000.0, 14000.0, 18000.0, 22000.0, 27000.0, 60000.0)
GAINS = (2.0, 1.5)  # of red and blue, under the chart's light
FILTERS = torch.tensor([[0.7, 0.25, 0.05], [0.15, 0.7, 0.15], [0.05, 0.25, 0.7]])  # linear sRGB to balanced camera RGB


def even(level):
    """Grey light through the filters: green is brightest."""
    return level * torch.tensor([0.6, 1.0, 0.7]).reshape(1, 3, 1, 1).expand(1, 3, HEIGHT, WIDTH)


def chart():
    colours = torch.cat([chart_linear(), torch.zeros(1, 3, dtype=torch.float64)]).float() @ FILTERS.T
    y, x = torch.arange(HEIGHT)[:, None], torch.arange(WIDTH)
    row, column = (y - 16) // 34, (x - 12) // 36
    inside = (row >= 0) & (row < 4) & (column >= 0) & (column < 6) & ((y - 16) % 34 < 28) & ((x - 12) % 36 < 30)
    picture = colours[torch.where(inside, row * 6 + column, 24)].permute(2, 0, 1)
    return 20000 * (picture / torch.tensor([GAINS[0], 1.0, GAINS[1]])[:, None, None])[None]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Files whose names say nothing, as a camera writes them."""
    out = tmp_path_factory.mktemp("frames")
    shots = [(torch.zeros(1, 3, HEIGHT, WIDTH), 0.001)] * 8
    shots += [(even(level), 1e-6 * level) for level in LEVELS for _ in range(2)]
    shots += [(torch.zeros(1, 3, HEIGHT, WIDTH), seconds) for seconds in (1.0, 3.0, 6.0) for _ in range(4)]
    shots += [(torch.zeros(1, 3, HEIGHT, WIDTH), 0.02)] * 20 + [(even(14000.0), 0.02)] * 10
    shots += [(chart(), 0.03)]
    for number, (light, seconds) in enumerate(shots):
        frame = SENSOR.expose(light, seconds=seconds, key=cp.Key(4).fold(number))
        cp.write(out / f"IMG_{number:04d}.dng", frame.replace(iso=torch.tensor([100.0]), camera="Toy T1"))
    return out


@pytest.fixture(scope="module")
def done(folder, tmp_path_factory):
    out = tmp_path_factory.mktemp("made")
    ticks = []
    found = calibrate(folder, out / "toy.toml", report=out / "toy.html", progress=lambda *tick: ticks.append(tick))
    assert ticks and all(0 <= tick[0] <= tick[1] for tick in ticks)
    return found


def test_files_are_sorted_by_what_they_show(folder):
    kinds = [shot.kind for shot in find_files(folder).shots]
    assert kinds == ["dark"] * 8 + ["flat"] * 22 + ["dark"] * 12 + ["dark"] * 20 + ["flat"] * 10 + ["chart"]


@pytest.mark.parametrize("number", ["dark_current", "black_level"])
def test_numbers_come_back(done, number):
    written = getattr(done.profile.sensor, number)
    assert written.status == "measured" and abs(written.value - TRUTH[number]) < max(4 * written.error, 0.02 * TRUTH[number])


def test_gain_and_noise_come_back(done):
    step = done.calibration.steps[0]
    wanted = {"gain": (step.gain, 0.01), "read_noise": (step.electrons("pixel"), 0.03), "row_noise": (step.electrons("row"), 0.05)}
    for name, (found, part) in wanted.items():
        assert abs(found.value - TRUTH[name]) < max(4 * found.error, part * TRUTH[name])
    for found, name in ((done.calibration.patterns.dsnu, "dsnu"), (done.calibration.patterns.prnu, "prnu")):
        for pattern in found.values():
            assert abs(pattern.pixel.value - TRUTH[name]) < max(4 * pattern.pixel.error, 0.05 * TRUTH[name])


def test_the_chart_gives_white_balance_and_matrix(done):
    (seen,) = done.calibration.charts
    assert seen.colour.red.value == pytest.approx(GAINS[0], rel=0.02) and seen.colour.blue.value == pytest.approx(GAINS[1], rel=0.02)
    assert torch.allclose(seen.colour.matrix, torch.linalg.inv(FILTERS.double()), atol=0.05)
    assert seen.colour.mean_held_out.value < 1.0
    assert any("colour temperature of its light is not known" in words for words in done.complaints)


def test_the_profile_makes_a_camera_with_the_same_noise(done):
    camera = cp.Camera.load(done.files[0])
    assert (camera.sensor.width, camera.sensor.height, camera.sensor.bits) == (WIDTH, HEIGHT, 12)
    made = camera.at(100.0)["sensor"].moments(even(7000.0) / done.profile.sensor.quantum_efficiency.value * 0.6, seconds=0.01)
    true = SENSOR.moments(even(7000.0), seconds=0.01)
    assert float(made.variance.mean() / true.variance.mean()) == pytest.approx(1, abs=0.03)
    assert load_profile(done.files[0]).file == done.profile


def test_the_page_stands_alone_and_shows_everything(done):
    text = done.files[1].read_text()
    assert not re.findall(r'(?:src|href)="(?!data:|#)[^"]+"', text)
    titles = "EMVA 1288, Photon transfer, Linearity, Dark noise, Dark current, Fixed pattern, Colour and lens, The profile, The files"
    for words in titles.split(", "):
        assert f"<h2>{words}</h2>" in text
    assert text.count("<svg") >= 7 and "IMG_0000.dng" in text and "pixels jump between levels" in text


def test_the_json_holds_values_with_errors(done):
    numbers = json.loads(as_json(done))
    gain = numbers["steps"][0]["gain"]
    assert gain["unit"] == "DN/e-" and abs(gain["value"] - 0.2) < 5 * gain["error"]
    assert set(numbers["steps"][0]["planes"]) == {"R", "Gr", "Gb", "B"}


def test_a_chart_alone_gives_colour_gain_and_black_level_with_a_warning(shared, tmp_path, figure):
    shutil.copy(shared / "raw" / "colorchecker_1920x1080_12bit_bggr.raw", tmp_path)
    lines = ("pattern: BGGR", "bits: 12", "width: 1920", "height: 1080", "black_level: 50", "white_level: 4092", "shots: [{cct: 5000}]")
    (tmp_path / MANIFEST).write_text("\n".join(lines))
    found = calibrate(tmp_path, tmp_path / "a.toml", report=tmp_path / "a.html")
    gain, black = found.profile.sensor.gain.value[0], found.profile.sensor.black_level
    figure("a real chart alone: gain, DN/e-", gain, "0.73 to 0.90")
    assert 0.73 < gain < 0.90 and black.status == "measured" and 20 < black.value < 90
    assert any("take pairs of flats" in words for words in found.complaints)
    assert "from a chart alone" in (tmp_path / "a.html").read_text()
    assert cp.Camera.load(tmp_path / "a.toml").sensor.pattern == "BGGR"


def test_odd_and_damaged_files_are_named_and_the_rest_is_measured(folder, tmp_path):
    for path in sorted(folder.glob("*.dng"))[:12]:
        shutil.copy(path, tmp_path / path.name)
    cp.write(tmp_path / "small.dng", SENSOR.expose(even(100.0), seconds=0.01, key=cp.Key(1)).crop(0, 0, 96, 96))
    (tmp_path / "broken.dng").write_bytes(b"II*\0 nothing")
    found = find_files(tmp_path)
    assert len(found.shots) == 12
    words = "\n".join(found.problems)
    assert "small.dng: it is 96 x 96 RGGB, but most files are 240 x 168 RGGB" in words and "broken.dng" in words


def test_headerless_files_are_read_as_the_manifest_says(tmp_path):
    mono = cp.sensor.FrameSensor(64, 48, None, gain=0.5, read_noise=4.0, black_level=64)
    for number in range(4):
        frame = mono.expose(torch.zeros(1, 1, 48, 64), key=cp.Key(number)).data[0, 0].numpy().astype("<u2")
        if number % 2:
            frame.tofile(tmp_path / f"dark-{number}.raw")
        else:
            np.save(tmp_path / f"dark-{number}.npy", frame)
    rule = "{files: 'dark*', seconds: 0.01, iso: 200, temperature: 21}"
    (tmp_path / MANIFEST).write_text(f"camera: M\nbits: 12\nwidth: 64\nheight: 48\nshots: [{rule}]")
    found = find_files(tmp_path)
    assert [(s.kind, s.iso, s.seconds, s.temperature) for s in found.shots] == [("dark", 200.0, 0.01, 21.0)] * 4
    assert not found.problems and found.size == (48, 64)


def test_photons_follow_from_irradiance_as_the_standard_says(tmp_path):
    np.save(tmp_path / "flat.npy", np.full((32, 32), 500, np.uint16))
    rule = "{files: '*', kind: flat, seconds: 0.001, irradiance: 0.01, wavelength: 550}"
    (tmp_path / MANIFEST).write_text(f"pixel_pitch: 5\nshots: [{rule}]")
    # EMVA 1288: 50.34 A[um2] t[ms] lambda[um] E[uW/cm2]; 0.01 W/m2 is 1 uW/cm2
    assert find_files(tmp_path).shots[0].photons == pytest.approx(50.34 * 25 * 1 * 0.55 * 1, rel=1e-4)
    (tmp_path / MANIFEST).write_text(f"shots: [{rule}]")
    with pytest.raises(RecipeError, match="no pixel_pitch"):
        find_files(tmp_path)


@pytest.mark.parametrize(
    ("text", "match"),
    [
        ("bitz: 12", "bitz: it is none of camera, pattern, bits"),
        ("shots: [{kind: bias}]", r"shots.0.kind"),
        ("pattern: RGB", "pattern"),
        ("a: [", "cannot be read as YAML"),
    ],
)
def test_a_manifest_with_a_mistake_names_file_and_key(tmp_path, text, match):
    np.save(tmp_path / "a.npy", np.zeros((32, 32), np.uint16))
    (tmp_path / MANIFEST).write_text(text)
    with pytest.raises(RecipeError, match=match) as caught:
        find_files(tmp_path)
    assert MANIFEST in str(caught.value) and "\n" not in str(caught.value)


def test_what_cannot_be_measured_is_refused_and_nothing_is_written(folder, tmp_path):
    with pytest.raises(RawFileError, match="no raw files are in"):
        calibrate(tmp_path, tmp_path / "a.toml")
    with pytest.raises(RawFileError, match=r"is a \.toml file"):
        calibrate(folder, tmp_path / "a.yaml")
    shutil.copy(folder / "IMG_0000.dng", tmp_path / "dark.dng")
    with pytest.raises(CampipeError, match=r"dark\.dng is the only dark"):
        calibrate(tmp_path, tmp_path / "a.toml", report=tmp_path / "a.html")
    assert sorted(p.name for p in tmp_path.iterdir()) == ["dark.dng"]
