"""EMVA 1288 data sheets: units as they are printed, and figures that contradict one another."""

from __future__ import annotations

import math

import pytest

from campipe.calibrate.published.contents import profile_from
from campipe.calibrate.published.emva_datasheet import derived, import_emva_sheet, read_emva_sheet
from campipe.calibrate.published.quantities import quantity
from campipe.core.errors import CampipeError

SHEET = {
    "title": '"Acme A-5"',
    "width": "2448",
    "height": "2048",
    "pattern": '"mono"',
    "bits": "12",
    "gain": '"0.38 DN/e-"',
    "quantum_efficiency": '"62 %"',
    "dark_noise": '"2.3 e-"',
    "saturation": '"10.2 ke-"',
    "threshold": '"4.7 p"',
    "snr_max": '"40.1 dB"',
    "dynamic_range": '"70.9 dB"',
    "dsnu": '"0.9 e-"',
    "prnu": '"0.5 %"',
    "dark_current": '"2.1 e-/s"',
    "dark_current_temperature": '"35 C"',
    "doubling": '"7.5 K"',
    "pixel_pitch": '"3.45 um"',
    "black_level": '"64 DN"',
}


def sheet(folder, **changes):
    path = folder / "own.toml"
    merged = {**SHEET, **changes}
    path.write_text("\n".join(f"{key} = {value}" for key, value in merged.items() if value is not None))
    return path


def test_a_sheet_becomes_a_profile(tmp_path):
    file = profile_from(import_emva_sheet(read_emva_sheet(sheet(tmp_path))))
    sensor = file.sensor
    assert (file.title, sensor.width.value, sensor.pattern.value, sensor.bits.value) == ("Acme A-5", 2448, "mono", 12)
    assert (sensor.gain.value[0], sensor.quantum_efficiency.value, sensor.prnu.value) == (0.38, 0.62, 0.005)
    assert (sensor.mode[0].read_noise.value, sensor.mode[0].full_well.value, sensor.dsnu.value) == (2.3, 10200, 0.9)
    assert sensor.dark_current.value == pytest.approx(2.1 / 4, rel=1e-5)  # two doublings warmer
    assert file.optics.pixel_pitch.value == 3.45 and file.colour is None
    statuses = {sensor.gain.status, sensor.mode[0].read_noise.status, sensor.prnu.status}
    assert statuses == {"datasheet"}


def test_derived_figures_are_those_of_the_standard():
    found = derived({"gain": 0.38, "quantum_efficiency": 0.62, "dark_noise": 2.3, "saturation": 10200})
    floor = math.sqrt(2.3**2 + 1 / 12 / 0.38**2) + 0.5
    assert found["threshold"] == pytest.approx(floor / 0.62)
    assert 20 * math.log10(found["snr_max"]) == pytest.approx(40.1, abs=0.02)
    assert 20 * math.log10(found["dynamic_range"]) == pytest.approx(20 * math.log10(10200 / floor))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"gain": '"2.6 DN/e-"'}, "more than 12 bits hold"),
        ({"gain": "0.00038"}, "which no pixel holds"),
        ({"quantum_efficiency": "62"}, "quantum_efficiency: a fraction of at most 1 .* but 62 came; it looks like percent: give 0.62"),
        ({"prnu": "0.5"}, "prnu: .* it looks like percent: give 0.005"),
        ({"dark_noise": '"5.29 e-"', "threshold": None}, "dynamic_range is stated as 70.9 dB, but the other figures give 64.* dB"),
        ({"snr_max": '"20.05 dB"'}, r"snr_max is stated as 20.0 dB.*it looks like 10 log10"),
        ({"dynamic_range": '"141.8 dB"'}, r"dynamic_range is stated as 141.8 dB.*it looks like 10 log10"),
        ({"saturation": '"17 ke-"'}, "snr_max is stated as 40.1 dB, but the other figures give 42.3 dB"),
        ({"threshold": '"2.9 p"'}, "threshold is stated as 2.9 p"),
        ({"bits": "10"}, "more than 10 bits hold"),
        ({"black_level": '"4096 DN"'}, "does not go with 12 bits"),
        ({"dark_noise": '"2.3 DN"'}, "dark_noise: expected e-, but '2.3 DN' came"),
        ({"dark_noise": '"about two"'}, "expected a number with its unit, such as '12 e-', but 'about two' came"),
        ({"dark_noise": None}, "a data sheet has .* but dark_noise is missing"),
        ({"darkness": "3"}, "darkness is no figure of a sheet"),
        ({"bits": "12 2"}, "expected TOML"),
    ],
)
def test_a_sheet_that_contradicts_itself_or_its_units_is_refused(changes, message, tmp_path):
    with pytest.raises(CampipeError, match=message) as caught:
        import_emva_sheet(read_emva_sheet(sheet(tmp_path, **changes)))
    assert "own.toml" in str(caught.value) and "\n" not in str(caught.value)


def test_a_gain_in_electrons_per_number_and_a_saturation_in_photons_are_turned_over(tmp_path):
    path = sheet(tmp_path, gain=f'"{1 / 0.38:.8f} e-/DN"', saturation=None, saturation_photons=f'"{10.2 / 0.62:.8f} kp"')
    sensor = profile_from(import_emva_sheet(read_emva_sheet(path))).sensor
    assert sensor.gain.value[0] == pytest.approx(0.38, rel=1e-5)
    assert sensor.mode[0].full_well.value == pytest.approx(10200, rel=1e-6)


def test_an_old_sheets_threshold_without_the_half_electron_is_taken(tmp_path):
    floor = math.sqrt(2.3**2 + 1 / 12 / 0.38**2)
    path = sheet(tmp_path, threshold=f'"{floor / 0.62:.2f} p"', dynamic_range=f'"{20 * math.log10(10200 / floor):.1f} dB"')
    import_emva_sheet(read_emva_sheet(path))


@pytest.mark.parametrize(
    ("written", "unit", "value"),
    [
        ("62 %", "1", 0.62),
        ("0.19 DN/e-", "DN/e-", 0.19),
        ("0.19 ADU / electron", "DN/e-", 0.19),
        ("4 e⁻/DN", "DN/e-", 0.25),
        ("60 dB", "ratio", 1000),
        ("10 bits", "ratio", 1024),
        ("3450 nm", "um", 3.45),
        ("3.45 µm", "um", 3.45),
        (7, "e-", 7),
        ("1.5e3", "e-", 1500),
    ],
)
def test_numbers_are_read_in_the_unit_they_are_written_in(written, unit, value):
    assert quantity(written, unit, "x") == pytest.approx(value)


@pytest.mark.parametrize(("written", "unit"), [("3 mV", "e-"), (True, "e-"), ("", "e-"), ("nan", "e-"), (math.inf, "e-"), ("3 dB", "e-")])
def test_other_units_are_no_numbers(written, unit):
    with pytest.raises(CampipeError, match=r"^x: expected"):
        quantity(written, unit, "x")
