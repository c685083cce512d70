"""A camera against ISO: figures that follow from its profile, drawn and saved."""

from __future__ import annotations

import re
from xml.etree import ElementTree

import numpy as np
import pytest

import campipe as cp
from campipe.camera import Camera, cameras
from campipe.core.errors import CampipeError, ProfileError
from campipe.core.profile import load_profile
from campipe.report.plots import sensor_figures


@pytest.fixture(scope="module")
def sony():
    return cp.report.describe(Camera.load("sony-a7s2"))


def test_every_figure_is_the_sensors(sony):
    profile = load_profile("sony-a7s2")
    assert (sony.iso[0], sony.iso[-1]) == profile.iso_range
    for i in (0, 57, 120, 199):
        figures = sensor_figures(profile, float(sony.iso[i]))
        assert sony.gain[i] == pytest.approx(figures["gain"], rel=1e-6)
        assert sony.noise["all"][i] == pytest.approx(figures["read noise"], rel=1e-6)
        assert sony.saturation[i] == pytest.approx(figures["saturation"], rel=1e-6)
        assert sony.dynamic_range[i] == pytest.approx(figures["dynamic range"], rel=1e-6)


def test_the_squares_of_the_parts_add_up(sony):
    parts = [values for words, values in sony.noise.items() if words != "all"]
    assert len(parts) == 4
    assert np.sqrt(sum(part**2 for part in parts)) == pytest.approx(sony.noise["all"], rel=1e-12)


def test_signal_to_noise_is_that_of_counting_at_white_and_of_the_dark_far_below():
    bright = cp.report.describe("nikon-d850", points=5)
    assert 10 ** (bright.snr["white"] / 10) == pytest.approx(bright.saturation, rel=0.05)
    signal = bright.saturation / 1000
    expected = 20 * np.log10(signal / np.sqrt(signal + bright.noise["all"] ** 2))
    assert bright.snr["white / 1000"] == pytest.approx(expected, rel=1e-12)


def test_the_switch_of_the_conversion_gain_is_seen(sony):
    before, after = (int(np.searchsorted(sony.iso, iso)) for iso in (1600, 2000))
    assert sony.noise["all"][after + 1] < 0.5 * sony.noise["all"][before - 1]


def test_a_description_is_a_page_and_a_picture_and_the_same_each_time(sony, tmp_path):
    assert sony.save(tmp_path / "sony.html").read_text(encoding="utf-8") == sony.html
    svg = sony.save(tmp_path / "sony.svg").read_text(encoding="utf-8")
    assert ElementTree.fromstring(svg).tag == "{http://www.w3.org/2000/svg}svg"
    assert "var(" not in svg and not re.search(r"#0[1-6]0[1-6]0[1-6]", svg)
    assert "Sony A7S II" in sony.html and "assumed" in sony.html and "<svg" in sony.html
    assert sony._repr_html_() == svg
    assert cp.report.describe("sony-a7s2").html == sony.html


def test_other_suffixes_unknown_cameras_and_single_points_are_refused(sony, tmp_path):
    with pytest.raises(CampipeError, match=r"\.html or \.svg, but sony\.png came"):
        sony.save(tmp_path / "sony.png")
    with pytest.raises(ProfileError, match="no camera is named"):
        cp.report.describe("sony-a7s3")
    with pytest.raises(CampipeError, match="two ISOs or more, but 1 came"):
        cp.report.describe("sony-a7s2", points=1)


@pytest.mark.parametrize("name", cameras())
def test_every_camera_has_noise_that_falls_below_its_saturation(name):
    seen = cp.report.describe(name, points=4)
    assert bool((seen.dynamic_range > 6).all()) and bool((seen.dynamic_range < 16).all())
    assert all(bool(np.isfinite(values).all()) for values in (*seen.noise.values(), *seen.snr.values()))
