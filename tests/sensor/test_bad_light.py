"""Light that cannot be is refused on every way through the sensor, in one line."""

import pytest
import torch

from campipe.core.errors import CampipeError, ShapeError
from campipe.core.frame import Capture, Frame
from campipe.core.random import Key
from campipe.sensor import FrameSensor

BAD = [(float("nan"), "NaN"), (-0.5, "-0.5"), (float("inf"), "infinite")]
WAYS = {
    "fused": lambda s, p: s.expose(p, key=Key(1)),
    "staged": lambda s, p: s.expose(p.clone().requires_grad_(), key=Key(1)),
    "ideal": lambda s, p: s.expose(p, noise=False),
    "predicted": lambda s, p: s.moments(p),
}


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize(("value", "name"), BAD)
@pytest.mark.parametrize(("y", "x"), [(0, 0), (29, 39), (13, 17)])
def test_photons_that_cannot_be_are_refused(way, value, name, y, x):
    photons = torch.ones(2, 1, 30, 40)
    photons[1, 0, y, x] = value
    with pytest.raises(CampipeError, match=f"finite and not negative, but {name}") as caught:
        WAYS[way](FrameSensor(40, 30, "RGGB"), photons)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("way", WAYS)
def test_the_darkest_and_brightest_light_that_can_be_is_taken(way):
    photons = torch.tensor([0.0, 1e-30, 1e4, 1e6 if way == "predicted" else 3e38]).reshape(1, 1, 2, 2)
    out = WAYS[way](FrameSensor(2, 2, None), photons)
    assert torch.isfinite(out.mean if way == "predicted" else out.data).all()


@pytest.mark.parametrize("seconds", [-1.0, float("nan"), float("inf")])
def test_times_that_cannot_be_are_refused(seconds):
    sensor, photons = FrameSensor(4, 4, None, dark_current=2.0), torch.ones(1, 1, 4, 4)
    ways = [
        lambda: sensor.expose(photons, seconds=seconds, key=Key(1)),
        lambda: sensor.expose(photons, seconds=seconds, noise=False),
        lambda: sensor.moments(photons, seconds=seconds),
    ]
    for way in ways:
        with pytest.raises(CampipeError, match="exposure times are finite and not negative"):
            way()


@pytest.mark.parametrize(("origin", "size"), [((0, 0), (31, 40)), ((1, 0), (30, 40)), ((0, -1), (4, 4)), ((0, 37), (4, 4))])
def test_frames_that_do_not_fit_are_refused(origin, size):
    with pytest.raises(ShapeError, match="does not fit the sensor of 30 x 40"):
        FrameSensor(40, 30, None).expose(torch.ones(1, 1, *size), key=Key(1), origin=origin)


def test_channels_that_the_sensor_cannot_see_are_refused():
    for pattern, channels in ((None, 3), ("RGGB", 2), ("RGGB", 4)):
        with pytest.raises(ShapeError, match="of photons, but"):
            FrameSensor(40, 30, pattern).expose(torch.ones(1, channels, 30, 40), key=Key(1))


def test_noise_without_a_key_is_refused():
    with pytest.raises(CampipeError, match="pass key=Key"):
        FrameSensor(40, 30, None)(Frame(torch.ones(1, 1, 30, 40), "photons", Capture(seconds=1.0)))


def test_dark_current_without_a_time_is_refused():
    with pytest.raises(CampipeError, match="in dark_current: dark current needs the exposure time"):
        FrameSensor(40, 30, None, dark_current=1.0).expose(torch.ones(1, 1, 30, 40), key=Key(1))


@pytest.mark.parametrize(
    ("numbers", "said"), [({"gain": 0.0}, "gain"), ({"full_well": 0.0}, "full_well"), ({"black_level": 5000.0}, "4095")]
)
def test_sensors_without_a_range_are_refused(numbers, said):
    with pytest.raises(CampipeError, match=said):
        FrameSensor(4, 4, None, **numbers)
