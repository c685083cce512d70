"""The gap is nothing between frames of one law, and is what theory says between two."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

import campipe as cp
from campipe.calibrate.gap import divergence, noise_gap, noise_summary
from campipe.core.errors import CampipeError


def pairs(seed, count=4, size=128, light=500.0, pattern="RGGB", **numbers):
    usual = {"gain": 1.0, "full_well": 4000, "black_level": 64, "read_noise": 3.0, "row_noise": 1.0, "prnu": 0.02}
    sensor = cp.sensor.FrameSensor(size, size, pattern, serial=seed, **usual | numbers)
    flat = torch.full((1, 1, size, size), light)
    shots = [sensor.expose(flat, key=cp.Key(seed).fold(i)) for i in range(2 * count)]
    return zip(shots[::2], shots[1::2], strict=True)


def test_frames_of_one_law_have_no_gap():
    gaps = noise_gap(noise_summary(pairs(1)), noise_summary(pairs(2)))
    assert [gap.plane for gap in gaps] == ["R", "Gr", "Gb", "B"]
    scores = []
    for gap in gaps:
        wanted = {"divergence": 0, "variance": 1, "row": 1, "column": 1, "across": 0, "down": 0}
        scores += [(getattr(gap, name).value - at) / getattr(gap, name).error for name, at in wanted.items()]
        assert abs(gap.offset) < 5 * math.sqrt(300 / 64 / 64 + (0.02 * 300) ** 2 * 2 / 64 / 64) + 5 * math.sqrt(2 / 8 / 64)
    # 24 numbers, false-alarm rate 6e-7 each by the normal law; the divergence leans to the right a little
    assert max(map(abs, scores)) < 5.5


def test_more_read_noise_widens_it_as_theory_says():
    narrow, wide = (noise_summary(pairs(s, light=0.0, prnu=0.0, row_noise=0.0, read_noise=r)) for s, r in ((1, 5.0), (2, 6.0)))
    for gap in noise_gap(narrow, wide):
        ratio = (36 + 1 / 12) / (25 + 1 / 12)
        assert gap.variance.value == pytest.approx(ratio, abs=5 * gap.variance.error)
        # Of two normal laws with variances v1 and v2: (v1/v2 - 1 + ln(v2/v1)) / 2
        assert gap.divergence.value == pytest.approx((1 / ratio - 1 + math.log(ratio)) / 2, abs=5 * gap.divergence.error)


def test_row_noise_is_told_from_column_noise():
    plain, rows = (noise_summary(pairs(s, pattern=None, light=0.0, row_noise=r)) for s, r in ((1, 0.0), (2, 1.0)))
    (gap,) = noise_gap(plain, rows)
    own = (9 + 1 / 12) / 128
    assert gap.row.value == pytest.approx((own + 1) / own, rel=5 * math.sqrt(4 / (4 * 128)))
    assert gap.column.value == pytest.approx((own + 1 / 128) / own, rel=5 * math.sqrt(4 / (4 * 128)))


def test_smoothed_noise_shows_in_the_autocorrelation():
    def smooth(frame):
        return frame.replace(((frame.data + frame.data.roll(1, -1)) / 2).round())

    sharp = list(pairs(1, pattern=None))
    (gap,) = noise_gap(noise_summary(pairs(2, pattern=None)), noise_summary((smooth(a), smooth(b)) for a, b in sharp))
    assert gap.across.value == pytest.approx(0.5, abs=0.02) and abs(gap.down.value) < 5 * gap.down.error


def test_a_divergence_of_one_law_scatters_around_nothing_by_its_error():
    random, law = np.random.default_rng(0), np.full(60, 1 / 60)
    found = [divergence(random.multinomial(30_000, law), random.multinomial(20_000, law)) for _ in range(400)]
    scores = np.array([e.value / e.error for e in found])
    assert abs(scores.mean()) < 5 / math.sqrt(400) and scores.std() == pytest.approx(1, abs=5 / math.sqrt(2 * 400))


def test_nothing_to_compare_is_refused():
    with pytest.raises(CampipeError, match="none came"):
        noise_summary([])
    with pytest.raises(CampipeError, match="mono"):
        noise_gap(noise_summary(pairs(1, 1, 16, pattern=None)), noise_summary(pairs(1, 1, 16)))
