"""Noise profiles of darktable: shot noise by ISO, brought back to the raw domain. The user brings the file.

darktable measures its profiles after demosaicking and white balance, by the median absolute deviation of a wavelet band whose
normalisation shrinks the noise, so that a raw file with variance S x appears with a smaller slope. The factors are those that a
simulation of flat raw files through the same chain gives: 0.0795 in green and 0.0975 in red and blue, with scatter of 3 %. Other
laboratories' gains of the Sony A7S and the Nikon D850 lie within 3 and 8 % of what green gives. The offsets b cannot be converted: values
below 0 were cut away.

The files are under the GPL; none of their numbers is part of this project.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from os import PathLike
from typing import Any, NamedTuple

from campipe.calibrate.published import guards
from campipe.calibrate.published.contents import Published, assumed, chosen, digits, read_json
from campipe.core.errors import CampipeError
from campipe.core.profile_writing import entry

GREEN, RED_BLUE = 0.0795, 0.0975
"""What the tool's statistic shows of a raw file's variance, in its green and in its red and blue."""


class DarktableRow(NamedTuple):
    """Slopes of one ISO as darktable states them: red, green, blue."""

    iso: float
    a: tuple[float, float, float]


def read_darktable(path: str | PathLike[str], camera: str | None = None) -> tuple[str, list[DarktableRow]]:
    """Name and rows of one camera of noiseprofiles.json, one row per ISO; where it states several, the last."""
    found = read_json(path, "darktable's noiseprofiles.json")
    if not isinstance(found, Mapping) or "noiseprofiles" not in found:
        raise CampipeError(f"expected darktable's noiseprofiles.json, but {path} has no key noiseprofiles")
    try:
        models = {f"{maker['maker']} {model['model']}": model["profiles"] for maker in found["noiseprofiles"] for model in maker["models"]}
        short = {name.split(" ", 1)[1].lower(): name for name in models}
        name = chosen(short.get((camera or "").lower(), camera), models, path)
        profiles = [p for p in models[name] if not p.get("skip")]
        rows = {float(p["iso"]): DarktableRow(float(p["iso"]), _three(p["a"])) for p in profiles}
    except (KeyError, TypeError, ValueError) as error:
        raise CampipeError(f"{path} is not laid out as darktable's noise profiles are: {error!r}") from None
    return name, [rows[iso] for iso in sorted(rows)]


def _three(a: Sequence[float]) -> tuple[float, float, float]:
    red, green, blue = a
    return float(red), float(green), float(blue)


def raw_slope(a: Sequence[float]) -> tuple[float, float, float]:
    """S of red, green and blue in the raw domain, before white balance for green alone: red and blue still have its gains in them."""
    return a[0] / RED_BLUE, a[1] / GREEN, a[2] / RED_BLUE


def import_darktable(name: str, rows: Sequence[DarktableRow], *, bits: int, black: float, white: float | None = None) -> Published:
    """Gain by ISO from the green slopes; darktable's files say neither bits nor levels (DN).

    Raises CampipeError where the slopes are no slopes of a noise profile.
    """
    bits = guards.bits_of(bits, name)
    black = guards.black(black, bits, name)
    span = (2**bits - 1 if white is None else white) - black
    rows = [row for row in sorted(rows) if row.a[1] > 0]
    if not rows:
        raise CampipeError(f"{name}: no ISO has a slope above 0")
    gains = [digits(raw_slope(row.a)[1] * span) for row in rows]
    isos = [row.iso for row in rows]
    guards.gain(gains, name, bits=bits, black=black, iso=isos)
    note = f"green slopes over {GREEN}, which brings them to the raw domain, times (white - black) = {span:g} DN"
    sensor: dict[str, Any] = {
        "bits": assumed(bits, "the source does not say"),
        "black_level": assumed(black, "the source does not say"),
        "gain": entry(gains, iso=isos, status="measured", source="darktable", note=note),
        "mode": [{"name": "single", "read_noise": assumed(3), "post_read_noise": assumed(0), "row_noise": assumed(0.3)}],
    }
    remarks = (
        "Read noise is assumed: darktable's offsets cannot be converted to raw numbers.",
        "The numbers come from a file under the GPL: a profile made of them is for your own use unless you keep to its terms.",
    )
    source = "darktable, data/noiseprofiles.json, brought by the user; GPL-3.0-or-later"
    return Published({"title": name, "sources": {"darktable": source}, "sensor": sensor}, remarks)
