"""The closed loop for sensors that nobody chose: drawn by hypothesis, simulated, calibrated, recovered."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

import campipe as cp
from campipe.calibrate.estimate import Estimate, combined
from campipe.calibrate.measure_camera import measure_camera
from campipe.calibrate.shots import Shot
from campipe.testing.strategies import sensor_arguments

SIZE = 96
LEVELS = (0.02, 0.05, 0.1, 0.15, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.9, 2.5)
# Standard errors: of some 15 numbers each is beyond 5 by chance once in 2e6, rates of a hundred sensors stay below 1e-3.
SIGMAS = 5.0


def current(a):
    return a["dark_current"] * 2 ** ((a["temperature"] - 20) / 8)


def top(a):
    """e- at which it saturates."""
    return min(a["full_well"], (2 ** a["bits"] - 1 - a["black_level"]) / a["gain"])


def shots(a):
    """Darks and flats that suit the sensor: dark exposures gather up to 300 e-, or a tenth of the well."""
    sensor = cp.sensor.FrameSensor(**a)
    longest = min(60.0, min(300.0, 0.1 * top(a)) / max(current(a), 1e-3))
    efficiency = max(a["quantum_efficiency"]) if isinstance(a["quantum_efficiency"], list) else a["quantum_efficiency"]
    exposures = [(f"dark-{i}", 0.0, 1e-4) for i in range(10)]
    exposures += [(f"dark-{part}-{i}", 0.0, part * longest) for part in (0.25, 0.5, 1.0) for i in range(6)]
    exposures += [(f"flat-{level}-{i}", level, 1e-4) for level in LEVELS for i in range(2)]
    exposures += [(f"half-{i}", 0.5, 1e-4) for i in range(16)]
    out = []
    for name, level, seconds in exposures:
        photons = level * top(a) / efficiency

        def take(name=name, photons=photons, seconds=seconds):
            light = torch.full((1, 1, SIZE, SIZE), photons)
            return sensor.expose(light, seconds=seconds, key=cp.Key(11).fold(name)).replace(iso=torch.tensor([100.0]))

        out.append(Shot(name, "dark" if level == 0 else "flat", take, 100.0, seconds, level * top(a) * a["gain"], photons or None))
    return out


def near(label: str, found: Estimate, truth: float, part: float) -> None:
    if found.bound:  # of 95 %, 1.6 standard errors of a variance above what was found: 5 of them are up to 1.75 times as far
        assert truth <= 1.75 * found.value, f"{label}: {found}, but the truth is {truth:.5g}"
        return
    # The root of a variance that scatters around 0 lies twice as many of its own errors away as the variance does.
    off = abs(found.value - truth) if truth else found.value / 2
    assert off <= max(part * truth, SIGMAS * found.error), f"{label}: {found}, but the truth is {truth:.5g}"


def check(a) -> None:
    found = measure_camera(shots(a))
    (step,) = found.steps
    read = math.hypot(a["read_noise"], a["post_read_noise"] / a["gain"])
    pixel = math.hypot(read, math.sqrt(current(a) * 1e-4))
    if step.dark is None:
        spread = a["gain"] * math.hypot(read, a["row_noise"], a["dsnu"], a["dsnu_row"], a["dsnu_column"])
        assert a["black_level"] < 4 * spread + 1, f"darks were refused: {found.complaints}"
        return
    sigma = a["gain"] * math.hypot(pixel, a["row_noise"])
    if step.gain is None:  # even the shot noise of bright light is less than a whole number
        assert a["gain"] ** 2 * top(a) < 0.5, f"no gain: {found.complaints}"
        return
    near("gain", step.gain, a["gain"], 0.01)
    if sigma**2 < 0.3:  # rounding hides most of it: limits below a variance of 0.24 with the 1/12 that it adds, and no more to be told
        assert sigma**2 > 0.14 or step.dark.whole[0].pixel.bound
        return
    if a["gain"] * read > 0.1 or not current(a):  # single electrons of dark current alone are no normal noise
        near("read noise", step.electrons("pixel"), pixel, 0.03)
    near("row noise", step.electrons("row"), a["row_noise"], 0.05)
    if found.current and current(a) * 60 > 1:
        near("dark current", combined([c.mean for c in found.current]), current(a), 0.02)
    for name, by_plane in (("dsnu", found.patterns.dsnu), ("prnu", found.patterns.prnu)):
        for part in ("pixel", "row", "column"):
            truth = a[name] if part == "pixel" else a[f"{name}_{part}"]
            for plane, pattern in by_plane.items():
                near(f"{name} by {part}, {plane}", getattr(pattern, part), truth, 0.05)


DRAWN = st.sampled_from([None, "RGGB", "GBRG"]).flatmap(lambda pattern: sensor_arguments(SIZE, SIZE, pattern))
SLOW = [HealthCheck.too_slow, HealthCheck.data_too_large]


@settings(max_examples=6, suppress_health_check=SLOW, phases=[Phase.generate])
@given(DRAWN)
def test_a_drawn_sensor_comes_back(arguments):
    check(arguments)


@pytest.mark.slow
@settings(max_examples=60, suppress_health_check=SLOW, phases=[Phase.generate])
@given(DRAWN)
def test_sixty_drawn_sensors_come_back(arguments):
    check(arguments)
