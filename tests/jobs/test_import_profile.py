"""Importing: published files become profiles that cameras are built from, and what cannot be is said in one line."""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch

from campipe.camera import Camera
from campipe.core.errors import CampipeError
from campipe.core.frame import Frame
from campipe.core.random import Key
from campipe.io.files import write
from campipe.jobs.import_profile import KINDS, Choices, import_profile

LINE = {"slope": 0.55, "bias": 0.8, "sigma": 0.2}
EVEN = [1.5, -0.3, -0.2, -0.4, 1.8, -0.4, 0.0, -0.7, 1.7]


@pytest.fixture
def eld(tmp_path):
    numbers = {"Kmin": 0.4, "Kmax": 25.6, "G_shape": [0.1, 0.1], "color_bias": [], "Profile-1": {"g_scale": LINE, "R_scale": LINE}}
    numbers["Profile-1"] |= {"G_scale": {**LINE, "bias": 0.2}, "R_scale": {**LINE, "bias": -1.0}}
    np.save(tmp_path / "acme.npy", numbers)
    return tmp_path / "acme.npy"


@pytest.fixture
def tuning(tmp_path):
    algorithms = [
        {"rpi.black_level": {"black_level": 4096}},
        {"rpi.noise": {"reference_constant": 0, "reference_slope": 2.5}},
        {"rpi.awb": {"ct_curve": [2800, 0.8, 0.4, 6500, 0.4, 0.7]}},
        {"rpi.ccm": {"ccms": [{"ct": 4000, "ccm": EVEN}]}},
    ]
    (tmp_path / "own.json").write_text(json.dumps({"target": "bcm2835", "algorithms": algorithms}))
    return tmp_path / "own.json"


def test_an_imported_camera_photographs(eld, tmp_path):
    done = import_profile("eld", [eld], tmp_path / "camera.toml", title="Acme A", choices=Choices(black=256, iso=200))
    assert done.profile.title == "Acme A" and done.profile.iso_range == (200, 12800) and done.profile.black_level == 256
    assert sum(done.counts.values()) > 20 and any("ISO 200 is assumed" in remark for remark in done.remarks)
    camera = Camera.load(tmp_path / "camera.toml")
    raw = camera.capture(Frame(torch.full((1, 3, 16, 16), 0.2), "scene"), iso=400, key=Key(1))
    assert float(raw.capture.gain) == pytest.approx(0.8)


def test_noise_of_one_file_and_colour_of_another_come_together(eld, tuning, tmp_path):
    import_profile("libcamera", [tuning], tmp_path / "a.toml", choices=Choices(bits=12))
    done = import_profile("eld", [eld], tmp_path / "b.toml", onto=tmp_path / "a.toml", title="Both")
    sensor, colour = done.profile.file.sensor, done.profile.file.colour
    assert sensor.gain.source == "eld" and sensor.bits.value == 14
    assert colour.white_balance.source == "libcamera" and colour.cam_to_srgb.value == (tuple(EVEN),)
    assert done.profile.title == "Both" and set(done.profile.file.sources) == {"assumed", "unprocessing", "libcamera", "eld"}


def test_onto_keeps_bits_black_level_and_title_of_the_base(tmp_path):
    models = [{"model": "X1", "profiles": [{"iso": iso, "a": [0, 2e-8 * iso, 0]} for iso in (100, 6400)]}]
    (tmp_path / "n.json").write_text(json.dumps({"noiseprofiles": [{"maker": "Acme", "models": models}]}))
    done = import_profile("darktable", [tmp_path / "n.json"], tmp_path / "c.toml", onto="nikon-d850")
    assert (done.profile.title, done.profile.bits, done.profile.black_level) == ("Nikon D850", 14, 400)
    assert done.profile.at_iso(100)["gain"] == pytest.approx(2e-6 / 0.0795 * (16383 - 400), rel=1e-4)
    assert done.profile.width == 8256


def test_dng_files_of_a_camera_give_its_gain_and_noise_back(tmp_path):
    camera = Camera.load("rpi-imx477")
    scene = Frame(torch.full((1, 3, 32, 32), 0.2), "scene")
    files = []
    for iso in (100, 400, 1600):
        files.append(tmp_path / f"{iso}.dng")
        write(files[-1], camera.capture(scene, iso=iso, key=Key(iso)))
    done = import_profile("dng", files, tmp_path / "camera.toml")
    for iso in (100, 400, 1600):
        found, known = done.profile.at_iso(iso), camera.profile.at_iso(iso)
        assert float(found["gain"]) == pytest.approx(float(known["gain"]), rel=1e-4)
        # The tag holds what a dark frame shows, rounding and rows included.
        whole = (known["read_noise"] ** 2 + known["row_noise"] ** 2 + 1 / 12 / known["gain"] ** 2) ** 0.5
        assert float(found["read_noise"]) == pytest.approx(float(whole), rel=0.1)
    with pytest.raises(CampipeError, match="same ISO"):
        import_profile("dng", [files[0], files[0]], tmp_path / "camera.toml")


@pytest.mark.parametrize(
    ("kind", "files", "options", "message"),
    [
        ("libcam", ["own.json"], {}, "'libcam' is no kind of published file; there are eld, pnnp"),
        ("libcamera", [], {}, "needs a file; none came"),
        ("libcamera", ["own.json", "own.json"], {}, "takes one file, but 2 came"),
        ("libcamera", ["own.json"], {}, "do not say how many bits"),
        ("libcamera", ["own.json"], {"choices": Choices(bits=12), "onto": "sony-a7"}, "no camera is named 'sony-a7'"),
        ("pnnp", ["own.json"], {}, "do not say bits and black level"),
        ("eld", ["acme.npy"], {"choices": Choices(bits=12)}, "DN of 14 bits, but 12 came"),
        ("eld", ["own.json"], {}, "expected Kmin|choose one"),
        ("emva", ["own.json"], {}, "is no figure of a sheet"),
    ],
)
def test_what_cannot_be_imported_is_refused_and_nothing_is_written(kind, files, options, message, eld, tuning, tmp_path):
    with pytest.raises(CampipeError, match=message) as caught:
        import_profile(kind, [tmp_path / name for name in files], tmp_path / "out.toml", **options)
    assert "\n" not in str(caught.value) and not (tmp_path / "out.toml").exists()


def test_a_profile_has_its_own_suffix(eld, tmp_path):
    with pytest.raises(CampipeError, match=r"written as \.toml, but out\.json came"):
        import_profile("eld", [eld], tmp_path / "out.json")


def test_every_kind_of_the_page_is_there(repository):
    page = (repository / "docs" / "cameras.md").read_text()
    assert all(f"| `{kind}` |" in page for kind in KINDS)
