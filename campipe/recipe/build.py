"""From a recipe as it was written to a plan, with everything checked that hangs on the cameras and parts it names."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from math import inf
from typing import Any

from campipe.core.errors import CampipeError, RecipeError
from campipe.core.profile import Profile, load_profile
from campipe.recipe import numbers, parts
from campipe.recipe.schema import Document, name, whole
from campipe.recipe.schema import Part as Written
from campipe.recipe.text import Marked
from campipe.synth.plan import Part, Plan
from campipe.synth.shoot import PLACES, light_path, load_camera, phase_of


def build(document: Document, marked: Marked) -> Plan:
    """Return the plan that a recipe stands for; a RecipeError names file, line and key of what cannot be."""
    photo, scene, exposure = document.photo, document.scene, document.exposure
    if exposure.ratio is not None and "ev" in exposure.model_fields_set:
        raise marked.error(("exposure", "ratio"), "ratio stands instead of ev; leave one of them out")
    size = photo.crop
    plan = Plan(
        camera=numbers.prior(document.camera, name),
        serial=numbers.prior(document.serial, whole),
        crop=None if size is None else (size[0], size[1]) if isinstance(size, list) else (size, size),
        downscale=numbers.prior(photo.downscale, whole),
        flip=photo.flip,
        pattern=document.pattern,
        dark_frames=document.dark_frames,
        parts=tuple(_part(written, marked, ("stages", i)) for i, written in enumerate(document.stages)),
        **{what: None if (v := getattr(scene, what)) is None else numbers.prior(v) for what in ("cct", "tone", "brightness")},
        **{what: None if (v := getattr(exposure, what)) is None else numbers.prior(v) for what in ("iso", "ev", "ratio", "seconds")},
    )
    if hasattr(plan.camera, "given"):
        raise marked.error(("camera",), "a camera cannot hang on the camera; use choice")
    _check_cameras(plan, marked)
    _check_parts(plan, marked)
    return plan


@contextmanager
def _located(marked: Marked, *path: str | int) -> Iterator[None]:
    """Put file, line and key in front of what goes wrong inside."""
    try:
        yield
    except RecipeError as problem:
        raise problem if problem.message.startswith(f"{marked.source}:") else marked.error(path, problem.message) from None
    except CampipeError as problem:
        raise marked.error(path, str(problem)) from None


def _part(written: Written, marked: Marked, path: tuple[str | int, ...]) -> Part:
    """A stage that the recipe names, its class found in the one list."""
    with _located(marked, *path, "kind"):
        cls = parts.resolve(written.kind)
    given = dict(written.model_extra or {})
    complaint = parts.check_arguments(cls, given)
    if complaint is not None:
        raise marked.error((*path, complaint[0]), f"{complaint[1]} ({written.kind})")
    drawn = {}
    for argument, value in given.items():
        with _located(marked, *path, argument):
            drawn[argument] = numbers.prior(value, _as_written)
    possible = [place for place in PLACES if place in cls.reads]
    at = written.at or (possible[0] if len(possible) == 1 else None)
    if at is None or at not in (possible or PLACES):
        said = f"but {at} came" if at else "and `at` must say which"
        raise marked.error((*path, "at"), f"{written.kind} stands at {' or '.join(possible or PLACES)}, {said}")
    return Part(written.name or written.kind, at, cls, drawn)


def _as_written(value: Any) -> Any:
    return value


def _check_cameras(plan: Plan, marked: Marked) -> None:
    """Refuse cameras that there are not, and what a camera cannot do."""
    named = numbers.texts(plan.camera)
    with _located(marked, "camera"):
        profiles = {camera: load_profile(camera) for camera in named}
    for path, value in _priors(plan):
        if not hasattr(value, "given"):
            continue
        for camera in value.table:
            if camera not in profiles:
                raise marked.error((*path, "camera", camera), f"this recipe has no camera {camera!r}; there are {', '.join(named)}")
        for camera in named:
            with _located(marked, *path):
                value.given(camera)
    for camera, profile in profiles.items():
        _check_camera(plan, marked, camera, profile)


def _check_camera(plan: Plan, marked: Marked, camera: str, profile: Profile) -> None:
    with _located(marked, "pattern"):
        phase_of(profile.pattern, plan.pattern)
    if plan.crop and (plan.crop[0] + 6 > profile.height or plan.crop[1] + 6 > profile.width):  # room for the pattern's phase
        raise marked.error(("photo", "crop"), f"{plan.crop} does not fit the sensor of {camera}, {profile.height} x {profile.width}")
    if plan.iso is not None:
        with _located(marked, "exposure", "iso"):
            numbers.within(plan.iso, *profile.iso_range, camera=camera)
    if plan.cct is not None:
        with _located(marked, "scene", "cct"):
            for end in numbers.bounds(plan.cct, camera):
                profile.colour_at(min(end, 1e6))


def _priors(plan: Plan) -> Iterator[tuple[tuple[str | int, ...], Any]]:
    """Every value of the plan that may hang on the camera, with its path in the recipe."""
    for what in ("iso", "ev", "ratio", "seconds"):
        yield ("exposure", what), getattr(plan, what)
    for what in ("cct", "tone", "brightness"):
        yield ("scene", what), getattr(plan, what)
    yield ("photo", "downscale"), plan.downscale
    yield ("serial",), plan.serial
    for i, part in enumerate(plan.parts):
        for argument, value in part.numbers.items():
            yield ("stages", i, argument), value


def _check_parts(plan: Plan, marked: Marked) -> None:
    """Build every part at the ends of its priors, and put it in its place in every camera."""
    for camera in numbers.texts(plan.camera) if plan.parts else ():
        ends: dict[str, dict[str, Any]] = {}
        for i, part in enumerate(plan.parts):
            for end in (min, max):
                ends[part.name] = {argument: _end(value, camera, end) for argument, value in part.numbers.items()}
                with _located(marked, "stages", i):
                    try:
                        light_path(load_camera(camera), plan.parts[: i + 1], ends)
                    except (TypeError, RuntimeError) as problem:
                        raise RecipeError(f"{part.name} cannot be built: {problem}") from None


def _end(value: Any, camera: str, end: Callable[[tuple[float, float]], float]) -> Any:
    """A value that a prior can give, as far out as there is one."""
    while hasattr(value, "given"):
        value = value.given(camera)
    if not hasattr(value, "draw"):
        return value
    if hasattr(value, "of"):
        return value.of[0 if end is min else -1]
    found = end(numbers.bounds(value, camera))
    return found if abs(found) < inf else value.mean
