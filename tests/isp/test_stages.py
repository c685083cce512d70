from __future__ import annotations

import pytest
import torch

from campipe import isp
from campipe.core.errors import CampipeError, LawError, ShapeError, SpaceError
from campipe.core.frame import Capture, Frame
from campipe.core.law import Law
from campipe.core.pipeline import Pipeline
from campipe.core.stage import Stage
from campipe.ops.colour import cam_to_xyz
from campipe.ops.sigma import sigma_map

MATRIX = torch.tensor([[1.6, -0.4, -0.2], [-0.2, 1.6, -0.4], [0.0, -0.5, 1.5]])
WB = torch.tensor([[2.0, 1.0, 1.5], [1.7, 1.0, 2.1]])
CAPTURE = Capture(
    pattern="RGGB",
    wb=WB,
    cam_to_srgb=MATRIX[None],
    tone=[0.3, 0.9],
    brightness=[1.1, 0.8],
    black_level=[64.0, 65.0],
    white_level=[1023.0, 1000.0],
)
# A camera under standard light A and under D65: XYZ to its own RGB, and balanced RGB to XYZ (D50).
CAMERA_1 = [[0.9512, -0.3306, 0.0012], [-0.4406, 1.2110, 0.2580], [-0.0715, 0.1712, 0.7102]]
CAMERA_2 = [[0.9020, -0.2890, -0.0715], [-0.4535, 1.2436, 0.2348], [-0.0934, 0.1919, 0.7086]]
FORWARD_1 = [[0.70, 0.20, 0.06], [0.27, 0.85, -0.12], [0.01, -0.12, 0.93]]
FORWARD_2 = [[0.68, 0.18, 0.10], [0.25, 0.80, -0.05], [0.02, -0.15, 0.95]]
CHANNELS = {"dn": 1, "mosaic": 1, "scene": 3, "camera": 3, "linear": 3, "display": 3}

# Every stage in the ways that it can be made, with a space that it reads.
STAGES: list[tuple[Stage, str]] = [
    (isp.Levels(), "dn"),
    (isp.Levels(black_level=60.0, white_level=900.0), "dn"),
    (isp.Levels(black_level=[[60.0, 61.0], [62.0, 63.0]]), "dn"),
    (isp.Linearise([0.0, 10.0, 30.0, 70.0, 90.0]), "dn"),
    (isp.Linearise(torch.linspace(0, 40, 1024).square().tolist()), "dn"),
    (isp.WhiteBalance(), "mosaic"),
    (isp.WhiteBalance(), "camera"),
    (isp.WhiteBalance([1.5, 1.0, 2.0]), "mosaic"),
    (isp.TemperatureBalance(), "mosaic"),
    (isp.TemperatureBalance(3200.0, 4.0, CAMERA_1), "camera"),
    (isp.SceneBalance(), "scene"),
    (isp.CorrectShading([[1.0, 1.5, 2.0], [1.2, 1.1, 1.6]], width=6, height=4), "mosaic"),
    (isp.CorrectShading(torch.linspace(1, 3, 36).reshape(3, 3, 4).tolist(), width=6, height=4), "mosaic"),
    (isp.CorrectShading(torch.linspace(1, 3, 24).reshape(4, 2, 3).tolist(), width=6, height=4, cells=True), "mosaic"),
    (isp.CorrectShading(coefficients=(-0.3, 0.1), width=6, height=4), "camera"),
    (isp.RecoverHighlights("clip"), "mosaic"),
    (isp.RecoverHighlights("blend"), "camera"),
    (isp.ClipHighlights(), "mosaic"),
    (isp.ClipHighlights(ceiling=0.6, leak=0.1), "camera"),
    (isp.ColourMatrix(), "camera"),
    (isp.ColourMatrix(MATRIX.tolist()), "camera"),
    (isp.DualIlluminantMatrix(CAMERA_1, CAMERA_2, 2850.0, 6500.0, FORWARD_1, FORWARD_2), "camera"),
    (isp.Exposure(), "linear"),
    (isp.Exposure(ev=1.5, brightness=0.7), "linear"),
    (isp.ToneCurve(), "linear"),
    (isp.ToneCurve(0.4), "linear"),
    (isp.SrgbEncode(), "linear"),
    (isp.LinearCurve(1.2, -0.01), "linear"),
    (isp.PowerCurve(), "linear"),
    (isp.FilmicCurve(), "linear"),
    (isp.FilmicCurve(exposure=2.0, white=5.6), "linear"),
    (isp.PointsCurve([[0, 0.02], [0.1, 0.05], [0.5, 0.6], [1, 1]]), "linear"),
    (isp.Saturation(1.3), "linear"),
    (isp.Saturation(0.8, vibrance=0.5), "display"),
    (isp.Encode(), "linear"),
    (isp.Encode("rec2020"), "linear"),
    (isp.Decode(), "display"),
    (isp.Decode("display-p3"), "display"),
    (isp.Clip(), "display"),
    (isp.Clip(-0.2, 0.7, leak=0.5), "linear"),
]
EVERY = pytest.mark.parametrize(("stage", "space"), STAGES, ids=[f"{s.name}-{i}" for i, (s, _) in enumerate(STAGES)])


def frame(space: str, *, seed: int = 0, rank: int = 4, dtype: torch.dtype = torch.float64) -> Frame:
    views = () if rank == 4 else (2, 3)
    data = torch.rand(2, *views, CHANNELS[space], 4, 6, generator=torch.Generator().manual_seed(seed), dtype=dtype)
    return Frame(data * 1000 if space == "dn" else data * 1.4 - 0.2, space, CAPTURE)

# Stages that look at more than one pixel: each has its contract in a file of its own.
WIDE = {"AutoWhiteBalance", "ChromaDenoise", "CorrectDefects", "EqualiseGreens", "EstimateNoise"}
WIDE |= {"GuidedSharpen", "Jpeg", "LocalTone", "UnsharpMask"}


def test_the_list_holds_every_stage():
    assert {type(stage).__name__ for stage, _ in STAGES} | WIDE == set(isp.__all__)


@EVERY
def test_the_gradient_is_that_of_the_forward(stage, space):
    leak = getattr(stage, "leak", 0)
    f = frame(space)
    if leak:  # outside the limits the gradient is declared, not derived
        f = f.replace(f.data.clamp(0.01, 0.59))
    assert torch.autograd.gradcheck(lambda x: stage(f.replace(x)).data, f.data.requires_grad_())


@EVERY
def test_numbers_per_item_have_the_right_gradient(stage, space):
    f, pipeline = frame(space), Pipeline([stage])
    for path, owner, name in pipeline.numbers():
        value = getattr(owner, name).double().expand(2, *getattr(owner, name).shape).clone()
        value[1] *= 1.05
        if name == "ceiling":
            f = f.replace(f.data.round(decimals=1) + 0.05)  # away from the ceilings 0.6 and 0.63, where the slope jumps
        assert torch.autograd.gradcheck(lambda v, path=path, f=f: pipeline(f, parameters={path: v}).data, value.requires_grad_())


@EVERY
def test_items_views_and_times_are_treated_alike(stage, space):
    f = frame(space, rank=6)
    whole = stage(f).data
    for b in range(2):
        item = Frame(f.data[b : b + 1], space, Capture(pattern="RGGB", **{n: t[b : b + 1] for n, t in f.capture.tensors().items()}))
        for v in range(2):
            alone = stage(item.replace(item.data[:, v, 1]))
            assert torch.allclose(alone.data[0], whole[b, v, 1])


@EVERY
def test_the_result_of_a_crop_is_the_crop_of_the_result(stage, space):
    f = frame(space)
    if getattr(stage, "black_level", torch.zeros(())).ndim:
        f, window = f.replace(), (2, 2, 2, 3)  # a table of the stage's own hangs on the frame's pixel (0, 0)
    else:
        window = (1, 3, 3, 2)
    assert torch.equal(stage(f.crop(*window)).data, stage(f).crop(*window).data)


@EVERY
def test_the_configuration_builds_the_stage_again(stage, space):
    again = type(stage)(**stage.config())
    assert torch.equal(again(frame(space)).data, stage(frame(space)).data)


@EVERY
def test_float32_stays_float32(stage, space):
    f = frame(space, dtype=torch.float32)
    f = f.replace(
        capture=Capture(pattern="RGGB", **{n: t.double() if t.is_floating_point() else t for n, t in f.capture.tensors().items()})
    )
    assert stage(f).data.dtype == torch.float32


@EVERY
def test_the_law_of_a_certain_value_is_the_value(stage, space):
    f = frame(space)
    try:
        law = stage.moments(f)
    except LawError:
        assert isinstance(stage, (isp.Clip, isp.ClipHighlights, isp.RecoverHighlights))
        return
    out = stage(f)
    assert law.space == out.space
    assert torch.allclose(law.mean, out.data)
    assert law.variance.abs().max() == 0


@pytest.mark.parametrize(
    ("stage", "space"),
    [(isp.Levels(), "dn"), (isp.WhiteBalance(), "mosaic"), (isp.WhiteBalance(), "camera"), (isp.Exposure(1.0), "linear")],
)
def test_a_linear_stage_carries_the_variance_by_the_square_of_its_slope(stage, space):
    f = frame(space)
    x = f.data.clone().requires_grad_()
    (slope,) = torch.autograd.grad(stage(f.replace(x)).data.sum(), x)
    law = stage.law(Law.certain(f, stage.shot(None, True, None, None)).with_noise(torch.tensor(0.25)))
    assert torch.allclose(law.variance, (0.25 * slope) ** 2)


@pytest.mark.parametrize(
    ("stage", "space", "shape"),
    [
        (isp.WhiteBalance(), "mosaic", (2, 2)),
        (isp.WhiteBalance(), "mosaic", (2, 2, 2, 2)),
        (isp.WhiteBalance([2.0, 1.0, 0.5]), "camera", (2, 2)),
        (isp.WhiteBalance([2.0, 1.0, 0.5]), "camera", (2, 2, 3)),
        (isp.Exposure(1.0), "linear", (2, 2)),
        (isp.Exposure(1.0), "linear", (2, 2, 3)),
    ],
)
def test_the_noise_profile_follows_the_gain(stage, space, shape):
    table = torch.rand(*shape, generator=torch.Generator().manual_seed(3), dtype=torch.float64)
    f = frame(space).replace(frame(space).data.abs(), noise=table)
    x = f.data.clone().requires_grad_()
    (slope,) = torch.autograd.grad(stage(f.replace(x)).data.sum(), x)
    assert torch.allclose(sigma_map(stage(f)), sigma_map(f) * slope)


def test_levels_put_black_at_0_and_white_at_1():
    raw = Frame(torch.tensor([64.0, 1023.0, 50.0, 1100.0]).reshape(1, 1, 2, 2), "dn", Capture(black_level=[64.0], white_level=[1023.0]))
    out = isp.Levels()(raw).data.flatten()
    assert out[:2].tolist() == [0, 1]
    assert out[2] < 0 and out[3] > 1  # nothing is clipped


@pytest.mark.parametrize("pattern", ["RGGB", "BGGR", "GRBG", "GBRG"])
def test_white_balance_makes_a_white_mosaic_equal(pattern):
    wb = torch.tensor([[2.0, 1.0, 1.5]])
    table = torch.tensor([["RGB".index(c) for c in pattern]]).reshape(1, 1, 2, 2)
    white = (1 / wb)[0][table].repeat(1, 1, 3, 3)
    out = isp.WhiteBalance()(Frame(white, "mosaic", Capture(pattern=pattern, wb=wb)))
    assert torch.equal(out.data, torch.ones_like(white))


def test_without_a_filter_the_gain_of_green_is_taken():
    grey = Frame(torch.full((1, 1, 3, 3), 0.5), "mosaic", Capture(wb=[[2.0, 1.0, 1.5]]))
    assert torch.equal(isp.WhiteBalance()(grey).data, grey.data)


def test_what_the_capture_does_not_know_does_nothing():
    for stage, space in (
        (isp.WhiteBalance(), "mosaic"),
        (isp.ColourMatrix(), "camera"),
        (isp.Exposure(), "linear"),
        (isp.ToneCurve(), "linear"),
    ):
        f = Frame(frame(space).data, space, Capture(pattern="RGGB"))
        assert torch.equal(stage(f).data, f.data)


def test_given_numbers_are_written_into_the_capture():
    f = frame("camera")
    out = Pipeline([isp.WhiteBalance([1.5, 1.0, 2.0]), isp.ColourMatrix(MATRIX), isp.Exposure(brightness=0.7), isp.ToneCurve(0.4)])(
        f
    ).capture
    assert out.wb is not None and out.wb.tolist() == [[1.5, 1, 2]] * 2
    assert out.cam_to_srgb is not None and torch.equal(out.cam_to_srgb, MATRIX.expand(2, 3, 3))
    assert out.brightness is not None and out.brightness.tolist() == pytest.approx([0.7] * 2)
    assert out.tone is not None and out.tone.tolist() == pytest.approx([0.4] * 2)


def test_blown_highlights_are_white():
    gains = torch.tensor([[2.0, 1.0, 0.8]])
    saturated = Frame(torch.ones(1, 1, 4, 4), "mosaic", Capture(pattern="RGGB", wb=gains))
    out = isp.ClipHighlights()(isp.WhiteBalance()(saturated)).data
    assert torch.equal(out, torch.full_like(out, 0.8))


def test_white_stays_white_through_the_matrix():
    white = Frame(torch.full((2, 3, 2, 2), 0.7), "camera", CAPTURE)
    assert torch.allclose(isp.ColourMatrix()(white).data, white.data)


def test_the_matrix_to_xyz_serves_where_no_other_is_known():
    f = frame("camera")
    by_xyz = f.replace(cam_to_srgb=None, cam_to_xyz=cam_to_xyz(MATRIX)[None].expand(2, 3, 3))
    assert torch.allclose(isp.ColourMatrix()(by_xyz).data, isp.ColourMatrix()(f).data, atol=1e-6)


def test_the_matrix_does_not_mix_variances_that_it_cannot_know():
    f = frame("camera")
    law = Law.certain(f, isp.ColourMatrix().shot(None, True, None, None)).with_noise(torch.tensor(0.1))
    with pytest.raises(LawError, match="correlated"):
        isp.ColourMatrix().run_law(law)


def test_leak_is_the_slope_outside():
    x = torch.tensor([-1.0, 0.5, 2.0]).reshape(1, 1, 1, 3).requires_grad_()
    isp.Clip(leak=0.25)(Frame(x, "camera")).data.sum().backward()
    assert x.grad is not None and x.grad.flatten().tolist() == [0.25, 1, 0.25]


@pytest.mark.parametrize(
    ("make", "error", "match"),
    [
        (lambda: isp.WhiteBalance([1.0, 2.0]), ShapeError, "three gains"),
        (lambda: isp.ColourMatrix([1.0, 2.0]), ShapeError, r"\(3, 3\)"),
        (lambda: isp.ToneCurve(1.5), CampipeError, "0 to 1"),
        (lambda: isp.Clip(1.0, 0.0), CampipeError, "below"),
        (lambda: isp.Clip(leak=2.0), CampipeError, "0 to 1"),
        (lambda: isp.Levels()(frame("mosaic")), SpaceError, "levels: a frame in 'dn'"),
        (lambda: isp.Levels()(frame("dn").replace(black_level=None)), CampipeError, "black_level"),
        (lambda: isp.SceneBalance()(frame("scene").replace(capture=Capture(absolute=True))), SpaceError, "photograph"),
    ],
)
def test_bad_input_is_refused_in_one_line(make, error, match):
    with pytest.raises(error, match=match) as caught:
        make()
    assert "\n" not in str(caught.value)
