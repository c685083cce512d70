"""demo: real photos, photographed again by three cameras; raws, pairs, pictures, and one page that shows them."""

from __future__ import annotations

import importlib.util
import shlex
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from campipe.camera import Camera
from campipe.core.errors import CampipeError
from campipe.core.frame import Frame
from campipe.core.random import Key
from campipe.io.atomic import write_bytes
from campipe.io.files import read, write
from campipe.isp.encode import in_srgb
from campipe.report.demo_page import Shot, demo_page
from campipe.report.noise import noise_statistics
from campipe.synth.photos import Photos

Progress = Callable[[int, int, str], None]

TRIO = ("sony-a7s2", "nikon-d850", "rpi-imx477")
# The light is given, not drawn, so that three cameras see the same: warm daylight, half a tone curve, a third of a stop.
LIGHT = {"cct": 4500.0, "tone": 0.5, "brightness": 1.25}
LARGEST = 2.0e6  # pixels; a larger photo's light is averaged down, so that the page stays light

# Photos in scikit-image's wheel, in the order of their parts in the page, and what is worth a close look in each: (y, x).
PHOTOS = {
    "chelsea.png": (0.38, 0.44),
    "coffee.png": (0.62, 0.42),
    "rocket.jpg": (0.62, 0.52),
    "astronaut.png": (0.22, 0.43),
    "hubble_deep_field.jpg": (0.47, 0.55),
}


@dataclass(frozen=True)
class Setting:
    """What one photograph is taken of and with: number of the photo, camera, ISO, EV, seconds."""

    photo: int
    camera: str
    iso: float
    ev: float
    seconds: float


SETTINGS: dict[str, tuple[Setting, ...]] = {
    "trio": tuple(Setting(0, camera, 1600, -2, 1 / 60) for camera in TRIO),
    "ladder": tuple(Setting(1, "sony-a7s2", iso, -1, 1 / 60) for iso in (400, 1600, 6400, 25600)),
    "others": (
        Setting(3, "nikon-d850", 12800, -2, 1 / 125),
        Setting(2, "nikon-d850", 6400, -3, 1 / 30),
        Setting(3, "rpi-imx477", 100, 0, 1 / 250),
        Setting(4, "rpi-imx477", 800, -1, 15.0),
    ),
}


def demo(out: Path, *, images: Path | None = None, seed: int = 0, progress: Progress | None = None) -> Path:
    """Take the demo's photographs and write its page. Returns the path of the page.

    out        folder, made if it is missing; files of an earlier demo are replaced
    images     folder of photos; None: those that scikit-image brings
    seed       of the noise
    progress   called with (done, all, words)
    """
    photos = _photos(images)
    _folder(out)
    total, done = sum(map(len, SETTINGS.values())) + 1, 0
    shots: dict[str, list[Shot]] = {part: [] for part in SETTINGS}
    for part, setting in ((part, setting) for part, settings in SETTINGS.items() for setting in settings):
        path, centre = photos[setting.photo % len(photos)]
        if progress is not None:
            progress(done, total, f"{setting.camera}, ISO {setting.iso:g}: {path.stem}")
        shots[part].append(_take(setting, path, centre, out, Key(seed)))
        done += 1
    if progress is not None:
        progress(done, total, "the page")
    words = ["campipe", "demo", "--out", str(out), *(["--images", str(images)] if images else []), *(["--seed", str(seed)] if seed else [])]
    report = out / "report.html"
    write_bytes(report, demo_page(shots["trio"], shots["ladder"], shots["others"], shlex.join(words)).encode())
    return report


def _take(setting: Setting, path: Path, centre: tuple[float, float], out: Path, key: Key) -> Shot:
    """Take one photograph, write its files, and measure its noise."""
    folder = Path("shots", f"{path.stem}-{setting.camera}-iso{setting.iso:g}")
    key = key.fold(folder.name)
    camera = Camera.load(setting.camera)
    scene = _smaller(camera.unprocess(in_srgb(read(path)), cct=LIGHT["cct"], tone=LIGHT["tone"], brightness=LIGHT["brightness"]))
    iso, ev, seconds = setting.iso, setting.ev, setting.seconds
    noisy = camera.capture(scene, iso=iso, ev=ev, seconds=seconds, key=key)
    clean = camera.capture(scene, iso=iso, ev=ev, seconds=seconds, key=key, noise=False)
    pictures = {"noisy": camera.develop(noisy, exposure=-setting.ev), "clean": camera.develop(clean, exposure=-setting.ev)}
    _folder(out / folder)
    for name, raw in (("noisy", noisy), ("clean", clean)):
        write(out / folder / f"{name}.dng", raw)
        write(out / folder / f"{name}.png", pictures[name])
    placed = scene.replace(origin=noisy.capture.origin)
    statistics = noise_statistics(camera, placed, iso=iso, ev=ev, seconds=seconds, key=key)
    return Shot(
        photo=path.stem,
        camera=camera,
        iso=iso,
        ev=ev,
        seconds=seconds,
        noisy=pictures["noisy"],
        clean=pictures["clean"],
        signal=_signal(clean),
        centre=centre,
        statistics=statistics,
        folder=folder,
    )


def _signal(raw: Frame) -> float:
    """Mean signal of a frame, e-."""
    black, gain = raw.capture.black_level, raw.capture.gain
    assert isinstance(black, Tensor) and isinstance(gain, Tensor)
    return float((raw.data.mean() - black.mean()) / gain.mean())


def _smaller(scene: Frame) -> Frame:
    """The scene with its light averaged over whole blocks of pixels, until it is no larger than the page can carry."""
    factor = 1
    while scene.height * scene.width / factor**2 > LARGEST:
        factor += 1
    return scene if factor == 1 else scene.replace(torch.nn.functional.avg_pool2d(scene.data, factor))


def _photos(images: Path | None) -> list[tuple[Path, tuple[float, float]]]:
    """The photos, each with the place to look at closely."""
    if images is not None:
        found = Photos.under(images)
        return [(found.root / name, (0.5, 0.5)) for name in found.names[: len(PHOTOS)]]
    return list(_shipped())


def _shipped() -> Iterator[tuple[Path, tuple[float, float]]]:
    found = importlib.util.find_spec("skimage")
    if found is None or found.origin is None:
        raise CampipeError('the demo needs photos: pip install "campipe[demo]" brings some, or name a folder of yours with --images')
    for name, centre in PHOTOS.items():
        path = Path(found.origin).parent / "data" / name
        if path.is_file():
            yield path, centre


def _folder(path: Path) -> None:
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as problem:
        raise CampipeError(f"the folder {path} cannot be made ({problem.strerror}); choose another --out") from None
