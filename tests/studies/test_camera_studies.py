"""Studies of cameras that are trained end to end: each runs with a tiny budget, and says what it found."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest
import torch

from campipe.studies import exposure_for_task, find, learned_cfa, recognition
from campipe.studies.result import Result
from campipe.studies.setting import Setting
from campipe.train import Constant, Training
from campipe.train.colour_filters import PatternNet
from campipe.train.recognition import Digits

SHORT = Training(2, 4, Constant(0.003), ema=None, validate_every=2)


@pytest.fixture(scope="module")
def written() -> Digits:
    """Bars that stand and bars that lie, in place of digits."""
    ink = torch.zeros(2, 8, 8)
    ink[0, :, 3:5] = 1
    ink[1, 3:5] = 1
    return Digits(ink.repeat(8, 1, 1), torch.tensor([0, 1]).repeat(8))


@pytest.fixture
def setting(photos, tmp_path) -> Setting:
    from skimage import io

    for folder in (tmp_path / "images", tmp_path / "tests" / "photos_test_kodak24"):
        folder.mkdir(parents=True)
        for number in range(5):
            io.imsave(folder / f"{number}.png", photos["coffee"][number : number + 66, 0:64], check_contrast=False)
    return Setting(tmp_path / "images", tmp_path / "tests", tmp_path / "out")


def again(result: Result, folder: Path) -> Result:
    """The result as its file gives it back."""
    return Result.read(result.write(folder / "result.json"))


def test_recognition_has_a_row_for_every_way_of_tuning_and_an_interval_for_what_is_claimed(written, setting, monkeypatch):
    for name in ("CLEAN", "TUNED", "LEARNED"):
        monkeypatch.setattr(recognition, name, SHORT)
    result = again(recognition.compare(setting, written, trained=8, checked=12), setting.out)
    assert len(result.rows) == 8 and len({row.name for row in result.rows}) == 8
    assert all(0 <= row.scores["accuracy, %"] <= 100 for row in result.rows)
    tuned = result.rows[3].scores
    assert tuned["95 % interval, low"] <= tuned["above default, %"] <= tuned["high"]
    assert result.claims[0].value == pytest.approx(tuned["95 % interval, low"], rel=1e-4)
    assert result.images.startswith("4 digits")


def test_exposure_for_task_compares_two_descents_with_the_sweep(written, setting, monkeypatch):
    monkeypatch.setattr(exposure_for_task, "READING", SHORT)
    monkeypatch.setattr(exposure_for_task, "CHOSEN", SHORT)
    result = again(exposure_for_task.compare(setting, written, trained=8, checked=12), setting.out)
    names = [row.name.split(":")[0] for row in result.rows]
    assert names == ["descent from short", "descent from long", "sweep", "start short", "start long"]
    least = result.rows[2].scores["cross-entropy"]
    worst = max(row.scores["cross-entropy"] for row in result.rows[:2])
    assert result.claims[0].value == pytest.approx(worst - least, abs=1e-4)


def test_learned_filters_and_bayer_s_are_scored_on_the_same_pictures_at_every_level(setting, monkeypatch):
    monkeypatch.setattr(learned_cfa, "TRAINING", replace(learned_cfa.TRAINING, steps=2, batch=2, rate=Constant(0.001)))
    monkeypatch.setattr(learned_cfa, "SIZE", 16)
    monkeypatch.setattr(learned_cfa, "PatternNet", partial(PatternNet, width=8, blocks=0))
    result = again(find("learned_cfa")(setting), setting.out)
    assert len(result.rows) == 3 and len(result.claims) == 3
    for claim, measure in zip(result.claims, result.rows[1].scores, strict=True):
        assert claim.value == pytest.approx(result.rows[2].scores[measure] - result.rows[1].scores[measure], abs=1e-3)
    assert result.rows[2].parameters - result.rows[1].parameters == 64  # the shares of four filters at sixteen places
    assert "Kodak, 5 pictures" in result.images
