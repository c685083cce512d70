"""The study of the raw denoiser: cameras held out, the same shots for every method, and claims that are what the rows say."""

from __future__ import annotations

from pathlib import Path

import imageio.v3 as imageio
import pytest

from campipe.studies import find, raw_denoise
from campipe.studies.result import Result
from campipe.studies.setting import KODAK, Setting
from campipe.train.raw.cameras import bayer_cameras


@pytest.fixture(scope="module")
def result(photos, tmp_path_factory) -> Result:
    folder = tmp_path_factory.mktemp("tests")
    (folder / KODAK).mkdir()
    imageio.imwrite(folder / KODAK / "one.png", photos["coffee"][100:196, 200:328])
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(raw_denoise, "held_out", lambda: ["google-pixel"])
        return find("raw_denoise")(Setting(Path("unused"), folder, folder / "out"))


def test_every_method_takes_noise_away_in_raw_numbers_and_in_the_picture(result):
    *methods, nothing = result.rows
    assert nothing.name == "nothing" and len(methods) == 3
    for row in methods:
        for place in raw_denoise.PLACES:
            what = f"{place}, mean over cameras and ISOs: PSNR, dB"
            assert row.scores[what] > nothing.scores[what] + 2
    assert methods[0].parameters and not methods[1].parameters


def test_the_claims_are_the_differences_of_the_rows(result):
    ours, bm3d = result.rows[:2]
    assert len(result.claims) == 4
    for claim, place in zip(result.claims[::2], raw_denoise.PLACES, strict=True):
        what = f"{place}, mean over cameras and ISOs: PSNR, dB"
        assert (claim.value, claim.wanted) == (ours.scores[what], bm3d.scores[what])
        assert f"{claim.value - claim.wanted:+.2f} dB" in result.reproduced
    for claim, mean in zip(result.claims[1::2], result.claims[::2], strict=True):
        assert claim.value <= mean.value - mean.wanted + 1e-9  # the smallest gain is not above the mean one


def test_the_cameras_are_of_the_recipe_and_of_different_makers():
    names = raw_denoise.held_out()
    assert len({name.split("-")[0] for name in names}) == len(names) >= 3
    assert not set(names) & set(bayer_cameras(names))
