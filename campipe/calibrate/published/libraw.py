"""Colour matrices as LibRaw and dcraw tabulate them: XYZ to camera RGB under D65, from Adobe's DNG converter. The user brings the file.

LibRaw is under the LGPL or the CDDL; none of its numbers is part of this project.
"""

from __future__ import annotations

from collections.abc import Mapping
from os import PathLike
from typing import Any

import numpy as np
import torch

from campipe.calibrate.published.contents import Published, chosen, read_json
from campipe.core.errors import CampipeError
from campipe.core.profile_writing import entry
from campipe.ops.colour import D65, cam_to_srgb

TEMPERATURES = (2856.0, 3200.0, 3600.0, 4000.0, 4500.0, 5000.0, 5500.0, 6504.0, 8000.0)


def read_libraw(path: str | PathLike[str], camera: str | None = None) -> tuple[str, np.ndarray]:
    """Name of a camera and its matrix (3, 3), XYZ to camera RGB, of a JSON list of {maker, model, cam_xyz}."""
    rows = read_json(path, "LibRaw's matrices as a JSON list")
    if not isinstance(rows, list) or not all(isinstance(row, Mapping) and "cam_xyz" in row for row in rows):
        raise CampipeError(f"expected a list of maker, model and cam_xyz in {path}")
    cameras = {f"{row['maker']} {row['model']}": row["cam_xyz"] for row in rows}
    short = {str(row["model"]).lower(): f"{row['maker']} {row['model']}" for row in rows}
    name = chosen(short.get((camera or "").lower(), camera), cameras, path)
    if len(cameras[name]) != 9:
        raise CampipeError(f"{name}: a matrix has 9 numbers, but {len(cameras[name])} came; sensors of four colours have no profile")
    return name, np.array(cameras[name], dtype=np.float64).reshape(3, 3)


def daylight_balance(matrix: np.ndarray) -> np.ndarray:
    """(3,) gains of red, green and blue, green = 1, that make D65 grey."""
    white = matrix @ D65.numpy()
    return white[1] / white


def import_libraw(name: str, matrix: np.ndarray) -> Published:
    """White balance by colour temperature and one matrix, of XYZ-to-camera under D65.

    The balance for other lights takes their XYZ through the same matrix, which was fitted for D65 alone.
    """
    from campipe.calibrate.published.illuminants import white_xyz

    _checked(name, matrix)
    whites = np.stack([matrix @ white_xyz(kelvin) for kelvin in TEMPERATURES])
    gains = whites[:, 1:2] / whites
    if not bool((gains > 0).all()):
        raise CampipeError(f"{name}: the matrix sees a white light as less than black; check that it is XYZ to camera, row by row")
    to_srgb = cam_to_srgb(torch.from_numpy(matrix)).numpy()
    note = "the matrix of D65 at the XYZ of other lights: a black body's below 4000 K, daylight's from there"
    balance = _known(None, note, cct=list(TEMPERATURES), red=gains[:, 0].round(4).tolist(), blue=gains[:, 2].round(4).tolist())
    colour = {"white_balance": balance, "cam_to_srgb": _known([to_srgb.round(6).ravel().tolist()], "fitted for D65 alone", cct=[6504])}
    remarks = (
        "The matrix holds for D65; at other lights colours are less true.",
        "The numbers come from a file under the LGPL or CDDL: keep to its terms where you pass the profile on.",
    )
    source = f"LibRaw, src/tables/colordata.cpp, {name}, brought by the user; LGPL-2.1 or CDDL-1.0"
    return Published({"title": name, "sources": {"libraw": source}, "colour": colour}, remarks)


def _checked(name: str, matrix: np.ndarray) -> None:
    """Entries around 1, rows that see white: integers in ten-thousandths and inverse matrices are told by their size and their white."""
    if not np.isfinite(matrix).all() or np.abs(matrix).max() == 0:
        raise CampipeError(f"{name}: the matrix is empty: LibRaw has levels of this camera and no colours")
    largest = np.abs(matrix).max()
    if largest > 20:
        raise CampipeError(f"{name}: entries of the matrix lie around 1, but {largest:g} came; divide by 10000")
    white = matrix @ D65.numpy()
    if white.min() <= 0 or white.max() / white.min() > 8:
        seen = ", ".join(f"{value:.2g}" for value in white)
        raise CampipeError(f"{name}: the matrix sees D65 as {seen}; give the one from XYZ to camera RGB, not its inverse")


def _known(value: Any, note: str, **more: Any) -> dict[str, Any]:
    return entry(value, status="measured", source="libraw", note=note, **more)
