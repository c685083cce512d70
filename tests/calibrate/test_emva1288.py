"""Our numbers of EMVA 1288 are those of the `emva1288` package on the same frames."""

import numpy as np
import pytest
import torch

from campipe.calibrate.emva1288 import analyse
from campipe.calibrate.pairs import pair_statistics
from campipe.calibrate.photon_transfer import photon_transfer
from campipe.calibrate.stacks import frame_stack
from campipe.core.random import Key
from campipe.sensor import FrameSensor

HEIGHT, WIDTH, STEPS, STACK = 96, 128, 50, 8
# One that saturates in the pixel, one in the converter.
SENSORS = {
    "full well": {
        "quantum_efficiency": 0.6,
        "full_well": 15000.0,
        "dark_current": 25.0,
        "prnu": 0.012,
        "prnu_row": 0.004,
        "prnu_column": 0.006,
        "dsnu": 1.4,
        "dsnu_row": 0.4,
        "dsnu_column": 0.6,
        "read_noise": 3.0,
        "gain": 0.2,
        "black_level": 64.0,
    },
    "converter": {
        "quantum_efficiency": 0.45,
        "full_well": 60000.0,
        "dark_current": 40.0,
        "prnu": 0.008,
        "prnu_row": 0.004,
        "prnu_column": 0.006,
        "dsnu": 3.0,
        "dsnu_row": 1.0,
        "dsnu_column": 1.6,
        "read_noise": 6.0,
        "gain": 0.5,
        "black_level": 100.0,
    },
}
BRIGHTEST = {"full well": 1.15 * 15000 / 0.6, "converter": 1.2 * 8000 / 0.45}


@pytest.fixture(scope="module", params=SENSORS)
def both(request, emva1288):
    """The package's results and ours on the same frames, and the name of the sensor."""
    from emva1288.process import routines
    from emva1288.process.data import Data1288
    from emva1288.process.results import Results1288

    sensor, key = FrameSensor(WIDTH, HEIGHT, None, 1, **SENSORS[request.param]), Key(6).fold(request.param)

    def grab(step, light, count):
        photons = torch.full((count, 1, HEIGHT, WIDTH), BRIGHTEST[request.param] * (step + 1) / STEPS if light else 0.0)
        return sensor.expose(photons, seconds=(step + 1) / STEPS, key=key.fold(step).fold(int(light)).fold(count))

    def whole(frames):
        return frames.data[:, 0].numpy().astype(np.uint16)

    def temporal(frames):
        sums = routines.get_int_imgs(whole(frames))
        return {"sum": sums["sum"].sum(), "pvar": sums["pvar"].sum(), "dmean": sums["dmean"]}

    raw, flats, darks = {"temporal": {}, "spatial": {}, "width": WIDTH, "height": HEIGHT}, [], []
    for step in range(STEPS):
        photons, light, dark = BRIGHTEST[request.param] * (step + 1) / STEPS, grab(step, True, 2), grab(step, False, 2)
        raw["temporal"][(step + 1) / STEPS * 1e9] = {photons: temporal(light), 0.0: temporal(dark)}
        flats.append(pair_statistics(light.item(0), light.item(1), photons=photons))
        darks.append(pair_statistics(dark.item(0), dark.item(1)))
    half = STEPS // 2 - 4
    light, dark = grab(half, True, STACK), grab(half, False, STACK)
    photons = BRIGHTEST[request.param] * (half + 1) / STEPS
    raw["spatial"][(half + 1) / STEPS * 1e9] = {photons: routines.get_int_imgs(whole(light)), 0.0: routines.get_int_imgs(whole(dark))}
    theirs = Results1288(Data1288(raw).data, pixel_area=1.0)
    ours = analyse(flats, darks, frame_stack([light]), frame_stack([dark]), saturation_step=int(theirs.index_u_ysat))["mono"]
    return theirs, ours, flats, darks, request.param


def test_every_number_is_that_of_the_reference_implementation(both, figure):
    theirs, ours, *_, name = both
    t, line = ours.transfer, ours.linearity
    pairs = {
        "K": (t.gain.value, theirs.K),
        "R": (t.responsivity.value, theirs.R),
        "QE": (100 * t.quantum_efficiency.value, theirs.QE),
        "sigma_d": (t.dark_noise.value, theirs.sigma_d),
        "mu_I.mean": (ours.dark_current_mean.value, theirs.u_I_mean),
        "mu_I.var": (ours.dark_current_variance.value, theirs.u_I_var),
        "mu_e.sat": (t.saturation.value, theirs.u_e_sat),
        "mu_e.min": (t.threshold.value, theirs.u_e_min),
        "SNR_max": (t.snr_max.value, theirs.SNR_max),
        "DR": (t.dynamic_range.value, theirs.DR),
        "LE_min": (line.least.value, theirs.LE_min),
        "LE_max": (line.most.value, theirs.LE_max),
    }
    for suffix, part in (("", "total"), ("_row", "row"), ("_col", "column"), ("_pixel", "pixel")):
        pairs[f"DSNU.{part}"] = getattr(ours.dsnu, part).value, getattr(theirs, f"DSNU1288{suffix}")
        pairs[f"PRNU.{part}"] = 100 * getattr(ours.prnu, part).value, getattr(theirs, f"PRNU1288{suffix}")
    apart = {quantity: abs(mine / other - 1) for quantity, (mine, other) in pairs.items()}
    figure(f"EMVA 1288, limit is the {name}: {len(apart)} numbers against the package", max(apart.values()), "<= 1e-6")
    assert max(apart.values()) < 1e-6, apart


def test_the_numbers_are_those_that_went_in(both):
    *_, name = both
    ours, truth = both[1], SENSORS[name]
    t = ours.transfer
    named = [(t.gain, "gain"), (t.quantum_efficiency, "quantum_efficiency"), (t.dark_noise, "read_noise")]
    named += [(ours.dark_current_mean, "dark_current"), (ours.dark_current_variance, "dark_current")]
    for pattern, which in ((ours.dsnu, "dsnu"), (ours.prnu, "prnu")):
        named += [(pattern.pixel, which), (pattern.row, f"{which}_row"), (pattern.column, f"{which}_column")]
    for estimate, number in named:
        assert abs(estimate.value - truth[number]) < 4.5 * estimate.error, (number, str(estimate))


def test_saturation_is_found_where_the_variance_is_largest(both):
    _, _, flats, darks, name = both
    found = photon_transfer(flats, darks)["mono"]
    truth = {"full well": 15000.0, "converter": (4095 - 100) / 0.5}[name]
    # Fully saturated frames tell the capacity but for K; the dark signal of up to 40 e- is part of what fills the pixel.
    assert abs(found.saturation.value - truth) < 4.5 * found.saturation.error + 40
    assert found.saturation.error < 0.01 * truth


def test_the_rows_come_in_the_order_of_the_standard(both):
    rows = both[1].rows()
    sections = list(dict.fromkeys(section for section, *_ in rows))
    assert sections == ["sensitivity", "dark noise", "signal to noise", "saturation", "linearity", "dark current", "non-uniformity"]
    assert len(rows) == 26
    assert all(np.isfinite(estimate.value) for *_, estimate in rows)


def test_what_was_not_given_is_left_out():
    sensor = FrameSensor(32, 32, None, read_noise=3.0, gain=0.5, black_level=64.0)

    def pair(step, light):
        frames = sensor.expose(torch.full((2, 1, 32, 32), light), key=Key(1).fold(step))
        return pair_statistics(frames.item(0), frames.item(1))

    ours = analyse([pair(i, 1000.0 * i) for i in range(1, 20)], [pair(0, 0.0)])["mono"]
    assert (ours.linearity, ours.dsnu, ours.prnu, ours.dark_current_mean, ours.transfer.quantum_efficiency) == (None,) * 5
    assert {section for section, *_ in ours.rows()} == {"sensitivity", "dark noise", "signal to noise", "saturation"}
