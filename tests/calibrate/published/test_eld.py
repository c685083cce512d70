"""ELD: files that numpy pickled are read without running them, and their lines give the published figures."""

from __future__ import annotations

import dataclasses
import json
import math
import os
import pickle

import numpy as np
import pytest

from campipe.calibrate.published.contents import profile_from
from campipe.calibrate.published.eld import import_eld, read_eld
from campipe.calibrate.published.npy_numbers import read_npy_dictionary
from campipe.core.errors import CampipeError
from campipe.core.profile import load_profile

CAMERAS = ("CanonEOS5D4", "CanonEOS70D", "CanonEOS700D", "NikonD850", "SonyA7S2")
LINE = {"slope": np.float64(0.55), "bias": np.float64(0.8), "sigma": 0.2}


def numbers():
    """A made-up camera, in the types of the published files."""
    return {
        "Kmin": np.float64(0.4),
        "Kmax": 25.6,
        "G_shape": np.array([0.1, 0.12, 0.05, 0.07]),
        "color_bias": [np.array([0.1, 0.2, 0.3, 0.4], dtype=np.float32)],
        "Profile-1": {"g_scale": LINE, "G_scale": {**LINE, "bias": 0.2}, "R_scale": {**LINE, "bias": -1.0}},
    }


def saved(folder, content, **options):
    path = folder / "Acme_params.npy"
    np.save(path, content, **options)
    return path


def test_a_pickled_dictionary_is_read_to_the_numbers_in_it(tmp_path):
    camera = read_eld(saved(tmp_path, numbers()))
    assert camera.name == "Acme" and camera.gains == (0.4, 25.6)
    assert camera.read == (0.55, 0.8, 0.2) and camera.tukey.bias == 0.2 and camera.row.bias == -1.0
    assert camera.shapes == (0.1, 0.12, 0.05, 0.07)
    assert camera.colour_bias[0] == pytest.approx([0.1, 0.2, 0.3, 0.4], rel=1e-7)


@pytest.mark.parametrize("protocol", [2, 3, 4, 5])
def test_every_protocol_of_pickle_is_read(protocol, tmp_path):
    path = saved(tmp_path, numbers())
    head = path.read_bytes()
    start = 10 + int.from_bytes(head[8:10], "little")
    path.write_bytes(head[:start] + pickle.dumps(np.array(numbers(), dtype=object), protocol=protocol))
    assert read_eld(path).gains == (0.4, 25.6)


class Harm:
    def __init__(self, place):
        self.place = place

    def __reduce__(self):
        return os.mkdir, (str(self.place),)


def test_a_file_that_would_run_something_is_refused_and_does_not(tmp_path):
    path = saved(tmp_path, {"Kmin": Harm(tmp_path / "made")}, allow_pickle=True)
    with pytest.raises(CampipeError, match=r"Acme_params\.npy holds more than numbers.*it asks for posix\.mkdir") as caught:
        read_npy_dictionary(path)
    assert not (tmp_path / "made").exists() and "\n" not in str(caught.value)
    np.load(path, allow_pickle=True)
    assert (tmp_path / "made").exists()  # as it would have been


@pytest.mark.parametrize(
    ("content", "message"),
    [(b"", "is none"), (b"PK\x03\x04" + b"0" * 50, "is none"), (b"\x93NUMPY\x01\x00\x02\x00{}\x80\x04garbage", "is broken")],
)
def test_what_is_no_npy_file_is_refused(content, message, tmp_path):
    (tmp_path / "x.npy").write_bytes(content)
    with pytest.raises(CampipeError, match=message):
        read_npy_dictionary(tmp_path / "x.npy")


def test_numbers_alone_are_no_dictionary(tmp_path):
    np.save(tmp_path / "x.npy", np.array({"a": np.array([object()], dtype=object)}, dtype=object), allow_pickle=True)
    with pytest.raises(CampipeError, match="holds more than numbers"):
        read_npy_dictionary(tmp_path / "x.npy")


def test_a_made_up_camera_becomes_a_profile_that_has_its_lines(tmp_path):
    profile = profile_from(import_eld(read_eld(saved(tmp_path, numbers())), black=512))
    gain, noise = profile.sensor.gain, profile.sensor.mode[0].read_noise
    assert gain.iso == (100, 200, 400, 800, 1600, 3200, 6400) and gain.value[-1] == pytest.approx(25.6)
    for k, electrons in zip(gain.value, noise.value, strict=True):
        assert math.log(electrons * k) == pytest.approx(0.55 * math.log(k) + 0.8, abs=1e-5)
    assert profile.sensor.mode[0].read_shape.value == pytest.approx((0.11, 0.06))
    assert profile.sensor.mode[0].full_well.value == pytest.approx((16383 - 512) / 0.4, rel=1e-4)


@pytest.mark.parametrize("name", CAMERAS)
def test_the_five_published_cameras_lie_on_their_lines(name, shared):
    path = shared / "calibration" / "paper_calibrations.json"
    source = json.loads(path.read_text())["ELD"]["params"][name]
    profile = profile_from(import_eld(read_eld(path, name)))
    assert profile.sensor.gain.value[0] == pytest.approx(source["Kmin"], rel=1e-5)
    assert profile.sensor.gain.value[-1] == pytest.approx(source["Kmax"], rel=1e-5)
    for entry, line in (("read_noise", "g_scale"), ("row_noise", "R_scale")):
        numbers = source["Profile-1"][line]
        for k, electrons in zip(profile.sensor.gain.value, getattr(profile.sensor.mode[0], entry).value, strict=True):
            assert math.log(electrons * k) == pytest.approx(numbers["bias"] + numbers["slope"] * math.log(k), abs=1e-4)


@pytest.mark.parametrize(("shipped", "name"), [("nikon-d850", "NikonD850"), ("canon-5d4", "CanonEOS5D4")])
def test_profiles_written_by_hand_have_what_the_importer_finds(shipped, name, shared):
    found = profile_from(import_eld(read_eld(shared / "calibration" / "paper_calibrations.json", name))).sensor
    known = load_profile(shipped).file.sensor
    rows = dict(zip(known.gain.iso, known.gain.value, strict=True))
    assert [rows[iso] for iso in found.gain.iso] == pytest.approx(found.gain.value, rel=5e-6)
    for entry in ("read_noise", "row_noise", "read_shape"):
        one, other = (getattr(sensor.mode[0], entry) for sensor in (found, known))
        assert one.iso == other.iso and one.value == pytest.approx(other.value, abs=1e-5)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"gains": (1 / 0.4, 1 / 25.6)}, "they look like e-/DN"),
        ({"gains": (math.log(0.4), math.log(25.6))}, "gain is above 0 DN/e-, but -0.916"),
        ({"gains": (0.4, 20.0)}, "whole number of stops"),
        ({"read": (1.3, 1.6, 0.2)}, "looks like the line of a variance"),
        ({"read": (0.55, 7.0, 0.2)}, "outside of 0.1 to 80 e-"),
        ({"tukey": (0.55, 0.8, 0.2)}, "1.5 to 3 times its Tukey-lambda scale, but 1 times came"),
        ({"tukey": (0.55, -1.2, 0.2)}, "but 7.39 times came"),
    ],
)
def test_numbers_in_other_units_are_refused(change, message, tmp_path):
    camera = read_eld(saved(tmp_path, numbers()))
    lines = {key: type(camera.read)(*value) if key != "gains" else value for key, value in change.items()}
    with pytest.raises(CampipeError, match=message):
        import_eld(dataclasses.replace(camera, **lines))


def test_another_layout_and_another_camera_are_named(tmp_path, shared):
    with pytest.raises(CampipeError, match="expected Kmin, Kmax"):
        read_eld(saved(tmp_path, {"Kmin": 0.4}))
    with pytest.raises(CampipeError, match=r"choose one, such as .*NikonD850"):
        read_eld(shared / "calibration" / "paper_calibrations.json", "NikonD85")
