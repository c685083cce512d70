"""What a study is given: trainings of a part of their length, that go on where they were, and pictures in order."""

from __future__ import annotations

import imageio.v3 as imageio
import numpy as np
import pytest
import torch
from torch import Tensor, nn

from campipe.core.errors import CampipeError
from campipe.studies.scored import scored
from campipe.studies.setting import KODAK, SET12, Setting
from campipe.train.loop import Task, Training
from campipe.train.schedules import Constant, Steps, WarmUpCosine


class Number(Task):
    """Learn the number 3."""

    def __init__(self) -> None:
        super().__init__()
        self.net, self.made = nn.Linear(1, 1), 0
        for p in self.net.parameters():
            nn.init.zeros_(p)

    def batch(self, numbers) -> Tensor:
        self.made += 1
        return torch.ones(len(numbers), 1)

    def forward(self, batch: Tensor) -> Tensor:
        return (self.net(batch) - 3).square().mean()

    def validate(self) -> dict[str, float]:
        return {"value": float(self.net(torch.ones(1, 1)).detach())}

    def about(self) -> dict:
        return {}


def test_a_budget_shortens_the_training_and_its_schedule(tmp_path):
    setting = Setting(tmp_path, tmp_path, tmp_path, budget=0.1)
    short = setting.shortened(Training(steps=1000, batch=2, rate=WarmUpCosine(0.1, 0.01, 100, 1000)))
    assert short.steps == 100 and short.rate == WarmUpCosine(0.1, 0.01, 10, 100)
    assert setting.shortened(Training(steps=1000, batch=2, rate=Steps(0.1, 0.5, (300, 600)))).rate == Steps(0.1, 0.5, (30, 60))
    assert setting.shortened(Training(steps=3, batch=2, rate=Constant(0.1))).steps == 1
    with pytest.raises(CampipeError, match="factor above 0"):
        Setting(tmp_path, tmp_path, tmp_path, budget=0)


def test_a_training_of_a_study_is_done_once(tmp_path):
    setting, training = Setting(tmp_path, tmp_path, tmp_path), Training(steps=200, batch=1, rate=Constant(0.1), ema=None)
    one, two = Number(), Number()
    first, again = setting.fit("number", one, training), setting.fit("number", two, training)
    assert first.scores["value"] == pytest.approx(3, abs=0.05) and again.scores == first.scores
    assert one.made == 200 and two.made == 0


def test_pictures_come_in_the_order_of_their_names(tmp_path):
    setting = Setting(tmp_path, tmp_path, tmp_path)
    for folder in (KODAK, SET12):
        (tmp_path / folder).mkdir()
        for value in (30, 10, 20):
            imageio.imwrite(tmp_path / folder / f"{value}.png", np.full((16, 24, 3), value, np.uint8))
    assert [round(float(p.mean()) * 255) for p in setting.kodak()] == [10, 20, 30]
    assert len(setting.kodak(2)) == 2 and setting.kodak()[0].shape == (1, 3, 16, 24)
    assert [p.shape for p in setting.set12()] == [(1, 1, 16, 24)] * 3
    with pytest.raises(CampipeError, match="give its place with --tests"):
        Setting(tmp_path, tmp_path / "none", tmp_path).kodak()


def test_a_score_is_of_what_lies_within_the_border_rounded_to_eight_bits():
    clean = [torch.full((1, 1, 80, 80), 0.5), torch.full((1, 1, 70, 90), 0.5)]
    off = 10 / 255

    def restore(x: Tensor) -> Tensor:
        x = x + off + 0.3 / 255  # rounds to the 10
        x[..., :4, :] = 0
        return x

    found = scored(restore, [p * 0 + 128 / 255 for p in clean], [p * 0 + 128 / 255 for p in clean], border=4)
    assert found.psnr == pytest.approx(-20 * np.log10(off), abs=1e-3) and found.seconds > 0
