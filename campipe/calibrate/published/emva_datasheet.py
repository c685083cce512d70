"""The figures of an EMVA 1288 data sheet, as a small TOML or JSON file that the user types off, checked against one another.

    title = "Acme A-5"                      width, height, pattern ("mono" or letters) and bits are plain
    gain = "0.19 DN/e-"                     K; "5.3 e-/DN" is turned over
    quantum_efficiency = "62 %"             at the sheet's wavelength
    dark_noise = "2.3 e-"                   sigma_d: temporal dark noise
    saturation = "10.5 ke-"                 mu_e.sat, or saturation_photons = "17 kp": mu_p.sat
    threshold = "4.6 p"                     mu_p.min, or threshold_electrons
    snr_max = "40.2 dB"                     dynamic_range = "71 dB"
    dsnu = "0.9 e-"                         prnu = "0.5 %"
    dark_current = "2.1 e-/s"               dark_current_temperature = "25 C", doubling = "7.5 K"

Source: EMVA 1288 Release 4.0 Linear: SNR_max = sqrt(mu_e.sat); mu_p.min = (sqrt(sigma_d^2 + sigma_q^2/K^2) + 1/2) / eta with
sigma_q^2 = 1/12 DN^2; DR = mu_p.sat / mu_p.min.
"""

from __future__ import annotations

import math
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from os import PathLike
from pathlib import Path
from typing import Any

from campipe.calibrate.published import guards
from campipe.calibrate.published.contents import Published, assumed, digits, read_json
from campipe.calibrate.published.quantities import quantity
from campipe.core.errors import CampipeError
from campipe.core.profile_writing import entry

_UNITS = {
    "gain": "DN/e-", "quantum_efficiency": "1", "dark_noise": "e-", "saturation": "e-", "saturation_photons": "p", "threshold": "p",
    "threshold_electrons": "e-", "snr_max": "ratio", "dynamic_range": "ratio", "dsnu": "e-", "prnu": "1", "dark_current": "e-/s",
    "dark_current_temperature": "C", "doubling": "K", "pixel_pitch": "um", "black_level": "DN", "row_noise": "e-",
}  # fmt: skip
_PLAIN = ("title", "width", "height", "pattern", "bits", "source", "iso", "gain_range")
_NEEDED = ("bits", "gain", "quantum_efficiency", "dark_noise")
_ROUNDING = 0.06  # in the logarithm: sheets round dB to a tenth and noise to two digits, and their figures come from fits of their own


@dataclass(frozen=True)
class EmvaSheet:
    """The figures in the units of the standard: DN/e-, fractions, e-, photons, ratios of signals, e-/s, um."""

    name: str
    plain: Mapping[str, Any]
    figures: Mapping[str, float]


def read_emva_sheet(path: str | PathLike[str]) -> EmvaSheet:
    """Read the file; unknown keys, missing figures and units that do not fit are refused in one line."""
    if str(path).endswith(".json"):
        found = read_json(path, "an EMVA 1288 data sheet")
    else:
        try:
            found = tomllib.loads(Path(path).read_text(encoding="utf-8"))
        except OSError as error:
            raise CampipeError(f"cannot read {path}: {error.strerror}; give the path of a .toml or .json file") from None
        except ValueError as error:
            raise CampipeError(f"{path}: expected TOML, but: {error}") from None
    name = Path(path).name
    if unknown := sorted(set(found) - set(_UNITS) - set(_PLAIN)):
        raise CampipeError(f"{name}: {unknown[0]} is no figure of a sheet; there are {', '.join((*_PLAIN, *_UNITS))}")
    if missing := [key for key in _NEEDED if key not in found]:
        raise CampipeError(f"{name}: a data sheet has {', '.join(_NEEDED)}, but {missing[0]} is missing")
    figures = {key: quantity(found[key], unit, f"{name}, {key}") for key, unit in _UNITS.items() if key in found}
    return EmvaSheet(name, {key: found[key] for key in _PLAIN if key in found}, figures)


def derived(figures: Mapping[str, float], half: float = 0.5) -> dict[str, float]:
    """What follows from gain, efficiency, dark noise and saturation: thresholds, and snr_max and dynamic_range as ratios.

    half   e- that the threshold adds to the noise: 1/2 in Release 4, 0 in old sheets
    """
    floor = math.sqrt(figures["dark_noise"] ** 2 + 1 / 12 / figures["gain"] ** 2) + half
    result = {"threshold_electrons": floor, "threshold": floor / figures["quantum_efficiency"]}
    if "saturation" in figures:
        result["snr_max"] = math.sqrt(figures["saturation"])
        result["dynamic_range"] = figures["saturation"] / result["threshold_electrons"]
    return result


def import_emva_sheet(sheet: EmvaSheet) -> Published:
    """A profile's sensor at one gain from the figures of a data sheet.

    Raises CampipeError where a figure's unit cannot be right, or where the sheet's derived figures disagree with what its basic ones give.
    """
    name, figures = sheet.name, dict(sheet.figures)
    bits = guards.bits_of(float(sheet.plain["bits"]), name)
    black = guards.black(figures.get("black_level", 0.0), bits, name)
    guards.fraction(figures["quantum_efficiency"], f"{name}, quantum_efficiency", 1.0)
    guards.gain([figures["gain"]], name, bits=bits, black=black)
    guards.read_noise([figures["dark_noise"]], f"{name}, dark_noise")
    if "prnu" in figures:
        guards.fraction(figures["prnu"], f"{name}, prnu", 0.1)
    if "saturation_photons" in figures:
        figures.setdefault("saturation", figures["saturation_photons"] * figures["quantum_efficiency"])
    _consistent(name, figures)
    remarks = []
    full = (2**bits - 1 - black) / figures["gain"]
    if figures.get("saturation", 0) > 1.1 * full:
        raise CampipeError(
            f"{name}: {figures['saturation']:.4g} e- at {figures['gain']:.4g} DN/e- is more than {bits} bits hold, {full:.4g} e-; "
            "check bits, gain and saturation"
        )
    iso = float(sheet.plain.get("iso", 100))
    top = float(sheet.plain.get("gain_range", 16))
    if "black_level" not in figures:
        remarks.append("The sheet has no black level; one that leaves room for the noise is assumed.")
        black = float(min(math.ceil(8 * figures["gain"] * top * figures["dark_noise"] + 4), (2**bits - 1) // 8))
    read = _stated(figures["dark_noise"], "sigma_d, with rows and columns in it")
    mode: dict[str, Any] = {"name": "single", "from_iso": iso, "read_noise": read}
    mode |= {"post_read_noise": assumed(0, "read_noise is that of both stages"), "row_noise": _rows(figures)}
    if "saturation" in figures:
        mode["full_well"] = _stated(min(figures["saturation"], full), "mu_e.sat")
    sensor: dict[str, Any] = {
        "bits": _stated(bits),
        "black_level": _stated(black) if "black_level" in figures else assumed(black),
        "quantum_efficiency": _stated(figures["quantum_efficiency"]),
        "gain": _stated(
            [digits(figures["gain"]), digits(figures["gain"] * top)],
            f"K at the gain of the sheet, which ISO {iso:g} stands for; beyond, in proportion",
            iso=[iso, iso * top],
            assumed_at=[iso * top],
        ),
        "mode": [mode],
    }
    for key in ("width", "height", "pattern"):
        if key in sheet.plain:
            sensor[key] = _stated(sheet.plain[key])
    for key in ("prnu", "dsnu", "doubling"):
        if key in figures:
            sensor[key] = _stated(figures[key])
    if "dark_current" in figures:
        sensor["dark_current"] = _dark(figures, remarks)
    contents: dict[str, Any] = {
        "title": str(sheet.plain.get("title", name)),
        "sources": {"sheet": str(sheet.plain.get("source", f"EMVA 1288 data sheet, {name}"))},
        "sensor": sensor,
    }
    if "pixel_pitch" in figures:
        contents["optics"] = {"pixel_pitch": _stated(figures["pixel_pitch"])}
    return Published(contents, tuple(remarks))


def _consistent(name: str, figures: Mapping[str, float]) -> None:
    """The sheet's threshold, SNR and dynamic range against what its basic figures give."""
    # Sheets of Release 3.0 and older leave the half electron out of the threshold.
    complaints = []
    for older in (0.5, 0.0):
        expected = {key: value for key, value in derived(figures, older).items() if key in figures}
        wrong = [key for key, value in expected.items() if abs(math.log(figures[key] / value)) > _ROUNDING]
        if not wrong:
            return
        complaints.append(wrong)
    key = min(complaints, key=len)[0]
    stated, found = figures[key], derived(figures)[key]
    hint = ""
    if key in ("snr_max", "dynamic_range"):
        power = abs(math.log(stated) - 2 * math.log(found)) < 2 * _ROUNDING or abs(2 * math.log(stated) - math.log(found)) < 2 * _ROUNDING
        hint = "; it looks like 10 log10, the standard's dB are 20 log10" if power else ""
    stated_words, found_words = (_shown(key, value) for value in (stated, found))
    raise CampipeError(f"{name}: {key} is stated as {stated_words}, but the other figures give {found_words}{hint}; one of them is wrong")


def _shown(key: str, value: float) -> str:
    return f"{20 * math.log10(value):.1f} dB" if _UNITS[key] == "ratio" else f"{value:.3g} {_UNITS[key]}"


def _rows(figures: Mapping[str, float]) -> dict[str, Any]:
    return _stated(figures["row_noise"]) if "row_noise" in figures else assumed(0, "sigma_d has it in it")


def _dark(figures: Mapping[str, float], remarks: list[str]) -> dict[str, Any]:
    """Dark current at 20 C."""
    doubling = figures.get("doubling", 8.0)
    if "dark_current_temperature" not in figures:
        remarks.append("The sheet does not say at which temperature its dark current holds; 20 C is assumed.")
        return _stated(figures["dark_current"], "at a temperature that the sheet does not say")
    celsius = figures["dark_current_temperature"]
    note = f"{figures['dark_current']:g} e-/s at {celsius:g} C, brought to 20 C by a doubling in {doubling:g} K"
    return _stated(digits(figures["dark_current"] * 2 ** ((20 - celsius) / doubling)), note)


def _stated(value: Any, note: str | None = None, **more: Any) -> dict[str, Any]:
    return entry(value, status="datasheet", source="sheet", note=note, **more)
