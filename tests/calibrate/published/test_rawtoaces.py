"""Spectral sensitivities: three files in any order, and the tables that ship."""

from __future__ import annotations

import json

import numpy as np
import pytest

from campipe.calibrate.published.contents import profile_from
from campipe.calibrate.published.libraw import daylight_balance, read_libraw
from campipe.calibrate.published.rawtoaces import import_rawtoaces, sort_spectra
from campipe.core.errors import CampipeError
from campipe.core.profile import load_profile


def files(shared, camera):
    folder = shared / "calibration" / "rawtoaces"
    return [folder / name for name in ("training/training_spectral.json", "cmf/cmf_1931.json", f"camera/{camera}_380_780_5.json")]


def written(folder, name, columns, values, step=10):
    rows = {str(400 + step * i): list(map(float, row)) for i, row in enumerate(values)}
    path = folder / name
    spectra = {"index": {"main": columns}, "data": {"main": rows}}
    path.write_text(json.dumps({"header": {"manufacturer": "Acme", "model": "A"}, "spectral_data": spectra}))
    return path


def made_up(folder, order=(0, 1, 2), scale=1.0):
    waves = np.arange(400, 701, 10)
    bell = np.stack([np.exp(-0.5 * ((waves - centre) / 40) ** 2) for centre in (600, 540, 460)], 1)
    rng = np.random.default_rng(0)
    surfaces = 0.5 + 0.4 * np.sin(waves[:, None] / rng.uniform(30, 90, 30) + rng.uniform(0, 6, 30))
    return [
        written(folder, "camera.json", list("RGB"), bell[:, order]),
        written(folder, "surfaces.json", [f"s{i}" for i in range(30)], surfaces * scale),
        written(folder, "observer.json", list("XYZ"), bell),
    ]


def test_files_are_told_apart_by_what_is_in_them(tmp_path):
    paths = made_up(tmp_path)
    found = sort_spectra(paths[::-1])
    assert (found["camera"], found["reflectances"], found["observer"]) == tuple(paths)


def test_a_made_up_camera_becomes_colour_of_a_profile(tmp_path):
    file = profile_from(import_rawtoaces(made_up(tmp_path)))
    assert file.title == "Acme A" and file.colour.white_balance.status == "measured" and file.sensor.gain.status == "assumed"


@pytest.mark.parametrize(
    ("name", "camera"), [("nikon-d850", "Nikon_D850"), ("sony-a7s2", "Sony_ILCE-7SM2"), ("canon-5d4", "Canon_EOS_5D_Mark_IV")]
)
def test_the_tables_of_the_shipped_profiles_are_found_again(name, camera, shared):
    found, known = profile_from(import_rawtoaces(files(shared, camera))).colour, load_profile(name).file.colour
    assert found.white_balance.red == known.white_balance.red and found.white_balance.blue == known.white_balance.blue
    assert np.array(found.cam_to_srgb.value) == pytest.approx(np.array(known.cam_to_srgb.value), abs=1.1e-5)


def test_the_d850_balances_daylight_by_2_311_and_1_182_near_to_adobes_matrix(shared, figure):
    table = profile_from(import_rawtoaces(files(shared, "Nikon_D850"))).colour.white_balance
    at = table.cct.index(6504)
    assert (table.red[at], table.blue[at]) == pytest.approx((2.311, 1.182), abs=1e-3)
    adobe = daylight_balance(read_libraw(shared / "calibration" / "libraw_color_matrices.json", "D850")[1])
    apart = max(abs(table.red[at] / adobe[0] - 1), abs(table.blue[at] / adobe[2] - 1))
    figure("D65 balance of the D850 from spectra against Adobe's matrix", apart, "<= 0.08")
    assert apart <= 0.08


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda folder: made_up(folder)[:2], "no observer came"),
        (lambda folder: made_up(folder)[:1] * 2, "both of the kind camera"),
        (lambda folder: made_up(folder, order=(2, 1, 0)), "red lies at longer waves than green and blue"),
        (lambda folder: made_up(folder, scale=100), "it looks like percent"),
        (lambda folder: [*made_up(folder)[:2], written(folder, "observer.json", list("XYZ"), np.ones((20, 3)))], "lacks wavelengths"),
        (lambda folder: [written(folder, "x.json", ["A", "B"], np.ones((3, 2)))], "2 spectra, A, B; a camera has R, G, B"),
    ],
)
def test_other_files_are_refused(change, message, tmp_path):
    with pytest.raises(CampipeError, match=message):
        import_rawtoaces(change(tmp_path))
