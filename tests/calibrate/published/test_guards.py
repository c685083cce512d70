"""Guards: what real sensors have passes, and each confusion of units is told in one line that names it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from campipe.calibrate.published import guards
from campipe.core.errors import CampipeError
from campipe.core.profile import load_profile, profile_names


@pytest.mark.parametrize("name", profile_names())
def test_every_camera_of_the_library_passes(name):
    profile = load_profile(name)
    table = profile.file.sensor.gain
    at = [profile.at_iso(iso) for iso in table.iso]
    gains = [float(now["gain"]) for now in at]
    guards.black(profile.black_level, guards.bits_of(profile.bits, name), name)
    guards.gain(gains, name, bits=profile.bits, black=profile.black_level, iso=table.iso)
    noise = [float((now["read_noise"] ** 2 + (now["post_read_noise"] / now["gain"]) ** 2).sqrt()) for now in at]
    guards.read_noise(noise, name, gains)
    guards.fraction(profile.prnu.pixel, name, 0.1)
    guards.fraction(profile.quantum_efficiency, name, 1)


@given(st.floats(0.1, 8), st.integers(8, 16), st.floats(1e3, 2e5), st.integers(1, 9))
def test_a_gain_turned_over_is_told_by_how_it_falls(noise, bits, well, stops):
    iso = [100 * 2.0**k for k in range(stops + 1)]
    gains = [(2**bits - 1) * 0.95 / well * i / 100 for i in iso]
    guards.gain(gains, "x", bits=bits, black=0.05 * (2**bits - 1), iso=iso)
    with pytest.raises(CampipeError, match=r"x: gain goes from .* it looks like e-/DN: give 1/gain"):
        guards.gain([1 / gain for gain in gains], "x", bits=bits, black=0, iso=iso)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: guards.gain([10.0], "x", bits=14, black=512), None),
        (lambda: guards.gain([80.0], "x", bits=14, black=512), "fills 14 bits with 198 e-, which no pixel holds; check the 14 bits"),
        (lambda: guards.gain([5.3], "x", bits=10, black=64), r"it looks like e-/DN, with 5\.08e\+03 e-: give 1/gain"),
        (lambda: guards.gain([0.0014], "x", bits=12, black=64), r"fills 12 bits with 2\.88e\+06 e-, which no pixel holds"),
        (lambda: guards.gain([-0.19], "x", bits=10, black=64), "above 0 DN/e-, but -0.19 came; if it is a logarithm"),
        (lambda: guards.gain([1.2, 1.2 + 0.6931 * 6], "x", bits=14, black=512, iso=[100, 6400]), "it looks like its natural logarithm"),
        (lambda: guards.gain([0.1, 0.1 + 0.30103 * 6], "x", bits=14, black=512, iso=[100, 6400]), "it looks like its base-10 logarithm"),
        (lambda: guards.gain([0.2, 0.21], "x", bits=14, black=512, iso=[100, 6400]), "gain rises with ISO in proportion"),
        (lambda: guards.black(4096, 12, "x"), "does not go with 12 bits .* it looks like one of 16 bits: give 256"),
        (lambda: guards.black(4096, 10, "x"), "it looks like one of 16 bits: give 64"),
        (lambda: guards.black(-3, 12, "x"), "0 DN or more, but -3 came"),
        (lambda: guards.bits_of(12.5, "x"), "whole number from 8 to 16, but 12.5 came"),
        (lambda: guards.bits_of(4096, "x"), "whole number from 8 to 16, but 4096 came"),
        (lambda: guards.read_noise([2.0, 400.0], "x"), "read noise of 400 e- is outside of 0.1 to 80 e-"),
        (lambda: guards.read_noise([0.0068], "x", [0.237]), "0.0068 e- at 0.237 DN/e- is outside"),
        (lambda: guards.read_noise([3.0, 12.0], "x", [0.2, 3.2]), r"with gain to the power 1\.5.* it looks like a variance"),
        (lambda: guards.line(0.56, "x"), None),
        (lambda: guards.line(1.7, "x"), "it looks like the line of a variance"),
        (lambda: guards.line(8, "x"), "check the columns"),
        (lambda: guards.fraction(62, "x", 1), "at most 1 is expected, but 62 came; it looks like percent: give 0.62"),
        (lambda: guards.fraction(0.5, "x", 0.1), "it looks like percent: give 0.005"),
    ],
)
def test_each_confusion_of_units_is_told(call, message):
    if message is None:
        call()
        return
    with pytest.raises(CampipeError, match=message) as caught:
        call()
    assert str(caught.value).startswith("x: ") and "\n" not in str(caught.value)
