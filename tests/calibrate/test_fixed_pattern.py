"""Stacks of frames tell pattern from noise, and rows from columns and pixels."""

import math

import numpy as np
import pytest
import torch

from campipe.calibrate.fixed_pattern import PARTS, dsnu, parts_of, prnu, trendless
from campipe.calibrate.pattern_plots import histogram, profile, spectrogram
from campipe.calibrate.stacks import frame_stack
from campipe.core.errors import CampipeError, ShapeError
from campipe.core.frame import Capture, Frame
from campipe.core.random import Key
from campipe.sensor import FrameSensor


def normal(seed, *shape):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def test_one_walk_over_a_stream_gives_mean_and_variance_of_every_pixel():
    frames = (1e4 + 30 * normal(1, 7, 1, 1, 24, 26)).float()
    found = frame_stack(Frame(f, "dn", Capture(pattern="RGGB")) for f in frames)
    batch = frame_stack([Frame(frames[:, 0], "dn", Capture(pattern="RGGB"))])
    plain = frame_stack((f[0, 0].numpy() for f in frames), pattern="RGGB")
    assert found.planes == ("R", "Gr", "Gb", "B")
    assert found.frames == 7
    for i, (y, x) in enumerate([(0, 0), (0, 1), (1, 0), (1, 1)]):
        plane = frames[:, 0, 0, y::2, x::2].double()
        torch.testing.assert_close(found.means[i], plane.mean(0), rtol=1e-12, atol=0)
        torch.testing.assert_close(found.variances[i], plane.var(0), rtol=1e-9, atol=1e-9)
        torch.testing.assert_close(found.levels[:, i], plane.mean((1, 2)), rtol=1e-12, atol=0)
        assert torch.equal(found.means[i], batch.means[i])
        assert torch.equal(found.means[i], plain.means[i])


def test_stacks_that_are_none_are_refused():
    with pytest.raises(CampipeError, match="two frames or more, but 1 came"):
        frame_stack([torch.ones(4, 4)])
    with pytest.raises(ShapeError, match="frame 1 is"):
        frame_stack([torch.ones(4, 4), torch.ones(4, 5)])
    with pytest.raises(CampipeError, match="some of frame 2 are not"):
        frame_stack([torch.ones(4, 4), torch.ones(4, 4), torch.ones(4, 4) * torch.nan])


@pytest.mark.parametrize("part", ["row", "column", "pixel"])
def test_a_pattern_of_one_kind_is_that_part_alone(part):
    m, n = 200, 300
    shape = {"row": (m, 1), "column": (1, n), "pixel": (m, n)}[part]
    pattern = normal(3, *shape).expand(m, n)
    values = dict(zip(PARTS, parts_of(pattern, 0.0).tolist(), strict=True))
    # An average over m or n numbers leaves 1 / n of the pixels' variance to be told apart.
    for other in ("row", "column", "pixel"):
        own = float(normal(3, *shape).var())
        assert values[other] == pytest.approx(own if other == part else 0, abs=1.5 / min(m, n)), other
    assert values["total"] == pytest.approx(float(pattern.var()), rel=1e-9)


def test_the_parts_add_up_to_the_whole():
    values = parts_of(normal(1, 60, 80) + normal(2, 60, 1) + 2 * normal(3, 1, 80), 0.1)
    assert float(values[1:].sum()) == pytest.approx(float(values[0]), rel=0.03)


PATTERN = {"prnu": 0.012, "prnu_row": 0.004, "prnu_column": 0.006, "dsnu": 4.2, "dsnu_row": 1.2, "dsnu_column": 1.8}


TRUTH = {("dsnu", "pixel"): 4.2, ("dsnu", "row"): 1.2, ("dsnu", "column"): 1.8, ("dsnu", "total"): math.hypot(4.2, 1.2, 1.8)}
TRUTH |= {("prnu", "pixel"): 0.012, ("prnu", "row"): 0.004, ("prnu", "column"): 0.006, ("prnu", "total"): 0.014}


def sensors_of_a_kind(repeats, detrend="none", size=64, lines=None):
    """(part: estimates) over sensors that differ in their serial numbers alone."""
    found = {name: [] for name in TRUTH}
    light = torch.cat([torch.zeros(4, 1, size, size), torch.full((4, 1, size, size), 7500 / 0.6)])
    for serial in range(repeats):
        s = FrameSensor(size, size, None, serial, **PATTERN, read_noise=3.0, gain=1.0, black_level=200.0, bits=14)
        data = s.expose(light, key=Key(serial)).data
        dark, bright = frame_stack(data[:4, 0]), frame_stack(data[4:, 0])
        how = {"detrend": detrend, "lines": lines}
        both = {"dsnu": dsnu(dark, 1.0, **how)["mono"], "prnu": prnu(bright, dark, **how)["mono"]}
        for which, part in TRUTH:
            found[which, part].append(getattr(both[which], part))
    return found


@pytest.mark.parametrize("detrend", ["none", "high-pass"])
def test_sensors_of_one_kind_scatter_about_their_kind_as_stated(detrend):
    repeats = 48
    for name, estimates in sensors_of_a_kind(repeats, detrend).items():
        z = torch.tensor([(e.value - TRUTH[name]) / e.error for e in estimates])
        # A standard deviation is the root of a variance with 63 degrees of freedom at least: it leans by half an error in ten.
        assert abs(float(z.mean())) < 4.5 / repeats**0.5 + 0.15, name
        assert abs(float(z.std()) - 1) < 4.5 / (2 * repeats) ** 0.5 + 0.05, name


@pytest.mark.slow
def test_intervals_of_95_percent_hold_the_truth_in_93_to_97_percent_of_2000_sensors(figure):
    inside = {}
    # Where line noise is known, and be it 0, rows and columns are told by mean squares; the standard's formulas lean by one part in rows.
    for name, estimates in sensors_of_a_kind(2000, lines={"mono": (0.0, 0.0)}).items():
        within = [low <= TRUTH[name] <= high for low, high in (e.interval(0.95) for e in estimates)]
        inside[name] = sum(within) / len(within)
        figure(f"fixed pattern: coverage of the 95 % interval of {' '.join(name)}", inside[name], "0.93 to 0.97")
    assert all(0.93 <= share <= 0.97 for share in inside.values()), inside


@pytest.mark.slow
def test_nonuniformities_are_found_within_five_percent_on_a_sensor_of_300_rows(figure):
    s = FrameSensor(900, 900, None, 5, **PATTERN, read_noise=3.0, gain=1.0, black_level=200.0, bits=14)
    dark = frame_stack(s.expose(torch.zeros(1, 1, 900, 900), key=Key(i).fold("dark")) for i in range(16))
    bright = frame_stack(s.expose(torch.full((1, 1, 900, 900), 12500.0), key=Key(i).fold("bright")) for i in range(16))
    d, p = dsnu(dark, 1.0)["mono"], prnu(bright, dark)["mono"]
    errors = {"DSNU": d.pixel.value / 4.2 - 1, "DSNU row": d.row.value / 1.2 - 1, "DSNU column": d.column.value / 1.8 - 1}
    errors |= {"PRNU": p.pixel.value / 0.012 - 1, "PRNU row": p.row.value / 0.004 - 1, "PRNU column": p.column.value / 0.006 - 1}
    for name, error in errors.items():
        figure(f"fixed pattern of 900 x 900 pixels: error of {name}", abs(error), "<= 0.05, or 4 errors")
    for estimate, error in zip((d.pixel, d.row, d.column, p.pixel, p.row, p.column), errors.values(), strict=True):
        assert abs(error) < max(0.05, 4 * estimate.error / estimate.value)


def test_a_sensor_without_pattern_gives_upper_limits():
    s = FrameSensor(64, 64, None, read_noise=3.0, gain=1.0, black_level=100.0)
    found = dsnu(frame_stack([s.expose(torch.zeros(16, 1, 64, 64), key=Key(9))]), 1.0)["mono"]
    assert found.row.bound
    assert found.column.bound
    assert found.row.value < 0.2
    assert "take more frames" in found.row.note


def test_noise_below_rounding_gives_an_upper_limit_of_the_pattern_that_holds():
    s = FrameSensor(64, 64, None, read_noise=0.3, dsnu=0.8, gain=0.5, black_level=100.0)
    found = dsnu(frame_stack([s.expose(torch.zeros(16, 1, 64, 64), key=Key(9))]), 0.5)["mono"]
    assert found.total.bound
    assert found.pixel.value > 0.8
    assert "quantisation-limited" in found.pixel.note


def test_gains_may_be_given_by_plane():
    s = FrameSensor(64, 64, "RGGB", dsnu=8.0, read_noise=3.0, gain=1.0, black_level=100.0)
    stack = frame_stack([s.expose(torch.zeros(8, 1, 64, 64), key=Key(9))])
    one = dsnu(stack, 1.0)
    from campipe.calibrate.estimate import Estimate

    each = dsnu(stack, {p: Estimate(i + 1.0, 0.1) for i, p in enumerate(stack.planes)})
    for i, plane in enumerate(stack.planes):
        assert each[plane].pixel.value == pytest.approx(one[plane].pixel.value / (i + 1))
        assert each[plane].pixel.error > one[plane].pixel.error / (i + 1)


SURFACES = {"quadratic": lambda y, x: 3 * y - x + 2 * x * y + y**2 - 4 * x**2, "high-pass": lambda y, x: 9 * y - 5 * x}


@pytest.mark.parametrize(("detrend", "surface"), SURFACES.items())
def test_shading_is_taken_away_and_the_pattern_left(detrend, surface):
    y, x = torch.meshgrid(*(torch.linspace(-1, 1, n, dtype=torch.float64) for n in (80, 90)), indexing="ij")
    assert float(trendless(100 + 50 * surface(y, x), detrend).std()) < 1e-9
    noise = normal(2, 80, 90)
    left = trendless(noise + 50 * surface(y, x), detrend)
    torch.testing.assert_close(left, trendless(noise, detrend), rtol=0, atol=1e-9)


def test_independent_pixels_have_a_flat_spectrum_and_a_wave_has_one_line():
    noise = 2 * normal(5, 400, 64)
    frequency, power = spectrogram(noise)
    # Each is the mean of 400 squared moduli with 2 degrees of freedom (1 at the ends).
    assert float((power / 4 - 1).abs().max()) < 5 * (2 / 400) ** 0.5
    wave = torch.cos(2 * torch.pi * frequency[8] * torch.arange(64).double())
    assert int(spectrogram(noise + 5 * wave)[1].argmax()) == 8
    assert int(spectrogram((noise + 5 * wave).T, "column")[1].argmax()) == 8


def test_profiles_are_means_and_limits_along_an_axis():
    mean = normal(6, 20, 30)
    across, down = profile(mean), profile(mean, "column")
    np.testing.assert_allclose(across.mean, mean.numpy().mean(0))
    np.testing.assert_allclose(down.most, mean.numpy().max(1))
    np.testing.assert_allclose(across.least, mean.numpy().min(0))
    np.testing.assert_allclose(down.middle, mean.numpy()[:, 15])
    with pytest.raises(CampipeError, match="row or a column"):
        profile(mean, "diagonal")


def test_the_histogram_of_normal_pixels_is_the_normal_one():
    from scipy.special import chdtrc

    found = histogram(normal(7, 300, 300), bins=64)
    assert int(found.count.sum()) == 90000
    full = found.normal > 5
    chi = float(((found.count - found.normal)[full].square() / found.normal[full]).sum())
    assert chdtrc(int(full.sum()) - 2, chi) > 1e-6
    one = int((found.distance - 1).abs().argmin())
    expected = math.erfc(float(found.distance[one]) / 2**0.5)
    assert float(found.beyond[one]) == pytest.approx(expected, abs=5 * (expected / 90000) ** 0.5)


def test_temporal_row_noise_that_a_short_stack_keeps_is_taken_off():
    sensor = FrameSensor(192, 192, None, serial=4, gain=1.0, read_noise=2.0, row_noise=2.0, dsnu=1.5, black_level=100)
    dark = torch.zeros(1, 1, 192, 192)
    stack = frame_stack(sensor.expose(dark, key=Key(2).fold(i)) for i in range(8))
    plain, cleaned = (dsnu(stack, 1.0, lines=lines)["mono"] for lines in (None, {"mono": (4.0, 0.0)}))
    # Of 192 rows' variance 2^2 / 8 = 0.5 is left, with a standard error of 0.5 sqrt(2 / 191), which its estimate carries
    error = 0.5 * math.sqrt(2 / 191)
    assert float(plain.variances[1]) == pytest.approx(0.5, abs=5 * error)
    assert float(cleaned.variances[1]) == pytest.approx(0.0, abs=5 * error)
    moved = torch.tensor([0.0, 0.5, 0.0, -0.5], dtype=torch.float64)
    # The split by mean squares differs from the standard's by 1/MN of the variances, and by what frames weigh.
    assert torch.allclose(plain.variances - cleaned.variances, moved, atol=0.01)
    assert cleaned.pixel.value == pytest.approx(1.5, abs=5 * cleaned.pixel.error)
    assert plain.pixel.value < 1.5 - 5 * plain.pixel.error
