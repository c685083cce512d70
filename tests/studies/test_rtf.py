"""The study of regression tree fields runs with a tiny budget, says what it found, and leaves weights that a block takes."""

from __future__ import annotations

import pytest

from campipe.blocks.demosaicking.regression_tree import RegressionTree
from campipe.blocks.learned import read_weights
from campipe.studies import find, rtf
from campipe.studies.result import Result
from campipe.studies.setting import Setting


@pytest.fixture
def setting(photos, tmp_path) -> Setting:
    from skimage import io

    for folder, size in ((tmp_path / "images", 100), (tmp_path / "tests" / "photos_test_kodak24", 66)):
        folder.mkdir(parents=True)
        for number in range(5 if size == 100 else 1):
            io.imsave(folder / f"{number}.png", photos["coffee"][40 * number : 40 * number + size, 200 : 200 + size], check_contrast=False)
    return Setting(tmp_path / "images", tmp_path / "tests", tmp_path / "out", budget=0.0005)


def test_it_compares_two_trainings_at_two_noise_levels_and_keeps_their_weights(setting, monkeypatch):
    monkeypatch.setattr(rtf, "DEPTH", 1)
    result = find("rtf")(setting)
    assert Result.read(result.write(setting.out / "result.json")) == Result.read(setting.out / "result.json")
    assert [row.name for row in result.rows] == [*rtf.TITLES.values(), rtf.ALONE, "Menon", "Malvar"]
    assert len(result.claims) == 8 and all(len(row.scores) == 4 for row in result.rows)
    for name, exact in (("rtf", True), ("rtf_ssim", True), ("rtf_noisy", False), ("rtf_noisy_ssim", False)):
        block = RegressionTree(weights=setting.out / f"{name}.safetensors")
        assert block.architecture["exact"] is exact and block.body.depth == 1
        card = (setting.out / f"{name}.md").read_text()
        held = read_weights(setting.out / f"{name}.safetensors")
        assert f"| parameters | {sum(t.numel() for t in held.tensors.values())} " in card and held.about["budget"] in card
    grown = (setting.out / "grown_0.safetensors").read_bytes()
    rtf._grown(setting, 0)  # what is there is only read
    assert (setting.out / "grown_0.safetensors").read_bytes() == grown
