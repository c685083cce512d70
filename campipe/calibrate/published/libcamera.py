"""Tuning files of libcamera for the Raspberry Pi up to model 4: noise, black level and colour of some twenty-five sensors.

`reference_slope` is the noise's standard deviation over the root of the signal, both in DN of 16 bits at analogue gain 1; libcamera scales
it by the root of the gain (src/ipa/rpi/controller/rpi/noise.cpp; BSD-2-Clause). Its square is then the gain in DN of 16 bits per electron.
The files for model 5 ("pisp") give slopes 1.4 times larger for the same sensors, for a reason that is not known, and are refused.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np

from campipe.calibrate.published import guards
from campipe.calibrate.published.contents import Published, assumed, digits, read_json
from campipe.core.errors import CampipeError
from campipe.core.profile_writing import entry

_FULL = 65535.0
_GRID = (12, 16)  # rows and columns of the shading tables


@dataclass(frozen=True)
class Tuning:
    """One file.

    black           DN of 16 bits
    slope           standard deviation over root of the signal, DN of 16 bits, at analogue gain 1
    constant        what libcamera adds to the standard deviation, DN of 16 bits
    white_balance   (n, 3) colour temperature in K, gains of red and blue; empty for a sensor without filters
    matrices        colour temperature in K to (9,): white-balanced camera RGB to sRGB, rows sum to 1
    luminance       (12, 16) gains that make the lens's light even, or None
    """

    name: str
    black: float
    slope: float
    constant: float
    white_balance: np.ndarray
    matrices: dict[float, tuple[float, ...]]
    luminance: np.ndarray | None

    @property
    def full_well(self) -> float:
        """e- that fill the ADC at analogue gain 1."""
        return (_FULL - self.black) / self.slope**2


def read_libcamera(path: str | PathLike[str]) -> Tuning:
    """Read a tuning file of src/ipa/rpi/vc4/data. Raises CampipeError in one line for other files, and for those of model 5."""
    found = read_json(path, "a tuning file of libcamera for vc4")
    if not isinstance(found, Mapping) or not isinstance(found.get("algorithms"), list):
        raise CampipeError(f"expected a tuning file of libcamera with a list of algorithms, but {path} has none")
    if found.get("target") == "pisp":
        raise CampipeError(f"{path} is a tuning file for pisp, whose noise slopes are 1.4 times those for vc4; give that of vc4/data")
    parts = {name: value for algorithm in found["algorithms"] for name, value in algorithm.items()}
    noise, name = parts.get("rpi.noise", {}), Path(path).stem
    if not noise.get("reference_slope"):
        raise CampipeError(f"{path} has no noise slope: the sensor was not calibrated")
    try:
        curve = np.array(parts.get("rpi.awb", {}).get("ct_curve", []), dtype=np.float64).reshape(-1, 3)
        curve[:, 1:] = 1 / curve[:, 1:]
        matrices = {float(e["ct"]): tuple(map(float, e["ccm"])) for e in parts.get("rpi.ccm", {}).get("ccms", [])}
        lut = parts.get("rpi.alsc", {}).get("luminance_lut", [])
        luminance = np.array(lut, dtype=np.float64).reshape(_GRID) if len(lut) == _GRID[0] * _GRID[1] else None
        black = float(parts["rpi.black_level"]["black_level"])
        return Tuning(name, black, float(noise["reference_slope"]), float(noise["reference_constant"]), curve, matrices, luminance)
    except (KeyError, TypeError, ValueError) as error:
        raise CampipeError(f"{path} is not laid out as a tuning file of libcamera is: {error!r}") from None


def shading(luminance: np.ndarray, terms: int = 2, aspect: float = 4 / 3) -> tuple[tuple[float, ...], float]:
    """Coefficients of r^2, r^4, ... of the lens's light, 1 on the axis and r = 1 in the corner, and the rms residual.

    By least squares to the reciprocals of the table's gains, the smallest gain standing for 1. The cells lie evenly over the picture, whose
    width is `aspect` times its height.
    """
    y, x = ((np.arange(n) + 0.5) / n * 2 - 1 for n in luminance.shape)
    r2 = (y[:, None] ** 2 + (aspect * x[None]) ** 2) / (1 + aspect**2)
    light = luminance.min() / luminance
    design = np.stack([r2**k for k in range(1, terms + 1)], -1).reshape(-1, terms)
    found = np.linalg.lstsq(design, light.ravel() - 1, rcond=None)[0]
    residual = float(np.sqrt(np.mean((design @ found - light.ravel() + 1) ** 2)))
    return tuple(float(c) for c in found), residual


def import_libcamera(
    tuning: Tuning, *, bits: int, top_gain: float = 16.0, mono: bool = False, terms: int = 2, aspect: float = 4 / 3
) -> Published:
    """Black level, gain, full well, colour and shading of a sensor from its tuning file. ISO 100 stands for analogue gain 1.

    bits       of the sensor's raw format, which the file does not say
    top_gain   largest analogue gain, which the file does not say either
    mono       a sensor without filters
    terms      of the polynomial of the lens's shading
    aspect     width of the picture over its height, for the shading
    """
    name = tuning.name
    bits = guards.bits_of(bits, name)
    down = 2.0 ** (16 - bits)
    black = guards.black(tuning.black / down, bits, name)
    low = tuning.slope**2 / down
    guards.gain([low], name, bits=bits, black=black)
    well = (
        f"what reference_slope {tuning.slope:g} implies: (65535 - {tuning.black:g}) / slope^2, "
        "the charge that fills the ADC at analogue gain 1"
    )
    ranging = f"ISO 100 stands for analogue gain 1; the range to {top_gain:g} is assumed"
    top = round(100 * top_gain)
    sensor: dict[str, Any] = {
        "bits": assumed(bits, "of the raw format; the file does not say"),
        "black_level": _known(black, f"{tuning.black:g} on the 16-bit scale of the source"),
        "gain": _known(
            [digits(low), digits(low * top / 100)],
            f"reference_slope {tuning.slope:g} squared, in DN of {bits} bits. {ranging}",
            iso=[100, top],
            assumed_at=[top],
        ),
        "mode": [{"name": "single", "full_well": _known(round(tuning.full_well, 1), well), "read_noise": assumed(3)}],
    }
    sensor["mode"][0] |= {"post_read_noise": assumed(0), "row_noise": assumed(0.3)}
    remarks = ["Read noise is assumed: the source states the shot noise alone."]
    if tuning.constant:
        remarks += [f"The source adds {tuning.constant:g} DN of 16 bits to the standard deviation, for no stated reason; it is left out."]
    contents: dict[str, Any] = {"title": name, "sources": {"libcamera": source_of(tuning)}, "sensor": sensor}
    if mono:
        sensor["pattern"] = assumed("mono")
    elif len(tuning.white_balance) > 1 and tuning.matrices:
        contents["colour"] = _colour(tuning)
    else:
        remarks.append("The source has no curve of white balance; colour is assumed.")
    if tuning.luminance is not None and float(np.ptp(tuning.luminance)) > 1e-3:
        coefficients, residual = shading(tuning.luminance, terms, aspect)
        note = f"fitted to the reciprocals of luminance_lut by least squares, rms residual {residual:.3f}; the lens is not named"
        contents["optics"] = {"vignetting": _known([float(f"{c:.4f}") for c in coefficients], note)}
    return Published(contents, tuple(remarks))


def source_of(tuning: Tuning) -> str:
    return f"raspberrypi/libcamera, src/ipa/rpi/vc4/data/{tuning.name}.json; BSD-2-Clause"


def _colour(tuning: Tuning) -> dict[str, Any]:
    curve = tuning.white_balance[np.argsort(tuning.white_balance[:, 0])]
    kelvin = sorted(tuning.matrices)
    red, blue = ([float(f"{gain:.4f}") for gain in column] for column in curve[:, 1:].T)
    balance = entry(status="measured", source="libcamera", note="the reciprocals of ct_curve", cct=curve[:, 0].tolist(), red=red, blue=blue)
    return {"white_balance": balance, "cam_to_srgb": _known([tuning.matrices[k] for k in kelvin], "the ccm of rpi.ccm", cct=kelvin)}


def _known(value: Any, note: str | None = None, **more: Any) -> dict[str, Any]:
    return entry(value, status="measured", source="libcamera", note=note, **more)
