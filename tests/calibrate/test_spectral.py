"""White balance and colour matrices from spectral sensitivities, and the profiles whose tables are made that way."""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch

from campipe.calibrate.spectral import TEMPERATURES, colour_matrix, illuminant, read_spectra, table, white_balance
from campipe.core.errors import CampipeError
from campipe.core.profile import load_profile
from campipe.ops.colour import D65, SRGB_TO_XYZ, cam_to_srgb

CAMERAS = {
    "nikon-d850": ("Nikon_D850", "D850"),
    "sony-a7s2": ("Sony_ILCE-7SM2", "ILCE-7S"),
    "canon-5d4": ("Canon_EOS_5D_Mark_IV", "EOS 5D Mark IV"),
}


@pytest.fixture(scope="module")
def spectra(shared):
    """Wavelengths (81,), sensitivities by profile (81, 3), training reflectances (81, 190) and the standard observer (81, 3)."""
    folder = shared / "calibration" / "rawtoaces"
    cameras = {name: read_spectra(folder / "camera" / f"{file}_380_780_5.json") for name, (file, _) in CAMERAS.items()}
    wavelengths = cameras["nikon-d850"][0]
    grids = [read_spectra(folder / path) for path in ("training/training_spectral.json", "cmf/cmf_1931.json")]
    reflectances, observer = (values[np.isin(grid, wavelengths)] for grid, values in grids)
    return wavelengths, {name: values for name, (_, values) in cameras.items()}, reflectances, observer


def made_up() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Wavelengths (61,), smooth reflectances (61, 40), and a made-up observer (61, 3)."""
    wavelengths = np.linspace(400.0, 700.0, 61)
    rng = np.random.default_rng(0)
    reflectances = sum(rng.uniform(0, 0.25, 40) * (1 + np.cos(wavelengths[:, None] * k / 60 + rng.uniform(0, 6, 40))) for k in range(2))
    observer = np.stack([np.exp(-0.5 * ((wavelengths - c) / 35) ** 2) for c in (600, 550, 450)], axis=1)
    return wavelengths, reflectances, observer


def test_a_camera_that_is_a_mixture_of_the_observer_is_recovered_exactly():
    _, reflectances, observer = made_up()
    mix = np.array([[0.8, 0.3, 0.0], [0.2, 0.9, 0.1], [0.0, 0.1, 1.1]])
    # Under a light whose white is that of D65 there is no adaptation, and the matrix is known in closed form.
    light = np.linalg.lstsq(observer.T, D65.numpy(), rcond=None)[0]
    sensitivities = observer @ mix.T
    gains = white_balance(sensitivities, light)
    expected = np.linalg.inv(SRGB_TO_XYZ.numpy()) @ np.linalg.inv(np.diag(gains) @ mix) * (mix @ D65.numpy())[1]
    found = colour_matrix(sensitivities, light, reflectances, observer)
    # White of the matrix sRGB to XYZ, which has seven digits, is that of D65 within 1e-7.
    assert found == pytest.approx(expected, abs=2e-6)


def test_white_stays_white_whatever_the_camera():
    wavelengths, reflectances, observer = made_up()
    sensitivities = np.roll(observer[:, ::-1], 3, axis=0)[:, ::-1] ** 0.7
    gains, matrices = table(sensitivities, wavelengths, reflectances, observer, [2856.0, 6504.0])
    assert gains[:, 1].tolist() == [1, 1]
    assert matrices.sum(-1) == pytest.approx(np.ones((2, 3)), abs=1e-12)


@pytest.mark.parametrize(("cct", "x", "y"), [(2856.0, 0.4476, 0.4074), (6504.0, 0.3127, 0.3290), (5003.0, 0.3457, 0.3585)])
def test_lights_have_the_chromaticities_of_the_standard(cct, x, y, spectra):
    wavelengths, _, _, observer = spectra
    xyz = illuminant(cct, wavelengths) @ observer
    # 5 nm steps and five-digit tables leave up to 3e-4 (CIE 015:2018 prints four digits).
    assert (xyz / xyz.sum())[:2] == pytest.approx([x, y], abs=3e-4)


def test_the_d850_balances_daylight_by_2_311_and_1_182(spectra):
    wavelengths, cameras, _, _ = spectra
    gains = white_balance(cameras["nikon-d850"], illuminant(6504.0, wavelengths))
    assert gains == pytest.approx([2.311, 1, 1.182], abs=1e-3)


@pytest.mark.parametrize("name", CAMERAS)
def test_the_tables_of_the_profiles_are_the_derivation(name, spectra):
    wavelengths, cameras, reflectances, observer = spectra
    gains, matrices = table(cameras[name], wavelengths, reflectances, observer)
    colour = load_profile(name).file.colour
    assert colour.white_balance.cct == TEMPERATURES == colour.cam_to_srgb.cct
    assert np.array([colour.white_balance.red, colour.white_balance.blue]).T == pytest.approx(gains[:, [0, 2]], abs=5.1e-5)
    assert np.array(colour.cam_to_srgb.value) == pytest.approx(matrices.reshape(-1, 9), abs=5.1e-6)


@pytest.mark.parametrize("name", CAMERAS)
def test_daylight_balance_is_within_8_percent_of_adobes_matrix(name, shared):
    rows = json.loads((shared / "calibration" / "libraw_color_matrices.json").read_text())
    row = next(row for row in rows if row["model"] == CAMERAS[name][1])
    white = torch.tensor(row["cam_xyz"], dtype=torch.float64).reshape(3, 3) @ D65
    assert load_profile(name).colour_at(6504.0)[0].tolist() == pytest.approx((white[1] / white).tolist(), rel=0.08)


@pytest.mark.parametrize("name", CAMERAS)
def test_colours_are_nearer_to_the_truth_than_those_of_adobes_matrix(name, spectra, shared):
    wavelengths, cameras, reflectances, observer = spectra
    rows = json.loads((shared / "calibration" / "libraw_color_matrices.json").read_text())
    row = next(row for row in rows if row["model"] == CAMERAS[name][1])
    light = illuminant(6504.0, wavelengths)
    gains = white_balance(cameras[name], light)
    camera = (light[:, None] * reflectances).T @ cameras[name] * gains / (light @ cameras[name])[1]
    truth = (light[:, None] * reflectances).T @ observer / (light @ observer[:, 1]) @ np.linalg.inv(SRGB_TO_XYZ.numpy()).T
    adobe = cam_to_srgb(torch.tensor(row["cam_xyz"], dtype=torch.float64).reshape(3, 3)).numpy()
    ours = load_profile(name).colour_at(6504.0)[1].numpy()
    error, other = (np.sqrt(np.mean((camera @ matrix.T - truth) ** 2)) for matrix in (ours, adobe))
    assert error < other < 0.14


def test_a_file_without_spectra_is_refused_by_name(tmp_path):
    (tmp_path / "own.json").write_text("{}")
    with pytest.raises(CampipeError, match=r"own\.json"):
        read_spectra(tmp_path / "own.json")
