"""What is wrong with single files is said, by name."""

from __future__ import annotations

import pytest
import torch

import campipe as cp
from campipe.calibrate.measure_camera import measure_camera
from campipe.calibrate.shots import Shot
from campipe.core.errors import CampipeError

SIZE = 96
LEVELS = (200.0, 1000.0, 3000.0, 6000.0, 9000.0, 12000.0, 15000.0, 18000.0, 21000.0, 60000.0)
SENSOR = cp.sensor.FrameSensor(
    SIZE, SIZE, None, serial=2, gain=0.2, full_well=20000, bits=12, black_level=64, read_noise=5.0, row_noise=0.3, prnu=0.005
)


def light(level, ramp=0.0):
    return torch.full((1, 1, SIZE, SIZE), float(level)) + ramp * torch.linspace(0, 1, SIZE)


def shots(changed=None, change=None, darks=6):
    """Darks and flats; the frames whose names are in `changed` are changed."""
    found = []
    kinds = [(f"dark-{i}", "dark", 0.0) for i in range(darks)]
    kinds += [(f"flat-{level:g}-{i}", "flat", level) for level in LEVELS for i in range(2)]
    for name, kind, level in kinds:

        def load(name=name, level=level):
            frame = SENSOR.expose(light(level), seconds=0.01, key=cp.Key(9).fold(name))
            return change(frame, name) if change is not None and changed in name else frame

        found.append(Shot(name, kind, load, 100.0, 0.01, level * 0.12, level if kind == "flat" else None))
    return found


def words(changed=None, change=None, **more):
    return "\n".join(w for w in measure_camera(shots(changed, change, **more)).complaints if "could not" not in w)


def smoothed(frame, name):
    x = frame.data
    return frame.replace(((x.roll(1, -1) + 2 * x + x.roll(-1, -1)) / 4).round())


def test_good_frames_are_not_complained_about():
    assert "dark-" not in words() and "flat-" not in words()


def test_denoised_flats_are_named():
    found = words("flat-6000", smoothed)
    assert "flat-6000-0 and flat-6000-1: the noise of neighbours is correlated" in found and "flat-9000-0 and" not in found


def test_denoised_darks_are_named():
    assert "dark-0 and dark-1: the noise of neighbours is correlated" in words("dark", smoothed)


def test_flats_that_are_all_saturated_are_named():
    found = words("flat", lambda frame, _: frame.replace(torch.full_like(frame.data, 4064.0)))
    assert "no photon transfer from flat-200-0 to flat-60000-1" in found


def test_eight_bits_upstream_are_named():
    found = words("flat-18000", lambda frame, _: frame.replace((frame.data / 16).round() * 16))
    assert "flat-18000-0 and flat-18000-1: only one code in" in found and "fewer bits upstream, or compression with loss" in found


def test_a_dark_that_saw_light_is_named():
    found = words("dark-3", lambda frame, _: frame.replace(frame.data + 20))
    assert "dark-3 lies +20 DN from the other darks of its series" in found


def test_darks_that_are_brighter_on_one_side_are_named():
    found = words("dark", lambda frame, _: frame.replace((frame.data + torch.linspace(0, 6, SIZE)).round()))
    assert "dark-0 and the other darks of its series are brighter on one side by 6 DN" in found


def test_flickering_flats_are_named():
    def dim(frame, name):
        return frame if name.endswith("0") else frame.replace(((frame.data - 64) * 0.96 + 64).round())

    assert "flat-9000-0 and flat-9000-1 differ in light by" in words("flat-9000", dim)


def test_a_flat_of_another_gain_is_seen():
    def other(frame, name):
        sensor = cp.sensor.FrameSensor(SIZE, SIZE, None, serial=2, gain=0.4, full_well=20000, bits=12, black_level=64, read_noise=5.0)
        return sensor.expose(light(4500), seconds=0.01, key=cp.Key(9).fold(name))

    found = words("flat-9000", other)
    assert "flat-9000" in found and "another gain" in found


def test_darks_whose_black_is_cut_off_are_refused_by_name():
    found = measure_camera(shots("dark", lambda frame, _: frame.replace((frame.data - 64).clamp_min(0))))
    assert any("dark-0 and the other darks of its series are left out" in w and "zero" in w for w in found.complaints)
    assert found.steps[0].dark is None and not found.steps[0].transfer


def test_a_single_dark_is_left_out_by_name():
    assert "dark-0 is the only dark of its ISO, exposure and light" in words(darks=1)


def test_no_frames_at_all_are_refused():
    with pytest.raises(CampipeError, match="no frames came"):
        measure_camera([])
