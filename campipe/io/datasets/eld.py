"""ELD: scenes in low light by four cameras, at three ISOs and five light factors."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from pathlib import Path

from campipe.core.errors import RawFileError
from campipe.core.frame import Frame
from campipe.io.datasets.pairs import Pair, PairSet, existing_folder, found_any
from campipe.io.raw import read_raw

_REFERENCES = (1, 6, 11, 16)
_SHOTS = (4, 9, 14, 5, 10, 15)


class Eld(PairSet):
    """Pairs of ELD.

    folder    with a folder per camera (SonyA7S2, NikonD850, CanonEOS70D, CanonEOS700D), in each scene-1, scene-2, ...
    cameras   names of their folders; None: all that are there
    scenes    their numbers; None: all that are there
    shots     numbers of the noisy frames: 4, 9 and 14 got a hundredth of the light, 5, 10 and 15 a two-hundredth

    The clean frame is the nearest one of IMG_0001, 0006, 0011 and 0016. The ratio is that of ISO times exposure time, as the files say
    them. Frames are in "dn". Source: Wei, Fu, Yang, Huang, "A physics-based noise formation model for extreme low-light raw denoising",
    CVPR 2020.
    """

    def __init__(
        self,
        folder: str | os.PathLike[str],
        cameras: Sequence[str] | None = None,
        scenes: Sequence[int] | None = None,
        shots: Sequence[int] = _SHOTS,
    ) -> None:
        root = existing_folder(folder, "the folder of ELD, with a folder per camera,")
        here = sorted(p.name for p in root.iterdir() if p.is_dir() and any(p.glob("scene-*")))
        self._pairs: list[tuple[Path, Path]] = []
        for camera in found_any(here, root, "folders of cameras with scene-1, scene-2, ...") if cameras is None else cameras:
            place = existing_folder(root / camera, f"the camera {camera} of ELD")
            numbers = sorted(int(m[1]) for p in place.iterdir() if (m := re.fullmatch(r"scene-(\d+)", p.name)))
            for scene in numbers if scenes is None else scenes:
                self._pairs += _of_scene(existing_folder(place / f"scene-{scene}", f"scene {scene} of ELD"), shots)
        names = ["/".join([*noisy.parts[-3:-1], noisy.stem]) for noisy, _ in self._pairs]
        self.names = found_any(names, root, "scenes")

    def __getitem__(self, number: int) -> Pair:
        number = self.place(number)
        noisy, clean = (read_raw(path) for path in self._pairs[number])
        light = [_light(frame, path) for frame, path in zip((noisy, clean), self._pairs[number], strict=True)]
        return Pair(self.names[number], noisy, clean, light[1] / light[0])


def _of_scene(scene: Path, shots: Sequence[int]) -> list[tuple[Path, Path]]:
    return [(_image(scene, shot), _image(scene, min(_REFERENCES, key=lambda n: abs(shot - n)))) for shot in shots]


def _image(scene: Path, number: int) -> Path:
    stem = f"IMG_{number:04d}"
    found = sorted(path for path in scene.iterdir() if path.stem == stem)
    if not found:
        raise RawFileError(f"{scene} has no {stem}; unpack the set again, or leave the shot out")
    return found[0]


def _light(frame: Frame, path: Path) -> float:
    iso, seconds = frame.capture.iso, frame.capture.seconds
    if iso is None or seconds is None:
        raise RawFileError(f"{path} does not say its ISO and exposure time, which tell how much light it got; unpack the set again")
    return float(iso) * float(seconds)
