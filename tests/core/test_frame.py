"""Frames: values that know where on the light path they stand."""

import pickle

import pytest
import torch
from torch.utils import _pytree as pytree

from campipe.core.errors import CampipeError, ShapeError, SpaceError
from campipe.core.frame import Capture, Frame, collate


def raw(batch=2, pattern="RGGB", **entries):
    data = torch.arange(batch * 24, dtype=torch.float32).reshape(batch, 1, 4, 6)
    return Frame(data, "dn", Capture(pattern=pattern, **entries))


def test_numbers_of_a_capture_get_the_batch_axis():
    frame = raw(seconds=0.5, wb=torch.tensor([[2.0, 1.0, 1.5]]), serial=3)
    assert frame.capture.seconds.tolist() == [0.5, 0.5]
    assert frame.capture.wb.shape == (2, 3)
    assert frame.capture.serial.dtype == torch.int64


@pytest.mark.parametrize(
    ("data", "space", "error", "says"),
    [
        (torch.zeros(4, 4), "dn", ShapeError, "B, C, H, W"),
        (torch.zeros(1, 1, 1, 4, 4), "dn", ShapeError, "B, V, T, C, H, W"),
        (torch.zeros(1, 3, 4, 4), "dn", ShapeError, "1 channels"),
        (torch.zeros(1, 1, 4, 4, dtype=torch.int32), "dn", ShapeError, "floating"),
        (torch.zeros(1, 1, 4, 4), "volts", SpaceError, "a space is one of"),
        (torch.zeros(1, 1, 0, 4), "dn", ShapeError, "not empty"),
    ],
)
def test_what_is_no_frame_is_refused_with_a_reason(data, space, error, says):
    with pytest.raises(error, match=says):
        Frame(data, space)


def test_a_capture_entry_that_does_not_fit_the_batch_is_named():
    with pytest.raises(ShapeError, match=r"capture\.seconds needs 2 rows"):
        raw(seconds=torch.zeros(3))


@pytest.mark.parametrize("pattern", ["RGB", "BG", "rggb", "RGGX", 5])
def test_patterns_are_row_major_letters(pattern):
    with pytest.raises(CampipeError, match="row-major"):
        raw(pattern=pattern)


@pytest.mark.parametrize(("y", "x", "seen"), [(0, 0, "RGGB"), (0, 1, "GRBG"), (1, 0, "GBRG"), (1, 1, "BGGR"), (2, 4, "RGGB")])
def test_a_crop_rolls_the_pattern_and_remembers_its_origin(y, x, seen):
    table = torch.tensor([[[10.0, 20.0], [30.0, 40.0]]]).expand(2, 2, 2)
    frame = raw(black_level=table, noise=torch.stack([table, table], 1), origin=torch.tensor([[5, 7], [5, 7]]))
    part = frame.crop(y, x, 2, 2)
    assert part.capture.pattern == seen
    assert part.capture.origin.tolist() == [[5 + y, 7 + x]] * 2
    assert torch.equal(part.data, frame.data[..., y : y + 2, x : x + 2])
    assert part.capture.black_level[0, 0, 0] == table[0, y % 2, x % 2]
    assert part.capture.noise[0, 1, 0, 0] == table[0, y % 2, x % 2]


def test_a_crop_outside_is_refused():
    with pytest.raises(ShapeError, match="does not lie inside"):
        raw().crop(3, 0, 2, 2)


def test_collating_single_items_gives_back_the_batch():
    frame = raw(seconds=torch.tensor([1.0, 2.0]), item=torch.tensor([3, 9]), wb=torch.rand(2, 3))
    again = collate([frame.item(0), frame.item(1)])
    assert torch.equal(again.data, frame.data)
    for name, value in frame.capture.tensors().items():
        assert torch.equal(getattr(again.capture, name), value)


def test_frames_that_differ_in_pattern_space_or_knowledge_do_not_collate():
    with pytest.raises(ShapeError, match="share their pattern"):
        collate([raw(), raw(pattern="BGGR")])
    with pytest.raises(ShapeError, match="share space and size"):
        collate([raw(), raw().replace(space="mosaic")])
    with pytest.raises(ShapeError, match="seconds"):
        collate([raw(seconds=1.0), raw()])


def test_frames_in_different_colour_spaces_do_not_collate():
    wide = raw().replace(capture=Capture(pattern="RGGB", colour_space="rec2020"))
    assert collate([wide, wide]).capture.colour_space == "rec2020"
    with pytest.raises(ShapeError, match="colour space, but rec2020 and srgb"):
        collate([wide, raw()])


def test_a_frame_is_a_pytree_and_pickles():
    frame = raw(seconds=0.5, wb=torch.rand(2, 3))
    doubled = pytree.tree_map(lambda t: t * 2, frame)
    wide = pytree.tree_map(lambda t: t * 2, frame.replace(capture=frame.capture.replace(colour_space="display-p3")))
    assert wide.capture.colour_space == "display-p3"
    assert torch.equal(doubled.data, frame.data * 2) and doubled.capture.pattern == "RGGB"
    assert torch.equal(doubled.capture.seconds, frame.capture.seconds * 2)
    again = pickle.loads(pickle.dumps(frame))
    assert torch.equal(again.data, frame.data) and again.capture.pattern == "RGGB"


def test_vmap_sees_through_a_frame():
    frame = raw(seconds=torch.tensor([1.0, 2.0]))
    out = torch.vmap(lambda f: f.data * f.capture.seconds)(frame)
    assert torch.equal(out, frame.data * torch.tensor([1.0, 2.0]).reshape(2, 1, 1, 1))


def test_replace_leaves_the_original_alone():
    frame = raw()
    other = frame.replace(frame.data + 1, iso=100.0)
    assert frame.capture.iso is None and other.capture.iso.tolist() == [100.0, 100.0]


def test_export_sees_through_a_frame():
    class Scaled(torch.nn.Module):
        def forward(self, frame):
            return frame.replace(frame.data * frame.capture.seconds.reshape(-1, 1, 1, 1))

    frame = raw(seconds=torch.tensor([1.0, 2.0]))
    out = torch.export.export(Scaled(), (frame,)).module()(frame)
    assert torch.equal(out.data, Scaled()(frame).data) and out.capture.pattern == "RGGB" and out.space == frame.space
