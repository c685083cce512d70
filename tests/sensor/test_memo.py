"""What is remembered is remembered for the numbers that it follows from, and for no others."""

import pytest
import torch

from campipe.core.random import Key
from campipe.sensor import FrameSensor

LIGHT = torch.linspace(5.0, 900.0, 24 * 32).reshape(1, 1, 24, 32)
CHANGES = {
    "gain": lambda s: s.gain.gain.data.fill_(0.9),
    "full well": lambda s: s.full_well.electrons.data.fill_(300.0),
    "read noise": lambda s: s.read_noise.std.data.mul_(2),
    "black level": lambda s: s.black_level.level.data.add_(7),
    "dark current": lambda s: s.dark_current.current.data.fill_(40.0),
    "prnu": lambda s: s.prnu.pixel.data.fill_(0.2),
    "dsnu": lambda s: s.dsnu.row.data.fill_(3.0),
    "efficiency": lambda s: s.quantum_efficiency.efficiency.data.fill_(0.2),
    "temperature": lambda s: s.dark_current.temperature.data.fill_(60.0),
}


def sensor():
    noise = {"dark_current": 5.0, "prnu": 0.02, "dsnu": 1.0, "read_noise": 2.0, "post_read_noise": 0.5}
    return FrameSensor(40, 30, None, 3, full_well=800.0, gain=0.7, black_level=64, **noise)


def shot(s, seconds=0.5, **options):
    out = s.expose(LIGHT, seconds=seconds, key=Key(1), **options)
    return out.data, out.capture.tensors()


def same(a, b):
    return torch.equal(a[0], b[0]) and a[1].keys() == b[1].keys() and all(torch.equal(a[1][n], b[1][n]) for n in a[1])


@pytest.mark.parametrize("name", CHANGES)
def test_a_number_changed_in_place_is_seen(name):
    used, fresh = sensor(), sensor()
    before = shot(used)
    assert same(before, shot(used))
    CHANGES[name](used)
    CHANGES[name](fresh)
    after = shot(used)
    assert same(after, shot(fresh)) and not same(before, after)


def test_time_place_and_optimised_numbers_are_seen():
    used = sensor()
    gain = {"parameters": {"gain": torch.tensor([1.3])}}
    for options in ({"seconds": 0.5}, {"seconds": 2.0}, {"origin": (3, 5)}, gain, {"seconds": 0.5}):
        assert same(shot(used, **options), shot(sensor(), **options))
    (leaf,) = used.trainable("gain")
    with torch.no_grad():
        leaf += 1
    used.freeze()
    fresh = sensor()
    fresh.gain.gain.data.copy_(used.gain.gain.data)
    assert same(shot(used), shot(fresh))


def test_places_with_another_phase_have_another_pattern_and_black_level():
    table = [[60.0, 61.0, 62.0], [70.0, 71.0, 72.0]]
    used = FrameSensor(40, 30, "RGGB", 3, read_noise=2.0, black_level=table)
    for origin in ((0, 0), (0, 1), (1, 0), (1, 2), (2, 3), (2, 6), (4, 4), (0, 0)):
        fresh = FrameSensor(40, 30, "RGGB", 3, read_noise=2.0, black_level=table)
        options = {"key": Key(1), "origin": origin}
        a, b = (s.expose(torch.ones(1, 1, 8, 12), **options) for s in (used, fresh))
        assert torch.equal(a.data, b.data) and a.capture.pattern == b.capture.pattern
        assert torch.equal(a.capture.black_level, b.capture.black_level) and torch.equal(a.capture.white_level, b.capture.white_level)
