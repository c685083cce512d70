"""Banding, hot, dead and telegraph pixels, and dark current: what was put in is found, and chance finds what was stated."""

import math

import numpy as np
import pytest
import torch
from scipy.stats import binom

from campipe.calibrate.banding import banding
from campipe.calibrate.dark import dark_statistics
from campipe.calibrate.dark_current import BOLTZMANN, dark_current, warming
from campipe.calibrate.estimate import Estimate
from campipe.calibrate.hot_pixels import hot_pixels, odd_under_light
from campipe.calibrate.telegraph import telegraph_pixels
from campipe.core.errors import CampipeError
from campipe.core.random import Key
from campipe.sensor import FrameSensor


def stack(seed, *, frames=8, side=64, seconds=0.0, **numbers):
    given = {"read_noise": 2.0, "row_noise": 0.3, "dsnu": 0.5, "gain": 1.0, "black_level": 64.0, "serial": seed, **numbers}
    sensor = FrameSensor(side, side, "RGGB", **given)
    return sensor.expose(torch.zeros(frames, 1, side, side), seconds=seconds, key=Key(seed))


def stacks(repeats, seed, *, frames=8, side=32, **numbers):
    """So many stacks of one sensor without DSNU of its pixels, exposed at once."""
    batch = stack(seed, frames=repeats * frames, side=side, dsnu=0.0, **numbers)
    return [batch.map(lambda t, r=r: t[r * frames : (r + 1) * frames]) for r in range(repeats)]


def rare(count, rate, n):
    """Whether so many alarms in n trials go with the rate: more of them come once in a million."""
    return count <= binom.isf(1e-6, n, rate)


def test_spectra_without_banding_show_a_peak_as_rarely_as_stated():
    spectra = [b for seed in range(20) for b in banding(dark_statistics([stack(seed, side=128)]), false_alarm=0.05)]
    peaks = sum(bool(b.peaks) for b in spectra)
    assert rare(peaks, 0.05, len(spectra)) and peaks > 0
    rows = [b for b in spectra if b.axis == "rows" and not b.fixed]
    # Row noise, and pixels' noise over 128 of them.
    assert np.mean([b.level for b in rows]) == pytest.approx(0.3**2 + (4 + 1 / 12) / 128, rel=0.03)


@pytest.mark.parametrize("axis", ["rows", "columns"])
@pytest.mark.parametrize("fixed", [False, True])
def test_a_wave_is_found_with_its_frequency_and_amplitude(axis, fixed):
    z = []
    for seed in range(16):
        frames = stack(seed, side=128, dsnu=0.1)
        generator = torch.Generator().manual_seed(seed)
        phase = 2 * math.pi * (torch.rand(1, generator=generator).expand(8) if fixed else torch.rand(8, generator=generator))
        wave = 0.6 * torch.cos(2 * math.pi * 0.1234 * torch.arange(128) + phase[:, None])
        wave = wave[:, None, :, None] if axis == "rows" else wave[:, None, None, :]
        (found,) = [b for b in banding(dark_statistics([frames.replace(frames.data + wave)])) if b.axis == axis and b.fixed == fixed]
        peak = found.peaks[0]
        assert peak.chance < 1e-3
        z.append(((peak.frequency.value - 0.1234) / peak.frequency.error, (peak.amplitude.value - 0.6) / peak.amplitude.error))
    z = np.array(z)
    assert np.all(np.abs(z.mean(0)) < 4 / math.sqrt(len(z)) + 0.3) and np.all(np.abs(z.std(0) - 1) < 4 / math.sqrt(2 * len(z)))


def test_chance_makes_pixels_hot_or_cold_as_rarely_as_stated(figure):
    false = sum(len(hot_pixels(dark_statistics([f]), false_alarm=0.05).places) > 0 for f in stacks(200, 5, frames=4, dsnu_row=0.3))
    figure("hot pixels: false alarms of 200 small stacks, stated 0.05", false / 200, "binomial, at 1e-6")
    assert rare(false, 0.05, 200) and false > 0


def test_hot_and_cold_pixels_are_found():
    frames = stack(19, dsnu_row=0.3)
    frames.data[:, 0, 10, 21] += 15
    frames.data[:, 0, 33, 40] -= 12
    seen = hot_pixels(dark_statistics([frames]))
    assert seen.places.tolist() == [[10, 21], [33, 40]]
    assert seen.excess.tolist() == pytest.approx([15, -12], abs=5 * math.sqrt(4.2 / 8 + 0.35))
    assert seen.high.places.tolist() == [[10, 21]] and seen.low.mask(64, 64).nonzero().tolist() == [[33, 40]]


def flats(repeats, pattern, *, frames=4, side=128, dim=0.4):
    """So many stacks of a flat whose left is dim, exposed at once."""
    numbers = {"gain": 0.5, "read_noise": 2.0, "black_level": 64.0, "quantum_efficiency": [0.4, 0.6, 0.3] if pattern else 0.6}
    light = 6000 * torch.linspace(dim, 1.0, side).expand(repeats * frames, 3 if pattern else 1, side, side)
    batch = FrameSensor(side, side, pattern, **numbers).expose(light.contiguous(), key=Key(11))
    return [batch.map(lambda t, r=r: t[r * frames : (r + 1) * frames]) for r in range(repeats)]


@pytest.mark.parametrize("pattern", ["RGGB", None])
def test_chance_makes_pixels_odd_under_light_as_rarely_as_stated(pattern):
    # Light falls off to 40 %, so that pixels of the dim side scatter half as much again; gently, as it does from pixel to pixel.
    false = sum(len(odd_under_light(flat, false_alarm=0.05).places) > 0 for flat in flats(60, pattern))
    assert rare(false, 0.05, 60) and false > 0


@pytest.mark.parametrize("pattern", ["RGGB", None])
def test_dead_pixels_are_found_under_light(pattern):
    (flat,) = flats(1, pattern, frames=16, side=64, dim=0.8)
    flat.data[:, 0, 5, 9] = 64
    flat.data[:, 0, 40, 41] += 0.5 * (flat.data[:, 0, 40, 41] - 64)
    seen = odd_under_light(flat, false_alarm=1e-6)
    assert seen.low.places.tolist() == [[5, 9]] and seen.high.places.tolist() == [[40, 41]]
    assert seen.excess.tolist() == pytest.approx([-1, 0.5], abs=0.08)


def test_pixels_that_jump_are_found_with_levels_and_shares():
    z = []
    for seed, frames in enumerate(stacks(12, 1, frames=60, side=48)):
        generator = torch.Generator().manual_seed(seed)
        jumps, steps = torch.rand(60, generator=generator) < 0.3, torch.randint(0, 3, (60,), generator=generator)
        frames.data[:, 0, 10, 11] += 14 * jumps
        frames.data[:, 0, 20, 31] += 12 * steps
        seen = telegraph_pixels(iter([frames]), dark_statistics([frames]))
        assert seen.places.tolist() == [[20, 31], [10, 11]]
        assert seen.levels.isfinite().sum(1).tolist() == [3, 2]
        assert float(seen.occupancy[1, 1]) == pytest.approx(float(jumps.float().mean()), abs=0.02)
        z += ((seen.amplitude - torch.tensor([24.0, 14.0])) / seen.error).tolist()
    assert abs(np.mean(z)) < 4 / math.sqrt(len(z)) and abs(np.std(z) - 1) < 4 / math.sqrt(2 * len(z))


def test_chance_makes_no_more_jumps_than_stated():
    seen = [telegraph_pixels([f], dark_statistics([f]), false_alarm=0.05) for f in stacks(60, 3, frames=24)]
    assert rare(sum(len(t.places) + len(t.noisy) > 0 for t in seen), 0.05, 60)


def test_heavy_tails_are_noisy_and_hardly_ever_jump():
    # Noise of lambda -0.1 has noisier pixels than the normal law; three frames that lie off together by chance are one pixel in 5,000.
    seen = [telegraph_pixels([f], dark_statistics([f])) for f in stacks(24, 3, frames=40, read_shape=-0.1)]
    assert sum(len(t.places) for t in seen) <= binom.isf(1e-6, 24 * 32 * 32, 1 / 5000)


def test_jumps_need_the_same_frames_and_enough_of_them():
    frames = stack(1, frames=24)
    with pytest.raises(CampipeError, match="20 dark frames or more"):
        telegraph_pixels([stack(1)], dark_statistics([stack(1)]))
    with pytest.raises(CampipeError, match="give the same ones"):
        telegraph_pixels([stack(1)], dark_statistics([frames]))


def series(seed, current=20.0, times=(0.0, 1.0, 2.0, 4.0), **numbers):
    # No DSNU: a sensor's own pattern moves its mean, and is no error of the line.
    numbers = {"dark_current": current, "dsnu": 0.0, "gain": 0.8, **numbers}
    return [dark_statistics([stack(100 * seed + i, seconds=t, **numbers)]) for i, t in enumerate(times)]


def batches(repeats, seed, *, side, current=20.0, times=(0.0, 1.0, 2.0, 4.0), frames=8, **numbers):
    """So many series of dark statistics of one sensor, mono, with 8 frames at each time; those of a time are exposed at once."""
    sensor = FrameSensor(side, side, None, read_noise=2.0, row_noise=0.3, black_level=64.0, gain=0.8, dark_current=current, **numbers)
    still = torch.zeros(repeats * frames, 1, side, side)
    shots = [sensor.expose(still, seconds=t, key=Key(seed).fold(i)) for i, t in enumerate(times)]
    for r in range(repeats):
        yield [dark_statistics([shot.map(lambda v, r=r: v[r * frames : (r + 1) * frames])]) for shot in shots]


def test_dark_current_comes_back_from_mean_and_from_variance(figure):
    z = []
    for sets in batches(80, 1, side=32):
        for found in dark_current(sets, 0.8):
            z.append([(e.value - t) / e.error for e, t in ((found.mean, 20), (found.variance, 20), (found.black, 64))])
    z = np.array(z)
    assert np.all(np.abs(z.mean(0)) < 4 / math.sqrt(len(z))) and np.all(np.abs(z.std(0) - 1) < 4 / math.sqrt(2 * len(z)))
    found = dark_current(series(1, side=128), 0.8)
    figure("dark current from the mean: worst error", max(abs(f.mean.value / 20 - 1) for f in found), "<= 0.02")
    figure("dark current from the variance: worst error", max(abs(f.variance.value / 20 - 1) for f in found), "<= 0.02")
    assert all(abs(f.mean.value / 20 - 1) < 0.02 and abs(f.variance.value / 20 - 1) < 0.02 for f in found)
    assert all(abs(f.read_noise.value - 0.8 * math.hypot(2, 0.3)) < 4.5 * f.read_noise.error for f in found)


@pytest.mark.slow
def test_intervals_of_dark_current_hold_the_truth_in_93_to_97_percent_of_2000_repeats(figure):
    truth, inside = {"mean": 20.0, "variance": 20.0, "black": 64.0, "read_noise": 0.8 * math.hypot(2, 0.3)}, {}
    for sets in (sets for seed in range(20) for sets in batches(100, seed, side=48)):
        (found,) = dark_current(sets, 0.8)
        for name, value in truth.items():
            low, high = getattr(found, name).interval(0.95)
            inside[name] = inside.get(name, 0) + (low <= value <= high) / 2000
    for name, share in inside.items():
        figure(f"dark current: coverage of the 95 % interval of {name}", share, "0.93 to 0.97")
    assert all(0.93 <= share <= 0.97 for share in inside.values()), inside


def test_the_gain_s_own_error_is_carried_on():
    sure, unsure = (dark_current(series(2), Estimate(0.8, e, "DN/e-"))[0] for e in (0.0, 0.04))
    assert unsure.mean.error == pytest.approx(math.hypot(sure.mean.error, sure.mean.value * 0.05), rel=1e-6)
    assert unsure.variance.error == pytest.approx(math.hypot(sure.variance.error, sure.variance.value * 0.1), rel=1e-6)


def test_a_camera_that_takes_dark_current_off_is_told():
    sets = []
    for i, t in enumerate((0.0, 1.0, 2.0, 4.0)):
        frames = stack(i, seconds=t, dark_current=20.0, dsnu=0.0, gain=0.8)
        sets.append(dark_statistics([frames.replace(frames.data - round(16 * t))]))
    found = dark_current(sets, 0.8)[0]
    assert "taken off the black level" in found.note and found.variance.value == pytest.approx(20, rel=0.1)


def test_growth_with_temperature_is_that_of_the_sensor():
    points = []
    for i, celsius in enumerate((10.0, 20.0, 30.0, 40.0)):
        points.append((celsius, dark_current(series(10 + i, temperature=celsius, doubling=7.0), 0.8)[0].mean))
    found = warming(points)
    assert abs(found.doubling.value - 7.0) < 4.5 * found.doubling.error and found.doubling.error < 0.05
    assert abs(found.at20.value / 20 - 1) < 0.02


def test_an_arrhenius_law_gives_its_energy():
    law = [(t, Estimate(1e12 * math.exp(-0.63 / (BOLTZMANN * (t + 273.15))), 1e-3)) for t in (0.0, 20.0, 40.0, 60.0)]
    assert warming(law).activation.value == pytest.approx(0.63, rel=1e-6)
    with pytest.raises(CampipeError, match="two temperatures or more"):
        warming(law[:1])


def test_dark_current_needs_two_times():
    with pytest.raises(CampipeError, match="two known exposure times or more"):
        dark_current(series(1, times=(1.0,)), 0.8)
