"""Evaluating blocks: figures that can be computed by hand, tables that hold them, and clear words for what cannot be done."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import pytest
import torch

from campipe import blocks
from campipe.core.errors import CampipeError
from campipe.io.files import read, write
from campipe.jobs.evaluate import Score, as_json, as_markdown, evaluate, write_tables
from campipe.jobs.protocols import question


@pytest.fixture(scope="module")
def images(photos, tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("photos")
    from skimage import io

    io.imsave(folder / "a.png", photos["chelsea"][:128, :160], check_contrast=False)
    io.imsave(folder / "b.png", photos["astronaut"][:144, :128], check_contrast=False)
    return folder


def test_the_score_of_a_block_is_what_its_answer_measures(images):
    (score,) = evaluate("demosaick/bilinear", images)
    wanted = []
    for i, path in enumerate(sorted(images.iterdir())):
        photo, block = read(path), blocks.demosaick("bilinear")
        out = block(question("demosaick", photo, i, None, block).given).data
        error = ((out.clamp(0, 1) * 255).round() / 255 - photo.data)[..., 20:-20, 20:-20].double()
        wanted.append(float(-10 * torch.log10(error.square().mean())))
    assert score.psnr == pytest.approx(sum(wanted) / 2, abs=1e-6)
    assert 0 < score.ssim < 1
    assert score.seconds_per_megapixel > 0 and score.megabytes > 0 and score.parameters == 0


def test_a_clean_picture_without_noise_has_the_score_of_rounding(images):
    # Nothing was added, so a denoiser that is told so gives the picture back.
    (score,) = evaluate("denoise/dct", images / "a.png", sigma=0.0)
    assert score.psnr > 60


def test_what_cannot_be_evaluated_is_refused_before_anything_runs(images, tmp_path):
    with pytest.raises(CampipeError, match="demosaick"):
        evaluate("demosaic", images)
    with pytest.raises(CampipeError, match="bilinear"):
        evaluate("demosaick/nearest", images)
    with pytest.raises(CampipeError, match="0 to 255"):
        evaluate("denoise", images, sigma=300.0)
    with pytest.raises(CampipeError, match="holds none"):
        evaluate("denoise", tmp_path)


def test_a_photo_that_is_too_small_ends_the_run_with_the_reason(images, tmp_path):
    small = read(images / "a.png").crop(0, 0, 40, 40)
    write(tmp_path / "small.png", small)
    with pytest.raises(CampipeError, match="at least 51 pixels"):
        evaluate("demosaick/bilinear", tmp_path)


def test_the_tables_hold_the_scores(images, tmp_path):
    scores = [Score("a", 30.126, 0.9, 0.5, 10.2, 0), Score("b", 28.0, 0.8, 0.01, 3.0, 12)]
    files = write_tables(scores, "denoise", images, 25.0, tmp_path / "new")
    assert sorted(path.suffix for path in files) == [".csv", ".md", ".svg"]
    rows = list(csv.DictReader((tmp_path / "new" / "denoise.csv").read_text().splitlines()))
    assert [(row["name"], float(row["psnr"])) for row in rows] == [("a", 30.126), ("b", 28.0)]
    text = (tmp_path / "new" / "denoise.md").read_text()
    assert "| a | 30.13 |" in text and "2 photos" in text and "25/255" in text
    assert "| b | 28.00 |" in as_markdown(scores, "")
    assert "<svg" in (tmp_path / "new" / "denoise.svg").read_text()
    assert {"name", "psnr", "ssim", "seconds_per_megapixel", "parameters"} <= set(json.loads(as_json(scores))[0])
