"""Developing with a denoiser: before demosaicking, told the noise by the file, or by the picture where the file is silent."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
import yaml

from campipe.blocks import denoise
from campipe.camera import Camera
from campipe.core.errors import CampipeError
from campipe.core.frame import Frame
from campipe.core.random import Key
from campipe.developing import develop as develop_frame
from campipe.developing import developing_pipeline
from campipe.io.files import read, write
from campipe.isp import EstimateNoise
from campipe.jobs.develop import Settings, develop
from campipe.jobs.develop_denoised import with_denoiser
from campipe.recipe.pipelines import from_yaml, load_pipeline


@pytest.fixture(scope="module")
def shots(photos, tmp_path_factory) -> tuple[Path, Frame]:
    """A raw file of a scene in dim light, and the picture without its noise."""
    photo = Frame(torch.tensor(photos["coffee"]).movedim(-1, 0)[None, :, 100:228, 200:392].float() / 255, "display")
    camera = Camera.load("nikon-d850")
    scene = camera.unprocess(photo)
    place, ideal = (tmp_path_factory.mktemp("raws") / name for name in ("dim.dng", "ideal.dng"))
    write(place, camera.capture(scene, iso=12800, key=Key(2)))
    write(ideal, camera.capture(scene, iso=12800, noise=False))
    return place, develop_frame(read(ideal))


def error(picture: Path, wanted: Frame) -> float:
    return float((read(picture).data - wanted.data).square().mean().sqrt())


def test_the_picture_is_nearer_to_the_scene_and_is_what_python_gives(shots, tmp_path):
    raw, wanted = shots
    (plain,) = develop(raw, tmp_path / "plain.png")
    (done,) = develop(raw, tmp_path / "done.png", Settings(denoise="raw_unet"))
    assert error(done.picture, wanted) < 0.6 * error(plain.picture, wanted)
    by_hand = develop_frame(denoise("raw_unet")(read(raw))).data
    assert float((read(done.picture).data - by_hand).abs().max()) <= 0.5 / 255 + 1e-5
    assert done.denoised == "denoised by raw_unet, with the noise profile of the file" and plain.denoised == ""


def test_the_note_says_so_and_gives_the_picture_again(shots, tmp_path):
    (done,) = develop(shots[0], tmp_path / "a.png", Settings(denoise="dct"))
    note = yaml.safe_load((tmp_path / "a.png.yaml").read_text())
    assert note["denoised"] == done.denoised and note["asked"]["denoise"] == "dct"
    again = from_yaml(yaml.safe_dump(note["isp"]))(read(shots[0]))
    assert float((again.data - read(done.picture).data).abs().max()) <= 0.5 / 255 + 1e-5
    (second,) = develop(shots[0], tmp_path / "a.png", Settings(denoise="dct"))
    assert second.was_there and second.denoised == done.denoised
    assert not develop(shots[0], tmp_path / "a.png")[0].was_there


def test_where_the_file_is_silent_the_noise_is_estimated_and_told(shots, tmp_path):
    raw, wanted = shots
    bare = tmp_path / "bare.safetensors"
    write(bare, read(raw).replace(noise=None))
    (plain,), (done,) = develop(bare, tmp_path / "plain.png"), develop(bare, tmp_path / "done.png", Settings(denoise="raw_unet"))
    assert "estimated from the picture" in done.denoised
    assert error(done.picture, wanted) < 0.7 * error(plain.picture, wanted)


@pytest.mark.parametrize(
    ("pipeline", "wanted"),
    [
        (developing_pipeline(), ["estimate_noise", "denoise", "levels", "white_balance"]),
        (load_pipeline("natural"), ["levels", "estimate_noise", "correct_defects", "denoise", "white_balance"]),
        (load_pipeline("low_light"), ["levels", "estimate_noise", "correct_defects", "white_balance", "denoise", "clip_highlights"]),
    ],
)
def test_it_stands_before_demosaicking_and_white_balance_or_where_one_stood(pipeline, wanted):
    changed = with_denoiser(pipeline, "raw_unet")
    assert [stage.name for stage in changed.stages][: len(wanted)] == wanted
    assert type(changed["denoise"]).__name__ == "RawUnet"
    assert sum(isinstance(stage, EstimateNoise) for stage in changed.stages) == 1
    assert len(pipeline.stages) <= len(changed.stages)


def test_an_unknown_denoiser_is_answered_with_those_there_are(shots, tmp_path):
    with pytest.raises(CampipeError, match=r"no denoise block 'best'; there are .*raw_unet"):
        develop(shots[0], tmp_path / "x.png", Settings(denoise="best"))
    assert not (tmp_path / "x.png").exists()
