"""Photon transfer recovers the sensor that made the frames, and its errors are what they say."""

import math
from dataclasses import replace

import pytest
import torch

from campipe.calibrate.pairs import PairStatistics, pair_statistics
from campipe.calibrate.photon_transfer import photon_transfer
from campipe.core.errors import CampipeError
from campipe.core.random import Key
from campipe.sensor import FrameSensor

NUMBERS = {"quantum_efficiency": 0.6, "full_well": 15000.0, "dark_current": 25.0, "read_noise": 3.0, "gain": 0.5, "black_level": 64.0}


def sensor(size, serial=3, pattern=None, **changes):
    numbers = {**NUMBERS, "prnu": 0.012, "dsnu": 1.4, "bits": 14, **changes}
    return FrameSensor(size, size, pattern, serial, **numbers)


def series(sensor, key, steps=16, darks=8):
    """Flats of growing light and time with their photons, and darks over the same times."""
    return next(many_series(sensor, key, 1, steps, darks))


def many_series(sensor, key, repeats, steps, darks, longest=0.5, brightest=1.15 * 15000 / 0.6):
    """The same, so many times; the frames of a step are exposed at once."""

    def step(i, count, photons):
        seconds = longest * (i + 1) / count
        light = torch.full((2 * repeats, 1, sensor.height, sensor.width), photons)
        frames = sensor.expose(light, seconds=seconds, key=key.fold(int(photons > 0)).fold(i))
        known = {"pattern": sensor.pattern, "white": frames.capture.white_level[0], "seconds": seconds, "photons": photons}
        return [pair_statistics(*frames.data[2 * r : 2 * r + 2, 0], **known) for r in range(repeats)]

    flats = [step(i, steps, brightest * (i + 1) / steps) for i in range(steps)]
    dark = [step(i, darks, 0.0) for i in range(darks)]
    return zip(zip(*flats, strict=True), zip(*dark, strict=True), strict=True)


def exact(gain=0.5, black=64.0, dark=4.0, full=10000.0, steps=20, bend=0.0, clipped=0.0, lowest=0.05, beyond=1.2, shift=0.0, iso=None):
    """Statistics as an ideal sensor has them, without scatter; it saturates at `full` e-."""

    def pair(electrons, light):
        signal = gain * min(electrons, full)
        variance = dark if electrons > full else gain * signal * (1 + bend * signal) + dark
        mean = (black + signal, variance, variance * (2 / 9999) ** 0.5, 0.0, shift * signal)
        counts = (1e4, float(electrons > full), clipped * (1 - light), 99)
        numbers = (torch.tensor([n], dtype=torch.float64) for n in mean + counts)
        return PairStatistics(("mono",), *numbers, iso=iso, photons=electrons / 0.4)

    flats = [pair(full * (lowest + (beyond - lowest) * i / (steps - 1)), 1.0) for i in range(steps)]
    return flats, [pair(0.0, 0.0) for _ in range(4)]


@pytest.mark.parametrize("method", ["weighted", "emva1288"])
def test_an_ideal_curve_gives_its_own_numbers(method):
    found = photon_transfer(*exact(), method=method)["mono"]
    shrink = 1 - 1e-4 if method == "emva1288" else 1  # the standard's variances are those over n
    assert found.gain.value == pytest.approx(0.5 * shrink, rel=1e-9)
    assert found.dark_noise.value == pytest.approx((4 * shrink - 1 / 12) ** 0.5 / (0.5 * shrink), rel=1e-9)
    assert found.black_level.value == pytest.approx(64, rel=1e-9)
    assert found.quantum_efficiency.value == pytest.approx(0.4 / shrink, rel=1e-9)
    assert found.saturation.value == pytest.approx(10000, rel=0.06 if method == "emva1288" else 1e-9)
    # Saturation lies anywhere between the neighbours of the step of the largest variance, 8974 and 10000 e-: a uniform law.
    assert found.saturation.error > 290 if method == "emva1288" else found.saturation.error < 60
    assert found.snr_max.value == pytest.approx(found.saturation.value**0.5)
    assert found.dynamic_range.value == pytest.approx(found.saturation.value / found.threshold.value)
    assert found.warnings == ()
    assert torch.equal(found.points.used, found.points.signal <= 0.7 * (4789.47 if method == "emva1288" else 5000))
    assert float(found.points.residual[found.points.used].abs().max()) < 0.01


def test_the_threshold_is_where_signal_equals_noise():
    found = photon_transfer(*exact())["mono"]
    assert float(found.snr(found.threshold.value)) == pytest.approx(1, rel=1e-12)
    assert float(found.snr(1e4, dsnu=3.0, prnu=0.01)) == pytest.approx(1e4 / (16 + 1e4 + 9 + 1e4) ** 0.5, rel=1e-9)


def test_the_order_of_the_pairs_does_not_matter():
    flats, darks = series(sensor(32), Key(1), steps=30)
    one, two = photon_transfer(flats, darks)["mono"], photon_transfer(flats[::-1], darks[::-1])["mono"]
    assert one.gain.value == pytest.approx(two.gain.value, rel=1e-12)
    assert one.dark_noise.value == pytest.approx(two.dark_noise.value, rel=1e-12)


def test_a_colour_sensor_is_recovered_plane_by_plane():
    black = (60.0, 64.0, 68.0, 72.0)
    s = sensor(160, pattern="RGGB", quantum_efficiency=[0.3, 0.6, 0.4], black_level=[[60.0, 64.0], [68.0, 72.0]])
    planes = photon_transfer(*series(s, Key(4)))
    assert tuple(planes) == ("R", "Gr", "Gb", "B")
    for plane, level, efficiency in zip(planes.values(), black, (0.3, 0.6, 0.6, 0.4), strict=True):
        truth = {"gain": 0.5, "dark_noise": 3.0, "quantum_efficiency": efficiency}
        for name, value in truth.items():
            estimate = getattr(plane, name)
            assert abs(estimate.value - value) < 4.5 * estimate.error, (plane.plane, name, estimate)
        # The mean of the individual's DSNU map scatters by 0.7 DN / 80.
        assert abs(plane.black_level.value - level) < 6 * plane.black_level.error + 4.5 * 0.7 / 80


@pytest.mark.parametrize("gain", [0.2, 2.0])
def test_the_plan_of_sixteen_steps_gives_gain_within_one_percent_and_dark_noise_within_three(gain, figure):
    s = sensor(256, gain=gain, bits=16, read_noise=4.0)
    found = photon_transfer(*series(s, Key(2), darks=16))["mono"]
    errors = abs(found.gain.value / gain - 1), abs(found.dark_noise.value / 4 - 1)
    figure(f"photon transfer of 256 x 256 pixels, K = {gain}: error of K", errors[0], "<= 0.01")
    figure(f"photon transfer of 256 x 256 pixels, K = {gain}: error of dark noise", errors[1], "<= 0.03")
    assert errors[0] < 0.01
    assert errors[1] < 0.03
    # The plan is good for these limits at 4 standard errors.
    assert 4 * found.gain.error < 0.01 * gain
    assert 4 * found.dark_noise.error < 0.03 * 4


def scores(repeats, row_noise=0.0, size=48, steps=12, darks=6):
    """(value - truth) / error of gain, dark noise and efficiency, and whether the 95 % interval holds the truth."""
    s = sensor(size, row_noise=row_noise, prnu=0.0, dsnu=0.0)
    truth = {"gain": 0.5, "dark_noise": math.hypot(3.0, row_noise), "quantum_efficiency": 0.6, "black_level": 64.0}
    z, inside = {n: [] for n in truth}, {n: [] for n in truth}
    for flats, dark in many_series(s, Key(repeats).fold("coverage"), repeats, steps, darks):
        found = photon_transfer(flats, dark)["mono"]
        for name, value in truth.items():
            estimate = getattr(found, name)
            low, high = estimate.interval(0.95)
            z[name].append((estimate.value - value) / estimate.error)
            inside[name].append(low <= value <= high)
    return {n: torch.tensor(v) for n, v in z.items()}, {n: sum(v) / repeats for n, v in inside.items()}


@pytest.mark.parametrize("row_noise", [0.0, 2.0])
def test_stated_errors_are_the_scatter(row_noise):
    repeats = 100
    z, _ = scores(repeats, row_noise, size=32, steps=8, darks=4)
    for name in ("gain", "dark_noise", "quantum_efficiency"):
        assert abs(float(z[name].mean())) < 4.5 / repeats**0.5, name
        assert abs(float(z[name].std()) - 1) < 4.5 / (2 * repeats) ** 0.5, name


@pytest.mark.slow
def test_intervals_of_95_percent_hold_the_truth_in_93_to_97_percent_of_2000_repeats(figure):
    _, inside = scores(2000)
    for name in ("gain", "dark_noise", "quantum_efficiency"):
        figure(f"photon transfer: coverage of the 95 % interval of {name}", inside[name], "0.93 to 0.97")
    assert all(0.93 <= inside[name] <= 0.97 for name in ("gain", "dark_noise", "quantum_efficiency")), inside
    # The error of the black level is never below that of the pairs' own shifts: it errs on the safe side.
    assert inside["black_level"] >= 0.93, inside


def test_flicker_between_the_frames_of_a_pair_is_taken_out_and_told():
    s, flats = sensor(96, prnu=0.0), []
    plain, darks = series(s, Key(3))
    for i, pair in enumerate(plain):
        light = torch.tensor([1.0, 1.02])[:, None, None, None] * pair.photons
        frames = s.expose(light.expand(2, 1, 96, 96).contiguous(), seconds=pair.seconds, key=Key(3).fold(i))
        flats.append(pair_statistics(frames.item(0), frames.item(1)))
    found = photon_transfer(flats, darks)["mono"]
    assert abs(found.gain.value - 0.5) < 4.5 * found.gain.error
    assert any("the light changed between the two frames" in w and "2 %" in w for w in found.warnings)


def test_noise_below_rounding_gives_an_upper_limit_that_holds():
    s = sensor(96, read_noise=1.0, gain=0.2, bits=12, dark_current=0.0)
    flats, darks = series(s, Key(5))
    found = photon_transfer(flats, darks)["mono"]
    assert found.dark_noise.bound
    assert "below 0.24 DN^2" in found.dark_noise.note
    assert 1.0 < found.dark_noise.value < 2.1
    assert abs(found.gain.value - 0.2) < 4.5 * found.gain.error


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"steps": 6}, "only 3 usable steps"),
        ({"clipped": 0.2}, "20 % of dark pixels are clipped at 0"),
        ({"beyond": 0.9}, "saturation was not reached"),
        ({"bend": -4e-5}, "the transfer curve is bent"),
        ({"lowest": 0.55, "steps": 60}, "all usable steps lie above 50 %"),
        ({"lowest": 0.75, "steps": 30}, "all steps lie above 70 % of saturation"),
        ({"shift": 0.05}, "the light changed between the two frames"),
    ],
)
def test_what_is_wrong_with_the_data_is_said(changes, words):
    assert any(words in w for w in photon_transfer(*exact(**changes))["mono"].warnings)


def test_a_capacity_that_was_not_reached_is_a_lower_limit():
    found = photon_transfer(*exact(beyond=0.9))["mono"]
    assert found.saturation.value == pytest.approx(9000, rel=1e-9)
    assert "at least" in found.saturation.note


def test_points_that_scatter_beyond_their_noise_widen_the_errors():
    flats, darks = exact(steps=30)
    bad = [replace(p, variance=p.variance * (1 + 0.2 * (-1) ** i)) for i, p in enumerate(flats)]
    good, found = photon_transfer(flats, darks)["mono"], photon_transfer(bad, darks)["mono"]
    assert found.gain.error > 5 * good.gain.error
    assert any("scatter" in w for w in found.warnings)


def test_what_cannot_be_measured_is_refused():
    flats, darks = exact()
    with pytest.raises(CampipeError, match="pairs of darks, but none came"):
        photon_transfer(flats, [])
    with pytest.raises(CampipeError, match="knows the methods"):
        photon_transfer(flats, darks, method="best")
    with pytest.raises(CampipeError, match="one gain, but pairs of ISO 100, 200"):
        photon_transfer(exact(iso=100.0)[0], exact(iso=200.0)[1])
    with pytest.raises(CampipeError, match="no step above black and below saturation"):
        photon_transfer([f for f in flats if float(f.saturated)], darks)
    same = torch.full((16, 16), 500.0)
    with pytest.raises(CampipeError, match="the same in plane mono at a mean of 500"):
        photon_transfer([*flats, pair_statistics(same, same, photons=1.0)], darks)
