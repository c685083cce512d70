"""libcamera's tuning files: full wells, levels and colour that follow from them, and files that are none."""

from __future__ import annotations

import json

import numpy as np
import pytest

from campipe.calibrate.published.contents import profile_from
from campipe.calibrate.published.libcamera import import_libcamera, read_libcamera, shading
from campipe.core.errors import CampipeError
from campipe.core.profile import load_profile

EVEN = [1.5, -0.3, -0.2, -0.4, 1.8, -0.4, 0.0, -0.7, 1.7]


def written(folder, tail="", **changes):
    """A made-up file: black 4096, a slope of 2.5."""
    algorithms = {
        "rpi.black_level": {"black_level": 4096},
        "rpi.noise": {"reference_constant": 0, "reference_slope": 2.5},
        "rpi.awb": {"ct_curve": [2800, 0.8, 0.4, 6500, 0.4, 0.7]},
        "rpi.ccm": {"ccms": [{"ct": 4000, "ccm": EVEN}]},
        **changes.pop("algorithms", {}),
    }
    path = folder / "own.json"
    text = json.dumps({"version": 2.0, "target": "bcm2835", "algorithms": [{k: v} for k, v in algorithms.items()], **changes})
    path.write_text(text[: len(text) - len(tail)] + tail if tail else text)
    return path


@pytest.mark.parametrize(
    ("sensor", "full_well"), [("imx477", 8025), ("imx219", 4562), ("imx290", 8654), ("imx708", 9830), ("imx283", 13523), ("ov5647", 3572)]
)
def test_full_wells_are_what_the_noise_slopes_imply(sensor, full_well, shared, figure):
    found = read_libcamera(shared / "calibration" / "libcamera_vc4" / f"{sensor}.json").full_well
    figure(f"full well of the {sensor.upper()} from its tuning file, e-", found, f"= {full_well}")
    assert found == pytest.approx(full_well, abs=0.5)


@pytest.mark.parametrize(("sensor", "bits", "terms"), [("imx477", 12, 2), ("imx219", 10, 3)])
def test_profiles_written_by_hand_have_what_the_importer_finds(sensor, bits, terms, shared):
    tuning = read_libcamera(shared / "calibration" / "libcamera_vc4" / f"{sensor}.json")
    found, known = profile_from(import_libcamera(tuning, bits=bits, terms=terms)), load_profile(f"rpi-{sensor}").file
    assert found.sensor.black_level.value == known.sensor.black_level.value
    assert found.sensor.gain.value[0] == pytest.approx(known.sensor.gain.value[0], rel=2e-6)
    assert found.sensor.mode[0].full_well.value == pytest.approx(known.sensor.mode[0].full_well.value, abs=0.06)
    assert found.colour.white_balance.red == pytest.approx(known.colour.white_balance.red, abs=1.01e-4)
    assert found.colour.white_balance.blue == pytest.approx(known.colour.white_balance.blue, abs=1.01e-4)
    assert np.array(found.colour.cam_to_srgb.value) == pytest.approx(np.array(known.colour.cam_to_srgb.value), abs=1e-9)
    # Written by hand with the pixels' own aspect, the picture's is 4 : 3 here.
    assert found.optics.vignetting.value == pytest.approx(known.optics.vignetting.value, abs=6e-3)


def test_gain_is_the_slope_squared_at_the_sensors_bits(tmp_path):
    """Shot noise of the profile, simulated by its own law, has the slope that the file states."""
    for bits in (10, 12, 14):
        sensor = profile_from(import_libcamera(read_libcamera(written(tmp_path)), bits=bits)).sensor
        signal = 1000.0  # DN of `bits`
        deviation = (sensor.gain.value[0] * signal) ** 0.5
        up = 2.0 ** (16 - bits)
        assert deviation * up / (signal * up) ** 0.5 == pytest.approx(2.5, rel=1e-5)
        assert sensor.black_level.value == 4096 / up


def test_shading_of_a_made_up_lens_is_recovered():
    y, x = ((np.arange(n) + 0.5) / n * 2 - 1 for n in (12, 16))
    r2 = (9 * y[:, None] ** 2 + 16 * x[None] ** 2) / 25
    light = 1 - 0.5 * r2 + 0.1 * r2**2
    found, residual = shading(1 / light)
    # The smallest gain stands for the axis, and the nearest cell lies a little beside it.
    assert found == pytest.approx((-0.5, 0.1), abs=0.02) and residual < 0.002


def test_a_mono_sensor_has_no_colour(tmp_path):
    file = profile_from(import_libcamera(read_libcamera(written(tmp_path)), bits=10, mono=True))
    assert file.colour is None and file.sensor.pattern.value == "mono"


def test_a_comma_too_many_is_passed_over(tmp_path):
    path = written(tmp_path)
    path.write_text(path.read_text()[:-2] + ",]}")
    assert read_libcamera(path).slope == 2.5


def test_a_constant_is_named_and_left_out(tmp_path):
    path = written(tmp_path, algorithms={"rpi.noise": {"reference_constant": 17, "reference_slope": 2.5}})
    assert any("adds 17 DN" in remark for remark in import_libcamera(read_libcamera(path), bits=12).remarks)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"target": "pisp"}, "tuning file for pisp, whose noise slopes are 1.4 times those for vc4"),
        ({"algorithms": {"rpi.noise": {}}}, "was not calibrated"),
        ({"algorithms": {"rpi.black_level": {}}}, "not laid out as a tuning file"),
        ({"algorithms": {"rpi.awb": {"ct_curve": [2800, 0.8]}}}, "not laid out as a tuning file"),
    ],
)
def test_other_files_are_refused_by_name(changes, message, tmp_path):
    with pytest.raises(CampipeError, match=f"own.json.*{message}"):
        read_libcamera(written(tmp_path, **changes))


@pytest.mark.parametrize(
    ("changes", "bits", "message"),
    [
        ({"rpi.black_level": {"black_level": 40000}}, 12, "black level of 2500 DN does not go with 12 bits"),
        ({"rpi.noise": {"reference_constant": 0, "reference_slope": 0.1}}, 12, "which no pixel holds"),
        ({"rpi.noise": {"reference_constant": 0, "reference_slope": 40}}, 12, "which no pixel holds"),
    ],
)
def test_slopes_and_levels_of_another_scale_are_refused(changes, bits, message, tmp_path):
    with pytest.raises(CampipeError, match=message):
        import_libcamera(read_libcamera(written(tmp_path, algorithms=changes)), bits=bits)


def test_no_file_and_no_json_are_refused_by_name(tmp_path):
    with pytest.raises(CampipeError, match=r"cannot read .*none\.json"):
        read_libcamera(tmp_path / "none.json")
    (tmp_path / "x.json").write_text("hello")
    with pytest.raises(CampipeError, match=r"x\.json is no JSON"):
        read_libcamera(tmp_path / "x.json")
