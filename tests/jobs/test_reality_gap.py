"""A camera has no gap to itself, and the gap to another one is seen."""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch

import campipe as cp
from campipe.core.errors import CampipeError
from campipe.jobs.reality_gap import as_json, reality_gap
from campipe.jobs.rehearse import Plan, rehearse

PLAN = Plan(iso=(400.0,), levels=(0.05, 0.5), pairs=2, darks=4, dark_seconds=(), stack=0)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    out = tmp_path_factory.mktemp("frames")
    rehearse("rpi-imx477", out, plan=PLAN, height=192, width=240)
    return out


def test_a_camera_has_no_gap_to_itself(folder, figure):
    found = reality_gap(folder, "rpi-imx477", seed=3)
    assert [(s.kind, len(s.gaps)) for s in found.series] == [("dark", 4), ("flat", 4), ("flat", 4)]
    scores = []
    for one in found.series:
        for gap in one.gaps:
            scores += [gap.divergence.value / gap.divergence.error, (gap.variance.value - 1) / gap.variance.error]
            scores += [(gap.row.value - 1) / gap.row.error, gap.across.value / gap.across.error, gap.down.value / gap.down.error]
    figure("a camera's gap to itself, largest of 60 standardised numbers", max(map(abs, scores)), "<= 5.5")
    assert max(map(abs, scores)) < 5.5  # 60 normal numbers: false-alarm rate 2e-6; the light is the real frames' smoothed mean
    assert not found.problems


def test_another_camera_shows_in_gain_and_dark_noise(folder):
    found = reality_gap(folder, "rpi-imx219", seed=3)
    dark, *flats = found.series
    assert all(gap.variance.value > 1.5 or gap.variance.value < 0.67 for gap in flats[-1].gaps)
    assert all(gap.divergence.value > 10 * gap.divergence.error for gap in flats[-1].gaps)
    assert json.loads(as_json(found))["series"][0]["gaps"][0]["plane"] == dark.gaps[0].plane


def test_another_phase_of_the_filters_is_lined_up(tmp_path):
    camera = cp.Camera.load("rpi-imx477")
    assert camera.profile.pattern == "RGGB"
    for number in range(2):
        frame = camera.at(400.0)["sensor"].expose(torch.zeros(1, 1, 145, 145), seconds=0.01, key=cp.Key(1).fold(number))
        cp.write(tmp_path / f"dark-{number}.dng", frame.replace(iso=torch.tensor([400.0])).crop(1, 1, 144, 144))
    (one,) = reality_gap(tmp_path, "rpi-imx477").series
    assert {gap.plane for gap in one.gaps} == {"R", "Gr", "Gb", "B"}


def test_a_folder_that_cannot_be_compared_says_why(tmp_path):
    np.save(tmp_path / "dark.npy", np.full((64, 64), 64, dtype=np.uint16))
    (tmp_path / "manifest.yaml").write_text("shots: [{files: '*', seconds: 0.1, iso: 100}]")
    with pytest.raises(CampipeError, match=r"nothing in .* can be compared"):
        reality_gap(tmp_path, "mv-mono-2mp")
