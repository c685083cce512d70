"""The NoiseProfile of DNG files: variance = S x + O with x from 0 at black to 1 at white, and what a camera is that has it.

Source: Adobe, Digital Negative Specification 1.4, tag 51041 NoiseProfile.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

from campipe.calibrate.published import guards
from campipe.calibrate.published.contents import Published, assumed, digits
from campipe.core.errors import CampipeError
from campipe.core.profile_writing import entry

NOISE_LINE = (2.18, 1.20)
"""ln O = 2.18 ln S + 1.20, in natural logarithms: the line of Brooks et al., Unprocessing, CVPR 2019, fitted to the phones of DND."""


class NoiseRow(NamedTuple):
    """S and O at one ISO."""

    iso: float
    S: float
    O: float


def to_profile(gain: float, sigma: float, black: float, white: float) -> tuple[float, float]:
    """(S, O) of a sensor with `gain` DN/e-, read noise `sigma` DN (a standard deviation), and levels in DN."""
    span = _span(black, white)
    if gain <= 0 or sigma < 0:
        raise CampipeError(f"gain is above 0 DN/e- and read noise 0 DN or more, but {gain:g} and {sigma:g} came")
    return gain / span, (sigma / span) ** 2


def from_profile(S: float, O: float, black: float, white: float) -> tuple[float, float]:
    """Gain in DN/e- and read noise in DN (a standard deviation) of the sensor whose levels these are: the inverse of `to_profile`."""
    if not (math.isfinite(S) and math.isfinite(O)) or S <= 0 or O < 0:
        raise CampipeError(f"a NoiseProfile has S above 0 and O of 0 or more, but {S:g} and {O:g} came")
    span = _span(black, white)
    return S * span, math.sqrt(O) * span


def read_variance(S: float, slope: float = NOISE_LINE[0], intercept: float = NOISE_LINE[1]) -> float:
    """O on a line of ln O against ln S; natural logarithms, as it was published."""
    if S <= 0:
        raise CampipeError(f"the line holds for S above 0, but {S:g} came")
    return math.exp(slope * math.log(S) + intercept)


def k_sigma_rows(gain: Sequence[float], variance: Sequence[float], isos: Sequence[float], span: float) -> list[NoiseRow]:
    """S and O from polynomials in ISO, highest power first: gain in DN/e- and variance of read noise in DN^2, white - black = span DN.

    Source: Wang et al., Practical Deep Raw Image Denoising on Mobile Devices, ECCV 2020: the k-sigma transform.
    """

    def at(coefficients: Sequence[float], iso: float) -> float:
        return sum(c * iso**k for k, c in enumerate(reversed(coefficients)))

    return [NoiseRow(iso, at(gain, iso) / span, at(variance, iso) / span**2) for iso in isos]


def import_dng_noise(
    rows: Sequence[NoiseRow], *, bits: int, black: float, white: float | None = None, name: str = "NoiseProfile", source: str = ""
) -> Published:
    """Gain and read noise of a camera from the NoiseProfiles of its DNG files at one or more ISOs, black and white in DN.

    The profile's read noise is a number in e- per ISO. Raises CampipeError where S or O cannot be what the specification says.
    """
    bits = guards.bits_of(bits, name)
    black = guards.black(black, bits, name)
    white = float(2**bits - 1 if white is None else white)
    if white > 2**bits - 1:
        raise CampipeError(f"{name}: a white level of {white:g} DN does not fit into {bits} bits; give the bits of the file")
    rows = sorted(rows)
    if not rows:
        raise CampipeError(f"{name}: no NoiseProfile came; give DNG files that have one")
    remarks = ["NoiseProfile says nothing of fixed patterns and rows; they are assumed."]
    gains, noise = [], []
    for row in rows:
        if row.S > 1:
            hint = "it looks like DN: divide by white - black"
            raise CampipeError(f"{name}: S of {row.S:g} at ISO {row.iso:g} is no NoiseProfile, whose x goes from 0 to 1; {hint}")
        gain, sigma = from_profile(row.S, row.O, black, white)
        gains.append(digits(gain))
        noise.append(digits(sigma / gain))
    isos = [row.iso for row in rows]
    guards.gain(gains, name, bits=bits, black=black, iso=isos)
    if all(sigma == 0 for sigma in noise):
        remarks.append("O is 0 everywhere: the camera leaves its read noise out, and it is assumed.")
        reading = assumed(3)
    else:
        if any(sigma == 0 for sigma in noise):
            raise CampipeError(f"{name}: O is 0 at some ISOs and not at others; leave those files out")
        guards.read_noise(noise, name, gains)
        reading = _known(noise, isos, "root of O over S: both stages of read noise together")
    if len(rows) == 1:
        remarks.append(f"Only ISO {isos[0]:g} is known; the profile has that one.")
    rows_note = "a tenth of the least read noise; cameras whose rows were measured have 9 to 18 %"
    mode = {
        "name": "single",
        "read_noise": reading,
        "post_read_noise": assumed(0, "read_noise is that of both stages together"),
        "row_noise": assumed(digits(0.1 * (min(noise) or 3)), rows_note),
    }
    sensor = {
        "bits": _known(bits),
        "black_level": _known(black),
        "gain": entry(gains, iso=isos, status="measured", source="noise_profile", note="S times (white - black)"),
        "mode": [mode],
    }
    return Published({"sources": {"noise_profile": source or f"NoiseProfile of {name}"}, "sensor": sensor}, tuple(remarks))


def _known(value: object, iso: Sequence[float] | None = None, note: str | None = None) -> dict:
    return entry(value, status="measured", source="noise_profile", note=note, iso=iso)


def _span(black: float, white: float) -> float:
    if not white > black:
        raise CampipeError(f"white lies above black, but {white:g} and {black:g} DN came")
    return white - black
