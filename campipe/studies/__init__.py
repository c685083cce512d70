"""Studies: what has been claimed of the systems of the field, shown again on our data with our simulator; one file a system."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module

from campipe.core.errors import CampipeError
from campipe.studies.result import Result
from campipe.studies.setting import Setting

# The one list of studies: name, and where its function is. They are imported when asked for.
_STUDIES: dict[str, str] = {
    "dae": "campipe.studies.dae:study",
    "ssda": "campipe.studies.ssda:study",
    "mlp": "campipe.studies.mlp:study",
    "denoise": "campipe.studies.denoise:study",
    "demosaick": "campipe.studies.demosaick:study",
    "noise2noise": "campipe.studies.noise2noise:study",
    "blind_spot": "campipe.studies.blind_spot:study",
    "rtf": "campipe.studies.rtf:study",
    "jdd": "campipe.studies.jdd:study",
    "raw_denoise": "campipe.studies.raw_denoise:study",
    "mining": "campipe.studies.mining:study",
    "zhao_losses": "campipe.studies.zhao_losses:study",
    "deblur": "campipe.studies.deblur:study",
    "lens_and_deblur": "campipe.studies.lens_and_deblur:study",
    "recognition": "campipe.studies.recognition:study",
    "learned_cfa": "campipe.studies.learned_cfa:study",
    "exposure_for_task": "campipe.studies.exposure_for_task:study",
    "features": "campipe.studies.features:study",
    "super_resolution": "campipe.studies.super_resolution:study",
    "jdd_gan": "campipe.studies.jdd_gan:study",
}


def names() -> list[str]:
    """The names of the studies, in the order of the scoreboard."""
    return list(_STUDIES)


def find(name: str) -> Callable[[Setting], Result]:
    """The function of a study; a CampipeError lists the names there are."""
    if name not in _STUDIES:
        raise CampipeError(f"there is no study {name!r}; there are: {', '.join(_STUDIES)}")
    module, function = _STUDIES[name].split(":")
    found: Callable[[Setting], Result] = getattr(import_module(module), function)
    return found
