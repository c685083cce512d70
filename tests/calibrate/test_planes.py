"""Planes of a raw frame carry the names of what they see."""

import pytest
import torch

from campipe.calibrate.planes import named_planes, plane_names
from campipe.core.errors import ShapeError
from campipe.core.frame import Capture, Frame

XTRANS = "GGRGGBGGBGGRBRGRBGGGBGGRGGRGGBRBGBRG"


def frame(pattern, height=8, width=12):
    data = torch.arange(float(height * width)).reshape(1, 1, height, width)
    return Frame(data, "dn", Capture(pattern=pattern))


@pytest.mark.parametrize(
    ("pattern", "names"),
    [
        ("RGGB", ("R", "Gr", "Gb", "B")),
        ("BGGR", ("B", "Gb", "Gr", "R")),
        ("GRBG", ("Gr", "R", "B", "Gb")),
        ("GBRG", ("Gb", "B", "R", "Gr")),
        ("RRGB", ("R00", "R01", "G10", "B11")),
        (None, ("mono",)),
    ],
)
def test_names_follow_the_pattern_row_by_row(pattern, names):
    assert plane_names(pattern) == names
    assert tuple(name for name, _ in named_planes(frame(pattern))) == names


def test_an_x_trans_pattern_has_thirty_six_names_of_letter_and_position():
    names = plane_names(XTRANS)
    assert len(set(names)) == 36
    assert all(name == f"{XTRANS[6 * int(name[1]) + int(name[2])]}{name[1:]}" for name in names)


@pytest.mark.parametrize("origin", [(0, 0), (0, 1), (1, 0), (1, 1)])
def test_a_crop_keeps_the_pixels_of_every_name(origin):
    whole, y, x = frame("RGGB"), *origin
    before, after = dict(named_planes(whole)), dict(named_planes(whole.crop(y, x, 7, 11)))
    assert all(set(after[name].flatten().tolist()) <= set(before[name].flatten().tolist()) for name in before)


def test_planes_together_hold_every_pixel_once_and_copy_none():
    whole = frame("RGGB", 5, 7)
    planes = [pixels for _, pixels in named_planes(whole)]
    assert sorted(torch.cat([p.flatten() for p in planes]).tolist()) == list(range(35))
    assert all(p.untyped_storage().data_ptr() == whole.data.untyped_storage().data_ptr() for p in planes)


def test_a_frame_of_three_channels_is_refused():
    with pytest.raises(ShapeError, match="raw frame"):
        named_planes(Frame(torch.zeros(1, 3, 4, 4), "camera"))
