"""Read noise and gain against ISO: two stages, the switch of conversion gain, and the dial."""

import json
import math

import numpy as np
import pytest

from campipe.calibrate.estimate import Estimate
from campipe.calibrate.gain_table import gain_table
from campipe.calibrate.published.dng_noise import from_profile, to_profile
from campipe.calibrate.read_stages import read_stages
from campipe.core.errors import CampipeError

GAINS = np.geomspace(0.05, 8, 28)


def scattered(sigma, seed, spread=0.03):
    return sigma * np.exp(spread * np.random.default_rng(seed).standard_normal(len(sigma)))


def test_two_stages_describe_the_a7s2_and_its_switch_is_found(shared, figure):
    table = json.loads((shared / "calibration" / "paper_calibrations.json").read_text())["PNNP"]["SonyA7S2_per_iso"]
    isos = [float(iso) for iso in table]
    found = read_stages([row["K"] for row in table.values()], [row["sigGs"] for row in table.values()], isos)
    assert found.switch == (1600.0, 2000.0)
    low, high = found.segments
    figure("A7S II at low gain: residual of two stages", low.residual, "about 0.053")
    figure("A7S II at low gain: residual of the log-linear law", low.log_linear, "about 0.179")
    assert low.residual == pytest.approx(0.053, abs=0.002) and low.log_linear == pytest.approx(0.179, abs=0.002)
    assert low.pre.value == pytest.approx(4.38, abs=0.01) and low.post.value == pytest.approx(0.99, abs=0.01)
    assert high.pre.value == pytest.approx(1.15, abs=0.01) and high.post.value == pytest.approx(1.62, abs=0.01)
    assert high.residual == pytest.approx(0.030, abs=0.002) and high.log_linear == pytest.approx(0.026, abs=0.002)


def test_both_stages_come_back_with_honest_errors():
    z = []
    gains = GAINS[::2]
    for seed in range(50):
        (stages,) = read_stages(gains, scattered(np.hypot(2.0 * gains, 1.2), seed)).segments[:1]
        z.append(((stages.pre.value - 2.0) / stages.pre.error, (stages.post.value - 1.2) / stages.post.error))
    z = np.array(z)
    # The errors are of 12 degrees of freedom, which widens the scores by 10 %.
    assert np.all(np.abs(z.mean(0)) < 4 * 1.1 / math.sqrt(50))
    assert np.all(np.abs(z.std(0) - 1.1) < 4 * 1.1 / math.sqrt(100))


LAWS = {"two": lambda k: np.hypot(2.0 * k, 1.0), "log": lambda k: 2 * k**0.6, "pre": lambda k: 3.0 * k, "post": lambda k: 2.0 + 0 * k}


@pytest.mark.parametrize("name", LAWS)
def test_no_switch_is_found_where_there_is_none(name):
    law = LAWS[name]
    false = sum(read_stages(GAINS, scattered(law(GAINS), seed)).switch is not None for seed in range(8))
    assert false <= 1  # a criterion of 6 errs in some per cent of cases
    assert read_stages(GAINS, law(GAINS)).switch is None


@pytest.mark.parametrize("place", [6, 14, 22])
def test_a_switch_is_found_where_it_is(place):
    sigma = np.where(np.arange(28) < place, np.hypot(4.0 * GAINS, 1.0), np.hypot(1.2 * GAINS, 0.4))
    right = sum(read_stages(GAINS, scattered(sigma, seed), np.arange(28)).switch == (place - 1, place) for seed in range(6))
    assert right >= 5


def test_a_stage_that_is_not_seen_says_so():
    stages = read_stages(GAINS, 3.0 * GAINS).segments[0]
    assert stages.pre.value == pytest.approx(3.0, rel=1e-3) and stages.post.note == "hidden by the other stage"


def test_limits_are_left_out_and_too_few_points_refused():
    sigma = [Estimate(v, 0.01, "DN") for v in np.hypot(2.0 * GAINS, 1.0)]
    sigma[0] = Estimate(0.4, math.nan, "DN", bound=True)
    assert read_stages(GAINS, sigma).segments[0].first == pytest.approx(GAINS[1])
    with pytest.raises(CampipeError, match="3 gains or more, but 2"):
        read_stages([1, 2], [1, 2])


def test_gain_in_proportion_to_iso_is_told_from_gain_that_is_not():
    rng = np.random.default_rng(0)
    isos = [100, 200, 400, 800, 1600]
    chances = []
    for _ in range(300):
        table = gain_table({i: Estimate(0.001 * i * (1 + 0.005 * rng.standard_normal()), 0.001 * i * 0.005) for i in isos})
        chances.append(table.chance)
    assert abs(np.mean(np.array(chances) < 0.05) - 0.05) < 4 * math.sqrt(0.05 * 0.95 / 300)
    assert table.proportional() and abs(table.power.value - 1) < 4.5 * table.power.error
    off = gain_table({i: [Estimate(0.001 * i * (1.05 if i == 800 else 1.0), 0.001 * i * 0.005)] * 2 for i in isos})
    assert not off.proportional() and off.worst > 0.03
    assert off.at(800).value == pytest.approx(0.84)
    with pytest.raises(CampipeError, match="ISO 100, 200, 400, 800, 1600, but 300"):
        off.at(300)


def test_noise_profiles_follow_from_the_table_and_lead_back():
    table = gain_table({100: Estimate(0.2, 0.001)})
    S, O = table.noise_profile(100, 1.7, 64.0, 4095.0)
    assert from_profile(S, O, 64.0, 4095.0) == pytest.approx((0.2, 1.7), rel=1e-14)
    assert math.sqrt(2e-5 * 0.18 + 4.5e-7) == pytest.approx(0.00201, abs=5e-6)
    assert to_profile(*from_profile(2e-5, 4.5e-7, 512.0, 16383.0), 512.0, 16383.0) == pytest.approx((2e-5, 4.5e-7), rel=1e-14)
