"""Data sets as loose files: DNG of what the camera records, PNG of the clean picture, JSON of the numbers."""

from __future__ import annotations

import json

import torch

from campipe import synth
from campipe.io.files import read
from campipe.recipe import Recipe


def content(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_each_sample_is_a_raw_file_a_picture_and_its_numbers(tiny, folder, tmp_path):
    out = tmp_path / "out"
    summary = synth.run(tiny, folder, out, 5, 8, format="dng")
    assert sorted(summary.files) == sorted(f"{i:06d}.{s}" for i in range(5) for s in ("dng", "png", "json"))
    for i in range(5):
        sample = tiny.sample(index=i, seed=8, images=folder)
        raw = read(out / f"{i:06d}.dng")
        assert torch.equal(raw.data, sample.noisy.data)
        assert raw.capture.pattern == "RGGB"
        assert json.loads((out / f"{i:06d}.json").read_text())["parameters"] == sample.parameters
        picture = tiny.camera_for(sample.parameters).develop(sample.clean, exposure=-sample.parameters["ev"])
        assert torch.allclose(read(out / f"{i:06d}.png").data, picture.data, atol=0.5 / 255 + 1e-6)


def test_loose_files_are_the_same_bytes_after_a_stop_and_with_workers(tiny, folder, tmp_path):
    whole, stopped = tmp_path / "whole", tmp_path / "stopped"
    synth.run(tiny, folder, whole, 6, 8, format="dng")
    synth.run(tiny, folder, stopped, 6, 8, format="dng")
    for name in ("000001.dng", "000002.json", "000005.png"):
        (stopped / name).unlink()
    (stopped / "000004.png").write_bytes(b"spoilt")
    assert synth.run(tiny, folder, stopped, 6, 8, format="dng", workers=2).made == 4
    assert content(stopped) == content(whole)


def test_the_clean_picture_of_a_dark_shot_is_as_bright_as_its_photo(folder, tmp_path):
    recipe = Recipe.parse("recipe: 1\ncamera: sony-a7s2\nscene: {tone: 0.5, brightness: 1}\nexposure: {ev: -6}\n")
    synth.run(recipe, folder, tmp_path / "out", 1, format="dng")
    picture, photo = read(tmp_path / "out" / "000000.png"), synth.Photos.under(folder).read(0)
    assert float((picture.data - photo.data).abs().mean()) < 0.05
