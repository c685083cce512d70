"""DNG's NoiseProfile: exact both ways, natural logarithms, and variances that are not standard deviations."""

from __future__ import annotations

import json
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from campipe.calibrate.published.contents import profile_from
from campipe.calibrate.published.dng_noise import NoiseRow, from_profile, import_dng_noise, k_sigma_rows, read_variance, to_profile
from campipe.core.errors import CampipeError


@given(st.floats(1e-3, 100), st.floats(0, 100), st.floats(0, 2048), st.floats(1000, 14000))
def test_gain_and_noise_to_s_and_o_and_back_is_exact(gain, sigma, black, span):
    S, O = to_profile(gain, sigma, black, black + span)
    assert from_profile(S, O, black, black + span) == pytest.approx((gain, sigma), rel=1e-12, abs=1e-12)


def test_the_default_of_the_specification():
    """Baseline noise 1.0 at ISO 100: S = 2e-5, O = 4.5e-7, which is a standard deviation of 0.00201 at 18 % grey."""
    assert math.sqrt(2e-5 * 0.18 + 4.5e-7) == pytest.approx(0.00201, abs=5e-6)
    gain, sigma = from_profile(2e-5, 4.5e-7, 0, 65535)
    assert gain == pytest.approx(1.3107) and sigma == pytest.approx(43.96, abs=0.01)


def test_the_published_noise_line_is_in_natural_logarithms(shared):
    assert read_variance(1e-3) == pytest.approx(9.58e-7, rel=1e-3)
    assert 10 ** (2.18 * -3 + 1.20) / read_variance(1e-3) == pytest.approx(4.77, abs=0.01)
    row = json.loads((shared / "calibration" / "paper_calibrations.json").read_text())["PNNP"]["SonyA7S2_per_iso"]["25600"]
    S, O = to_profile(row["K"], row["sigGs"], 512, 16383)
    assert read_variance(S) == pytest.approx(O, rel=0.10)
    assert 10 ** (2.18 * math.log10(S) + 1.20) > 4 * O


def rows(scale: float = 1.0, power: float = 1.0) -> list[NoiseRow]:
    """A made-up phone: 0.2 DN/e- at ISO 100, 3 e- before the gain and 1 DN behind it, 959 DN."""
    found = []
    for iso in (100.0, 200.0, 400.0, 800.0, 1600.0):
        gain = 0.002 * iso
        S, O = to_profile(gain, math.hypot(3 * gain, 1.0), 64, 1023)
        found.append(NoiseRow(iso, S * scale, O**power))
    return found


def test_a_made_up_phone_is_recovered():
    sensor = profile_from(import_dng_noise(rows()[::-1], bits=10, black=64)).sensor
    assert sensor.gain.value == pytest.approx([0.2, 0.4, 0.8, 1.6, 3.2], rel=1e-5)
    assert sensor.mode[0].read_noise.value == pytest.approx([math.hypot(3, 1 / k) for k in sensor.gain.value], rel=1e-5)
    assert sensor.mode[0].full_well.value == pytest.approx(959 / 0.2, rel=1e-4)


def test_a_profile_whose_o_is_zero_leaves_read_noise_assumed():
    found = import_dng_noise([row._replace(O=0.0) for row in rows()], bits=10, black=64)
    assert found.contents["sensor"]["mode"][0]["read_noise"]["status"] == "assumed"
    assert any("O is 0 everywhere" in remark for remark in found.remarks)


@pytest.mark.parametrize(
    ("given_rows", "options", "message"),
    [
        (rows(power=0.5), {}, "outside of 0.1 to 80 e-; a variance where a standard deviation belongs"),
        (rows(power=2.0), {}, r"read noise in DN grows with gain|outside of 0\.1 to 80 e-"),
        (rows(scale=959 * 16), {}, "S of 3.2 at ISO 100 is no NoiseProfile"),
        (rows(), {"white": 16383}, "a white level of 16383 DN does not fit into 10 bits"),
        ([row._replace(S=0.0) for row in rows()], {}, "S above 0"),
        ([row._replace(O=-1e-9) for row in rows()], {}, "O of 0 or more"),
        ([rows()[0]._replace(O=0.0), *rows()[1:]], {}, "O is 0 at some ISOs"),
        ([], {}, "no NoiseProfile came"),
        ([row._replace(iso=160000 / row.iso) for row in rows()], {}, "it looks like e-/DN"),
    ],
)
def test_other_units_are_refused(given_rows, options, message):
    with pytest.raises(CampipeError, match=message):
        import_dng_noise(given_rows, **{"bits": 10, "black": 64, **options})


def test_a_phones_tag_that_lies_is_kept_with_its_gap_said(shared):
    """The Galaxy S6's tag at ISO 100 has a third of the S that was measured on it, and no read noise."""
    papers = json.loads((shared / "calibration" / "paper_calibrations.json").read_text())
    tag = papers["SIDD_S6_DNG_tag"]
    found = import_dng_noise([NoiseRow(100, tag["S"], tag["O"])], bits=10, black=64)
    assert any("leaves its read noise out" in remark for remark in found.remarks)
    assert papers["SFRN"]["s6"]["cshot"][0] / tag["S"] == pytest.approx(3.4, abs=0.05)


def test_numbers_of_sfrns_phones_are_variances(shared):
    phone = json.loads((shared / "calibration" / "paper_calibrations.json").read_text())["SFRN"]["gp"]
    as_variances = [NoiseRow(*row) for row in zip(phone["iso"], phone["cshot"], phone["cread"], strict=True)]
    import_dng_noise(as_variances, bits=10, black=64)
    with pytest.raises(CampipeError, match="outside of"):
        import_dng_noise([row._replace(O=row.O**2) for row in as_variances], bits=10, black=64)


def test_the_k_sigma_transform_is_a_polynomial_in_iso():
    (row,) = k_sigma_rows([2e-3, 0.1], [1e-6, 0, 0.5], [100], span=959)
    assert row == (100, pytest.approx(0.3 / 959), pytest.approx(0.51 / 959**2))
