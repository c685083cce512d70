"""darktable's noise profiles: brought to the raw domain, where other laboratories found the same gains."""

from __future__ import annotations

import json

import pytest

from campipe.calibrate.published.contents import profile_from
from campipe.calibrate.published.darktable import GREEN, RED_BLUE, DarktableRow, import_darktable, raw_slope, read_darktable
from campipe.core.errors import CampipeError
from campipe.core.profile import load_profile


def written(folder, a=(1e-6, 8e-7, 1.2e-6)):
    rows = [{"name": f"X iso {iso}", "iso": iso, "a": [x * iso / 100 for x in a], "b": [0, 0, 0]} for iso in (100, 200, 1600)]
    path = folder / "noiseprofiles.json"
    models = [{"model": "X1", "profiles": rows}, {"model": "X2", "profiles": rows[:1]}]
    path.write_text(json.dumps({"version": 0, "noiseprofiles": [{"maker": "Acme", "models": models}]}))
    return path


def test_a_made_up_camera_has_the_green_slope_over_the_constant(tmp_path):
    name, rows = read_darktable(written(tmp_path), "x1")
    assert name == "Acme X1" and [row.iso for row in rows] == [100, 200, 1600]
    sensor = profile_from(import_darktable(name, rows, bits=14, black=511)).sensor
    assert sensor.gain.value[0] == pytest.approx(8e-7 / 0.0795 * (16383 - 511), rel=1e-5)
    assert raw_slope((1.0, 1.0, 1.0)) == (1 / RED_BLUE, 1 / GREEN, 1 / RED_BLUE)


@pytest.mark.parametrize(
    ("model", "shipped", "isos", "within"),
    [("ILCE-7S", "sony-a7s2", (100, 200, 400, 800, 1600), 0.05), ("D850", "nikon-d850", (800, 1600, 3200), 0.08)],
)
def test_other_laboratories_gains_are_found(model, shipped, isos, within, shared, figure):
    """PNNP's of the A7S II, of the same family as the A7S; ELD's of the D850."""
    profile = load_profile(shipped)
    name, rows = read_darktable(shared / "calibration" / "darktable_noiseprofiles.json", model)
    found = profile_from(import_darktable(name, rows, bits=profile.bits, black=profile.black_level)).sensor.gain
    gains = dict(zip(found.iso, found.value, strict=True))
    worst = max(abs(gains[iso] / float(profile.at_iso(iso)["gain"]) - 1) for iso in isos)
    figure(f"gain of the {model} from darktable's profile against another laboratory's", worst, f"<= {within}")
    assert worst <= within


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ([DarktableRow(100, (1, 8e-7 / 10000, 1))], "which no pixel holds"),
        ([DarktableRow(100, (1, 0.02, 1))], "which no pixel holds"),
        ([DarktableRow(iso, (1, 1e-3 / iso, 1)) for iso in (100, 1600)], "it looks like e-/DN"),
        ([DarktableRow(100, (0, 0, 0))], "no ISO has a slope above 0"),
    ],
)
def test_slopes_that_no_sensor_has_are_refused(rows, message):
    with pytest.raises(CampipeError, match=message):
        import_darktable("X", rows, bits=14, black=512)


def test_files_of_other_kinds_and_unknown_models_are_refused(tmp_path):
    with pytest.raises(CampipeError, match="holds 2 cameras, but 'X3' is none of them; choose one, such as Acme X1"):
        read_darktable(written(tmp_path), "X3")
    (tmp_path / "x.json").write_text("{}")
    with pytest.raises(CampipeError, match="has no key noiseprofiles"):
        read_darktable(tmp_path / "x.json", "X1")
    (tmp_path / "x.json").write_text(json.dumps({"noiseprofiles": [{"maker": "Acme"}]}))
    with pytest.raises(CampipeError, match="not laid out"):
        read_darktable(tmp_path / "x.json", "X1")
