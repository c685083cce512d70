"""Plan: what a data set of noisy and clean pairs is made of, and the drawing of one sample's numbers.

Drawing and applying are separate. `Plan.draw` gives plain numbers; `campipe.synth.shoot.shoot` makes the sample of them.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from campipe.camera import Camera
from campipe.core.errors import CampipeError, RecipeError
from campipe.core.priors import Uniform
from campipe.core.random import Key, whole
from campipe.core.stage import Stage
from campipe.synth.numbers import resolve
from campipe.synth.photos import Photos
from campipe.synth.sample import Sample
from campipe.synth.shoot import light_path, load_camera, load_dark_frames, shoot


@dataclass(frozen=True)
class Part:
    """A further stage of the light path.

    name      of the stage; its draws hang on it
    at        space of the camera's light path, at the end of which it stands (`campipe.synth.shoot.PLACES`)
    make      the stage's class
    numbers   arguments of the class: numbers or priors
    """

    name: str
    at: str
    make: Callable[..., Stage]
    numbers: Mapping[str, Any]


@dataclass(frozen=True)
class Plan:
    """How pairs are made. Every number may be a prior.

    camera       name of a camera
    serial       number of the individual
    crop         (height, width) of a sample, px; None: the whole photo
    downscale    whole factor by which the scene's light is averaged down, at most; less where the photo has no room for it
    flip         True: every other sample is mirrored left to right
    pattern      colour filters at the sample's pixel (0, 0); None: as at the sensor's
    iso          None: that of the dark frames, or the lowest
    ev           stops relative to the metered exposure
    ratio        instead of ev: how many times less light than metered
    seconds      s
    cct          K, tone, brightness: how the photo is undone; None: the camera's own prior
    dark_frames  folder of measured dark frames that stand for the dark noise (`Camera.with_dark_frames`), at their ISO only; None: the
                 profile's noise
    parts        further stages
    """

    camera: Any
    serial: Any = 0
    crop: tuple[int, int] | None = None
    downscale: Any = 1
    flip: bool = False
    pattern: str | None = None
    iso: Any = None
    ev: Any = 0.0
    ratio: Any = None
    seconds: Any = 1 / 60
    cct: Any = None
    tone: Any = None
    brightness: Any = None
    dark_frames: str | None = None
    parts: tuple[Part, ...] = field(default=())

    def draw(self, index: int, seed: int = 0) -> dict[str, Any]:
        """The numbers of sample `index`: plain ones, as JSON holds them.

        index   number of the sample, and of the photo, modulo how many there are
        seed    0 to 2**64 - 1
        """
        number = whole(index)
        if number is None or number < 0:
            raise CampipeError(f"a sample has a whole number from 0 on, but {index!r} came")
        root = Key(seed)
        key = root.fold("numbers").fold(number)
        name = resolve(self.camera, key.fold("camera"))
        drawn = {"index": number, "seed": root.seed, "camera": name, "serial": resolve(self.serial, key.fold("serial"), name)}
        drawn["crop"] = [key.fold("crop").uniform(i) for i in (0, 1)]
        drawn["place"] = [key.fold("place").uniform(i) for i in (0, 1)]
        drawn["downscale"] = resolve(self.downscale, key.fold("downscale"), name)
        drawn["flip"] = self.flip and key.fold("flip").uniform() < 0.5
        drawn.update(self._draw_exposure(name, key))
        for what in ("cct", "tone", "brightness"):
            drawn[what] = resolve(self._unprocess(what, name), key.fold(what), name)
        drawn["stages"] = {part.name: resolve(part.numbers, key.fold("stages").fold(part.name), name) for part in self.parts}
        return drawn

    def apply(self, parameters: Mapping[str, Any], images: Any) -> Sample:
        """The sample that the numbers stand for: the same numbers and photos give the same sample, bit for bit."""
        missing = [name for name in ("index", "seed", "camera", "iso", "ev", "seconds") if name not in parameters]
        if missing:
            raise RecipeError(f"the numbers of a sample are those that draw gives, but {missing[0]!r} is missing")
        return shoot(self, parameters, Photos.under(images))

    def camera_for(self, parameters: Mapping[str, Any]) -> Camera:
        """The individual camera of a sample, with this plan's stages in its light path."""
        camera = load_camera(parameters["camera"], int(parameters["serial"]))
        camera = light_path(camera, self.parts, parameters["stages"]) if self.parts else camera
        return camera if self.dark_frames is None else camera.with_dark_frames(load_dark_frames(self.dark_frames))

    def _unprocess(self, what: str, camera: str) -> Any:
        """Prior of a number with which the photo is undone."""
        own = getattr(self, what)
        return Uniform(*getattr(load_camera(camera).profile.priors, what)) if own is None else own

    def _draw_exposure(self, camera: str, key: Key) -> dict[str, float]:
        if self.iso is not None:
            iso = resolve(self.iso, key.fold("iso"), camera)
        else:
            own = None if self.dark_frames is None else load_dark_frames(self.dark_frames).iso
            iso = own or load_camera(camera).profile.iso_range[0]
        drawn = {"iso": float(iso), "seconds": float(resolve(self.seconds, key.fold("seconds"), camera))}
        if self.ratio is None:
            return {**drawn, "ev": float(resolve(self.ev, key.fold("ev"), camera))}
        ratio = float(resolve(self.ratio, key.fold("ratio"), camera))
        return {**drawn, "ratio": ratio, "ev": -math.log2(ratio)}
