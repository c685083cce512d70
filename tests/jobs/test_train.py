"""`campipe train`: from photos to weights that are better than the base, exactly resumed when it was killed."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import imageio.v3 as imageio
import pytest
import torch
from safetensors.torch import load_file

from campipe.blocks.demosaicking.residual import Residual
from campipe.core.errors import CampipeError
from campipe.jobs.train import as_json, export, train
from campipe.train.log import read_log

RECIPE = """train: 1
about: a very small demosaicker
block: demosaick/residual
network: {width: 8, blocks: 1}
data: {crop: 32, colour: 0.1, chroma: 0.9, scenes: 0.0, held_out: 1}
optimiser:
  steps: 250
  batch: 4
  rate: {kind: cosine, peak: 0.01, end: 1.0e-4, warm_up: 10}
  betas: [0.9, 0.99]
  ema: 0.95
  validate_every: 50
  log_every: 25
card: {data: photos of a test, licence: none}
"""


@pytest.fixture(scope="module")
def place(tmp_path_factory, photos) -> Path:
    folder = tmp_path_factory.mktemp("training")
    (folder / "photos").mkdir()
    for name in ("coffee", "astronaut", "chelsea"):
        imageio.imwrite(folder / "photos" / f"{name}.png", photos[name][:256, :256])
    (folder / "tiny.yaml").write_text(RECIPE)
    return folder


@pytest.fixture(scope="module")
def trained(place):
    return train(place / "tiny.yaml", place / "photos", place / "out")


def test_a_training_of_seconds_is_better_than_its_base_on_photos_it_never_saw(place, trained, figure):
    gain = trained.scores["psnr"] - trained.scores["base_psnr"]
    figure("training: 250 steps of a demosaicker of 1 k parameters, gain over its base, dB", gain, ">= 0.5")
    assert gain > 0.5
    rows = [row for row in read_log(place / "out" / "log.jsonl") if "psnr" in row]
    assert [row["step"] for row in rows] == [50, 100, 150, 200, 250]
    assert rows[-1]["psnr"] == trained.scores["psnr"]


def test_the_weights_and_their_card_say_what_they_are(place, trained):
    weights, card, figure = (Path(file) for file in trained.files)
    assert ">psnr<" in figure.read_text(encoding="utf-8")
    block = Residual(weights=weights)
    assert block.architecture == {"width": 8, "blocks": 1}
    text = card.read_text()
    assert text.startswith("# tiny\n") and "not finished" not in text
    for words in ("photos of a test", "| licence | none |", "250 of 250 steps", f"psnr {trained.scores['psnr']:.2f}", "demosaick/residual"):
        assert words in text
    said = json.loads(as_json(trained))
    assert said["files"] == list(trained.files) and "250 steps" in str(trained)


def test_weights_can_be_written_from_a_checkpoint_at_any_time(place, trained):
    done = export(place / "tiny.yaml", place / "out", place / "named.safetensors")
    assert done.scores == dict(trained.scores) and done.steps == 250
    one, two = (load_file(file) for file in (trained.files[0], done.files[0]))
    assert one.keys() == two.keys() and all(torch.equal(one[name], two[name]) for name in one)
    assert (place / "named.md").read_text().startswith("# named\n")
    (place / "other.yaml").write_text(RECIPE.replace("width: 8", "width: 6"))
    with pytest.raises(CampipeError, match=r"is the training of .*'width': 8.*but .*'width': 6"):
        export(place / "other.yaml", place / "out", place / "named.safetensors")
    with pytest.raises(CampipeError, match="there is no checkpoint"):
        export(place / "tiny.yaml", place / "nowhere", place / "named.safetensors")


def test_a_training_of_another_recipe_is_not_gone_on_with(place, trained):
    (place / "longer.yaml").write_text(RECIPE.replace("steps: 250", "steps: 300"))
    with pytest.raises(CampipeError, match=r"its training\.rate\.steps is 250, but 300 came"):
        train(place / "longer.yaml", place / "photos", place / "out")


def test_an_empty_folder_and_photos_that_are_too_small_are_refused(place, tmp_path):
    with pytest.raises(CampipeError, match="holds none"):
        train(place / "tiny.yaml", tmp_path, tmp_path / "out")
    for name in ("a", "b"):
        imageio.imwrite(tmp_path / f"{name}.png", torch.zeros(20, 20, 3, dtype=torch.uint8).numpy())
    with pytest.raises(CampipeError, match="at least 32 x 32 pixels"):
        train(place / "tiny.yaml", tmp_path, tmp_path / "out")


@pytest.mark.slow
def test_a_training_that_was_killed_ends_with_the_bits_of_one_that_was_not(place, trained, tmp_path, repository, monkeypatch):
    """The process is killed outright, more than once, and the command given again."""
    words = [sys.executable, "-c", _EAGER, "train", place / "tiny.yaml", "--images", place / "photos", "--out", tmp_path / "out"]
    environment = {**os.environ, "PYTHONPATH": str(repository), "OMP_NUM_THREADS": "1"}
    killed = 0
    for _ in range(2):
        process = subprocess.Popen(list(map(str, words)), env=environment, stdout=subprocess.PIPE)
        log, began = tmp_path / "out" / "log.jsonl", len(read_log(tmp_path / "out" / "log.jsonl")) if killed else 0
        while process.poll() is None and (not log.exists() or len(read_log(log)) < began + 3):
            time.sleep(0.02)
        if process.poll() is None:
            process.send_signal(signal.SIGKILL)
            killed += 1
        process.wait()
    assert killed == 2
    done = subprocess.run(list(map(str, words)), env=environment, capture_output=True, text=True)
    assert done.returncode == 0 and "250 steps" in done.stdout
    one, two = (load_file(file) for file in (trained.files[0], tmp_path / "out" / "weights.safetensors"))
    assert all(torch.equal(one[name], two[name]) for name in one)


_EAGER = "import campipe.train.loop as l; l.fit.__kwdefaults__['checkpoint_seconds'] = 0.2; from campipe.cli import main; main()"
