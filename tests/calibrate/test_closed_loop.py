"""What goes into a camera comes out of its calibration: simulate, calibrate, recover, for every profile."""

from __future__ import annotations

import math

import pytest

import campipe as cp
from campipe.calibrate.estimate import Estimate, combined
from campipe.calibrate.measure_camera import Calibration, measure_camera
from campipe.core.profile import Profile
from campipe.jobs.rehearse import Plan, rehearsal

# As much as it takes on a window of 144 x 144 pixels; the whole sensor has hundreds of times as many.
SIZE = 144
PARTS = ("pixel", "row", "column")
SIGMAS = 4.0  # of about 40 numbers each: 3e-3 a camera by chance, if no figure were allowed beside; keys are fixed


def plan(profile: Profile) -> Plan:
    low, high = (float(i) for i in profile.iso_range)
    isos = (low,) if low == high else (low, math.sqrt(low * high), high)
    return Plan(iso=isos, stack=24)


def misses(label: str, found: Estimate | None, truth: float, allowed: float, wander: float = 0.0) -> list[str]:
    """A sentence where a number is farther from the truth than what is allowed and four standard errors; limits hold above it."""
    if found is None or not math.isfinite(found.value):
        return [f"{label}: not measured"]
    if found.bound:
        return [] if truth <= found.value else [f"{label}: at most {found.value:.4g}, but the truth is {truth:.4g}"]
    # The root of a variance that scatters around 0 lies twice as many of its own errors away as the variance does.
    off = abs(found.value - truth) if truth else found.value / 2
    error = math.hypot(found.error, wander)
    return [] if off <= max(allowed, SIGMAS * error) else [f"{label}: {found}, but the truth is {truth:.6g} ({off / error:.1f} errors)"]


def complaints(profile: Profile, found: Calibration) -> list[str]:
    words = []
    for step in found.steps:
        at = {name: float(value) for name, value in profile.at_iso(step.iso).items() if value is not None}
        k, here = at["gain"], f"at ISO {step.iso:g}"
        read = math.hypot(at["read_noise"], at["post_read_noise"] / k)
        if step.dark is None:  # refused, since noise reaches down to the converter's zero
            words += [] if profile.black_level < 3.5 * read * k else [f"darks {here} were left out"]
            continue
        full = (float(profile.white_level(step.iso)) - profile.black_level) / k
        words += misses(f"gain {here}", step.gain, k, 0.01 * k)
        words += misses(f"read noise {here}", step.electrons("pixel"), read, 0.03 * read)
        words += misses(f"row noise {here}", step.electrons("row"), at["row_noise"], 0.05 * at["row_noise"])
        words += misses(f"saturation {here}", combined([t.saturation for t in step.transfer.values()]), full, 0.01 * full)
        # Of an individual the fixed pattern of the window has a mean of its own.
        pixels = (SIZE / len(step.dark.black) ** 0.5) ** 2
        own = k * math.sqrt(profile.dsnu.pixel**2 / pixels + (profile.dsnu.row**2 + profile.dsnu.column**2) / math.sqrt(pixels))
        for level in step.dark.black:
            words += misses(f"black level {here}, {level.plane}", level.level, profile.black_level, 0.05, own)
        if step.iso in found.shapes and "read_shape" in at:
            words += misses(f"shape {here}", found.shapes[step.iso], at["read_shape"], 0.03)
    words += misses("dark current", combined([c.mean for c in found.current]), profile.dark_current, 0.02 * profile.dark_current)
    efficiency = combined([t.quantum_efficiency for t in found.steps[0].transfer.values()])
    words += misses("efficiency", efficiency, profile.quantum_efficiency, 0.01 * profile.quantum_efficiency)
    for name, by_plane in (("dsnu", found.patterns.dsnu), ("prnu", found.patterns.prnu)):
        for part in PARTS:
            truth = getattr(getattr(profile, name), part)
            number = combined([getattr(p, part) for p in by_plane.values()])
            words += misses(f"{name} by {part}", number, truth, 0.05 * truth)
    return words


def recovered(name: str) -> list[str]:
    camera = cp.Camera.load(name, serial=3)
    return complaints(camera.profile, measure_camera(rehearsal(camera, plan(camera.profile), height=SIZE, width=SIZE, seed=1)))


@pytest.mark.parametrize("name", ["mv-mono-2mp", "rpi-imx219"])
def test_a_camera_comes_back(name):
    assert recovered(name) == []


@pytest.mark.slow
@pytest.mark.parametrize("name", cp.cameras())
def test_every_camera_of_the_library_comes_back(name):
    assert recovered(name) == []


def test_the_switch_of_conversion_gain_is_found():
    camera = cp.Camera.load("sony-a7s2")
    isos = (100.0, 400.0, 800.0, 1600.0, 2000.0, 3200.0, 6400.0)
    small = Plan(iso=isos, levels=(0.05, 0.2, 0.4, 0.6, 1.6), pairs=1, darks=6, dark_seconds=(), stack=0)
    found = measure_camera(rehearsal(camera, small, height=96, width=96))
    assert found.stages is not None and found.stages.switch == (1600.0, 2000.0)
    low, high = found.stages.segments
    assert low.pre.value == pytest.approx(4.381, abs=4 * low.pre.error + 0.03 * 4.381)
    assert high.pre.value == pytest.approx(1.146, abs=4 * high.pre.error + 0.03 * 1.146)
