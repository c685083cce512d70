"""The studies of joint demosaicking, of mining and of the losses of Zhao et al. run from the photos to the result, on very little."""

from __future__ import annotations

from pathlib import Path

import imageio.v3 as imageio
import pytest

from campipe.blocks.demosaicking.joint import Joint
from campipe.studies import jdd, mining, part, zhao_losses
from campipe.studies.result import Result
from campipe.studies.setting import Setting


@pytest.fixture
def setting(tmp_path: Path, photos) -> Setting:
    for number, name in enumerate(("coffee", "astronaut", "chelsea")):
        for folder, piece in (("images", photos[name][:104, :120]), ("tests/photos_test_kodak24", photos[name][-72:, -80:])):
            (tmp_path / folder).mkdir(parents=True, exist_ok=True)
            imageio.imwrite(tmp_path / folder / f"{number}.png", piece)
    return Setting(tmp_path / "images", tmp_path / "tests", tmp_path / "out", budget=5e-4)


def test_the_joint_net_is_scored_beside_two_steps_in_turn(setting, monkeypatch, tmp_path):
    untrained = Joint(weights=None, width=4, blocks=1).save(tmp_path / "jdd.safetensors")
    monkeypatch.setattr(jdd, "Joint", lambda: Joint(weights=untrained))
    result = jdd.study(setting)
    joint, in_turn, *_, malvar = result.rows
    assert joint.scores == malvar.scores  # what is untrained is its base
    assert len(result.claims) == 16 and not any(claim.holds for claim in result.claims[::2])  # every other one is against two steps in turn
    levels = [in_turn.scores[f"sigma {sigma}, first six: PSNR, dB"] for sigma in jdd.SIGMAS]
    assert levels == sorted(levels, reverse=True) and levels[0] > malvar.scores["sigma 5, first six: PSNR, dB"] + 1
    read = Result.read(result.write(tmp_path / "jdd.json"))
    assert [claim.holds for claim in read.claims] == [claim.holds for claim in result.claims]


def test_losses_are_compared_seed_by_seed_and_what_is_finished_is_only_read(setting, monkeypatch):
    for name, value in (("SEEDS", (0, 1)), ("CROP", 32), ("BATCH", 1), ("SHOWN", 1), ("PLACE", (4, 8))):
        monkeypatch.setattr(zhao_losses, name, value)
    monkeypatch.setattr(zhao_losses, "OPTIONS", {"held_out": 1, "scenes": 0.0})
    part.run("zhao_losses", "mix_1", setting)
    assert sorted(path.name for path in setting.out.iterdir()) == ["mix_1"]
    result = zhao_losses.study(setting)
    assert [row.name for row in result.rows] == ["MS-SSIM and L1", "L1", "L2", "bilinear interpolation"]
    assert result.rows[0].parameters == 123_011 and len(result.claims) == 4
    mean = result.rows[0].scores["PSNR, dB"]
    assert mean == pytest.approx(sum(result.rows[0].scores[f"PSNR, dB, seed {seed}"] for seed in (0, 1)) / 2)
    monkeypatch.setattr(zhao_losses, "_on_kodak", lambda setting, restore: result.rows[-1].scores)
    assert zhao_losses.study(setting) == result
    drawn = zhao_losses.crops_picture(setting).read_text(encoding="utf-8")
    assert drawn.count("<image") == 5 and all(words in drawn for words in ("truth", "bilinear", "MS-SSIM and L1"))


def test_mining_is_compared_seed_by_seed_on_pieces_that_nothing_was_trained_on(setting, monkeypatch):
    for name, value in (("SEEDS", (0,)), ("CROP", 32), ("BATCH", 1), ("HELD_OUT", 1)):
        monkeypatch.setattr(mining, name, value)
    monkeypatch.setattr(mining, "OPTIONS", {**mining.OPTIONS, "held_out": 1, "scenes": 0.0})
    result = mining.study(setting)
    assert [row.name for row in result.rows] == ["half of the samples mined", "samples from anywhere", "Menon"]
    assert {mining.MINED, mining.KODAK_MINED, mining.KODAK} <= set(result.rows[0].scores)
    menon = result.rows[-1].scores
    assert menon[mining.KODAK_MINED] < menon[mining.KODAK]  # what is mined is hard for others too
    monkeypatch.setattr(mining, "_hard", None)  # of the places nothing is asked again
    assert mining._part("plain", 0, setting).items() <= result.rows[1].scores.items()
