"""The wheel works alone: built, installed without dependencies, run from another folder."""

from __future__ import annotations

import os
import subprocess
import sys
import sysconfig
import zipfile
from pathlib import Path

import pytest


def run(*command: str | Path, cwd: Path) -> str:
    """Run a command without the caller's Python settings and return what it wrote; its error text on failure."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    done = subprocess.run([str(part) for part in command], cwd=cwd, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, f"{' '.join(map(str, command))}\n{done.stdout}\n{done.stderr}"
    return done.stdout


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory, repository: Path) -> Path:
    out = tmp_path_factory.mktemp("wheel")
    run(sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", out, repository, cwd=out)
    (built,) = out.glob("campipe-*.whl")
    return built


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A virtual environment that holds the wheel, and sees the requirements of the outer one behind it."""
    place = tmp_path_factory.mktemp("venv")
    run(sys.executable, "-m", "venv", "--without-pip", place, cwd=place)
    python = place / "bin" / "python"
    run(sys.executable, "-m", "pip", "--python", python, "install", "--quiet", "--no-deps", "--no-index", wheel, cwd=place)
    # A .pth file adds the folder to the path but does not read the .pth files in it: an editable install there stays out of sight.
    inner = Path(run(python, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))", cwd=place).strip())
    outer = {sysconfig.get_path("purelib"), sysconfig.get_path("platlib")}
    (inner / "outer.pth").write_text("\n".join(sorted(outer)))
    return place


@pytest.fixture
def elsewhere(tmp_path: Path, photos) -> Path:
    """A folder far from the checkout, with one photo in it."""
    import imageio.v3 as imageio

    (tmp_path / "photos").mkdir()
    imageio.imwrite(tmp_path / "photos" / "coffee.png", photos["coffee"])
    return tmp_path


def test_the_wheel_carries_the_shipped_files_and_nothing_else(wheel, repository):
    names = set(zipfile.ZipFile(wheel).namelist())
    tops = {name.split("/")[0] for name in names}
    assert "campipe/py.typed" in names
    assert {top for top in tops if not top.endswith(".dist-info")} == {"campipe"}
    for folder in ("data", "pipelines"):
        tracked = run("git", "ls-files", folder, cwd=repository).split()
        assert {f"campipe/{name}" for name in tracked} <= names


def test_the_command_lists_the_cameras_from_another_folder(installed, elsewhere):
    assert "sony-a7s2" in run(installed / "bin" / "campipe", "list", "cameras", cwd=elsewhere)


def test_a_shipped_recipe_gives_a_sample_from_another_folder(installed, elsewhere):
    code = """
import campipe as cp
sample = cp.load("pipelines/raw_pairs.yaml").sample(index=0, seed=0, images="photos")
print(cp.__file__)
print(sample.noisy.space, *sample.noisy.data.shape)
print(bool((sample.noisy.data != sample.clean.data).any()))
"""
    file, noisy, differs = run(installed / "bin" / "python", "-c", code, cwd=elsewhere).splitlines()
    assert Path(file).resolve().is_relative_to(installed.resolve())
    assert noisy.startswith("dn 1 1 ")
    assert differs == "True"
