"""campipe: a differentiable camera in PyTorch, from photons to pixels.

    import campipe as cp
    camera = cp.Camera.load("sony-a7s2")
    scene = camera.unprocess(cp.read("photo.png"), key=cp.Key(7))
    raw = camera.capture(scene, iso=1600, ev=-2.0, key=cp.Key(7))

The public names are loaded when they are first used.
"""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from campipe.camera import Camera, cameras
    from campipe.core.errors import CampipeError, LawError, ProfileError, RawFileError, RecipeError, ShapeError, SpaceError
    from campipe.core.frame import Capture, Frame
    from campipe.core.law import Law
    from campipe.core.pipeline import Pipeline
    from campipe.core.random import Key
    from campipe.core.stage import Stage
    from campipe.developing import develop
    from campipe.io.files import read, write
    from campipe.recipe import Recipe, load, load_pipeline, register
    from campipe.synth import collate

__version__ = "0.1.0"

_HOME = {
    "Camera": "campipe.camera",
    "cameras": "campipe.camera",
    "CampipeError": "campipe.core.errors",
    "LawError": "campipe.core.errors",
    "ProfileError": "campipe.core.errors",
    "RawFileError": "campipe.core.errors",
    "RecipeError": "campipe.core.errors",
    "ShapeError": "campipe.core.errors",
    "SpaceError": "campipe.core.errors",
    "Capture": "campipe.core.frame",
    "Frame": "campipe.core.frame",
    "Law": "campipe.core.law",
    "Pipeline": "campipe.core.pipeline",
    "Key": "campipe.core.random",
    "Stage": "campipe.core.stage",
    "develop": "campipe.developing",
    "read": "campipe.io.files",
    "write": "campipe.io.files",
    "Recipe": "campipe.recipe",
    "load": "campipe.recipe",
    "load_pipeline": "campipe.recipe",
    "register": "campipe.recipe",
    "collate": "campipe.synth",
}
_ROOMS = ("blocks", "isp", "measure", "optics", "report", "scenes", "sensor", "testing")

__all__ = [
    "Camera",
    "CampipeError",
    "Capture",
    "Frame",
    "Key",
    "Law",
    "LawError",
    "Pipeline",
    "ProfileError",
    "RawFileError",
    "Recipe",
    "RecipeError",
    "ShapeError",
    "SpaceError",
    "Stage",
    "__version__",
    "blocks",
    "cameras",
    "collate",
    "develop",
    "isp",
    "load",
    "load_pipeline",
    "measure",
    "optics",
    "read",
    "register",
    "report",
    "scenes",
    "sensor",
    "testing",
    "write",
]


def __getattr__(name: str) -> Any:
    if name in _ROOMS:
        return importlib.import_module(f"campipe.{name}")
    if name in _HOME:
        value = getattr(importlib.import_module(_HOME[name]), name)
        globals()[name] = value
        return value
    raise AttributeError(f"module 'campipe' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
