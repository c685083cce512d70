"""White balance and colour matrix of a camera from its spectral sensitivities.

Pure functions of arrays that share their wavelengths (N,), nm. The colour tables of the shipped profiles are made by `table`.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from os import PathLike
from pathlib import Path

import numpy as np
import torch

from campipe.core.errors import CampipeError
from campipe.ops.colour import D65, SRGB_TO_XYZ, adaptation

# Daylight has no spectrum below 4000 K (CIE 015:2018, 4.1.2): light below is a black body's.
_DAYLIGHT_FROM = 4000.0

# The temperatures of the shipped tables, K; the last but two is that of D65.
TEMPERATURES = (2500.0, 2856.0, 3200.0, 3600.0, 4000.0, 4500.0, 5000.0, 5500.0, 6504.0, 7250.0, 8000.0)


def read_spectra(path: str | PathLike[str]) -> tuple[np.ndarray, np.ndarray]:
    """Wavelengths (N,), nm, and spectra (N, M) of a JSON file in the format of rawtoaces-data."""
    try:
        rows = json.loads(Path(path).read_text(encoding="utf-8"))["spectral_data"]["data"]["main"]
        wavelengths = np.array(sorted(map(float, rows)))
        return wavelengths, np.array([rows[f"{wavelength:g}"] for wavelength in wavelengths], dtype=np.float64)
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise CampipeError(f"expected spectra by wavelength in spectral_data.data.main of a JSON file, but {path} gave {error!r}") from None


def illuminant(cct: float, wavelengths: np.ndarray) -> np.ndarray:
    """(N,) relative spectrum of light of a colour temperature, K: CIE daylight from 4000 K up, a black body below."""
    import colour

    if cct >= _DAYLIGHT_FROM:
        spectrum = colour.sd_CIE_illuminant_D_series(colour.temperature.CCT_to_xy_CIE_D(cct))
        return np.interp(wavelengths, spectrum.wavelengths, spectrum.values)
    return np.asarray(colour.colorimetry.planck_law(wavelengths * 1e-9, cct))


def white_balance(sensitivities: np.ndarray, light: np.ndarray) -> np.ndarray:
    """(3,) gains, green = 1, that make a camera of sensitivities (N, 3) see a white surface under light (N,) as grey."""
    white = light @ sensitivities
    return white[1] / white


def colour_matrix(sensitivities: np.ndarray, light: np.ndarray, reflectances: np.ndarray, observer: np.ndarray) -> np.ndarray:
    """(3, 3): white-balanced camera RGB to linear sRGB, rows sum to 1, least squares over surfaces under a light.

    sensitivities   (N, 3) of the camera
    light           (N,) spectrum
    reflectances    (N, M) of the surfaces
    observer        (N, 3) colour-matching functions

    What the surfaces should be is their XYZ under this light, adapted to D65 after Bradford. With r = R - G and b = B - G of the camera,
    s - G = alpha r + beta b has no constant, so that white stays white (Finlayson and Drew, Color Research and Application 22, 1997).
    """
    camera = (light[:, None] * reflectances).T @ sensitivities * (white_balance(sensitivities, light) / (light @ sensitivities)[1])
    scale = light @ observer[:, 1]
    xyz = (light[:, None] * reflectances).T @ observer / scale
    to_d65 = adaptation(torch.from_numpy(light @ observer / scale), D65)
    srgb = xyz @ torch.linalg.solve(SRGB_TO_XYZ, to_d65).numpy().T
    red_blue = camera[:, [0, 2]] - camera[:, 1:2]
    weights = np.linalg.lstsq(red_blue, srgb - camera[:, 1:2], rcond=None)[0].T
    return np.stack([weights[:, 0], 1 - weights.sum(1), weights[:, 1]], axis=1)


def table(
    sensitivities: np.ndarray,
    wavelengths: np.ndarray,
    reflectances: np.ndarray,
    observer: np.ndarray,
    temperatures: Sequence[float] = TEMPERATURES,
) -> tuple[np.ndarray, np.ndarray]:
    """White-balance gains (T, 3) and colour matrices (T, 3, 3) of a camera against colour temperature, K."""
    lights = [illuminant(cct, wavelengths) for cct in temperatures]
    gains = np.stack([white_balance(sensitivities, light) for light in lights])
    matrices = np.stack([colour_matrix(sensitivities, light, reflectances, observer) for light in lights])
    return gains, matrices
