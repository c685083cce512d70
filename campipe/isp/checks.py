"""What the arguments of several stages have in common, checked."""

from __future__ import annotations

from typing import Any

from torch import Tensor

from campipe.core.errors import CampipeError


def above_0(name: str, value: Any) -> Any:
    """Return a number that is above 0."""
    if not isinstance(value, Tensor) and not (isinstance(value, (int, float)) and value > 0):
        raise CampipeError(f"{name} is a number above 0, but {value!r} came")
    return value


def whole_radius(radius: Any) -> int:
    """Return a radius in whole pixels, 1 or more."""
    if isinstance(radius, bool) or not isinstance(radius, int) or radius < 1:
        raise CampipeError(f"the radius of a square is a whole number of pixels, 1 or more, but {radius!r} came")
    return radius
