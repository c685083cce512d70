"""Bad input: exit status 2, one clear line on stderr, nothing on stdout, and nothing half-written."""

from __future__ import annotations

import resource
import shutil
from pathlib import Path

import pytest

RECIPE = """recipe: 1
camera: sony-a7s2
photo: {{crop: 64}}
exposure: {{iso: {iso}{more}}}
"""


@pytest.fixture
def place(tmp_path, photo, raw) -> Path:
    """A folder with one of everything that may be wrong."""
    shutil.copy(photo, tmp_path / "photo.png")
    (tmp_path / "photos").mkdir()
    shutil.copy(photo, tmp_path / "photos")
    (tmp_path / "empty").mkdir()
    (tmp_path / "truncated.dng").write_bytes(raw.read_bytes()[: raw.stat().st_size // 2])
    (tmp_path / "text.dng").write_text("this is no raw file\n" * 50)
    (tmp_path / "nothing.png").write_bytes(b"")
    (tmp_path / "truncated.png").write_bytes(photo.read_bytes()[:5000])
    (tmp_path / "unknown_key.yaml").write_text(RECIPE.format(iso=400, more=", shutter: 3"))
    (tmp_path / "out_of_range.yaml").write_text(RECIPE.format(iso="{uniform: [400, 99999999]}", more=""))
    (tmp_path / "upside_down.yaml").write_text(RECIPE.format(iso="{uniform: [800, 400]}", more=""))
    (tmp_path / "no_yaml.yaml").write_text("recipe: [1\n")
    return tmp_path


SHOT = "--camera sony-a7s2 --out new.dng"
SYNTH = "--images photos --out new --count 1"

# What is typed, and words that the line on stderr must have.
TABLE = {
    "a missing photo": (f"simulate none.png {SHOT}", ["none.png"]),
    "an empty photo": (f"simulate nothing.png {SHOT}", ["nothing.png", "empty"]),
    "a truncated photo": (f"simulate truncated.png {SHOT}", ["truncated.png"]),
    "an unknown camera": ("simulate photo.png --camera sony-a7s3 --out new.dng", ["sony-a7s3", "sony-a7s2"]),
    "an ISO that the camera lacks": (f"simulate photo.png {SHOT} --iso 1000000", ["1e+06", "25600"]),
    "an ISO that is no number": (f"simulate photo.png {SHOT} --iso many", ["--iso", "number"]),
    "an exposure that is no number": (f"simulate photo.png {SHOT} --ev nan", ["ev", "nan"]),
    "a negative time": (f"simulate photo.png {SHOT} --seconds -1", ["seconds", "-1"]),
    "a raw that is to be a picture": ("simulate photo.png --camera sony-a7s2 --out new.png", [".dng", "new.png"]),
    "a folder that is a file": ("simulate photo.png --camera sony-a7s2 --out photo.png/new.dng", ["photo.png"]),
    "a folder that is not there": ("simulate photo.png --camera sony-a7s2 --out none/new.dng", ["none"]),
    "a negative seed": (f"simulate photo.png {SHOT} --seed -1", ["-1"]),
    "a missing raw": ("develop none.dng --out new.png", ["none.dng"]),
    "a truncated raw": ("develop truncated.dng --out new.png", ["truncated.dng"]),
    "text named .dng": ("develop text.dng --out new.png", ["text.dng"]),
    "a picture where a raw is needed": ("develop photo.png --out new.png", ["photo.png", "raw"]),
    "a folder where a raw is needed": ("develop photos --out new.png", ["photos"]),
    "an unknown demosaicker": ("develop RAW --out new.png --demosaick best", ["best", "malvar"]),
    "an unknown denoiser": ("develop RAW --out new.png --denoiser best", ["best", "raw_unet"]),
    "bits that no picture has": ("develop RAW --out new.png --bits 12", ["12", "16"]),
    "a suffix that no picture has": ("develop RAW --out new.gif", ["new.gif"]),
    "a picture of no kind": ("simulate photo.png --camera sony-a7s2 --out new.dng --png new.xyz", ["new.xyz", ".png"]),
    "a picture in a missing folder": (
        "simulate photo.png --camera sony-a7s2 --out new.dng --clean none/new.dng",
        ["none/new.dng", "folder"],
    ),
    "an unknown recipe": (f"synth raw_pears {SYNTH}", ["raw_pears", "raw_pairs"]),
    "an unknown recipe key": (f"synth unknown_key.yaml {SYNTH}", ["unknown_key.yaml", "shutter"]),
    "a prior out of range": (f"synth out_of_range.yaml {SYNTH}", ["out_of_range.yaml", "iso"]),
    "a prior upside down": (f"synth upside_down.yaml {SYNTH}", ["upside_down.yaml", "800"]),
    "a recipe that is no YAML": (f"synth no_yaml.yaml {SYNTH}", ["no_yaml.yaml"]),
    "a folder without photos": ("synth raw_pairs --images empty --out new --count 1", ["empty"]),
    "a missing folder of photos": ("synth raw_pairs --images none --out new --count 1", ["none"]),
    "no samples": ("synth raw_pairs --images photos --out new --count 0", ["count", "0"]),
    "an unknown format": (f"synth raw_pairs {SYNTH} --format zip", ["zip", "webdataset"]),
    "a data set over a file": ("synth raw_pairs --images photos --out photo.png --count 1", ["photo.png"]),
    "a demo over a file": ("demo --out photo.png", ["photo.png"]),
    "a demo without photos": ("demo --out new --images empty", ["empty"]),
    "an unknown list": ("list lenses", ["lenses", "cameras"]),
    "too small a bench": ("bench --megapixels 0.1", ["0.1"]),
    "an unknown command": ("simulat photo.png", ["simulat"]),
    "an unknown option": ("list cameras --all", ["--all"]),
    "a missing option": ("develop RAW", ["--out"]),
}


@pytest.mark.parametrize("case", TABLE)
def test_bad_input_is_refused_in_one_line(case, place, raw, run, monkeypatch):
    monkeypatch.chdir(place)
    before = contents(place)
    words, wanted = TABLE[case]
    answer = run(*words.replace("RAW", str(raw)).split())
    lines = answer.err.splitlines()
    assert answer.status == 2, answer
    assert len(lines) == 1 and lines[0].startswith("campipe"), answer
    assert answer.out == ""
    assert all(word in lines[0] for word in wanted), lines[0]
    assert contents(place) == before


def contents(folder: Path) -> dict[str, bytes]:
    """Every file under a folder; lock files of an emptied data set do not count, nor empty folders."""
    return {str(p.relative_to(folder)): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file() and p.stat().st_size}


@pytest.mark.parametrize(
    "words",
    ["simulate photo.png --camera sony-a7s2 --out new.dng", "develop RAW --out new.png --bits 16", "demo --out new --images photos"],
)
def test_a_disk_that_takes_no_more_leaves_nothing_half_written(words, place, raw, run, monkeypatch):
    monkeypatch.chdir(place)
    run("simulate", "photo.png", "--camera", "sony-a7s2", "--out", "warm.dng")  # so that no compiled loop is to be stored below
    before = contents(place)
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, hard))
    try:
        answer = run(*words.replace("RAW", str(raw)).split())
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert answer.status == 2, answer
    assert len(answer.err.splitlines()) == 1 and "larger than this system allows" in answer.err
    assert contents(place) == before


def test_demo_without_any_photos_says_what_to_install(tmp_path, run, monkeypatch):
    monkeypatch.setattr("campipe.jobs.demo.importlib.util.find_spec", lambda name: None)
    answer = run("demo", "--out", tmp_path / "demo")
    assert answer.status == 2
    assert answer.err.count("\n") == 1 and 'pip install "campipe[demo]"' in answer.err
    assert not (tmp_path / "demo").exists()
