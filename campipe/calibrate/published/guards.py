"""Guards: published numbers whose unit cannot be what it is said to be are refused, in one line that says what they look like.

The ranges are wide: what a real sensor has passes, and only what no sensor has is refused.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from campipe.core.errors import CampipeError

WELL = (300.0, 1e6)  # e- that fill the ADC at the lowest gain: phones with small pixels to large scientific sensors
READ_NOISE = (0.1, 80.0)  # e-: photon-counting CMOS to noisy machine vision


def bits_of(bits: float, where: str) -> int:
    """Bits of the ADC: a whole number from 8 to 16."""
    if not (float(bits).is_integer() and 8 <= bits <= 16):
        raise CampipeError(f"{where}: bits is a whole number from 8 to 16, but {bits:g} came")
    return int(bits)


def black(level: float, bits: int, where: str) -> float:
    """A black level in DN of the ADC: at least 0, and below a quarter of full scale."""
    full = 2**bits - 1
    if not math.isfinite(level) or level < 0:
        raise CampipeError(f"{where}: a black level is 0 DN or more, but {level:g} came; noise around black has to fit above 0")
    if level > full / 4:
        other = next((b for b in (10, 12, 14, 16) if b > bits and level <= (2**b - 1) / 4), None)
        hint = f"it looks like one of {other} bits: give {level / 2 ** (other - bits):g}" if other else "it is too high"
        raise CampipeError(f"{where}: a black level of {level:g} DN does not go with {bits} bits ({full} DN); {hint}")
    return float(level)


def gain(values: Sequence[float], where: str, *, bits: int, black: float, iso: Sequence[float] | None = None) -> None:
    """Gains in DN/e-, lowest first: positive, rising with ISO, and filling the ADC with a charge that pixels hold."""
    if not all(math.isfinite(value) and value > 0 for value in values):
        came = next(value for value in values if not (math.isfinite(value) and value > 0))
        raise CampipeError(f"{where}: a gain is above 0 DN/e-, but {came:g} came; if it is a logarithm, raise its base to it first")
    if iso is not None and len(values) > 1:
        _rises(values, iso, where)
    full = 2**bits - 1 - black
    well = full / values[0]
    if not WELL[0] <= well <= WELL[1]:
        inverse = full * values[0]
        turned = WELL[0] <= inverse <= WELL[1]
        hint = f"it looks like e-/DN, with {inverse:.3g} e-: give 1/gain" if turned else f"check the {bits} bits and the unit"
        raise CampipeError(f"{where}: a gain of {values[0]:.4g} DN/e- fills {bits} bits with {well:.3g} e-, which no pixel holds; {hint}")


def _rises(values: Sequence[float], iso: Sequence[float], where: str) -> None:
    """Gain follows ISO, within a factor of 2 over the table and steps that round."""
    stops = math.log2(iso[-1] / iso[0])
    risen = math.log2(values[-1] / values[0])
    if stops >= 1 and abs(risen - stops) > max(1.0, 0.25 * stops):
        words = f"{where}: gain goes from {values[0]:.4g} to {values[-1]:.4g} DN/e- while ISO goes from {iso[0]:g} to {iso[-1]:g}"
        if abs(risen + stops) <= max(1.0, 0.25 * stops):
            raise CampipeError(f"{words}; it looks like e-/DN: give 1/gain")
        for base, name in ((math.e, "natural"), (10.0, "base-10")):
            if abs((values[-1] - values[0]) * math.log2(base) - stops) <= 0.1 * stops:
                raise CampipeError(f"{words}; it looks like its {name} logarithm: give gain itself")
        raise CampipeError(f"{words}; gain rises with ISO in proportion: check what the columns are")


def read_noise(electrons: Sequence[float], where: str, gains: Sequence[float] | None = None) -> None:
    """Standard deviations of read noise in e-, one per gain: in the range of real sensors, and growing more slowly than gain in DN.

    A standard deviation in DN grows at most with gain, a variance with its square.
    """
    for value in electrons:
        if not math.isfinite(value) or value <= 0:
            raise CampipeError(f"{where}: read noise is above 0 e-, but {value:g} came")
    if gains is not None and len(gains) == len(electrons) and gains[-1] >= 3 * gains[0]:
        slope = 1 + math.log(electrons[-1] / electrons[0]) / math.log(gains[-1] / gains[0])
        if slope > 1.25:
            words = f"{where}: read noise in DN grows with gain to the power {slope:.2f}, a standard deviation at most in proportion"
            raise CampipeError(f"{words}; it looks like a variance: give its root")
    for i, value in enumerate(electrons):
        if value < READ_NOISE[0] or value > READ_NOISE[1]:
            hint = "a variance where a standard deviation belongs, or another unit, gives that"
            at = f" at {gains[i]:.3g} DN/e-" if gains is not None and len(gains) == len(electrons) else ""
            raise CampipeError(f"{where}: read noise of {value:.3g} e-{at} is outside of {READ_NOISE[0]:g} to {READ_NOISE[1]:g} e-; {hint}")


def line(slope: float, where: str) -> None:
    """The slope of ln(standard deviation in DN) against ln(gain): 0 behind the gain, 1 before it; a variance has twice that."""
    if not -0.2 <= slope <= 1.25:
        hint = "it looks like the line of a variance: halve slope and intercept" if 1.25 < slope <= 2.6 else "check the columns"
        raise CampipeError(f"{where}: the slope of ln(noise) against ln(gain) lies between 0 and 1, but {slope:.3g} came; {hint}")


def fraction(value: float, where: str, most: float) -> float:
    """A fraction: 0 to `most`; percent are told by being above it."""
    if not math.isfinite(value) or value < 0:
        raise CampipeError(f"{where}: a fraction of 0 or more is expected, but {value:g} came")
    if value > most:
        hint = f"it looks like percent: give {value / 100:g}" if value / 100 <= most else "check its unit"
        raise CampipeError(f"{where}: a fraction of at most {most:g} is expected, but {value:g} came; {hint}")
    return float(value)
