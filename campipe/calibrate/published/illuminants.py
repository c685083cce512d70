"""White points of lights by colour temperature."""

from __future__ import annotations

import numpy as np


def white_xyz(kelvin: float) -> np.ndarray:
    """(3,) XYZ, Y = 1, of a black body below 4000 K and of CIE daylight from there (CIE 015:2018)."""
    import colour

    if kelvin >= 4000:
        x, y = (float(v) for v in colour.temperature.CCT_to_xy_CIE_D(kelvin))
    else:
        x, y = (float(v) for v in colour.temperature.CCT_to_xy_Kang2002(kelvin))
    return np.array([x / y, 1.0, (1 - x - y) / y])
