"""What the strategies draw is valid, and covers what they promise."""

import subprocess
import sys

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.errors import NoSuchExample

from campipe.core import pattern as patterns
from campipe.core.frame import Frame
from campipe.recipe.recipe import Recipe
from campipe.testing import strategies

few = settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])


@few
@given(sensor=strategies.sensors(6, 12), data=st.data(), key=strategies.keys())
def test_sensors_expose_whatever_light_is_drawn(sensor, data, key):
    light = data.draw(strategies.photons(6, 12))
    frame = sensor.expose(light, seconds=0.1, key=key)
    assert frame.space == "dn" and frame.data.shape == (1, 1, 6, 12)
    assert bool((frame.data == frame.data.round()).all()) and 0 <= frame.data.min() <= frame.data.max() < 2**sensor.bits


@few
@given(pattern=strategies.patterns(mono=False))
def test_patterns_are_bayer_or_x_trans_and_half_green_or_more(pattern):
    assert patterns.check(pattern) == pattern
    assert pattern.count("G") / len(pattern) in (0.5, 20 / 36) and pattern.count("R") == pattern.count("B")


@pytest.mark.parametrize("wanted", [None, "RGGB", "GRBG", "GBRG", "BGGR", "six"])
def test_every_phase_is_drawn(wanted):
    from hypothesis import find

    found = find(strategies.patterns(), lambda p: p == wanted or (wanted == "six" and p is not None and len(p) == 36))
    assert found == wanted or len(found) == 36
    with pytest.raises(NoSuchExample):
        find(strategies.patterns(mono=False, xtrans=False), lambda p: p is None or len(p) != 4, settings=settings(max_examples=50))


@few
@given(scene=strategies.scenes(5, 7), light=strategies.photons(5, 7, channels=3, batch=2))
def test_light_is_finite_and_never_negative(scene, light):
    assert isinstance(scene, Frame) and scene.space == "scene" and scene.data.shape == (1, 3, 5, 7)
    assert light.shape == (2, 3, 5, 7)
    for values in (scene.data, light):
        assert bool(torch.isfinite(values).all()) and values.min() >= 0


@settings(max_examples=15, deadline=None)
@given(recipe=strategies.recipes())
def test_recipes_are_read_back_as_they_were(recipe):
    assert Recipe.parse(recipe.text) == recipe
    assert recipe.draw(3) == recipe.draw(3)


def test_strategies_say_what_is_missing_and_assertions_do_not_need_it():
    program = (
        "import sys; sys.modules['hypothesis'] = None\n"
        "import campipe.testing as kit; kit.assert_moments; kit.Budget\n"
        "from campipe.core.errors import CampipeError\n"
        "try:\n    import campipe.testing.strategies\nexcept CampipeError as error: print(error)"
    )
    run = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert "campipe[testing]" in run.stdout
