from __future__ import annotations

import pytest
import torch

from campipe import isp
from campipe.core.errors import CampipeError, SpaceError
from campipe.core.frame import Capture, Frame

GAINS = torch.tensor([[2.0, 1.0, 1.5]])
XTRANS = "GGRGGBGGBGGRBRGRBGGGBGGRGGRGGBRBGBRG"
MODES = pytest.mark.parametrize("mode", ["clip", "blend", "reconstruct"])


def lamps(height: int = 96, width: int = 120, dtype: torch.dtype = torch.float64) -> torch.Tensor:
    """Coloured lights that fall off smoothly, white balanced and unlimited, (1, 3, H, W); the brightest green is 3."""
    y, x = torch.meshgrid(torch.arange(height, dtype=dtype), torch.arange(width, dtype=dtype), indexing="ij")
    out = torch.full((3, height, width), 0.05, dtype=dtype)
    for cy, cx, size, colour in ((28, 30, 12, (1.0, 0.75, 0.5)), (65, 85, 16, (0.6, 0.8, 1.0)), (75, 25, 9, (0.9, 0.9, 0.9))):
        fall = 3 * torch.exp(-((y - cy) ** 2 + (x - cx) ** 2) / (2 * size**2))
        out = out + fall * torch.tensor(colour, dtype=dtype)[:, None, None]
    return out[None]


def seen(true: torch.Tensor, gains: torch.Tensor = GAINS) -> torch.Tensor:
    """What is left after a sensor that saturates at 1 before white balance."""
    return torch.minimum(true, gains.to(true).reshape(-1, 3, 1, 1))


def under(rgb: torch.Tensor, pattern: str) -> torch.Tensor:
    w = 2 if len(pattern) == 4 else 6
    height, width = rgb.shape[-2:]
    table = torch.tensor(["RGB".index(c) for c in pattern]).reshape(w, w)
    index = table[torch.arange(height)[:, None] % w, torch.arange(width) % w]
    return rgb.gather(1, index.expand(rgb.shape[0], 1, height, width))


def hue_error(rgb: torch.Tensor, true: torch.Tensor, where: torch.Tensor) -> float:
    """Mean angle between chromaticities, degrees."""
    a, b = (v / v.norm(dim=1, keepdim=True) for v in (rgb, true))
    return float(torch.rad2deg(torch.acos((a * b).sum(1).clamp(-1, 1)))[where].mean())


def test_planted_highlights_come_back_better_than_by_clipping(figure):
    true = lamps()
    frame = Frame(seen(true), "camera", Capture(wb=GAINS))
    one = ((true >= GAINS.reshape(1, 3, 1, 1)).any(1)) & ~(true >= GAINS.reshape(1, 3, 1, 1)).all(1)
    some = (true >= GAINS.reshape(1, 3, 1, 1)).any(1)
    error, hue = {}, {}
    for mode in ("clip", "blend", "reconstruct"):
        out = isp.RecoverHighlights(mode)(frame).data
        error[mode] = float((out - true).square().mean(1)[some].mean().sqrt())
        hue[mode] = hue_error(out, true, one)
        figure(f"planted highlights, camera, rms error, {mode}", error[mode], "reconstruct <= 0.3 of clip")
        figure(
            f"planted highlights, camera, angle of colour where a channel is left, {mode}, degrees", hue[mode], "reconstruct <= 0.2 of clip"
        )
    assert error["reconstruct"] < 0.3 * error["clip"] and hue["reconstruct"] < 0.2 * hue["clip"]
    assert error["blend"] < error["clip"]


@pytest.mark.parametrize("pattern", ["RGGB", "GBRG", XTRANS], ids=["rggb", "gbrg", "xtrans"])
def test_planted_highlights_come_back_before_demosaicking_too(pattern, figure):
    true = under(lamps(), pattern)
    frame = Frame(under(seen(lamps()), pattern), "mosaic", Capture(pattern=pattern, wb=GAINS))
    blown = frame.data < true
    error = {}
    for mode in ("clip", "reconstruct"):
        out = isp.RecoverHighlights(mode)(frame).data
        error[mode] = float((out - true)[blown].square().mean().sqrt())
        figure(f"planted highlights, mosaic {pattern[:4]}, rms error where clipped, {mode}", error[mode], "reconstruct <= 0.5 of clip")
    assert error["reconstruct"] < 0.5 * error["clip"]


@pytest.mark.parametrize("mode", ["blend", "reconstruct"])
@pytest.mark.parametrize("space", ["camera", "mosaic"])
def test_nothing_changes_where_nothing_is_clipped(mode, space):
    if (mode, space) == ("blend", "mosaic"):
        return
    true = lamps() * 0.3  # at most 0.96 in green
    below = 0.98 * seen(lamps())
    for rgb in (true, below):
        data = rgb if space == "camera" else under(rgb, "RGGB")
        ceilings = GAINS.reshape(1, 3, 1, 1).expand_as(rgb)
        kept = rgb.amax(1, keepdim=True).expand_as(rgb) < 0.99 if mode == "blend" else rgb < 0.99 * ceilings
        kept = kept if space == "camera" else under(kept.double(), "RGGB").bool()
        out = isp.RecoverHighlights(mode)(Frame(data, space, Capture(pattern="RGGB", wb=GAINS))).data
        assert torch.equal(out[kept], data[kept])


def test_reconstruction_only_raises_and_brighter_comes_out_brighter():
    dim, bright = (Frame(seen(lamps() * f), "camera", Capture(wb=GAINS)) for f in (1.0, 1.3))
    stage = isp.RecoverHighlights("reconstruct")
    assert bool((stage(dim).data >= dim.data).all())
    # Along a ramp of one colour every channel rises, through all levels of saturation.
    ramp = torch.linspace(0.05, 4.0, 200, dtype=torch.float64).expand(3, 40, 200) * torch.tensor([1.0, 0.7, 0.4]).double()[:, None, None]
    out = stage(Frame(seen(ramp[None]), "camera", Capture(wb=GAINS))).data[0, :, 20]
    assert bool((out.diff(dim=-1) > -0.02).all())
    assert float((stage(bright).data - stage(dim).data).mean()) > 0


def test_a_white_that_is_blown_in_every_channel_stays_white():
    grey = torch.linspace(0.2, 3.0, 120, dtype=torch.float64).expand(1, 3, 30, 120)
    frame = Frame(seen(grey), "camera", Capture(wb=GAINS))
    for mode in ("clip", "blend", "reconstruct"):
        out = isp.RecoverHighlights(mode)(frame).data
        assert float((out.amax(1) - out.amin(1)).max()) < 0.02 + (0.35 if mode == "blend" else 0), mode
    pink = frame.data
    assert float((pink.amax(1) - pink.amin(1)).max()) > 0.9  # without any of them


def test_blend_keeps_lightness_and_direction_and_takes_chroma():
    def blended(*rgb: float) -> tuple[torch.Tensor, torch.Tensor]:
        data = torch.tensor(rgb, dtype=torch.float64).reshape(1, 3, 1, 1)
        return data, isp.RecoverHighlights("blend")(Frame(data, "camera", Capture(wb=GAINS))).data

    rgb, out = blended(1.5, 0.4, 0.6)
    before, after, cut = (v - v.mean() for v in (rgb, out, rgb.clamp_max(1.0)))
    assert float(out.mean()) == pytest.approx(float(rgb.mean())) and float(after.norm()) == pytest.approx(float(cut.norm()))
    assert float((before * after).sum() / before.norm() / after.norm()) == pytest.approx(1.0)
    rgb, out = blended(1.9, 1.0, 1.2)  # all are beyond the lowest ceiling: no chroma is left
    assert torch.allclose(out, rgb.mean().expand_as(out))


def test_clip_is_clip_highlights():
    frame = Frame(seen(lamps()), "camera", Capture(wb=GAINS))
    assert torch.equal(isp.RecoverHighlights("clip")(frame).data, isp.ClipHighlights()(frame).data)


@pytest.mark.parametrize("space", ["camera", "mosaic"])
def test_items_views_and_times_are_treated_alike(space):
    rgb = torch.cat([seen(lamps(40, 40)), seen(lamps(40, 40) * 1.4)])
    data = rgb if space == "camera" else under(rgb, "RGGB")
    wb = torch.cat([GAINS, GAINS * torch.tensor([0.8, 1, 1.1])])
    stage = isp.RecoverHighlights("reconstruct")
    whole = stage(Frame(torch.stack([data, data * 0.9], 1)[:, None], space, Capture(pattern="RGGB", wb=wb))).data
    alone = stage(Frame(data[1:] * 0.9, space, Capture(pattern="RGGB", wb=wb[1:]))).data
    assert torch.allclose(whole[1, 0, 1], alone[0])


@MODES
@pytest.mark.parametrize("space", ["camera", "mosaic"])
def test_the_gradient_is_that_of_the_forward(mode, space):
    if (mode, space) == ("blend", "mosaic"):
        return
    rgb = torch.rand(1, 3, 4, 5, generator=torch.Generator().manual_seed(0), dtype=torch.float64) * 2.2
    near = (rgb - 0.99 * GAINS.reshape(1, 3, 1, 1)).abs() < 0.03
    rgb = torch.where(near, rgb * 0.9, rgb)
    data = rgb if space == "camera" else under(rgb, "RGGB")
    frame = Frame(data, space, Capture(pattern="RGGB", wb=GAINS))
    stage = isp.RecoverHighlights(mode)
    assert torch.autograd.gradcheck(lambda x: stage(frame.replace(x)).data, frame.data.requires_grad_())


def test_a_frame_without_colour_is_clipped_at_one_or_stays():
    grey = Frame(torch.rand(1, 1, 4, 4) * 2, "mosaic", Capture(wb=GAINS))
    assert torch.equal(isp.RecoverHighlights("clip")(grey).data, grey.data.clamp_max(1))
    assert torch.equal(isp.RecoverHighlights("reconstruct")(grey).data, grey.data)


def test_bad_input_is_refused_in_one_line():
    with pytest.raises(CampipeError, match="blend"):
        isp.RecoverHighlights("inpaint")
    with pytest.raises(CampipeError, match="up to 1"):
        isp.RecoverHighlights(threshold=1.5)
    with pytest.raises(SpaceError, match="after the demosaicker"):
        isp.RecoverHighlights("blend")(Frame(torch.rand(1, 1, 4, 4), "mosaic", Capture(pattern="RGGB")))
