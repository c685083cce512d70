from __future__ import annotations

import numpy as np
import pytest
import torch

from campipe import isp
from campipe.core.errors import CampipeError
from campipe.core.frame import Capture, Frame
from campipe.ops import green_equalisation as ops

BAYER = pytest.mark.parametrize("pattern", ["RGGB", "BGGR", "GRBG", "GBRG"])


def scene(height: int = 96, width: int = 120, dtype: torch.dtype = torch.float64) -> torch.Tensor:
    """Slopes, waves and an edge, (1, 1, H, W)."""
    y, x = torch.meshgrid(torch.arange(height, dtype=dtype), torch.arange(width, dtype=dtype), indexing="ij")
    return (0.4 + 0.1 * torch.sin(x / 15) * torch.cos(y / 20) + 0.2 * (x + y > 110))[None, None]


def planted(clean: torch.Tensor, pattern: str, ratio: float = 0.988) -> torch.Tensor:
    """The green beside red multiplied by the root of a ratio, the one beside blue divided by it."""
    out = clean.clone()
    (y1, x1), (y2, x2) = ops.places(pattern)
    out[..., y1::2, x1::2] *= ratio**0.5
    out[..., y2::2, x2::2] /= ratio**0.5
    return out


def imbalance(mosaic: torch.Tensor, pattern: str) -> float:
    (y1, x1), (y2, x2) = ops.places(pattern)
    return float(mosaic[..., y1::2, x1::2].mean() / mosaic[..., y2::2, x2::2].mean()) - 1


@BAYER
def test_the_first_green_stands_beside_red(pattern):
    (y, x), (y2, x2) = ops.places(pattern)
    assert "R" in pattern[2 * y : 2 * y + 2] and "B" in pattern[2 * y2 : 2 * y2 + 2]
    assert pattern[2 * y + x] == pattern[2 * y2 + x2] == "G"


@BAYER
@pytest.mark.parametrize("method", ["local", "global"])
def test_a_planted_imbalance_is_taken_away(pattern, method, figure):
    clean = scene()
    broken = planted(clean, pattern)
    out = isp.EqualiseGreens(method)(Frame(broken, "mosaic", Capture(pattern=pattern))).data
    before, after = (float((v - clean).abs().mean() / clean.mean()) for v in (broken, out))
    figure(f"greens, relative error left of a planted 1.2 %, {method}, {pattern}", after, "<= 0.0003")
    assert before == pytest.approx(0.003, rel=0.02) and after < 3e-4


@BAYER
def test_red_and_blue_stay_and_edges_survive(pattern):
    clean = scene()
    out = isp.EqualiseGreens()(Frame(clean, "mosaic", Capture(pattern=pattern))).data
    letters = torch.tensor([c != "G" for c in pattern]).reshape(2, 2).repeat(48, 60)
    assert torch.equal(out[0, 0][letters], clean[0, 0][letters])
    # Without any imbalance the edge of 0.2 is left as it was, to two thousandths of its height.
    assert float((out - clean).abs().max()) < 4e-4


@BAYER
def test_surfaces_of_the_second_order_show_no_difference(pattern):
    y, x = torch.meshgrid(torch.arange(20.0, dtype=torch.float64), torch.arange(24.0, dtype=torch.float64), indexing="ij")
    surface = (0.3 + 0.004 * x - 0.003 * y + 3e-4 * x * x - 2e-4 * x * y + 2e-4 * y * y)[None, None]
    ratio, weight, sign = ops.differences(surface, pattern, 0.04)
    assert float(ratio[..., 2:-2, 2:-2].abs().max()) < 1e-12
    assert torch.equal(weight != 0, sign != 0) and int(sign.sum()) == 0


@BAYER
def test_no_green_changes_by_more_than_half_the_limit(pattern):
    data = torch.rand(1, 1, 40, 40, generator=torch.Generator().manual_seed(0)) + 0.05
    out = isp.EqualiseGreens(limit=0.03)(Frame(data, "mosaic", Capture(pattern=pattern))).data
    assert float((out / data - 1).abs().max()) <= 0.015 + 1e-6


def test_crops_and_items_get_the_same():
    frame = Frame(planted(scene(), "RGGB").repeat(2, 1, 1, 1) * torch.tensor([1.0, 0.5]).reshape(2, 1, 1, 1), "mosaic", Capture("RGGB"))
    stage = isp.EqualiseGreens()
    m, whole = stage.margin, stage(frame).data
    crop = stage(frame.crop(5, 8, 60, 70)).data
    assert torch.allclose(crop[..., m:-m, m:-m], whole[..., 5 + m : 65 - m, 8 + m : 78 - m], rtol=1e-12)
    for method in ("local", "global"):
        both = isp.EqualiseGreens(method)(frame).data
        assert torch.allclose(isp.EqualiseGreens(method)(frame.item(1)).data[0], both[1], rtol=1e-12)


@pytest.mark.parametrize("method", ["local", "global"])
def test_the_gradient_is_that_of_the_forward(method):
    frame = Frame(planted(scene(10, 12), "GRBG"), "mosaic", Capture("GRBG"))
    stage = isp.EqualiseGreens(method, radius=2)
    assert torch.autograd.gradcheck(lambda x: stage(frame.replace(x)).data, frame.data.requires_grad_())


def test_frames_without_two_greens_stay():
    for pattern in (None, "GGRGGBGGBGGRBRGRBGGGBGGRGGRGGBRBGBRG"):
        frame = Frame(torch.rand(1, 1, 12, 12), "mosaic", Capture(pattern=pattern))
        assert torch.equal(isp.EqualiseGreens()(frame).data, frame.data)


def test_black_frames_are_left_alone():
    frame = Frame(torch.zeros(1, 1, 12, 12), "mosaic", Capture(pattern="RGGB"))
    for method in ("local", "global"):
        assert torch.equal(isp.EqualiseGreens(method)(frame).data, frame.data)


def test_the_greens_of_a_real_frame_agree_afterwards(shared, figure):
    raw = np.fromfile(shared / "raw" / "colorchecker_1920x1080_12bit_bggr.raw", dtype="<u2").reshape(1080, 1920)
    frame = isp.Levels(50.0, 4092.0)(Frame(torch.from_numpy(raw.astype(np.float32))[None, None], "dn", Capture(pattern="BGGR")))
    frame = frame.replace(noise=[[2e-4, 1e-6]])  # 0.8 DN per electron, and a few of read noise
    before = imbalance(frame.data, "BGGR")
    figure("ColorChecker raw, Gr / Gb - 1 as it comes", before, "-0.012 +- 0.005")
    assert before == pytest.approx(-0.012, abs=0.005)
    for method in ("local", "global"):
        after = imbalance(isp.EqualiseGreens(method)(frame).data, "BGGR")
        figure(f"ColorChecker raw, Gr / Gb - 1 after equalisation, {method}", after, "<= 0.002")
        assert abs(after) < 0.002


@pytest.mark.parametrize(
    "make", [lambda: isp.EqualiseGreens("both"), lambda: isp.EqualiseGreens(limit=0), lambda: isp.EqualiseGreens(radius=3)]
)
def test_bad_input_is_refused_in_one_line(make):
    with pytest.raises(CampipeError) as caught:
        make()
    assert "\n" not in str(caught.value)
