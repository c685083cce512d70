"""Camera profiles: read strictly, interpolated as stated, and equal to the figures that their sources publish."""

from __future__ import annotations

import inspect
import json
import math
import subprocess
import sys
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from campipe.core.errors import ProfileError
from campipe.core.profile import load_profile, profile_names
from campipe.core.provenance import cameras_text

NAMES = profile_names()
COLOUR = [name for name in NAMES if load_profile(name).pattern]


def published(shared: Path) -> dict[str, Any]:
    return json.loads((shared / "calibration" / "paper_calibrations.json").read_text())


def tuning(shared: Path, sensor: str) -> dict[str, Any]:
    file = json.loads((shared / "calibration" / "libcamera_vc4" / f"{sensor}.json").read_text())
    return {name: value for algorithm in file["algorithms"] for name, value in algorithm.items()}


# Reading.


def test_the_promised_cameras_ship():
    assert {"sony-a7s2", "nikon-d850", "canon-5d4", "rpi-imx477", "rpi-imx219"} <= set(NAMES)


@pytest.mark.parametrize("name", NAMES)
def test_a_profile_is_the_same_by_name_and_by_path(name, repository):
    assert load_profile(name) == load_profile(repository / "data" / "cameras" / f"{name}.toml")


@pytest.mark.parametrize("name", NAMES)
def test_the_numbers_are_what_a_frame_sensor_takes(name):
    from campipe.sensor.frame_sensor import FrameSensor

    profile = load_profile(name)
    at = {key: value for key, value in profile.at_iso(profile.iso_range[0]).items() if key != "mode"}
    assert set(at) <= set(inspect.signature(FrameSensor.__init__).parameters)
    numbers = {key: None if value is None else float(value) for key, value in at.items()}
    for key in ("quantum_efficiency", "dark_current", "doubling", "black_level", "bits"):
        numbers[key] = getattr(profile, key)
    FrameSensor(profile.width, profile.height, profile.pattern, prnu=profile.prnu.pixel, dsnu=profile.dsnu.pixel, **numbers)


@pytest.mark.parametrize(("asked", "near"), [("sony-a7s", "sony-a7s2"), ("Nikon-D850", "nikon-d850"), ("rpi-imx218", "rpi-imx219")])
def test_an_unknown_camera_is_told_the_nearest_ones(asked, near):
    with pytest.raises(ProfileError, match=f"no camera is named '{asked}'; did you mean .*{near}"):
        load_profile(asked)


def test_a_name_like_no_other_is_told_all():
    with pytest.raises(ProfileError, match=", ".join(NAMES)):
        load_profile("xyzzy")


def broken(repository: Path, folder: Path, old: str, new: str) -> Path:
    text = (repository / "data" / "cameras" / "mv-mono-2mp.toml").read_text()
    assert old in text
    path = folder / "own.toml"
    path.write_text(text.replace(old, new, 1))
    return path


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("title = ", "titel = ", "titel is not a key of a profile; did you mean title"),
        ("dark_current = ", "dark_currant = ", "did you mean dark_current"),
        ("full_well = { value", "full_well = { valu", "did you mean value"),
        ("prnu = { value = 0.008", "prnu = { value = 1.5", "sensor.prnu.value: expected less than 1, but 1.5 came"),
        ("bits = { value = 12,", 'bits = { value = "12",', "sensor.bits.value: expected a valid integer, but '12' came"),
        ("bits = { value = 12,", "bits = { value = 20,", "bits is a number from 8 to 16, but 20 came"),
        ('value = 6.5, status = "assumed"', 'value = 6.5, status = "guess"', "read_noise.status: expected 'measured', 'datasheet' or"),
        ('value = 6.5, status = "assumed", ', "value = 6.5, ", "read_noise.status is missing"),
        ('source = "unprocessing"', 'source = "hearsay"', "priors.tone needs a source among assumed, unprocessing, but 'hearsay' came"),
        ("[sources]", '[sources]\nidle = "nobody"', "every source is used by a number, but idle is by none"),
        ("iso = [100, 1600]", "iso = [1600, 100]", "iso must rise, but 100 follows 1600"),
        ("iso = [100, 1600]", "iso = [100, 400, 1600]", "iso and value are equally long, but 3 and 2 came"),
        ("from_iso = 100", "from_iso = 200", "the first mode starts with the gain's table at ISO 100"),
        ('value = "mono"', 'value = "RGBG1"', "a pattern is 4 or 36 letters"),
        ('value = "mono"', 'value = "RGGB"', "a sensor with colour filters needs \\[colour\\]"),
        ("value = [0.125", "value = [0.125 2", "expected TOML"),
        ("value = [0.125", "value = [nan", "expected a finite number"),
        ("value = 6.5,", "value = true,", "expected a valid number, but True came"),
    ],
)
def test_a_broken_profile_is_refused_in_one_line_that_names_file_and_key(old, new, message, repository, tmp_path):
    with pytest.raises(ProfileError, match=message) as caught:
        load_profile(broken(repository, tmp_path, old, new))
    assert str(tmp_path / "own.toml") in str(caught.value) and "\n" not in str(caught.value)


def test_a_missing_file_is_refused_by_its_path(tmp_path):
    with pytest.raises(ProfileError, match=r"cannot read the camera profile .*none\.toml"):
        load_profile(tmp_path / "none.toml")


def test_pydantic_is_loaded_with_the_first_profile_only():
    code = "import sys; import campipe.core.profile as p; p.profile_names(); assert 'pydantic' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)


# Against ISO.


@pytest.mark.parametrize("name", NAMES)
def test_a_batch_of_isos_gives_the_numbers_of_each(name):
    profile = load_profile(name)
    low, high = profile.iso_range
    isos = torch.tensor([low, (low * high) ** 0.5, high])
    batch = profile.at_iso(isos)
    for i, iso in enumerate(isos.tolist()):
        for key, value in profile.at_iso(iso).items():
            assert (value is None and batch[key] is None) or (value.shape == () and torch.equal(batch[key][i], value)), key


@pytest.mark.parametrize("name", NAMES)
def test_gain_goes_through_its_table_and_between_rows_as_a_power_of_iso(name):
    profile, table = load_profile(name), load_profile(name).file.sensor.gain
    assert profile.at_iso(torch.tensor(table.iso))["gain"].tolist() == pytest.approx(table.value, rel=2e-7)
    middles = torch.tensor([math.sqrt(a * b) for a, b in pairwise(table.iso)], dtype=torch.float64)
    expected = [math.sqrt(a * b) for a, b in pairwise(table.value)]
    assert profile.at_iso(middles)["gain"].tolist() == pytest.approx(expected, rel=1e-6)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("factor", [0.99, 1.01, math.nan])
def test_an_iso_outside_the_table_is_refused(name, factor):
    profile = load_profile(name)
    iso = profile.iso_range[0 if factor < 1 else 1] * factor
    with pytest.raises(ProfileError, match=f"{name} is known from .* ISO, but {iso:g} came"):
        profile.at_iso(torch.tensor([profile.iso_range[0], iso], dtype=torch.float64))


@pytest.mark.parametrize("name", NAMES)
def test_the_white_level_is_full_scale_or_full_well_whichever_comes_first(name):
    profile = load_profile(name)
    for iso in profile.file.sensor.gain.iso:
        at = profile.at_iso(iso)
        expected = round(min(2**profile.bits - 1, profile.black_level + float(at["gain"]) * float(at["full_well"])))
        assert float(profile.white_level(iso)) == expected
    assert float(profile.white_level(profile.iso_range[1])) == 2**profile.bits - 1


def test_the_conversion_gain_of_the_a7s2_switches_between_1600_and_2000():
    profile = load_profile("sony-a7s2")
    at = profile.at_iso(torch.tensor([50.0, 1600.0, 1999.0, 2000.0, 25600.0]))
    assert [profile.mode_names[i] for i in at["mode"].tolist()] == ["low", "low", "low", "high", "high"]
    assert at["read_noise"].tolist() == pytest.approx([4.381, 4.381, 4.381, 1.146, 1.146])


# Against the sources.


def test_the_a7s2_has_the_28_steps_of_its_source(shared):
    rows = {int(iso): row for iso, row in published(shared)["PNNP"]["SonyA7S2_per_iso"].items()}
    profile = load_profile("sony-a7s2")
    assert len(rows) == 28 and tuple(sorted(rows)) == profile.file.sensor.gain.iso
    for iso, row in rows.items():
        at = profile.at_iso(iso)
        assert float(at["gain"]) == pytest.approx(row["K"], rel=1e-6)
        assert float(at["read_shape"]) == pytest.approx(row["lam"], abs=1e-5)
        assert float(at["row_noise"] * at["gain"]) == pytest.approx(row["sigR"], rel=1e-4)


@pytest.mark.parametrize(("mode", "pre", "post", "rms"), [("low", 4.381, 0.992, 0.053), ("high", 1.146, 1.619, 0.030)])
def test_two_stages_of_read_noise_are_the_least_squares_fit_to_the_source(mode, pre, post, rms, shared):
    from scipy.optimize import least_squares

    rows = [(int(iso), row) for iso, row in published(shared)["PNNP"]["SonyA7S2_per_iso"].items() if (int(iso) >= 2000) == (mode == "high")]
    gain, sigma = (np.array([row[key] for _, row in rows]) for key in ("K", "sigGs"))
    fit = least_squares(lambda p: 0.5 * np.log((gain * np.exp(p[0])) ** 2 + np.exp(2 * p[1])) - np.log(sigma), [0.0, 0.0])
    assert np.exp(fit.x) == pytest.approx([pre, post], abs=6e-4)
    at = load_profile("sony-a7s2").at_iso(torch.tensor([float(iso) for iso, _ in rows]))
    model = ((at["gain"] * at["read_noise"]) ** 2 + at["post_read_noise"] ** 2).sqrt()
    residual = float((model.log() - torch.tensor(np.log(sigma))).square().mean().sqrt())
    assert residual == pytest.approx(np.sqrt(np.mean(fit.fun**2)), abs=1e-4)
    assert residual == pytest.approx(rms, abs=6e-4)


@pytest.mark.parametrize(("name", "key"), [("nikon-d850", "NikonD850"), ("canon-5d4", "CanonEOS5D4")])
def test_gain_and_noise_lie_on_the_lines_of_eld(name, key, shared):
    source = published(shared)["ELD"]["params"][key]
    assert source["Kmax"] / source["Kmin"] == pytest.approx(64)
    profile = load_profile(name)
    at = profile.at_iso(torch.tensor([100.0, 300.0, 6400.0]))
    assert at["gain"].tolist() == pytest.approx([source["Kmin"], 3 * source["Kmin"], source["Kmax"]], rel=3e-6)
    for entry, line in (("read_noise", "g_scale"), ("row_noise", "R_scale")):
        expected = source["Profile-1"][line]["bias"] + source["Profile-1"][line]["slope"] * at["gain"].log()
        assert (at[entry] * at["gain"]).log().tolist() == pytest.approx(expected.tolist(), abs=1e-4)


def test_another_laboratory_measured_the_gain_of_the_d850_within_two_percent(shared):
    other = published(shared)["SFRN"]["nikon_d850"]
    gains = load_profile("nikon-d850").at_iso(torch.tensor(other["iso"], dtype=torch.float32))["gain"]
    assert gains.tolist() == pytest.approx(other["cshot"], rel=0.02)


@pytest.mark.parametrize(("sensor", "bits", "full_well"), [("imx477", 12, 8025), ("imx219", 10, 4562)])
def test_the_raspberry_pi_cameras_are_those_of_libcamera(sensor, bits, full_well, shared):
    source, profile = tuning(shared, sensor), load_profile(f"rpi-{sensor}")
    black, slope = source["rpi.black_level"]["black_level"], source["rpi.noise"]["reference_slope"]
    at = profile.at_iso(100.0)
    assert profile.black_level == black / 2 ** (16 - bits)
    assert float(at["full_well"]) == pytest.approx((65535 - black) / slope**2, abs=0.1)
    assert float(at["full_well"]) == pytest.approx(full_well, abs=1)
    assert float(at["gain"]) == pytest.approx(slope**2 / 2 ** (16 - bits), rel=1e-5)
    for cct, red, blue in np.array(source["rpi.awb"]["ct_curve"]).reshape(-1, 3):
        assert profile.colour_at(cct)[0].tolist() == pytest.approx([1 / red, 1, 1 / blue], abs=6e-5)
    curve = profile.file.colour.white_balance.cct
    for entry in source["rpi.ccm"]["ccms"]:
        assert curve[0] <= entry["ct"] <= curve[-1]
        assert profile.colour_at(float(entry["ct"]))[1].flatten().tolist() == pytest.approx(entry["ccm"], abs=3e-5)


# Colour.


@pytest.mark.parametrize("name", NAMES)
def test_white_stays_white(name):
    profile = load_profile(name)
    for cct in (profile.priors.cct[0], 4123.0, profile.priors.cct[1]):
        wb, to_srgb, to_xyz = profile.colour_at(cct)
        assert float(wb[1]) == 1 and bool((wb > 0).all())
        assert to_srgb.sum(-1).tolist() == pytest.approx([1, 1, 1], abs=1e-6)
        assert to_xyz.sum(-1).tolist() == pytest.approx([0.96422, 1, 0.82521], abs=1e-5)


@pytest.mark.parametrize("name", NAMES)
def test_both_matrices_say_the_same(name):
    from campipe.ops.colour import cam_to_xyz

    _, to_srgb, to_xyz = load_profile(name).colour_at(torch.tensor([3200.0, 5600.0]))
    assert torch.allclose(cam_to_xyz(to_srgb).float(), to_xyz, atol=1e-6)


@pytest.mark.parametrize("name", COLOUR)
def test_colour_is_linear_in_the_reciprocal_of_the_temperature(name):
    profile = load_profile(name)
    table = profile.file.colour.white_balance
    for i in range(len(table.cct) - 1):
        middle = 2 / (1 / table.cct[i] + 1 / table.cct[i + 1])
        assert float(profile.colour_at(middle)[0][0]) == pytest.approx((table.red[i] + table.red[i + 1]) / 2, rel=1e-6)


@pytest.mark.parametrize("name", COLOUR)
def test_warmer_light_needs_less_red_and_more_blue(name):
    profile = load_profile(name)
    wb, _, _ = profile.colour_at(torch.linspace(*profile.priors.cct, 23))
    assert bool((wb[1:, 0] > wb[:-1, 0]).all()) and bool((wb[1:, 2] < wb[:-1, 2]).all())


@pytest.mark.parametrize("name", COLOUR)
def test_light_outside_the_table_is_refused(name):
    profile = load_profile(name)
    for cct in (500.0, 50000.0, math.nan):
        with pytest.raises(ProfileError, match=f"{name} is known from .* K, but .* came"):
            profile.colour_at(cct)


# The page.


def test_the_page_of_cameras_is_in_step_with_the_profiles(repository):
    page = (repository / "docs" / "cameras.md").read_text()
    expected = cameras_text(load_profile(name) for name in NAMES)
    assert expected in page, "write campipe.core.provenance.cameras_text of all profiles below the line in docs/cameras.md"
