"""A number of a plan: plain, or a prior; drawn by name, so that one number's draw hangs on no other's."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from campipe.core import priors
from campipe.core.random import Key


def resolve(value: Any, key: Key, camera: str | None = None) -> Any:
    """Draw a plain value, in lists and dicts too; what hangs on the camera is looked up first.

    value     number, text, prior, or lists and dicts of these
    key       of this value alone
    camera    name of the chosen camera
    """
    while camera is not None and hasattr(value, "given"):
        value = value.given(camera)
    if isinstance(value, Mapping):
        return {name: resolve(part, key.fold(name), camera) for name, part in value.items()}
    if isinstance(value, (list, tuple)):
        return [resolve(part, key.fold(i), camera) for i, part in enumerate(value)]
    return priors.draw(value, key)
