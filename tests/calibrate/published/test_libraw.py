"""LibRaw's matrices: one camera of many, and what a matrix says of other lights."""

from __future__ import annotations

import json

import numpy as np
import pytest

from campipe.calibrate.published.contents import profile_from
from campipe.calibrate.published.illuminants import white_xyz
from campipe.calibrate.published.libraw import daylight_balance, import_libraw, read_libraw
from campipe.core.errors import CampipeError
from campipe.core.profile import load_profile
from campipe.ops.colour import D65, SRGB_TO_XYZ

# XYZ to a camera that sees as sRGB does, but for its sensitivities.
SRGB_CAMERA = np.diag([0.5, 1.0, 0.8]) @ np.linalg.inv(SRGB_TO_XYZ.numpy())


def test_a_camera_that_sees_as_srgb_does_has_the_identity_and_its_own_balance():
    file = profile_from(import_libraw("Acme A", SRGB_CAMERA))
    assert np.array(file.colour.cam_to_srgb.value[0]).reshape(3, 3) == pytest.approx(np.eye(3), abs=1e-5)
    at = file.colour.white_balance.cct.index(6504)
    assert (file.colour.white_balance.red[at], file.colour.white_balance.blue[at]) == pytest.approx((2.0, 1.25), rel=2e-3)


def test_whites_are_those_of_the_standard():
    assert white_xyz(6504) == pytest.approx(D65.numpy(), abs=2e-3)
    x, y, z = white_xyz(2856)
    assert (x / (x + y + z), y / (x + y + z)) == pytest.approx((0.4476, 0.4074), abs=6e-4)


def test_warmer_light_needs_less_red_and_more_blue(shared):
    table = profile_from(import_libraw(*read_libraw(shared / "calibration" / "libraw_color_matrices.json", "D850"))).colour.white_balance
    assert list(table.red) == sorted(table.red) and list(table.blue) == sorted(table.blue, reverse=True)


@pytest.mark.parametrize(("model", "shipped"), [("D850", "nikon-d850"), ("ILCE-7S", "sony-a7s2"), ("EOS 5D Mark IV", "canon-5d4")])
def test_daylight_balance_is_within_8_percent_of_the_spectra(model, shipped, shared):
    found = daylight_balance(read_libraw(shared / "calibration" / "libraw_color_matrices.json", model)[1])
    assert load_profile(shipped).colour_at(6504.0)[0].tolist() == pytest.approx(found.tolist(), rel=0.08)


@pytest.mark.parametrize(
    ("matrix", "message"),
    [
        (SRGB_CAMERA * 10000, "divide by 10000"),
        (np.zeros((3, 3)), "the matrix is empty"),
        (-SRGB_CAMERA, "not its inverse"),
    ],
)
def test_other_matrices_are_refused(matrix, message):
    with pytest.raises(CampipeError, match=f"Acme A: .*{message}"):
        import_libraw("Acme A", matrix)


def test_four_colours_and_unknown_cameras_are_refused(tmp_path):
    path = tmp_path / "own.json"
    path.write_text(json.dumps([{"maker": "Acme", "model": "A", "cam_xyz": [1] * 12}, {"maker": "Acme", "model": "B", "cam_xyz": [1] * 9}]))
    with pytest.raises(CampipeError, match="sensors of four colours have no profile"):
        read_libraw(path, "A")
    with pytest.raises(CampipeError, match="holds 2 cameras"):
        read_libraw(path, "C")
    path.write_text("{}")
    with pytest.raises(CampipeError, match="expected a list of maker, model and cam_xyz"):
        read_libraw(path)
