"""Calibrations of ELD: lines of ln(noise in DN) against ln(gain in DN/e-), for 14-bit cameras.

Source: Wei et al., A Physics-based Noise Formation Model for Extreme Low-light Raw Denoising, CVPR 2020; the files of
Vandermode/ELD, camera_params/release (MIT). All logarithms are natural.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from os import PathLike
from pathlib import Path
from typing import Any, NamedTuple

from campipe.calibrate.published import guards
from campipe.calibrate.published.contents import Published, assumed, chosen, digits, read_json
from campipe.calibrate.published.npy_numbers import read_npy_dictionary
from campipe.core.errors import CampipeError
from campipe.core.profile_writing import entry

SOURCE = (
    "Wei et al., A Physics-based Noise Formation Model for Extreme Low-light Raw Denoising, CVPR 2020; Vandermode/ELD, "
    "camera_params/release, Profile-1, commit 53d5408; MIT"
)
BITS = 14
_SHAPE_NOTE = (
    "measured by the source on two dark frames at each of its ISO steps, which it does not name: one stop apart from {iso:g} is assumed"
)


class NoiseLine(NamedTuple):
    """ln(standard deviation in DN) = slope ln(gain in DN/e-) + bias, from which single frames scatter by sigma, normally."""

    slope: float
    bias: float
    sigma: float

    def at(self, gain: float) -> float:
        """Standard deviation (or Tukey-lambda scale), DN."""
        return math.exp(self.slope * math.log(gain) + self.bias)


@dataclass(frozen=True)
class EldCamera:
    """One file. Gains in DN/e-; lines give DN.

    gains         lowest and highest
    read          standard deviation of a normal read noise
    tukey         scale of a Tukey-lambda read noise: not its standard deviation
    row           standard deviation of the row noise
    shapes        Tukey-lambda shapes, two dark frames per ISO step
    colour_bias   mean of dark frames above black, DN, by position of the pattern; one row per dark frame
    """

    name: str
    gains: tuple[float, float]
    read: NoiseLine
    tukey: NoiseLine
    row: NoiseLine
    shapes: tuple[float, ...]
    colour_bias: tuple[tuple[float, ...], ...]


def read_eld(path: str | PathLike[str], camera: str | None = None) -> EldCamera:
    """Read a .npy file of ELD, without running what it pickles, or a JSON file of the same names (one camera, or several by name)."""
    if str(path).endswith(".npy"):
        return _camera(Path(path).stem.removesuffix("_params"), read_npy_dictionary(path), path)
    found = read_json(path, "a .npy file of ELD, or its numbers as JSON")
    found = found.get("ELD", found) if isinstance(found, Mapping) else {}
    found = found.get("params", found)
    if "Kmin" in found:
        return _camera(camera or Path(path).stem, found, path)
    name = chosen(camera, found, path)
    return _camera(name, found[name], path)


def _camera(name: str, found: Mapping[str, Any], path: object) -> EldCamera:
    try:
        profile = found["Profile-1"]
        lines = {key: NoiseLine(*(float(profile[key][n]) for n in NoiseLine._fields)) for key in ("g_scale", "G_scale", "R_scale")}
        gains = float(found["Kmin"]), float(found["Kmax"])
        shapes = tuple(float(shape) for shape in found["G_shape"])
        bias = tuple(tuple(float(value) for value in row) for row in found.get("color_bias", ()))
    except (KeyError, TypeError, ValueError) as error:
        keys = "Kmin, Kmax, G_shape and Profile-1 with g_scale, G_scale and R_scale"
        raise CampipeError(f"expected {keys} in {path}, but {error!r} came") from None
    return EldCamera(name, gains, lines["g_scale"], lines["G_scale"], lines["R_scale"], shapes, bias)


def import_eld(
    camera: EldCamera, *, black: float = 512, iso: float = 100, above: Sequence[float] = (), below: Sequence[float] = ()
) -> Published:
    """Gain, read noise, its shape and row noise of a camera of ELD, one stop apart from its lowest gain.

    black          DN of 14 bits; the source subtracts it and does not say it
    iso            what the lowest gain belongs to; the source does not name its ISOs
    above, below   further ISOs, at which the gain goes on in proportion
    """
    name = camera.name
    low, high = camera.gains
    if high < low:
        raise CampipeError(f"{name}: Kmin is at most Kmax, but {low:.4g} and {high:.4g} came; they look like e-/DN: give 1/K, swapped")
    guards.black(black, BITS, name)
    stops = round(math.log2(high / low)) if low > 0 else 0
    isos = [iso * 2**k for k in range(stops + 1)]
    gains = [low * 2**k for k in range(stops + 1)]
    guards.gain([low, high], name, bits=BITS, black=black)
    if abs(math.log2(high / low) - stops) > 0.02:
        raise CampipeError(f"{name}: Kmax / Kmin is a whole number of stops in these files, but {high / low:.4g} came")
    for line, what in ((camera.read, "read noise"), (camera.tukey, "Tukey-lambda scale"), (camera.row, "row noise")):
        guards.line(line.slope, f"{name}, {what}")
    read = [camera.read.at(gain) / gain for gain in gains]
    guards.read_noise(read, name, gains)
    _tukey_agrees(camera, gains)
    row = [camera.row.at(gain) / gain for gain in gains]
    every = [*below, *isos, *above]
    table = entry(
        [digits(low * i / iso) for i in every],
        iso=every,
        status="measured",
        source="eld",
        note=f"the source gives the ends {low:.4g} and {high:.4g}, {high / low:.0f} times apart: ISO {isos[0]:g} and {isos[-1]:g}",
        assumed_at=[*below, *above] or None,
    )
    mode = {
        "name": "single",
        "post_read_noise": assumed(0, "the line of read_noise is that of both stages together"),
        "read_noise": _along(camera.read, read, isos),
        "row_noise": _along(camera.row, row, isos),
    }
    remarks = [f"ISO {iso:g} is assumed for the lowest gain; the source does not name its ISOs.", "Colour bias is not part of a profile."]
    if len(camera.shapes) % 2 == 0 and camera.shapes:
        shapes = [(a + b) / 2 for a, b in zip(camera.shapes[::2], camera.shapes[1::2], strict=True)]
        steps, note = [iso * 2**k for k in range(len(shapes))], _SHAPE_NOTE.format(iso=iso)
        mode["read_shape"] = entry([round(shape, 5) for shape in shapes], iso=steps, status="assumed", source="eld", note=note)
    sensor = {
        "bits": entry(BITS, status="measured", source="eld"),
        "black_level": assumed(black, "the source works with black subtracted"),
        "gain": table,
        "mode": [mode],
    }
    return Published({"title": name, "sources": {"eld": SOURCE}, "sensor": sensor}, tuple(remarks))


def _along(line: NoiseLine, values: list[float], isos: list[float]) -> dict:
    note = (
        f"e- along ln(DN) = {line.slope:.4f} ln(gain) + {line.bias:.4f}, Gaussian; "
        f"single frames scatter around it by {line.sigma:.2f} in the logarithm"
    )
    return entry([digits(value) for value in values], iso=isos, status="measured", source="eld", note=note)


def _tukey_agrees(camera: EldCamera, gains: Sequence[float]) -> None:
    """The scale of a Tukey-lambda law is not its standard deviation, and read noise in the other's column shows.

    For shapes from -0.3 to 0.2 the standard deviation is 1.5 to 3.2 scales; the lines are fits, which may disagree by 1.6 beyond that.
    """
    ratio = math.exp(sum(math.log(camera.read.at(gain) / camera.tukey.at(gain)) for gain in gains) / len(gains))
    if not 1.1 <= ratio <= 5:
        raise CampipeError(
            f"{camera.name}: the standard deviation of read noise is 1.5 to 3 times its Tukey-lambda scale, but {ratio:.3g} times came; "
            "check that g_scale is the normal law's and G_scale the Tukey-lambda scale, both in DN"
        )
