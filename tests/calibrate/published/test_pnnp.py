"""PNNP: tables by ISO with two conversion gains, Tukey-lambda scales that are no deviations, and lines over logarithms."""

from __future__ import annotations

import json
import math

import pytest
import scipy.stats

from campipe.calibrate.published.contents import profile_from
from campipe.calibrate.published.eld import read_eld
from campipe.calibrate.published.pnnp import PnnpRow, conversion_switch, gain_range, import_pnnp, read_pnnp, tukey_deviation, two_stages
from campipe.core.errors import CampipeError
from campipe.core.profile import load_profile


@pytest.fixture(scope="module")
def a7s2(shared):
    return read_pnnp(shared / "calibration" / "paper_calibrations.json", "SonyA7S2")


def made_up(switch: int = 6, count: int = 12) -> list[PnnpRow]:
    rows = []
    for i in range(count):
        gain = 0.1 * 2 ** (i / 2)
        before, after = (5.0, 1.0) if i < switch else (1.2, 1.5)
        sigma = math.hypot(gain * before, after)
        rows.append(PnnpRow(100 * 2 ** (i / 2), gain, sigma, sigma / tukey_deviation(1, -0.05), -0.05, 0.1 * sigma))
    return rows


@pytest.mark.parametrize("shape", [-0.3, -0.1, -1e-4, -9e-5, 9e-5, 0.0, 0.03, 0.14, 0.5])
def test_the_deviation_of_a_tukey_lambda_law_is_scipys(shape):
    assert tukey_deviation(2.5, shape) == pytest.approx(float(scipy.stats.tukeylambda.std(shape, scale=2.5)), rel=2e-5)


def test_scale_and_deviation_of_the_28_steps_agree_within_1_2_percent(a7s2, figure):
    worst = max(abs(tukey_deviation(row.scale, row.shape) / row.sigma - 1) for row in a7s2)
    assert len(a7s2) == 28
    figure("Tukey-lambda scale against Gaussian sigma of the A7S II, 28 ISO steps, worst", worst, "<= 0.012")
    assert worst <= 0.012


def test_two_stages_of_a_made_up_camera_are_recovered():
    rows = made_up(switch=12)
    before, after, rms = two_stages([row.gain for row in rows], [row.sigma for row in rows])
    assert (before, after) == pytest.approx((5.0, 1.0), rel=1e-6) and rms < 1e-6


@pytest.mark.parametrize("switch", [5, 6, 8])
def test_the_switch_of_a_made_up_camera_is_found(switch):
    rows = made_up(switch)
    assert conversion_switch([row.gain for row in rows], [row.sigma for row in rows]) == switch


def test_no_switch_is_found_where_there_is_none():
    rows = made_up(switch=12)
    assert conversion_switch([row.gain for row in rows], [row.sigma for row in rows]) is None


def test_one_step_that_lies_low_is_no_switch():
    sigmas = [row.sigma * (0.6 if i == 6 else 1.0) for i, row in enumerate(made_up(switch=12))]
    assert sigmas[6] < 0.9 * sigmas[5]
    assert conversion_switch([row.gain for row in made_up()], sigmas) is None


def test_the_a7s2_switches_between_iso_1600_and_2000_and_two_stages_beat_a_line(a7s2, figure):
    import numpy as np

    gains, sigmas = [row.gain for row in a7s2], [row.sigma for row in a7s2]
    switch = conversion_switch(gains, sigmas)
    assert (a7s2[switch - 1].iso, a7s2[switch].iso) == (1600, 2000)
    two = two_stages(gains[:switch], sigmas[:switch])[2]
    x, y = np.log(gains[:switch]), np.log(sigmas[:switch])
    line = float(np.sqrt(np.mean((np.polyval(np.polyfit(x, y, 1), x) - y) ** 2)))
    figure("two-stage fit to the A7S II at low gain, rms in the logarithm", two, "<= 0.055")
    figure("log-linear fit to the A7S II at low gain, rms in the logarithm", line, ">= 0.17")
    assert two <= 0.055 and line >= 0.17


def test_the_profile_written_by_hand_has_what_the_importer_finds(a7s2):
    found, known = profile_from(import_pnnp(a7s2, bits=14, black=512)).sensor, load_profile("sony-a7s2").file.sensor
    assert found.gain.iso == known.gain.iso and found.gain.value == pytest.approx(known.gain.value, rel=1e-9)
    assert [(mode.name, mode.from_iso) for mode in found.mode] == [(mode.name, mode.from_iso) for mode in known.mode]
    for one, other in zip(found.mode, known.mode, strict=True):
        assert one.read_noise.value == pytest.approx(other.read_noise.value, abs=6e-4)
        assert one.post_read_noise.value == pytest.approx(other.post_read_noise.value, abs=6e-4)
        assert one.row_noise.value == pytest.approx(other.row_noise.value, abs=1e-5)
        assert one.read_shape.value == pytest.approx(other.read_shape.value, abs=6e-6)


def test_two_laboratories_agree_on_the_gain_of_the_a7s2(a7s2, shared, figure):
    eld = read_eld(shared / "calibration" / "paper_calibrations.json", "SonyA7S2")
    gains = {row.iso: row.gain for row in a7s2}
    apart = max(abs(gains[iso] / (eld.gains[0] * iso / 100) - 1) for iso in (100, 200, 400, 800, 1600, 3200, 6400))
    figure("gain of the A7S II, PNNP against ELD", apart, "<= 0.02")
    assert apart <= 0.02


def test_the_read_noise_of_the_a7s2_lies_around_the_line_of_eld(a7s2, shared):
    """ELD's one line goes through both conversion gains, and single frames scatter around it by 0.27."""
    line = read_eld(shared / "calibration" / "paper_calibrations.json", "SonyA7S2").read
    residual = [math.log(row.sigma / line.at(row.gain)) for row in a7s2 if 100 <= row.iso <= 6400]
    assert abs(sum(residual) / len(residual)) < line.sigma
    assert max(map(abs, residual)) < 3 * line.sigma


def test_the_ends_of_the_lines_are_natural_logarithms(shared):
    lines = json.loads((shared / "calibration" / "paper_calibrations.json").read_text())["PNNP"]["loglinear"]
    rows = {row.iso: row.gain for row in read_pnnp(shared / "calibration" / "paper_calibrations.json", "SonyA7S2")}
    low, high = lines["SonyA7S2_lowISO"], lines["SonyA7S2_highISO"]
    # The line's ends lie at ISO 200 to 1600 and 2000 to 12800 of the table.
    assert gain_range(low["Kmin"], low["Kmax"]) == pytest.approx((rows[200], rows[1600]), rel=0.03)
    assert gain_range(high["Kmin"], high["Kmax"]) == pytest.approx((rows[2000], rows[12800]), rel=0.03)
    with pytest.raises(CampipeError, match=r"are ln\(DN/e-\).*but 0.09563 and 24.4813 came; give logarithms"):
        gain_range(rows[100], rows[25600])


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda row: row._replace(gain=math.log(row.gain * 40)), "it looks like its natural logarithm"),
        (lambda row: row._replace(gain=1 / row.gain), "it looks like e-/DN"),
        (lambda row: row._replace(sigma=row.sigma**2, scale=row.scale**2), "variance"),
        (lambda row: row._replace(scale=row.sigma), "check that sigTL is the scale and sigGs the standard deviation"),
        (lambda row: row._replace(sigma=row.sigma / 16383), "outside of 0.1 to 80 e-"),
    ],
)
def test_columns_in_other_units_are_refused(change, message):
    import_pnnp(made_up(), bits=14, black=512)
    with pytest.raises(CampipeError, match=message):
        import_pnnp([change(row) for row in made_up()], bits=14, black=512)


def test_a_table_of_one_camera_needs_no_name(tmp_path):
    path = tmp_path / "own.json"
    names = ("K", "sigGs", "sigTL", "lam", "sigR")
    path.write_text(json.dumps({str(row.iso): dict(zip(names, row[1:], strict=True)) for row in made_up()}))
    assert read_pnnp(path) == made_up()
    path.write_text(json.dumps({"100": {"K": 1}}))
    with pytest.raises(CampipeError, match=r"expected K, sigGs, sigTL, lam and sigR for each ISO in .*own\.json"):
        read_pnnp(path)


def test_a_step_without_row_noise_keeps_its_neighbours_apart(shared):
    found = profile_from(import_pnnp(read_pnnp(shared / "calibration" / "paper_calibrations.json", "IMX686"), bits=10, black=64)).sensor
    assert found.mode[0].row_noise.value == (pytest.approx(0.23668 / 0.083805, rel=1e-5), 1e-4)
    assert "none at ISO 6400" in found.mode[0].row_noise.note
