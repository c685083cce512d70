"""Shots that were taken alike find together."""

from __future__ import annotations

import pytest

from campipe.calibrate.shots import Shot, series
from campipe.core.errors import CampipeError, ShapeError


def shot(name, kind="flat", iso=100.0, seconds=0.01, level=0.0, **more):
    return Shot(name, kind, lambda: name, iso, seconds, level, **more)


def names(found):
    return ["".join(one.names) for one in found]


def test_series_rise_by_iso_and_time_and_keep_the_order_within():
    shots = [shot("a", iso=200), shot("b"), shot("c", seconds=0.001), shot("d"), shot("e", kind="dark"), shot("f", iso=200)]
    assert names(series(shots, "flat")) == ["c", "bd", "af"]
    assert names(series(shots, "dark")) == ["e"]


def test_flats_of_one_setting_under_two_lights_are_two_series():
    shots = [shot("a", level=1000), shot("b", level=2000), shot("c", level=1010), shot("d", level=1990)]
    assert names(series(shots, "flat")) == ["ac", "bd"]


def test_measured_light_tells_them_apart_by_itself():
    shots = [shot("a", level=1000, photons=5.0), shot("b", level=1900, photons=5.0), shot("c", level=1000, photons=6.0)]
    assert names(series(shots, "flat")) == ["ab", "c"]


def test_temperatures_are_kept_apart():
    shots = [shot("a", "dark", temperature=20.0), shot("b", "dark", temperature=30.0), shot("c", "dark", temperature=20.02)]
    assert names(series(shots, "dark")) == ["ac", "b"]


def test_frames_come_two_by_two_and_a_single_one_is_left_out():
    found = series([shot(n) for n in "abcde"], "flat")[0]
    assert list(found.pairs()) == [("a", "b"), ("c", "d")]


def test_an_error_names_the_file():
    def broken():
        raise ShapeError("no frame")

    with pytest.raises(ShapeError, match=r"x\.dng: no frame"):
        list(series([Shot("x.dng", "dark", broken, 100, 0.1)], "dark")[0].frames())


@pytest.mark.parametrize(("changes", "match"), [({"kind": "bias"}, "bias"), ({"iso": 0.0}, "ISO 0"), ({"seconds": -1.0}, "-1")])
def test_a_shot_that_is_none_is_refused(changes, match):
    with pytest.raises(CampipeError, match=match):
        shot("a", **changes)
