"""Shipped files are found in the package first, then in the checkout; a missing one names its nearest neighbour."""

from __future__ import annotations

from pathlib import Path

import pytest

from campipe.core import resources
from campipe.core.errors import CampipeError, ProfileError, RecipeError


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A made-up checkout, whose package folder is `place / "campipe"`."""
    package = tmp_path / "campipe"
    package.mkdir()
    (tmp_path / "pyproject.toml").touch()
    # Neither this order nor its reverse, in which file systems list, is the alphabet's.
    cameras = ("red.toml", "blue.toml", "red.md", ".hidden.toml", "white.toml", "green.toml")
    for name in (*(f"data/cameras/{camera}" for camera in cameras), "pipelines/pairs.yaml"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    monkeypatch.setattr(resources, "_PACKAGE", package)
    return tmp_path


def test_a_checkout_serves_the_folders_beside_the_package(place):
    assert resources.find("data", "cameras", "red.toml") == place / "data/cameras/red.toml"
    assert resources.find("pipelines") == place / "pipelines"


def test_an_installed_package_serves_its_own_folders_first(place):
    inside = place / "campipe/data/cameras/red.toml"
    inside.parent.mkdir(parents=True)
    inside.touch()
    assert resources.find("data", "cameras", "red.toml") == inside


def test_a_foreign_folder_beside_an_installed_package_is_not_taken(place):
    (place / "pyproject.toml").unlink()
    with pytest.raises(ProfileError, match="install campipe again"):
        resources.find("data", "cameras")


def test_a_listing_gives_sorted_names_without_their_suffix(place):
    assert resources.listing("data", "cameras", suffix=".toml") == ["blue", "green", "red", "white"]
    assert resources.listing("pipelines") == ["pairs.yaml"]


def test_a_missing_file_names_the_nearest_one_in_one_line(place):
    with pytest.raises(ProfileError, match=r"data/cameras/, got 'rad.toml'; did you mean 'red.toml'\?$") as profile:
        resources.find("data", "cameras", "rad.toml")
    with pytest.raises(RecipeError, match=r"pipelines/, got 'zzz'; there are: pairs.yaml$"):
        resources.find("pipelines", "zzz")
    assert "\n" not in str(profile.value)


@pytest.mark.parametrize("part", ["..", ".", "", "a/b", "../pyproject.toml", "/etc"])
def test_a_name_cannot_lead_out_of_the_folder(place, part):
    with pytest.raises(ProfileError, match="without slashes"):
        resources.find("data", part)


def test_an_unknown_kind_is_refused(place):
    with pytest.raises(CampipeError, match="data, pipelines"):
        resources.find("weights", "x")  # type: ignore[arg-type]


def test_the_folders_of_this_installation_are_there():
    assert resources.find("data", "cameras").is_dir()
    assert resources.find("pipelines").is_dir()
