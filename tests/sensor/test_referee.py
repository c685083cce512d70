"""The reference implementation of EMVA 1288, fed with frames of FrameSensor, finds what went in."""

import numpy as np
import pytest
import torch

from campipe.core.random import Key
from campipe.sensor import FrameSensor

WIDTH, HEIGHT, STEPS, STACK = 400, 300, 50, 50
TRUTH = {"gain": 0.2, "efficiency": 0.6, "dark_noise": 3.0, "dark_current": 25.0, "full_well": 15000, "dsnu": 1.4, "prnu": 0.012}
SEEDS = (0, 1)


def measured(emva1288, seed):
    """What the referee finds for one individual sensor: constant irradiance, 50 exposure times up to 1.15 x saturation."""
    from emva1288.process import routines
    from emva1288.process.data import Data1288
    from emva1288.process.results import Results1288

    sensor = FrameSensor(
        width=WIDTH,
        height=HEIGHT,
        pattern=None,
        serial=seed,
        quantum_efficiency=TRUTH["efficiency"],
        full_well=TRUTH["full_well"],
        dark_current=TRUTH["dark_current"],
        prnu=TRUTH["prnu"],
        dsnu=TRUTH["dsnu"],
        read_noise=TRUTH["dark_noise"],
        gain=TRUTH["gain"],
        black_level=64,
        bits=12,
    )
    key = Key(seed).fold("referee")
    longest = 0.5  # s, so that the dark signal matters
    brightest = 1.15 * TRUTH["full_well"] / TRUTH["efficiency"]

    def grab(step, light, count):
        seconds = longest * (step + 1) / STEPS
        photons = torch.full((count, 1, HEIGHT, WIDTH), brightest * (step + 1) / STEPS if light else 0.0)
        frames = sensor.expose(photons, seconds=seconds, key=key.fold(step).fold(int(light)).fold(count))
        return frames.data[:, 0].numpy().astype(np.uint16)

    def temporal(frames):
        sums = routines.get_int_imgs(frames)
        return {"sum": sums["sum"].sum(), "pvar": sums["pvar"].sum(), "dmean": sums["dmean"]}

    raw = {"temporal": {}, "spatial": {}, "width": WIDTH, "height": HEIGHT}
    for step in range(STEPS):
        nanoseconds = longest * (step + 1) / STEPS * 1e9
        photons = brightest * (step + 1) / STEPS
        raw["temporal"][nanoseconds] = {photons: temporal(grab(step, True, 2)), 0.0: temporal(grab(step, False, 2))}
    half = STEPS // 2 - 4
    nanoseconds, photons = longest * (half + 1) / STEPS * 1e9, brightest * (half + 1) / STEPS
    raw["spatial"][nanoseconds] = {
        photons: routines.get_int_imgs(grab(half, True, STACK)),
        0.0: routines.get_int_imgs(grab(half, False, STACK)),
    }
    return Results1288(Data1288(raw).data, pixel_area=1.0)


# What the referee found, what went in, and the tolerance: 4 standard deviations of the referee over eight independent reference
# sensors, so that each fails by chance with a probability of about 6e-5. QE in points, everything else relative.
FINDINGS = {
    "K": (lambda r: r.K / TRUTH["gain"] - 1, 0.004),
    "quantum efficiency, points": (lambda r: r.QE - 100 * TRUTH["efficiency"], 0.35),
    "dark noise": (lambda r: r.sigma_d / TRUTH["dark_noise"] - 1, 0.011),
    "dark current": (lambda r: r.u_I_mean / TRUTH["dark_current"] - 1, 0.01),
    "DSNU": (lambda r: r.DSNU1288 / TRUTH["dsnu"] - 1, 0.05),
    "PRNU": (lambda r: r.PRNU1288 / (100 * TRUTH["prnu"]) - 1, 0.032),
}


@pytest.mark.parametrize("seed", SEEDS)
def test_the_standards_referee_recovers_what_went_in(emva1288, seed, figure):
    results = measured(emva1288, seed)
    errors = {name: error(results) for name, (error, _) in FINDINGS.items()}
    for name, (_, tolerance) in FINDINGS.items():
        figure(f"EMVA 1288 referee, sensor {seed}: error of {name}", errors[name], f"at most {tolerance}")
    assert all(abs(errors[name]) < tolerance for name, (_, tolerance) in FINDINGS.items()), errors
    assert results.LE_max < 0.02
