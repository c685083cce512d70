"""Numbers with the unit that they were written with: "0.19 DN/e-", "5.3 e-/DN", "62 %", "73.1 dB", "10.5 ke-"."""

from __future__ import annotations

import math
import re

from campipe.core.errors import CampipeError

_NUMBER = re.compile(r"^\s*([-+]?[0-9]*\.?[0-9]+(?:[eE][-+]?[0-9]+)?)\s*(.*?)\s*$")
_SPELLINGS = {
    "µ": "u", "μ": "u", "electrons": "e-", "electron": "e-", "e⁻": "e-", "ADU": "DN", "photons": "p", "photon": "p", "bits": "bit",
    "stops": "bit", "percent": "%", " ": "",
}  # fmt: skip


def quantity(written: str | float, unit: str, what: str) -> float:
    """The number in `unit`, whatever of its units it was written in; a number without a unit is in `unit` already.

    unit   "DN/e-", "e-", "p" (photons), "1" (a fraction), "ratio" (of two signals), "e-/s", "um", "px", "bit", "K", "C", "DN"

    Raises CampipeError in one line for a unit that does not fit.
    """
    if isinstance(written, bool) or not isinstance(written, (str, int, float)):
        raise CampipeError(f"{what}: expected a number with its unit, such as {_example(unit)!r}, but {written!r} came")
    if isinstance(written, (int, float)):
        return _finite(float(written), what)
    match = _NUMBER.match(written)
    if match is None:
        raise CampipeError(f"{what}: expected a number with its unit, such as {_example(unit)!r}, but {written!r} came")
    value, given = _finite(float(match[1]), what), match[2]
    for old, new in _SPELLINGS.items():
        given = given.replace(old, new)
    if given in ("", unit):
        return value
    if (given, unit) == ("e-/DN", "DN/e-"):
        return _finite(1 / value if value else math.inf, what)
    factor = {
        ("%", "1"): 0.01, ("ke-", "e-"): 1e3, ("Me-", "e-"): 1e6, ("me-", "e-"): 1e-3, ("nm", "um"): 1e-3, ("mm", "um"): 1e3,
        ("e-/ms", "e-/s"): 1e3, ("e-/s/px", "e-/s"): 1.0, ("MDN/e-", "DN/e-"): 1e6, ("kp", "p"): 1e3,
    }.get((given, unit))  # fmt: skip
    if factor is not None:
        return value * factor
    if unit == "ratio" and given == "dB":
        return 10 ** (value / 20)
    if unit == "ratio" and given == "bit":
        return 2.0**value
    raise CampipeError(f"{what}: expected {'dB, bits or a plain ratio' if unit == 'ratio' else unit}, but {written!r} came")


def _finite(value: float, what: str) -> float:
    if not math.isfinite(value):
        raise CampipeError(f"{what}: expected a finite number, but {value} came")
    return value


def _example(unit: str) -> str:
    return {"DN/e-": "0.19 DN/e-", "1": "62 %", "ratio": "73.1 dB", "um": "3.45 um"}.get(unit, f"12 {unit}")
