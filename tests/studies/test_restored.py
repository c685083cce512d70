"""Studies of training without clean pictures: what is trained and scored is kept, and each part runs by itself."""

from __future__ import annotations

from dataclasses import replace
from functools import partial

import imageio.v3 as imageio
import numpy as np
import pytest

from campipe.blocks.learned.blind_unet import BlindUnet
from campipe.core.errors import CampipeError
from campipe.studies import blind_spot, names, noise2noise, part, restored
from campipe.studies.noise2noise_twins import median, normalised_average
from campipe.studies.setting import KODAK, Setting
from campipe.train.noise2noise.corruptions import Bernoulli, Gaussian
from campipe.train.schedules import Constant


@pytest.fixture(scope="module")
def setting(tmp_path_factory) -> Setting:
    """Six photos to train on and two to score on, of smooth noise."""
    place = tmp_path_factory.mktemp("study")
    draw = np.random.Generator(np.random.PCG64(0))
    for folder, count, side in (("images", 6, 136), (f"tests/{KODAK}", 2, 40)):
        (place / folder).mkdir(parents=True)
        for number in range(count):
            rows = draw.integers(30, 220, (side // 8, side // 8, 3), dtype=np.uint8)
            imageio.imwrite(place / folder / f"{number}.png", rows.repeat(8, 0).repeat(8, 1))
    return Setting(place / "images", place / "tests", place / "out")


@pytest.fixture(autouse=True)
def small(monkeypatch):
    """Nets, trainings and classical methods that take no time, and no scenes."""
    once = replace(restored.training(), steps=1, batch=2, rate=Constant(1e-3), precision="float32")
    monkeypatch.setattr(restored, "training", lambda: once)
    for study in (noise2noise, blind_spot):
        monkeypatch.setattr(study, "BlindUnet", partial(BlindUnet, width=3, levels=2))
    crops = Setting.crops
    monkeypatch.setattr(Setting, "crops", lambda self, size, **options: crops(self, size, **{"scenes": 0, **options}))
    cheap = {kind: (words, damage, partial(median, 3)) for kind, (words, damage, _) in noise2noise.TWINS.items()}
    monkeypatch.setattr(noise2noise, "TWINS", cheap)
    monkeypatch.setattr(blind_spot, "TWINS", {name: (words, lambda sigma: median(3)) for name, (words, _) in blind_spot.TWINS.items()})


@pytest.mark.parametrize("study", [noise2noise, blind_spot])
def test_a_study_trains_its_parts_and_claims_what_its_rows_say(study, setting):
    one = replace(setting, out=setting.out / study.__name__)
    result = study.study(one)
    assert len(result.rows) == len(study.PARTS) + len(study.TWINS)
    assert {folder.name for folder in one.out.iterdir()} == set(study.PARTS)
    scores = {row.name: row.scores["PSNR, dB"] for row in result.rows}
    if study is noise2noise:
        cost = scores["Gaussian noise, clean targets"] - scores["Gaussian noise, noisy targets"]
        assert result.claims[0].value == pytest.approx(cost)
    else:
        assert result.claims[1].value == pytest.approx(scores["Noise2Void"] - scores["non-local means that is told sigma"])
    assert study.__name__.rsplit(".", 1)[1] in names()


def test_what_was_scored_is_only_read_and_scored_again_for_other_weights(setting, monkeypatch):
    one = replace(setting, out=setting.out / "twice")
    part.run("blind_spot", "clean", one)
    counted: list[int] = []
    again = restored.on_kodak
    monkeypatch.setattr(restored, "on_kodak", lambda *given: (counted.append(1), again(*given))[1])
    first = blind_spot.PARTS["clean"](one)
    assert not counted
    kept = one.out / "clean" / "kodak.json"
    kept.write_text(kept.read_text().replace('"weights": "', '"weights": "0'))
    assert blind_spot.PARTS["clean"](one) == first and counted == [1]


def test_parts_that_are_not_there_are_named():
    with pytest.raises(CampipeError, match="has no part 'text_l3'; there are: gaussian_clean"):
        part.run("noise2noise", "text_l3", None)
    with pytest.raises(CampipeError, match="no parts that run alone"):
        part.run("nothing", "text_l3", None)


def test_classical_methods_leave_an_undamaged_picture_and_fill_missing_pixels(setting):
    picture = setting.kodak(1)[0]
    assert normalised_average()(picture).equal(picture)
    flat = picture * 0 + 0.4
    seen = Bernoulli(0.5, 0.5)(flat, 0, [0]).picture
    assert (normalised_average()(seen) - 0.4).abs().max() < 1e-5
    assert median(3)(flat).equal(flat)
    noisy = Gaussian(25, 25)(flat, 0, [0]).picture
    # The median of n normal numbers has pi / 2 times the variance of their mean, about.
    assert (median(7)(noisy) - 0.4).std() < 1.6 * 25 / 255 / 7
