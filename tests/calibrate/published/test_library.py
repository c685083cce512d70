"""The library: every profile that importers made is made again, letter for letter, and stands on sources that may be passed on."""

from __future__ import annotations

import re

import pytest

from campipe.calibrate.published.library import library
from campipe.calibrate.published.makers import MEASURED, TUNED
from campipe.core.profile import load_profile, profile_names


@pytest.fixture(scope="module")
def made(shared):
    return dict(library(shared / "calibration"))


@pytest.mark.parametrize("name", sorted((*TUNED, *MEASURED)))
def test_a_shipped_profile_is_what_the_importers_make(name, made, repository):
    assert (repository / "data" / "cameras" / f"{name}.toml").read_text(encoding="utf-8") == made[name]


def test_at_least_25_sensors_ship_and_the_promised_ones_are_among_them():
    assert len(profile_names()) >= 25
    eld = {"canon-5d4", "canon-70d", "canon-700d", "nikon-d850", "sony-a7s2"}
    phones = {"google-pixel", "oppo-reno10x", "phone-imx686"}
    assert eld | phones | {"rpi-imx219", "rpi-imx477", "rpi-imx708"} <= set(profile_names())


def test_no_two_cameras_have_one_title():
    titles = [load_profile(name).title for name in profile_names()]
    assert len(set(titles)) == len(titles)


@pytest.mark.parametrize("name", profile_names())
def test_every_measured_number_is_from_a_source_that_may_be_passed_on(name):
    from campipe.core.profile_schema import numbers

    file = load_profile(name).file
    for path, _, number in numbers(file):
        citation = file.sources[number.source]
        assert not re.search(r"\bL?GPL|CDDL|CC BY-NC", citation), path
        if number.status == "measured":
            assert re.search(r"\b(MIT|BSD-2-Clause|Apache-2\.0)$", citation), path
