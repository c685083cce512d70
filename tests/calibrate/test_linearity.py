"""Linearity errors are those of the curve that went in."""

import pytest
import torch

from campipe.calibrate.linearity import linearity
from campipe.calibrate.pairs import PairStatistics, pair_statistics
from campipe.core.errors import CampipeError
from campipe.core.random import Key
from campipe.sensor import FrameSensor


def steps(curve, count=40, top=1000.0, photons=True):
    """Statistics without scatter of a sensor with this curve; the variance is largest at the step of most light."""

    def pair(light):
        signal = curve(light)
        numbers = (64 + signal, 1e-6 * (1 + signal), 1e-9, 0.0, 0.0, 1e4, 0.0, 0.0, 99)
        given = {"photons": light} if photons else {"seconds": light}
        return PairStatistics(("mono",), *(torch.tensor([n], dtype=torch.float64) for n in numbers), **given)

    return [pair(top * (i + 1) / count) for i in range(count)], [pair(0.0)]


@pytest.mark.parametrize("photons", [True, False])
def test_a_straight_line_has_no_error(photons):
    found = linearity(*steps(lambda light: 0.3 * light, photons=photons))["mono"]
    assert found.slope.value == pytest.approx(0.3, rel=1e-9)
    assert found.unit == ("photon" if photons else "s")
    for estimate in (found.least, found.most, found.error):
        assert estimate.value == pytest.approx(0, abs=1e-6)


def test_a_bent_curve_has_the_errors_of_its_weighted_line():
    bend = 1e-4
    found = linearity(*steps(lambda light: light - bend * light**2))["mono"]
    x, y = found.light[found.used], found.signal[found.used]
    # numpy's weights multiply the residuals, so that 1 / y makes them relative.
    import numpy as np

    slope, offset = np.polyfit(x, y, 1, w=1 / y)
    expected = 100 * (y / (slope * x + offset) - 1)
    assert found.slope.value == pytest.approx(slope, rel=1e-9)
    assert found.least.value == pytest.approx(float(expected.min()), rel=1e-6)
    assert found.most.value == pytest.approx(float(expected.max()), rel=1e-6)
    assert float(y.min()) >= 0.05 * float(found.signal.max()) > float(found.signal[~found.used][0])
    assert float(y.max()) <= 0.95 * float(found.signal.max())


def test_a_linear_sensor_deviates_by_its_noise_alone():
    sensor = FrameSensor(64, 64, None, full_well=15000.0, read_noise=3.0, gain=0.5, black_level=64.0, bits=14)

    def pair(step, light):
        frames = sensor.expose(torch.full((2, 1, 64, 64), light), key=Key(1).fold(step))
        return pair_statistics(frames.item(0), frames.item(1), photons=light)

    found = linearity([pair(i, 1000.0 * i) for i in range(1, 30)], [pair(0, 0.0)])["mono"]
    # The mean size of 20 or so independent deviations; each has a relative scatter of 0.76 around its mean.
    count = int(found.used.sum())
    assert count > 20
    assert abs(found.error.value / found.noise - 1) < 4.5 * 0.76 / count**0.5 * 1.5
    assert abs(found.slope.value - 0.3) < 4.5 * found.slope.error
    assert abs(found.offset.value) < 4.5 * found.offset.error + 0.1


def test_light_that_is_not_known_is_asked_for():
    flats, darks = steps(lambda light: light)
    bare = [PairStatistics(**{**p.__dict__, "photons": None}) for p in flats]
    with pytest.raises(CampipeError, match="give photons for each pair"):
        linearity(bare, darks)
    with pytest.raises(CampipeError, match="between 5 and 95 %"):
        linearity(flats[::19], darks)
