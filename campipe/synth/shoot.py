"""A sample from its numbers: a window of a photo, its light, and two shots of it, one of them ideal."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
import torch.nn.functional as nn

from campipe.camera import Camera, dark_frames_of
from campipe.core import pattern as patterns
from campipe.core.errors import CampipeError
from campipe.core.frame import Frame
from campipe.core.pipeline import Pipeline
from campipe.core.random import Key
from campipe.core.stage import Stage
from campipe.sensor.dark_frames import DarkFrames
from campipe.synth.photos import Photos
from campipe.synth.sample import Sample

if TYPE_CHECKING:
    from campipe.synth.plan import Part, Plan

PLACES = ("scene", "photons", "rate", "electrons", "analog", "dn")
"""Spaces of a camera's light path: where a plan may put further stages."""


@lru_cache(maxsize=512)
def load_camera(name: str, serial: int = 0) -> Camera:
    """A camera, kept for the next sample; nobody changes it."""
    return Camera(load_camera(name).profile, serial) if serial else Camera.load(name)


@lru_cache(maxsize=4)
def load_dark_frames(folder: str) -> DarkFrames:
    """The library of a folder, kept for the next sample."""
    return dark_frames_of(folder)


def shoot(plan: Plan, parameters: Mapping[str, Any], photos: Photos) -> Sample:
    """Make a sample.

    plan         what holds for every sample
    parameters   the numbers of this one, as `Plan.draw` gives them
    """
    index = parameters["index"]
    camera = plan.camera_for(parameters)
    photo = photos.read(index)
    try:
        scene = _scene(camera, photo, plan.crop, parameters)
        scene = scene.replace(item=torch.tensor([index]), origin=_origin(camera, scene, plan.pattern, parameters["place"]))
        key = Key(parameters["seed"]).fold("shot").items([index])
        exposure = {name: parameters[name] for name in ("iso", "ev", "seconds")}
        noisy, clean = (camera.capture(scene, **exposure, key=key, noise=noise) for noise in (True, False))
    except CampipeError as problem:
        raise CampipeError(f"sample {index} ({photos.name(index)} with {camera.name}): {problem}") from problem
    return Sample(noisy, clean, dict(parameters))


def light_path(camera: Camera, parts: Iterable[Part], numbers: Mapping[str, Mapping[str, Any]]) -> Camera:
    """The same camera with further stages in its light path.

    numbers   the drawn arguments of each part, by its name
    """
    changed = Camera(camera.profile, camera.serial)
    for part in parts:
        stage = part.make(**numbers[part.name], name=part.name)
        changed.light_path = put(changed.light_path, stage, part.at)
    return changed


def put(path: Pipeline, stage: Stage, at: str) -> Pipeline:
    """Put a stage where the light is about to leave the space `at`, also inside the sensor; behind everything where it never does."""
    space = None
    for own in path.stages:
        space = space or own.reads[0]
        after = own.writes or space
        if space == at != after:
            return path.inserted(stage, before=own.name)
        if isinstance(own, Pipeline) and after != at and at in [inner.writes for inner in own.stages]:
            return path.replaced(put(own, stage, at))
        space = after
    return path.inserted(stage)


def _scene(camera: Camera, photo: Frame, crop: tuple[int, int] | None, parameters: Mapping[str, Any]) -> Frame:
    """The light of the sample's window. It is averaged down as light, so behind the undoing of the photo's encoding."""
    height, width = crop or (photo.height // parameters["downscale"] or 1, photo.width // parameters["downscale"] or 1)
    factor = max(1, min(int(parameters["downscale"]), photo.height // height, photo.width // width))
    window = _window(photo, height * factor, width * factor, parameters["crop"])
    if parameters["flip"]:
        window = window.replace(data=window.data.flip(-1))
    scene = camera.unprocess(window, cct=parameters["cct"], tone=parameters["tone"], brightness=parameters["brightness"])
    return scene.replace(data=nn.avg_pool2d(scene.data, factor)) if factor > 1 else scene


def _window(photo: Frame, height: int, width: int, at: Iterable[float]) -> Frame:
    """Cut a window out of the photo at a place given in fractions of the room for it; a photo that is too small goes on mirrored."""
    data = photo.data
    for axis, size in ((-2, height), (-1, width)):
        if data.shape[axis] < size:
            mirrored = np.pad(np.arange(data.shape[axis]), (0, size - data.shape[axis]), mode="symmetric")
            data = data.index_select(axis, torch.from_numpy(mirrored))
    y, x = (int(f * (room - size + 1)) for f, room, size in zip(at, data.shape[-2:], (height, width), strict=True))
    return Frame(data[..., y : y + height, x : x + width], photo.space)


def _origin(camera: Camera, scene: Frame, pattern: str | None, at: Iterable[float]) -> torch.Tensor:
    """(1, 2) int64: where on the sensor the sample lies, given in fractions of the room; its pattern begins there as asked."""
    own = camera.sensor.pattern
    tile = (1, 1) if own is None else patterns.size(own)
    phase = phase_of(own, pattern)
    room = zip(at, (camera.sensor.height, camera.sensor.width), (scene.height, scene.width), tile, phase, strict=True)
    return torch.tensor([[max(0, int(f * ((full - size - p) // t + 1))) * t + p for f, full, size, t, p in room]])


def phase_of(own: str | None, wanted: str | None) -> tuple[int, int]:
    """Smallest (y, x) at which a sensor's pattern reads as the wanted one; a CampipeError if it never does."""
    if wanted is None or own == wanted:
        return 0, 0
    height, width = patterns.size(own) if own else (1, 1)
    places = [(y, x) for y in range(height) for x in range(width) if patterns.roll(own, y, x) == wanted]
    if not places:
        raise CampipeError(f"a camera with the pattern {own or 'of none (monochrome)'} shows {wanted} nowhere; leave pattern out")
    return places[0]
