"""`campipe train`: the command says what it reached and wrote, goes on by itself, and refuses in one line."""

from __future__ import annotations

import imageio.v3 as imageio
import pytest

RECIPE = """train: 1
about: a very small demosaicker
block: demosaick/residual
network: {width: 4, blocks: 0}
data: {crop: 16, scenes: 1.0, held_out: 1}
optimiser:
  steps: 6
  batch: 2
  rate: {kind: constant, peak: 0.001}
  log_every: 2
card: {data: photos of a test, licence: none}
"""


@pytest.fixture
def place(tmp_path, photos):
    (tmp_path / "photos").mkdir()
    for number in range(2):
        imageio.imwrite(tmp_path / "photos" / f"{number}.png", photos["coffee"][:64, :64])
    (tmp_path / "tiny.yaml").write_text(RECIPE)
    return tmp_path


def test_it_trains_says_what_it_reached_and_does_nothing_twice(place, run):
    words = ["train", place / "tiny.yaml", "--images", place / "photos", "--out", place / "out"]
    answer = run(*words)
    assert (answer.status, answer.err) == (0, "")
    assert "demosaick/residual: 6 steps" in answer.out and "psnr" in answer.out and "weights.safetensors" in answer.out
    before = (place / "out" / "weights.safetensors").read_bytes()
    assert run(*words).status == 0 and (place / "out" / "weights.safetensors").read_bytes() == before
    exported = run("train", place / "tiny.yaml", "--out", place / "out", "--export", place / "w.safetensors")
    assert exported.status == 0 and (place / "w.safetensors").exists() and (place / "w.md").exists()


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        (["nothing_like_one", "--images", "photos"], "there are"),
        (["tiny.yaml"], "give their folder with --images"),
        (["tiny.yaml", "--images", "nowhere"], "there is no nowhere"),
        (["tiny.yaml", "--images", "photos", "--device", "abacus"], "there is no device 'abacus'"),
        (["tiny.yaml", "--export", "w.safetensors"], "there is no checkpoint"),
    ],
)
def test_it_refuses_in_one_line(words, complaint, place, run, monkeypatch):
    monkeypatch.chdir(place)
    answer = run("train", *words, "--out", "out")
    assert answer.status == 2 and answer.out == ""
    assert len(answer.err.splitlines()) == 1 and complaint in answer.err
