from __future__ import annotations

import torch

from campipe.core.frame import Capture
from campipe.isp.assumptions import assumptions


def test_what_is_known_needs_no_words():
    known = Capture(pattern="RGGB", wb=torch.ones(1, 3), cam_to_srgb=torch.eye(3)[None], black_level=64.0, white_level=1023.0)
    assert assumptions(known) == []
    assert assumptions(known.replace(cam_to_srgb=None, cam_to_xyz=torch.eye(3)[None])) == []


def test_each_thing_that_is_missing_has_its_sentence():
    assert [s.split(":")[0] for s in assumptions(Capture(pattern="RGGB"))] == ["no white balance is known", "no colour matrix is known"]
    assert len(assumptions(Capture(pattern="RGGB", wb=torch.ones(1, 3)))) == 1
    assert assumptions(Capture()) == ["no colour filter is known: the picture is grey"]
    assert "not finite" in assumptions(Capture(pattern="RGGB", wb=torch.full((1, 3), torch.nan), cam_to_srgb=torch.eye(3)[None]))[0]
