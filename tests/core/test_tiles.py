from __future__ import annotations

from typing import Any

import pytest
import torch

from campipe import blocks
from campipe.core.errors import CampipeError
from campipe.core.frame import Capture, Frame
from campipe.core.pipeline import Pipeline
from campipe.core.random import Key
from campipe.core.stage import Stage
from campipe.core.tiles import tiled
from campipe.developing import developing_pipeline
from campipe.optics import GaussianBlur
from campipe.sensor import ReadNoise


def raw(pattern: str | None = "GBRG", height: int = 75, width: int = 101) -> Frame:
    dn = torch.rand(2, 1, height, width, generator=torch.Generator().manual_seed(1)) * 1100
    levels = {"black_level": torch.tensor([[[60.0, 61.0], [62.0, 63.0]]]).expand(2, 2, 2), "white_level": [1023.0]}
    return Frame(dn, "dn", Capture(pattern=pattern, wb=[[2.1, 1.0, 1.6]], noise=[[1e-3, 1e-5]], **levels))


@pytest.mark.parametrize("name", [name for name in blocks.names("demosaick") if blocks.filler("demosaick", name).tiles])
@pytest.mark.parametrize("size", [13, 32, 200])
def test_tiles_of_a_picture_are_the_picture(name, size):
    pipeline = developing_pipeline(name)
    block: Any = blocks.demosaick(name)
    pattern = "GBRG" if "bayer" in block.patterns else "GGRGGBGGBGGRBRGRBGGGBGGRGGRGGBRBGBRG"
    frame = raw(pattern)
    whole, parts = pipeline(frame), tiled(pipeline, frame, size)
    if block.loop is None:  # torch rounds the last pixels of an array, which do not fill a vector, once more than the others
        assert torch.allclose(whole.data, parts.data, atol=1e-5)
    else:
        assert torch.equal(whole.data, parts.data)
    mine, theirs = parts.capture.tensors(), whole.capture.tensors()
    assert mine.keys() == theirs.keys() and all(torch.equal(mine[n], theirs[n]) for n in mine)
    assert parts.capture.pattern == pattern


def test_tiles_have_the_noise_of_their_place_and_the_blur_of_their_neighbours():
    frame = Frame(torch.rand(1, 3, 40, 50), "scene", Capture(origin=[[6, 4]]))
    blur = GaussianBlur(1.5)
    assert torch.equal(tiled(blur, frame, 16).data, blur(frame).data)
    noise, charge = ReadNoise(3.0), Frame(torch.full((1, 1, 40, 50), 100.0), "electrons", Capture(origin=[[6, 4]]))
    whole, parts = noise(charge, key=Key(3)), tiled(noise, charge, 16, key=Key(3))
    assert torch.equal(whole.data, parts.data) and parts.capture.origin.tolist() == [[6, 4]]


def test_progress_is_told_tile_by_tile():
    told: list[tuple[int, int]] = []
    tiled(developing_pipeline(), raw(height=30, width=50), 20, progress=lambda done, of: told.append((done, of)))
    assert told == [(n, 6) for n in range(1, 7)]


def test_a_gradient_travels_through_tiles():
    frame = raw(height=20, width=24)
    one, other = (frame.data.clone().requires_grad_() for _ in range(2))
    developing_pipeline()(frame.replace(one)).data.square().sum().backward()
    tiled(developing_pipeline(), frame.replace(other), 8).data.square().sum().backward()
    assert one.grad is not None and other.grad is not None
    assert torch.allclose(one.grad, other.grad, rtol=1e-4, atol=1e-9)


class Measured(Stage):
    margin = None

    def transform(self, frame, shot):
        return frame.replace(frame.data - frame.data.mean())


class Whole(Measured):
    margin, tiles = 0, False


class Half(Stage):
    def transform(self, frame, shot):
        return frame.replace(frame.data[..., ::2, :])


@pytest.mark.parametrize("stage", [Measured(), Whole()])
def test_a_stage_that_needs_the_whole_picture_is_refused_by_name(stage):
    with pytest.raises(CampipeError, match=f"{stage.name} needs the whole picture"):
        tiled(Pipeline([Pipeline([stage], "inner")]), raw())


def test_tiles_that_cannot_be_are_refused():
    with pytest.raises(CampipeError, match="at least 2 pixels"):
        tiled(developing_pipeline(), raw(), 1)
    with pytest.raises(CampipeError, match="a tile keeps its size"):
        tiled(Half(), raw(), 32)
