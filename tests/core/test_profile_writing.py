"""Profiles as text: what is written is read again to the same numbers, and is no profile without being told so."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import pytest

from campipe.core.errors import ProfileError
from campipe.core.profile import load_profile, profile_names
from campipe.core.profile_reading import profile_file, read_profile
from campipe.core.profile_schema import numbers
from campipe.core.profile_writing import entry, write_profile


def known(value: Any = None, **more: Any) -> dict[str, Any]:
    return entry(value, status="measured", source="bench", **more)


def contents() -> dict[str, Any]:
    """A small camera with errors on everything that may have one."""
    same = [1.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0]
    return {
        "title": 'A "camera" \\ of one\'s own, 5 µm\x7f\n',
        "sources": {"bench": "measured on a bench", "two words": "odd, but TOML"},
        "sensor": {
            "width": known(640),
            "height": known(480),
            "pattern": known("RGGB"),
            "bits": known(12),
            "black_level": known(63.97, error=0.01),
            "quantum_efficiency": known(0.1 + 0.2, error=1e-3),
            "dark_current": known(1e-7, error=1e-9),
            "doubling": known(7),
            "prnu": known(0.004, error=1e-4),
            "dsnu": known(1.5, error=0.02),
            "gain": known([0.1, 1 / 3], iso=[100, 400], error=[1e-4, 2e-4], assumed_at=[400]),
            "mode": [
                {
                    "name": "low",
                    "from_iso": 100,
                    "full_well": known(1e4, error=30),
                    "read_noise": known([3.0, 2.0], iso=[100, 200], error=[0.1, 0.1]),
                    "post_read_noise": known(0),
                    "row_noise": known(0.3, error=0.02),
                },
                {
                    "name": "high",
                    "from_iso": 300,
                    "full_well": known(1e3),
                    "read_noise": known(1.25),
                    "post_read_noise": known([0.1, 0.2], iso=[300, 400]),
                    "read_shape": known([-0.1, 0.14], iso=[300, 400], error=[0.01, 0.01]),
                    "row_noise": entry(0.3, status="assumed", source="two words", note="a guess, with {braces} = and # signs"),
                },
            ],
        },
        "optics": {"pixel_pitch": known(5), "blur": known(0.4), "vignetting": known([-0.3, 0.1], error=[0.01, 0.01])},
        "priors": {"tone": known(low=0, high=1), "brightness": known(low=1, high=1.65), "cct": known(low=3000, high=6000)},
        "colour": {
            "white_balance": known(cct=[2500, 8000], red=[1, 2], blue=[2, 1], red_error=[0.1, 0.1], blue_error=[0.1, 0.1]),
            "cam_to_srgb": known([same, same], cct=[2500, 8000], error=[[0.01] * 9, [0.02] * 9]),
        },
    }


def read_again(text: str, folder: Path) -> Any:
    path = folder / "own.toml"
    path.write_text(text, encoding="utf-8")
    return read_profile(path)


@pytest.mark.parametrize("name", profile_names())
def test_a_shipped_profile_is_written_and_read_to_the_same_numbers(name, tmp_path):
    file = load_profile(name).file
    text = write_profile(file)
    assert read_again(text, tmp_path) == file
    assert write_profile(read_again(text, tmp_path)) == text


def test_nested_mappings_with_errors_are_written_and_read_to_the_same_numbers(tmp_path):
    file = read_again(write_profile(contents(), "Of one's own. " * 30), tmp_path)
    assert file == profile_file(contents())
    assert file.title == contents()["title"] and file.sensor.quantum_efficiency.value == 0.1 + 0.2
    assert file.sensor.gain.error == (1e-4, 2e-4) and file.colour.cam_to_srgb.error[1][8] == 0.02


def test_a_profile_without_colour_has_no_table_of_it(tmp_path):
    given = contents()
    del given["colour"], given["priors"]["cct"]
    given["sensor"]["pattern"]["value"] = "mono"
    text = write_profile(given)
    assert "colour" not in text and read_again(text, tmp_path) == profile_file(given)


def test_a_number_has_what_was_given_and_nothing_else():
    assert entry(3, status="assumed", source="x") == {"value": 3, "status": "assumed", "source": "x"}
    ends = entry(low=1, high=2, status="assumed", source="x", note="y")
    assert ends == {"low": 1, "high": 2, "status": "assumed", "source": "x", "note": "y"}


@pytest.mark.parametrize(
    ("path", "value", "message"),
    [
        (("sensor", "gain", "error"), [0.1], "the profile: sensor.gain: iso and error are equally long, but 2 and 1 came"),
        (("sensor", "dsnu", "error"), -1, "sensor.dsnu.error: expected greater than or equal to 0, but -1 came"),
        (("sensor", "dsnu", "eror"), 1, "sensor.dsnu.eror is not a key of a profile; did you mean error"),
        (("optics", "vignetting", "error"), [0.1], "value and error are equally long"),
        (("colour", "white_balance", "red_error"), [0.1], "cct and error are equally long"),
        (("colour", "cam_to_srgb", "error"), [[0.1] * 9], "cct and error are equally long"),
    ],
)
def test_what_is_no_profile_is_refused_in_one_line(path, value, message):
    given = copy.deepcopy(contents())
    part = given
    for step in path[:-1]:
        part = part[step]
    part[path[-1]] = value
    with pytest.raises(ProfileError, match=message) as caught:
        write_profile(given)
    assert "\n" not in str(caught.value)


def test_every_number_of_a_written_profile_keeps_its_provenance(tmp_path):
    files = (profile_file(contents()), read_again(write_profile(contents()), tmp_path))
    before, after = ([(path, number.status, number.source, number.note) for path, _, number in numbers(file)] for file in files)
    assert before == after and len(before) > 25


def test_errors_are_told_with_the_numbers(tmp_path):
    from campipe.core.provenance import camera_section

    path = tmp_path / "own.toml"
    path.write_text(write_profile(contents()), encoding="utf-8")
    section = camera_section(load_profile(path))
    assert "| 63.97 +- 0.01 |" in section
    assert "0.1 +- 0.0001 at ISO 100 to 0.3333 +- 0.0002 at 400, 2 rows; assumed at 400" in section
