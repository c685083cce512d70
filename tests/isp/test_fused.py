"""Developing in one pass is developing stage by stage, faster."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from campipe import blocks
from campipe.core.frame import Capture, Frame
from campipe.core.pipeline import Pipeline
from campipe.developing import develop, developing_pipeline
from campipe.isp import Clip, ClipHighlights, ColourMatrix, Exposure, Levels, SrgbEncode, ToneCurve, WhiteBalance, fused
from campipe.ops.colour import srgb_encode
from campipe.ops.kernels import developing as kernel
from campipe.ops.kernels import threads

MATRIX = torch.tensor([[1.6, -0.4, -0.2], [-0.2, 1.6, -0.4], [0.0, -0.5, 1.5]])
FAST = [name for name in blocks.names("demosaick") if fused._method(blocks.demosaick(name)) is not None]
# Up to the encoding the loops are the stages' operations; the two encodings lie within 1.5e-7 and 1.8e-7 of the formula.
APART = 1e-6


def raw(batch: int, height: int, width: int, pattern: str, seed: int = 0, **entries: object) -> Frame:
    """Raw numbers without any order, some of them below black and some beyond white."""
    dn = torch.rand(batch, 1, height, width, generator=torch.Generator().manual_seed(seed)) * 1100
    frame = Frame(dn, "dn", Capture(pattern=pattern, black_level=[64.0], white_level=[1023.0]))
    return frame.replace(wb=torch.tensor([[2.1, 1.0, 1.6]]), cam_to_srgb=MATRIX[None]).replace(**entries)


def by_stages(pipeline: Pipeline, frame: Frame, **parameters: object) -> Frame:
    shot = pipeline.shot(None, True, None, {name.replace("__", "."): value for name, value in parameters.items()} or None)  # type: ignore[misc]
    for stage in pipeline.stages:
        frame = stage.run(frame, shot)
    return frame


def is_taken(pipeline: Pipeline, frame: Frame, **parameters: torch.Tensor) -> bool:
    return fused.plan(pipeline.stages, frame, pipeline.shot(None, True, None, parameters or None)) is not None


def assert_same(one: Frame, other: Frame) -> None:
    assert one.space == other.space and one.data.shape == other.data.shape
    apart = (one.data - other.data).abs() / other.data.abs().clamp_min(1)
    assert float(apart.max()) <= APART
    mine, theirs = one.capture.tensors(), other.capture.tensors()
    assert mine.keys() == theirs.keys() and all(torch.equal(mine[name], theirs[name]) for name in mine)
    assert (one.capture.pattern, one.capture.camera) == (other.capture.pattern, other.capture.camera)


@settings(max_examples=60)
@given(
    name=st.sampled_from(FAST),
    pattern=st.sampled_from(["RGGB", "GRBG", "GBRG", "BGGR"]),
    size=st.tuples(st.integers(2, 70), st.integers(2, 70)),
    batch=st.integers(1, 3),
    clip=st.booleans(),
    levels=st.sampled_from(["number", "items", "positions"]),
    known=st.sets(st.sampled_from(["tone", "brightness", "noise", "wb", "matrix"])),
    seed=st.integers(0, 1000),
)
def test_one_pass_gives_what_the_stages_give(name, pattern, size, batch, clip, levels, known, seed):
    frame = raw(batch, *size, pattern, seed)
    number = torch.Generator().manual_seed(seed)
    if levels != "number":
        shape = (batch,) if levels == "items" else (batch, 2, 2)
        black, span = 60 + 10 * torch.rand(shape, generator=number), 800 + 100 * torch.rand(shape, generator=number)
        frame = frame.replace(black_level=black, white_level=black + span)
    given: dict[str, torch.Tensor] = {
        "tone": torch.rand(batch, generator=number),
        "brightness": 0.5 + torch.rand(batch, generator=number),
        "noise": 1e-3 * torch.rand(batch, 2, generator=number),
    }
    frame = frame.replace(**{n: value for n, value in given.items() if n in known})
    frame = frame if "wb" in known else frame.replace(wb=None)
    frame = frame if "matrix" in known else frame.replace(cam_to_srgb=None)
    pipeline = developing_pipeline(name, clip=clip)
    assert is_taken(pipeline, frame)
    assert_same(pipeline(frame), by_stages(pipeline, frame))


def test_numbers_of_the_stages_and_of_the_call_are_honoured():
    stages = [
        Levels(black_level=[[60.0, 64.0], [62.0, 66.0]], white_level=1000.0),
        WhiteBalance(gains=[1.9, 1.0, 1.4]),
        ClipHighlights(ceiling=1.1),
        blocks.demosaick("malvar", name="demosaick"),
        ColourMatrix(matrix=MATRIX.flip(0)),
        Exposure(ev=0.5, brightness=1.2),
        ToneCurve(strength=0.3),
        SrgbEncode(name="srgb"),
        Clip(0.1, 0.8),
    ]
    pipeline, frame = Pipeline(stages), raw(2, 41, 37, "GBRG")
    assert is_taken(pipeline, frame)
    assert_same(pipeline(frame), by_stages(pipeline, frame))
    given = {
        "levels.white_level": torch.tensor([900.0, 1000.0]),
        "white_balance.gains": torch.tensor([[1.5, 1.0, 1.2], [2.0, 1.0, 1.1]]),
        "clip_highlights.ceiling": torch.tensor([1.0, 1.3]),
        "colour_matrix.matrix": torch.stack([MATRIX, torch.eye(3)]),
        "exposure.ev": torch.tensor([-1.0, 1.0]),
        "exposure.brightness": torch.tensor([1.0, 2.0]),
        "tone_curve.strength": torch.tensor([0.0, 1.0]),
    }
    assert is_taken(pipeline, frame, **given)
    out = pipeline(frame, parameters=given)
    assert_same(out, by_stages(pipeline, frame, **{n.replace(".", "__"): v for n, v in given.items()}))
    assert not torch.equal(out.data, pipeline(frame).data)


def test_a_table_of_levels_repeats_at_its_own_period():
    tables = {"black_level": 60 + torch.rand(2, 3, 5), "white_level": torch.tensor([1000.0, 900.0])}
    frame, pipeline = raw(2, 40, 600, "GRBG", **tables), developing_pipeline()
    assert is_taken(pipeline, frame)
    assert_same(pipeline(frame), by_stages(pipeline, frame))
    assert is_taken(pipeline, frame.replace(black_level=torch.rand(2, 40, 32)))
    endless = frame.replace(black_level=torch.rand(2, 40, 67))
    assert not is_taken(pipeline, endless) and torch.isfinite(pipeline(endless).data).all()


@pytest.mark.parametrize("name", FAST)
def test_neither_threads_nor_the_cut_into_windows_change_a_bit(name, monkeypatch):
    frame, pipeline = raw(2, 150, 1100, "GRBG"), developing_pipeline(name)
    whole = pipeline(frame).data
    monkeypatch.setattr(threads, "_SMALL", 1)
    torch.set_num_threads(3)
    try:
        assert torch.equal(pipeline(frame).data, whole)
    finally:
        torch.set_num_threads(1)
    for rows, columns in ((2, 1100), (64, 36)):
        monkeypatch.setattr(kernel, "ROWS", rows)
        monkeypatch.setattr(kernel, "COLUMNS", columns)
        assert torch.equal(pipeline(frame).data, whole)
    views = frame.replace(torch.cat([frame.data, frame.data], -1)[..., 1100:])  # rows that do not follow one another
    assert torch.equal(pipeline(views).data, whole)
    apart = frame.replace(frame.data.repeat_interleave(2, -1)[..., ::2])  # nor do pixels
    assert torch.equal(pipeline(apart).data, whole)


def test_the_stages_are_taken_where_the_loops_cannot_serve():
    pipeline, frame = developing_pipeline(), raw(1, 16, 18, "RGGB")
    dn, matrix = frame.data.clone().requires_grad_(), MATRIX[None].clone().requires_grad_()
    assert is_taken(pipeline, frame)
    assert not is_taken(pipeline, frame.replace(dn)) and not is_taken(pipeline, frame.replace(cam_to_srgb=matrix))
    with torch.no_grad():
        assert is_taken(pipeline, frame.replace(dn)) and is_taken(pipeline, frame.replace(cam_to_srgb=matrix))
    assert not is_taken(pipeline, frame.replace(frame.data.double()))
    assert not is_taken(pipeline, frame.replace(frame.data[:, None, None]))
    assert not is_taken(pipeline, frame.replace(pattern=None))
    assert not is_taken(pipeline.inserted(Clip(name="more"), before="demosaick"), frame)
    assert not is_taken(pipeline, frame, **{"exposure.ev": torch.zeros((), requires_grad=True)})
    trained = developing_pipeline()
    trained["exposure"].trainable("ev")  # type: ignore[operator]
    assert not is_taken(trained, frame)
    twice = Pipeline([*pipeline.stages, Clip(0.2, 0.3, name="last")])
    assert torch.equal(twice(frame).data, pipeline(frame).data.clamp(0.2, 0.3))  # what follows the run is not swallowed


def test_a_demosaicker_from_elsewhere_is_asked_itself():
    class Mine(type(blocks.demosaick("malvar"))):  # type: ignore[misc]
        def net(self, mosaic, pattern):
            return super().net(mosaic, pattern) * 0

    frame = raw(1, 16, 16, "RGGB")
    assert not is_taken(developing_pipeline(Mine(name="demosaick")), frame)
    assert not develop(frame, demosaick=Mine(name="demosaick")).data.any()


def test_not_a_number_stays_one():
    frame = raw(1, 20, 20, "RGGB", tone=[0.5])
    frame.data[0, 0, 9, 9] = torch.nan
    picture, staged = develop(frame).data, by_stages(developing_pipeline(), frame).data
    assert torch.equal(picture.isnan(), staged.isnan()) and picture.isnan().any()


def test_the_encoding_lies_near_its_formula(figure):
    from campipe.ops.kernels.developing_rows import finish_planes

    x = np.concatenate([np.linspace(0, 1, 200_001), np.geomspace(1e-4, 1, 200_000)]).astype(np.float32)
    exact = srgb_encode(torch.from_numpy(x).double()).numpy()
    planes = np.ascontiguousarray(np.broadcast_to(x, (3, 1, x.size)))
    for what, low, high in (("0 to 1", 0, 1), ("endless", -np.inf, np.inf)):
        numbers = np.array([1, 0, 0, 0, 1, 0, 0, 0, 1, 1, 0, low, high], np.float32)
        out = np.empty(3 * x.size, np.float32)
        finish_planes(planes, numbers, out, 0, x.size, x.size)
        apart = float(np.abs(out[: x.size] - exact).max())
        figure(f"sRGB encoding by polynomials, {what}, largest error of 1", apart, "at most 2e-7")
        assert apart <= 2e-7
        assert np.array_equal(out[: x.size], out[2 * x.size :])
    finish_planes(-1000 * planes, numbers, out, 0, x.size, x.size)
    wanted = srgb_encode(torch.from_numpy(-1000 * x).double()).numpy()
    assert (np.abs(out[: x.size] - wanted) <= 5e-7 * np.abs(wanted) + 2e-7).all()
