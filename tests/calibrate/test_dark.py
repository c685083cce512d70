"""Dark frames of simulated sensors: what went in comes out, and the stated errors are honest."""

import math

import numpy as np
import pytest
import torch

from campipe.calibrate.black_level import black_level, black_table, trend
from campipe.calibrate.components import variance_components
from campipe.calibrate.dark import dark_statistics, read_noise
from campipe.calibrate.line_noise import line_noise
from campipe.calibrate.read_shape import read_shape
from campipe.calibrate.rounding import without_rounding
from campipe.core.errors import CampipeError
from campipe.core.frame import Capture, Frame
from campipe.core.random import Key
from campipe.sensor import FrameSensor

LEVELS = [[64.3, 63.6], [64.0, 65.7]]
FOUR = [*LEVELS[0], *LEVELS[1]]
PLAIN = {"read_noise": 2.0, "row_noise": 0.4}
STRONG_ROWS = {"read_noise": 2.0, "read_shape": -0.1, "row_noise": 1.5, "dsnu": 1.0}


def sensor_of(side=64, pattern="RGGB", **numbers):
    return FrameSensor(side, side, pattern, **{"black_level": LEVELS if pattern else 64.0, "gain": 1.0, **numbers})


def stack(seed, *, frames=8, side=64, pattern="RGGB", seconds=0.0, **numbers):
    sensor = sensor_of(side, pattern, **numbers)
    return sensor.expose(torch.zeros(frames, 1, side, side), seconds=seconds, key=Key(seed))


def stacks(repeats, seed, *, frames=8, **numbers):
    """So many stacks of one sensor, exposed at once."""
    batch = stack(seed, frames=repeats * frames, **numbers)
    return [batch.map(lambda t, r=r: t[r * frames : (r + 1) * frames]) for r in range(repeats)]


def own_levels(**numbers):
    """Black level of each plane of this individual, its DSNU in it."""
    sensor = sensor_of(**numbers)
    mean = sensor.moments(torch.zeros(1, 1, sensor.height, sensor.width), seconds=0.0).mean[0, 0].double()
    step = 1 if sensor.pattern is None else 2
    return [float(mean[i::step, j::step].mean()) for i in range(step) for j in range(step)]


def scores(truth, estimates):
    return np.array([(e.value - truth) / e.error for e in estimates])


def honest(z, sigmas=4.0):
    """The scores have mean 0 and standard deviation 1, within so many of their own standard errors."""
    n = len(z)
    assert abs(z.mean()) < sigmas / math.sqrt(n), z.mean()
    assert abs(z.std() - 1) < sigmas / math.sqrt(2 * n), z.std()


def test_one_pass_gives_mean_and_variance_of_every_pixel():
    frames = stack(1, read_noise=2.0, dsnu=3.0)
    seen = dark_statistics(iter([frames.item(i) for i in range(8)]))
    data = frames.data[:, 0].double()
    assert torch.allclose(seen.mean, data.mean(0), rtol=0, atol=1e-9)
    assert torch.allclose(seen.variance, data.var(0), rtol=0, atol=1e-9)
    gb = seen.planes[2]
    assert gb.name == "Gb" and torch.allclose(gb.rows, data[:, 1::2, 0::2].mean(2), rtol=0, atol=1e-9)
    assert torch.allclose(gb.columns, data[:, 1::2, 0::2].mean(1), rtol=0, atol=1e-9)
    whole = seen.whole_frame
    assert torch.allclose(whole.rows, data.mean(2), rtol=0, atol=1e-9) and torch.allclose(whole.columns, data.mean(1), rtol=0, atol=1e-9)


def test_components_of_variance_add_up_and_are_found():
    generator = torch.Generator().manual_seed(0)
    n, h, w = 400, 24, 32
    parts = {"frame": 0.5, "row": 1.0, "column": 0.7, "pixel": 2.0}
    shapes = {"frame": (n, 1, 1), "row": (n, h, 1), "column": (n, 1, w), "pixel": (n, h, w)}
    x = sum(parts[k] * torch.randn(shapes[k], generator=generator, dtype=torch.float64) for k in parts)
    found = variance_components(x.mean(2), x.mean(1), float(x.var(0).mean()))
    for name, sigma in parts.items():
        part = getattr(found, name)
        assert abs(part.variance - sigma**2) < 4.5 * part.error, name
    total = found.pixel.variance + found.row.variance + found.column.variance + found.frame.variance
    assert found.total.variance == pytest.approx(total, rel=0.02)


@pytest.mark.parametrize("numbers", [PLAIN, STRONG_ROWS], ids=["plain", "rows"])
def test_read_row_noise_and_black_level_come_back_with_honest_errors(numbers):
    pixel, row, level, truth = [], [], [], own_levels(**numbers)
    for frames in stacks(60, 1, **numbers):
        seen = dark_statistics([frames])
        pixel += scores(numbers["read_noise"], [p.pixel for p in read_noise(seen)[:4]]).tolist()
        row += scores(numbers["row_noise"], [line_noise(seen)[-1].row]).tolist()
        level += [s for b, t in zip(black_level(seen), truth, strict=True) for s in scores(t, [b.level])]
    for z in (pixel, row, level):
        honest(np.array(z))


def test_figures_of_a_full_plan(figure):
    # 16 frames of 256 x 256: what a user is asked for is more.
    seen = dark_statistics([stack(3, frames=16, side=256, read_noise=2.0, row_noise=0.4, read_shape=-0.05, gain=1.3)])
    noise = read_noise(seen)[-1].pixel.value / 1.3 / 2.0 - 1
    rows = line_noise(seen)[-1].row.value / 1.3 / 0.4 - 1
    off = max(abs(b.level.value - t) for b, t in zip(black_level(seen), FOUR, strict=True))
    shape = max(abs(s.shape.value + 0.05) for s in read_shape(seen))
    figure("dark frames: error of read noise", noise, "at most 0.03")
    figure("dark frames: error of row noise", rows, "at most 0.05")
    figure("dark frames: error of the black level, DN", off, "at most 0.05")
    figure("dark frames: error of the Tukey-lambda shape", shape, "at most 0.03")
    assert abs(noise) < 0.03 and abs(rows) < 0.05 and off < 0.05 and shape < 0.03


@pytest.mark.parametrize("black", [64.0, 64.25, 64.5])
@pytest.mark.parametrize("sigma", [0.45, 0.6])
def test_noise_as_small_as_a_code_is_found_wherever_black_lies(black, sigma):
    # Sheppard's 1/12 alone is off by 2 % of sigma at 0.45 DN, up or down.
    seen = dark_statistics([stack(5, frames=16, side=128, read_noise=sigma, black_level=black)])
    found = read_noise(seen)[-1].pixel
    assert abs(found.value - sigma) < 4.5 * found.error
    assert found.error < 0.01 * sigma


def test_the_variance_of_rounded_noise_is_undone():
    # By counting: the normal law between the steps.
    from scipy.stats import norm

    k = np.arange(-12, 13)
    for sigma in (0.45, 0.5, 0.8, 1.2):
        for c in (0.0, 0.2, 0.5):
            p = norm.cdf((k + 0.5 - c) / sigma) - norm.cdf((k - 0.5 - c) / sigma)
            variance = p @ k**2 - (p @ k) ** 2
            assert without_rounding(variance, torch.full((4,), p @ k), 10**9) == pytest.approx(sigma**2, rel=8e-3)


def test_below_the_converter_there_is_an_upper_limit():
    seen = dark_statistics([stack(6, read_noise=0.3)])
    for plane in read_noise(seen):
        assert plane.pixel.bound and plane.pixel.value == pytest.approx(0.3958, abs=1e-4) and "0.24" in plane.pixel.note
    with pytest.raises(CampipeError, match="take frames at a higher gain"):
        read_shape(seen)


def test_noise_that_rows_lack_is_an_upper_limit():
    row = line_noise(dark_statistics([stack(7, read_noise=2.0)]))[-1].row
    assert row.bound and 0 < row.value < 0.3


def test_a_drift_is_found_and_none_is_not():
    frames = stack(8, frames=24, read_noise=2.0)
    assert not any(b.drifts() for b in black_level(dark_statistics([frames])))
    moved = frames.replace(frames.data + 0.02 * torch.arange(24.0)[:, None, None, None])
    for b in black_level(dark_statistics([moved])):
        assert b.drifts() and abs(b.drift.value - 0.02) < 4.5 * b.drift.error
        assert b.level.freedom == 23


def test_a_flat_trend_has_a_uniform_probability():
    generator = torch.Generator().manual_seed(1)
    chances = [trend(torch.randn(12, generator=generator, dtype=torch.float64))[1] for _ in range(400)]
    share = np.mean(np.array(chances) < 0.1)
    assert abs(share - 0.1) < 4 * math.sqrt(0.1 * 0.9 / 400)


def test_levels_come_as_a_table_of_the_pattern():
    levels = black_level(dark_statistics([stack(9, read_noise=1.0)]))
    assert [b.plane for b in levels] == ["R", "Gr", "Gb", "B"]
    assert torch.allclose(black_table(levels, "RGGB"), torch.tensor(LEVELS, dtype=torch.float64), atol=0.05)
    assert [b.nominal for b in levels] == pytest.approx(FOUR)


def test_frames_that_do_not_belong_together_are_refused():
    good = stack(1, read_noise=2.0, frames=2)
    with pytest.raises(CampipeError, match="two frames or more, but 1 came"):
        dark_statistics([good.item(0)])
    with pytest.raises(CampipeError, match="share their size"):
        dark_statistics([good, good.crop(0, 0, 32, 64)])
    with pytest.raises(CampipeError, match="share their pattern"):
        dark_statistics([good, good.replace(pattern="BGGR")])
    with pytest.raises(CampipeError, match="share their seconds, but 0 and 1 came, as number 2"):
        dark_statistics([good, good.replace(seconds=torch.ones(2))])
    with pytest.raises(CampipeError, match="converter's zero, where noise is cut off"):
        dark_statistics([stack(1, read_noise=2.0, black_level=1.0)])
    with pytest.raises(CampipeError, match="finite"):
        dark_statistics([good, good.replace(good.data * math.nan)])
    with pytest.raises(CampipeError, match="four frames"):
        read_shape(dark_statistics([good]))


def test_frames_of_floats_are_measured_without_rounding_and_say_so():
    generator = torch.Generator().manual_seed(2)
    seen = dark_statistics([Frame(64 + 0.2 * torch.randn(16, 1, 64, 64, generator=generator), "dn", Capture())])
    assert "not whole" in seen.notes[0]
    found = read_noise(seen)[0].pixel
    assert abs(found.value - 0.2) < 4.5 * found.error


@pytest.mark.slow
def test_stated_intervals_hold_the_truth_in_two_thousand_repeats(figure):
    inside = {"read noise": 0, "row noise": 0, "black level": 0}
    numbers = {"side": 48, "pattern": None, "read_noise": 2.0, "row_noise": 0.5, "read_shape": -0.05, "dsnu": 1.0}
    (level,) = own_levels(**numbers)
    for frames in (frames for seed in range(20) for frames in stacks(100, seed, **numbers)):
        seen = dark_statistics([frames])
        truths = {"read noise": (2.0, read_noise(seen)[0].pixel), "row noise": (0.5, line_noise(seen)[0].row)}
        truths["black level"] = (level, black_level(seen)[0].level)
        for name, (truth, found) in truths.items():
            low, high = found.interval()
            inside[name] += low < truth < high
    for name, count in inside.items():
        figure(f"dark frames: 95 % intervals of {name} that hold the truth", count / 2000, "0.93 to 0.97")
        assert 0.93 <= count / 2000 <= 0.97, (name, count)
