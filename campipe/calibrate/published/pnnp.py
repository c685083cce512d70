"""Calibrations of PNNP: a table of gain and noise by ISO, in DN, and lines over the logarithm of the gain.

Source: fenghansen/PNNP, data_process/process.py (Apache-2.0). In the lines Kmin and Kmax are natural logarithms of the gain; in the tables
K is the gain itself, in DN/e-. sigGs is the standard deviation of a normal read noise, sigTL the scale of a Tukey-lambda one.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from os import PathLike
from typing import Any, NamedTuple

import numpy as np

from campipe.calibrate.published import guards
from campipe.calibrate.published.contents import Published, assumed, chosen, digits, read_json
from campipe.core.errors import CampipeError
from campipe.core.profile_writing import entry

SOURCE = "fenghansen/PNNP, data_process/process.py, commit 4e5fe59; Apache-2.0"
_ROW_NOTE = "the source gives DN; divided by the gain"
_NO_ROWS = 1e-4  # e-: a table holds no 0


class PnnpRow(NamedTuple):
    """One ISO: gain in DN/e-, then standard deviation of read noise, Tukey-lambda scale and shape, row noise; in DN but for the shape."""

    iso: float
    gain: float
    sigma: float
    scale: float
    shape: float
    row: float


def read_pnnp(path: str | PathLike[str], camera: str | None = None) -> list[PnnpRow]:
    """Rows by ISO of a JSON file: {ISO: {K, sigGs, sigTL, lam, sigR}}, or several of them by the camera's name."""
    found = read_json(path, "tables of PNNP as JSON")
    found = found.get("PNNP", found) if isinstance(found, Mapping) else {}
    if not all(_is_iso(name) for name in found):
        tables = {name: rows for name, rows in found.items() if isinstance(rows, Mapping) and any(map(_is_iso, rows))}
        tables = {name.removesuffix("_per_iso"): rows for name, rows in tables.items()}
        found = tables[chosen(camera, tables, path)]
    try:
        rows = [PnnpRow(float(iso), *(float(row[key]) for key in ("K", "sigGs", "sigTL", "lam", "sigR"))) for iso, row in found.items()]
    except (KeyError, TypeError, ValueError) as error:
        raise CampipeError(f"expected K, sigGs, sigTL, lam and sigR for each ISO in {path}, but {error!r} came") from None
    return sorted(rows)


def gain_range(kmin: float, kmax: float) -> tuple[float, float]:
    """Lowest and highest gain, DN/e-, of a line's Kmin and Kmax, which are natural logarithms."""
    if kmax < kmin or kmax > 7:
        raise CampipeError(f"Kmin and Kmax of PNNP's lines are ln(DN/e-), at most 7, but {kmin:g} and {kmax:g} came; give logarithms")
    return math.exp(kmin), math.exp(kmax)


def tukey_deviation(scale: float, shape: float) -> float:
    """Standard deviation of a Tukey-lambda law of this scale and shape above -1/2: from its variance in closed form."""
    if abs(shape) < 1e-4:
        # Around the logistic law the closed form cancels; the first terms are pi^2 / 3 and -(4 zeta(3) + 2 pi^2 / 3) shape.
        return scale * math.sqrt(math.pi**2 / 3 - (4 * 1.2020569 + 2 * math.pi**2 / 3) * shape)
    beta = math.exp(2 * math.lgamma(shape + 1) - math.lgamma(2 * shape + 2))
    return scale * math.sqrt(2 / shape**2 * (1 / (1 + 2 * shape) - beta))


def two_stages(gain: Sequence[float], sigma: Sequence[float]) -> tuple[float, float, float]:
    """Read noise before the gain in e-, behind it in DN, and the rms residual in the logarithm.

    sigma^2 = (gain x before)^2 + after^2, by least squares in the logarithm of sigma, DN.
    """
    from scipy.optimize import least_squares

    k, s = (np.asarray(values, dtype=np.float64) for values in (gain, sigma))
    start = [math.log(s[-1] / k[-1]), math.log(s[0])]
    fit = least_squares(lambda p: 0.5 * np.log((k * np.exp(p[0])) ** 2 + np.exp(2 * p[1])) - np.log(s), start)
    return float(np.exp(fit.x[0])), float(np.exp(fit.x[1])), float(np.sqrt(np.mean(fit.fun**2)))


def conversion_switch(gain: Sequence[float], sigma: Sequence[float]) -> int | None:
    """Number of the first row of the second conversion-gain mode; None where one mode is as good.

    A switch is where read noise in DN falls though the gain rises, and two fits leave less than half of what one leaves.
    """
    places = [i for i in range(3, len(gain) - 2) if sigma[i] < sigma[i - 1] * 0.9 and gain[i] > gain[i - 1]]
    if not places:
        return None

    def left(at: int) -> float:
        parts = [(gain[:at], sigma[:at]), (gain[at:], sigma[at:])]
        return sum(len(k) * two_stages(k, s)[2] ** 2 for k, s in parts)

    best = min(places, key=left)
    return best if left(best) < 0.25 * len(gain) * two_stages(gain, sigma)[2] ** 2 else None


def import_pnnp(rows: Sequence[PnnpRow], *, bits: int, black: float, name: str = "PNNP") -> Published:
    """Gain, read noise in one or two conversion-gain modes, its shape and row noise, from a table by ISO.

    bits, black   of the camera's files: 14 and 512 for the A7S II, 10 and 64 for the IMX686
    """
    bits = guards.bits_of(bits, name)
    guards.black(black, bits, name)
    rows = sorted(rows)
    if not rows:
        raise CampipeError(f"{name}: the table has no rows")
    isos, gains, sigmas = ([getattr(row, key) for row in rows] for key in ("iso", "gain", "sigma"))
    guards.gain(gains, name, bits=bits, black=black, iso=isos)
    guards.read_noise([row.sigma / row.gain for row in rows], name, gains)
    for row in rows:
        ratio = tukey_deviation(row.scale, row.shape) / row.sigma if row.shape > -0.5 else math.nan
        if len(rows) > 4 and not 0.9 <= ratio <= 1.1:
            hint = "check that sigTL is the scale and sigGs the standard deviation, neither a variance"
            raise CampipeError(f"{name}: at ISO {row.iso:g} the Tukey-lambda law's deviation is {ratio:.3g} times sigGs, not once; {hint}")
    switch = conversion_switch(gains, sigmas)
    parts = [rows] if switch is None else [rows[:switch], rows[switch:]]
    names = ["single"] if switch is None else ["low", "high"]
    sensor = {
        "bits": _known(bits),
        "black_level": _known(black),
        "gain": _known(gains, iso=isos, note="one gain per ISO, as in the source's table"),
        "mode": [_mode(word, part) for word, part in zip(names, parts, strict=True)],
    }
    remarks = [] if switch is None else [f"The conversion gain switches between ISO {isos[switch - 1]:g} and {isos[switch]:g}."]
    return Published({"title": name, "sources": {"pnnp": SOURCE}, "sensor": sensor}, tuple(remarks))


def _mode(name: str, rows: Sequence[PnnpRow]) -> dict[str, Any]:
    isos = [row.iso for row in rows]
    mode: dict[str, Any] = {"name": name, "from_iso": isos[0]}
    if len(rows) >= 4:
        before, after, rms = two_stages([row.gain for row in rows], [row.sigma for row in rows])
        note = (
            f"two-stage fit to the mode's {len(rows)} standard deviations of the source, least squares in the logarithm; "
            f"rms residual {100 * rms:.1f} %"
        )
        mode |= {"read_noise": _known(digits(before), note=note), "post_read_noise": _known(digits(after), note=note)}
    else:
        electrons = [digits(row.sigma / row.gain) for row in rows]
        mode["read_noise"] = _known(electrons, iso=isos, note="standard deviation of the source over its gain")
        mode["post_read_noise"] = assumed(0, "read_noise is that of both stages together")
    mode["read_shape"] = _known([row.shape for row in rows], iso=isos)
    silent = [f"{row.iso:g}" for row in rows if row.row <= 0]
    note = _ROW_NOTE + (f"; the source has none at ISO {', '.join(silent)}, written as {_NO_ROWS:g} e-" if silent else "")
    mode["row_noise"] = _known([digits(max(row.row / row.gain, _NO_ROWS)) for row in rows], iso=isos, note=note)
    return mode


def _known(value: Any, **more: Any) -> dict[str, Any]:
    return entry(value, status="measured", source="pnnp", **more)


def _is_iso(name: object) -> bool:
    return isinstance(name, (int, float)) or (isinstance(name, str) and name.replace(".", "", 1).isdigit())
