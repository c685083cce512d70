"""Developing files: what Python develops, a note of what was done beside it, folders that go on, and clear words for what cannot be."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
import yaml

from campipe.camera import Camera
from campipe.core.errors import CampipeError, RawFileError
from campipe.core.frame import Frame
from campipe.core.random import Key
from campipe.developing import develop as develop_frame
from campipe.io.files import read, write
from campipe.jobs.develop import Settings, develop
from campipe.recipe.pipelines import from_yaml


@pytest.fixture(scope="module")
def raws(photos, tmp_path_factory) -> Path:
    """Two raw files of one scene, in a folder and in a folder in it."""
    folder = tmp_path_factory.mktemp("raws")
    photo = Frame(torch.tensor(photos["coffee"]).movedim(-1, 0)[None, :, 100:196, 200:330].float() / 255, "display")
    (folder / "day").mkdir()
    for name, place in (("rpi-imx477", folder / "a.dng"), ("sony-a7s2", folder / "day" / "b.dng")):
        camera = Camera.load(name)
        scene = camera.unprocess(photo, key=Key(1))
        write(place, camera.capture(scene, iso=400, key=Key(2)))
    return folder


@pytest.mark.parametrize(("bits", "step"), [(8, 1 / 255), (16, 1 / 65535)])
def test_the_picture_is_what_python_develops(raws, tmp_path, bits, step):
    (done,) = develop(raws / "a.dng", tmp_path / "a.png", Settings(bits=bits, exposure=0.5, demosaick="bilinear"))
    wanted = develop_frame(read(raws / "a.dng"), exposure=0.5, demosaick="bilinear").data
    assert done.size == (96, 130) and done.problem is None
    # Half a step of rounding, and the last bits of float32.
    assert float((read(done.picture).data - wanted).abs().max()) <= step / 2 + 1e-6


def test_the_note_holds_the_pipeline_with_which_the_picture_comes_again(raws, tmp_path):
    (done,) = develop(raws / "a.dng", tmp_path / "a.png", Settings(exposure=-0.5))
    note = yaml.safe_load((tmp_path / "a.png.yaml").read_text())
    again = from_yaml(yaml.safe_dump(note["isp"]))(read(raws / "a.dng"))
    assert float((again.data - read(done.picture).data).abs().max()) <= 0.5 / 255 + 1e-6
    assert note["source"]["file"] == "a.dng" and len(note["source"]["sha256"]) == 64
    capture = read(raws / "a.dng").capture
    assert capture.wb is not None
    assert note["shot"]["pattern"] == capture.pattern and note["shot"]["wb"] == pytest.approx(capture.wb[0].tolist(), rel=1e-6)
    assert note["assumptions"] == []


def test_what_a_file_does_not_say_is_told(raws, tmp_path):
    frame = read(raws / "a.dng")
    bare = tmp_path / "bare.safetensors"
    write(bare, frame.replace(wb=None, cam_to_srgb=None, cam_to_xyz=None))
    (done,) = develop(bare, tmp_path / "bare.png")
    assert len(done.assumptions) == 2
    assert "white balance" in done.assumptions[0] and "colour matrix" in done.assumptions[1]
    assert list(done.assumptions) == yaml.safe_load((tmp_path / "bare.png.yaml").read_text())["assumptions"]


def test_a_folder_is_developed_with_its_folders_and_a_bad_file_does_not_stop_it(raws, tmp_path):
    source = tmp_path / "raws"
    (source / "day").mkdir(parents=True)
    for name in ("a.dng", "day/b.dng"):
        (source / name).write_bytes((raws / name).read_bytes())
    (source / "broken.dng").write_text("no raw file")
    ticks: list[tuple[int, int]] = []
    done = develop(source, tmp_path / "out", progress=lambda n, total, words: ticks.append((n, total)))
    assert [one.picture.relative_to(tmp_path / "out").as_posix() for one in done] == ["a.png", "broken.png", "day/b.png"]
    assert [one.problem is None for one in done] == [True, False, True]
    assert "broken.dng" in str(done[1].problem) and not done[1].picture.exists()
    assert ticks == [(1, 3), (2, 3), (3, 3)]


def test_run_again_only_what_changed_is_done_again(raws, tmp_path):
    first = develop(raws, tmp_path / "out")
    before = {one.picture: one.picture.stat().st_mtime_ns for one in first}
    second = develop(raws, tmp_path / "out")
    assert all(one.was_there for one in second) and not any(one.was_there for one in first)
    assert [(one.size, one.assumptions) for one in first] == [(one.size, one.assumptions) for one in second]
    assert {one.picture: one.picture.stat().st_mtime_ns for one in second} == before
    assert not any(one.was_there for one in develop(raws, tmp_path / "out", Settings(exposure=1.0)))
    first[0].picture.unlink()
    assert [one.was_there for one in develop(raws, tmp_path / "out", Settings(exposure=1.0))] == [False, True]


def test_a_preset_develops_and_its_exposure_can_be_changed(raws, tmp_path):
    plain, brighter = (
        develop(raws / "a.dng", tmp_path / f"{ev}.png", Settings(isp="natural", exposure=ev))[0].picture for ev in (0.0, 1.0)
    )
    assert float(read(brighter).data.mean()) > float(read(plain).data.mean()) + 0.05
    with pytest.raises(CampipeError, match="natural"):
        develop(raws / "a.dng", tmp_path / "x.png", Settings(isp="natral"))


def test_what_cannot_be_done_is_refused_and_nothing_is_written(raws, tmp_path):
    with pytest.raises(RawFileError, match="no file"):
        develop(tmp_path / "missing.dng", tmp_path / "x.png")
    with pytest.raises(RawFileError, match="is a picture"):
        write(tmp_path / "photo.png", develop_frame(read(raws / "a.dng")))
        develop(tmp_path / "photo.png", tmp_path / "x.png")
    with pytest.raises(RawFileError, match="written as"):
        develop(raws / "a.dng", tmp_path / "x.gif")
    with pytest.raises(RawFileError, match="8 bits"):
        develop(raws / "a.dng", tmp_path / "x.jpg", Settings(bits=16))
    with pytest.raises(RawFileError, match="name a folder"):
        develop(raws, tmp_path / "x.png")
    with pytest.raises(RawFileError, match="holds no raw file"):
        develop(tmp_path, tmp_path / "out")
    with pytest.raises(CampipeError, match="finite"):
        develop(raws / "a.dng", tmp_path / "x.png", Settings(exposure=float("nan")))
    assert not (tmp_path / "x.png").exists() and not (tmp_path / "x.png.yaml").exists()
