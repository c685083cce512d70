"""Spectral sensitivities in the format of rawtoaces-data: white balance and colour matrices against colour temperature.

Three files make colour: the camera's sensitivities, reflectances to fit the matrices to, and the standard observer. They are told apart by
what is in them, and may come in any order.
"""

from __future__ import annotations

from collections.abc import Sequence
from os import PathLike
from pathlib import Path

import numpy as np

from campipe.calibrate.published.contents import Published, read_json
from campipe.calibrate.spectral import read_spectra, table
from campipe.core.errors import CampipeError
from campipe.core.profile_writing import entry

_NOTE = "derived from the spectral sensitivities by campipe.calibrate.spectral.table"


def sort_spectra(paths: Sequence[str | PathLike[str]]) -> dict[str, Path]:
    """Which file is the camera's, which the reflectances', which the observer's: "camera", "reflectances", "observer"."""
    found: dict[str, Path] = {}
    for path in paths:
        data = read_json(path, "spectra of rawtoaces-data")
        try:
            columns = [str(name).upper() for name in data["spectral_data"]["index"]["main"]]
        except (KeyError, TypeError):
            raise CampipeError(f"expected spectra with spectral_data.index.main in {path}; give files of rawtoaces-data") from None
        kind = {"RGB": "camera", "XYZ": "observer"}.get("".join(columns), "reflectances" if len(columns) > 3 else "")
        if not kind:
            raise CampipeError(f"{path} has {len(columns)} spectra, {', '.join(columns)}; a camera has R, G, B, an observer X, Y, Z")
        if kind in found:
            raise CampipeError(f"{path} and {found[kind]} are both of the kind {kind}; give one of each")
        found[kind] = Path(path)
    if missing := [kind for kind in ("camera", "reflectances", "observer") if kind not in found]:
        raise CampipeError(
            f"colour from spectra needs a camera, reflectances and an observer, but no {' and no '.join(missing)} came; rawtoaces-data has "
            "camera/, training/training_spectral.json and cmf/cmf_1931.json"
        )
    return found


def import_rawtoaces(paths: Sequence[str | PathLike[str]]) -> Published:
    """White balance and matrices at eleven colour temperatures, 2500 to 8000 K."""
    found = sort_spectra(paths)
    header = read_json(found["camera"], "spectra of rawtoaces-data")["header"]
    wavelengths, sensitivities = read_spectra(found["camera"])
    _checked(sensitivities, wavelengths, found["camera"])
    others = []
    for kind in ("reflectances", "observer"):
        grid, values = read_spectra(found[kind])
        if not set(wavelengths) <= set(grid):
            raise CampipeError(f"{found[kind]} lacks wavelengths of {found['camera'].name}; give files on one grid")
        others.append(values[np.isin(grid, wavelengths)])
    if others[0].max() > 1.5:
        raise CampipeError(f"{found['reflectances']}: reflectances are fractions, but {others[0].max():g} came; it looks like percent")
    from campipe.calibrate.spectral import TEMPERATURES

    gains, matrices = table(sensitivities, wavelengths, others[0], others[1])
    kelvin = list(TEMPERATURES)
    red, blue = ([float(f"{gain:.4f}") for gain in gains[:, channel]] for channel in (0, 2))
    rounded = [[float(f"{value:.5f}") for value in matrix.ravel()] for matrix in matrices]
    colour = {
        "white_balance": entry(status="measured", source="rawtoaces", note=_NOTE, cct=kelvin, red=red, blue=blue),
        "cam_to_srgb": entry(rounded, status="measured", source="rawtoaces", note=_NOTE, cct=kelvin),
    }
    title = f"{header.get('manufacturer', '')} {header.get('model', '')}".strip()
    source = (
        f"AcademySoftwareFoundation/rawtoaces-data, camera/{found['camera'].name} with its {others[0].shape[1]} training spectra and "
        "CIE 1931 observer; Apache-2.0"
    )
    contents = {"sources": {"rawtoaces": source}, "colour": colour}
    return Published({"title": title, **contents} if title else contents)


def _checked(sensitivities: np.ndarray, wavelengths: np.ndarray, path: Path) -> None:
    """Red, green and blue in this order, on visible wavelengths in nm."""
    if wavelengths[0] < 100:
        raise CampipeError(f"{path}: wavelengths are in nm, but they start at {wavelengths[0]:g}; they look like um")
    middles = (wavelengths[:, None] * sensitivities).sum(0) / sensitivities.sum(0)
    if not middles[0] > middles[1] > middles[2]:
        came = ", ".join(f"{m:.0f}" for m in middles)
        raise CampipeError(f"{path}: red lies at longer waves than green and blue, but the middles are at {came} nm; order the columns")
