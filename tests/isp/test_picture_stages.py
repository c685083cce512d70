"""What the stages on the picture's side that look at more than one pixel have in common."""

from __future__ import annotations

import pytest
import torch

from campipe import isp
from campipe.core.errors import CampipeError, LawError
from campipe.core.frame import Capture, Frame
from campipe.core.pipeline import Pipeline
from campipe.core.stage import Stage
from campipe.core.tiles import tiled
from campipe.recipe.pipelines import from_yaml, to_yaml

STAGES: list[tuple[Stage, str]] = [
    (isp.UnsharpMask(0.7, 0.8, 0.02), "display"),
    (isp.GuidedSharpen(1.2, 2e-3, 2), "display"),
    (isp.ChromaDenoise(0.8, 1e-2, 2), "linear"),
    (isp.LocalTone([-0.4, 0.3, 1.5], levels=2), "linear"),
]
EVERY = pytest.mark.parametrize(("stage", "space"), STAGES, ids=[s.name for s, _ in STAGES])


def frame(space: str, *, rank: int = 4, size: tuple[int, int] = (7, 6), channels: int = 3, dtype: torch.dtype = torch.float64) -> Frame:
    views = () if rank == 4 else (2, 2)
    data = torch.rand(2, *views, channels, *size, generator=torch.Generator().manual_seed(0), dtype=dtype)
    return Frame(data * 0.9 + 0.05, space, Capture(noise=torch.ones(2, 2)))


@EVERY
def test_the_gradient_is_that_of_the_forward(stage, space):
    f = frame(space)
    assert torch.autograd.gradcheck(lambda x: stage(f.replace(x)).data, f.data.requires_grad_(), fast_mode=True)


@EVERY
def test_numbers_per_item_are_felt_and_have_the_right_gradient(stage, space):
    f, pipeline = frame(space), Pipeline([stage])
    for path, owner, name in pipeline.numbers():
        own = getattr(owner, name).double()
        value = torch.stack([own, own * 1.05 + 0.01])
        assert not torch.allclose(pipeline(f, parameters={path: value}).data[1], pipeline(f).data[1], atol=1e-7)
        assert torch.allclose(pipeline(f, parameters={path: value}).data[0], pipeline(f).data[0], atol=1e-6)
        assert torch.autograd.gradcheck(lambda v, path=path: pipeline(f, parameters={path: v}).data, value.requires_grad_(), fast_mode=True)


@EVERY
def test_items_views_and_times_are_treated_alike(stage, space):
    f, pipeline = frame(space, rank=6), Pipeline([stage])
    whole = pipeline(f).data
    for b in range(2):
        for v in range(2):
            alone = pipeline(Frame(f.data[b : b + 1, v, 1], space))
            assert torch.allclose(alone.data[0], whole[b, v, 1], atol=1e-12)
    path, owner, name = next(iter(pipeline.numbers()))
    value = torch.stack([getattr(owner, name), getattr(owner, name) * 1.3])
    both = pipeline(f, parameters={path: value}).data
    one = pipeline(Frame(f.data[1:, 1, 0], space), parameters={path: value[1:]}).data
    assert torch.allclose(both[1, 1, 0], one[0], atol=1e-12)


@EVERY
def test_a_tile_with_its_margin_is_what_the_whole_gives_there(stage, space):
    f = frame(space, size=(53, 61), dtype=torch.float32)
    if stage.margin is None:
        with pytest.raises(CampipeError, match="needs the whole picture"):
            tiled(stage, f, 16)
        return
    assert torch.equal(tiled(stage, f, 16).data, stage(f).data)


@EVERY
def test_the_stage_survives_being_written_down(stage, space):
    pipeline = Pipeline([stage], name="p")
    again = from_yaml(to_yaml(pipeline))
    assert torch.equal(again(frame(space)).data, pipeline(frame(space)).data) and to_yaml(again) == to_yaml(pipeline)


@EVERY
def test_grey_frames_stay_grey_and_float32_stays_float32(stage, space):
    out = stage(frame(space, channels=1, dtype=torch.float32))
    assert out.data.shape == (2, 1, 7, 6) and out.data.dtype == torch.float32
    coloured = stage(frame(space, channels=1).replace(frame(space, channels=1).data.expand(-1, 3, -1, -1)))
    assert torch.allclose(coloured.data, stage(frame(space, channels=1)).data.expand(-1, 3, -1, -1), atol=1e-6)


@EVERY
def test_the_noise_profile_ends_and_only_a_certain_value_has_a_law(stage, space):
    f = frame(space)
    assert stage(f).capture.noise is None
    assert torch.equal(stage.moments(f).mean, stage(f).data)
    uncertain = stage.moments(f).with_noise(torch.tensor(0.1))
    with pytest.raises(LawError, match="estimate"):
        stage.run_law(uncertain.replace(space=space))


@pytest.mark.parametrize(
    ("make", "match"),
    [
        (lambda: isp.GuidedSharpen(radius=0), "whole number of pixels"),
        (lambda: isp.GuidedSharpen(epsilon=0.0), "epsilon is a number above 0"),
        (lambda: isp.ChromaDenoise(radius=1.5), "whole number of pixels"),
        (lambda: isp.LocalTone(1.0), "list of one exposure"),
        (lambda: isp.LocalTone(levels=-1), "0 or more"),
        (lambda: isp.LocalTone(sigma=0.0), "sigma is a number above 0"),
    ],
)
def test_bad_input_is_refused_in_one_line(make, match):
    with pytest.raises(CampipeError, match=match) as caught:
        make()
    assert "\n" not in str(caught.value)
