"""simulate: one photo, as a raw file that a named camera could have taken of the same scene."""

from __future__ import annotations

from dataclasses import dataclass
from math import isfinite
from pathlib import Path

from campipe.camera import Camera
from campipe.core.errors import CampipeError
from campipe.core.frame import Frame
from campipe.core.random import Key
from campipe.io.files import PICTURES, read, write
from campipe.isp.encode import in_srgb

RAW_SUFFIXES = (".dng",)


@dataclass(frozen=True)
class Simulated:
    """What was done.

    camera        name as its maker writes it
    raw           the noisy frame, in "dn"
    electrons     mean signal of a pixel, e-
    noise         standard deviation from shot to shot of a pixel with the mean signal, e-
    saturated     fraction of pixels at the white level
    files         what was written, with what it holds
    """

    camera: str
    raw: Frame
    electrons: float
    noise: float
    saturated: float
    files: dict[Path, str]


def simulate(
    photo: Path,
    out: Path,
    *,
    camera: str,
    iso: float | None = None,
    ev: float = 0.0,
    seconds: float = 1 / 60,
    seed: int = 0,
    serial: int = 0,
    clean: Path | None = None,
    png: Path | None = None,
) -> Simulated:
    """Photograph what a photo shows.

    photo     PNG, JPEG, WebP or TIFF, not larger than the camera's sensor
    out       .dng
    camera    a name (`campipe list cameras`) or a profile's .toml file
    iso       within the camera's range; None: its lowest
    ev        stops relative to the metered exposure
    seconds   s, how long dark current gathers
    seed      of everything that is drawn
    serial    number of the individual: its fixed pattern
    clean     .dng: the ideal raw of the same shot; a picture: the same, developed
    png       the noisy raw, developed and brightened by as much as `ev` is below 0
    """
    if out.suffix.lower() not in RAW_SUFFIXES:
        raise CampipeError(f"the raw is written as .dng, but --out is {out.name}; a picture of it comes with --png")
    if not (isfinite(ev) and isfinite(seconds) and seconds >= 0):
        raise CampipeError(f"ev is a finite number of stops and seconds are from 0 on, but {ev:g} and {seconds:g} came")
    _check_places(out, clean, png)
    body = Camera.load(camera, serial)
    key = Key(seed)
    scene = body.unprocess(in_srgb(read(photo)), key=key)
    raw = body.capture(scene, iso=iso, ev=ev, seconds=seconds, key=key)
    files = {out: "raw"}
    write(out, raw)
    if clean is not None:
        ideal = body.capture(scene, iso=iso, ev=ev, seconds=seconds, key=key, noise=False)
        as_raw = clean.suffix.lower() in RAW_SUFFIXES
        write(clean, ideal if as_raw else body.develop(ideal, exposure=-ev))
        files[clean] = "ideal raw" if as_raw else "ideal raw, developed"
    if png is not None:
        write(png, body.develop(raw, exposure=-ev))
        files[png] = "raw, developed" + (f" and brightened by {-ev:g} EV" if ev else "")
    return _summary(body, raw, files)


def _check_places(out: Path, clean: Path | None, png: Path | None) -> None:
    """Refuse, before the first file is written, one that could not be."""
    for path, suffixes in ((out, RAW_SUFFIXES), (clean, (*RAW_SUFFIXES, *PICTURES)), (png, PICTURES)):
        if path is not None and path.suffix.lower() not in suffixes:
            raise CampipeError(f"the suffix of {path.name} says what is written: {', '.join(suffixes)}, but {path.suffix!r} came")
        if path is not None and not path.parent.is_dir():
            raise CampipeError(f"{path} cannot be written: the folder {path.parent} does not exist; make it first")


def _summary(body: Camera, raw: Frame, files: dict[Path, str]) -> Simulated:
    known = raw.capture
    assert known.black_level is not None and known.white_level is not None and known.gain is not None and known.noise is not None
    black, white, gain = (float(table.mean()) for table in (known.black_level, known.white_level, known.gain))
    mean = float(raw.data.mean()) - black
    # The DNG noise model of the frame: variance = S x + O, x from black to white.
    slope, floor = (float(known.noise[0, i].mean()) for i in (0, 1))
    noise = max(slope * mean / (white - black) + floor, 0.0) ** 0.5 * (white - black)
    saturated = float((raw.data >= white).float().mean())
    return Simulated(body.profile.title, raw, mean / gain, noise / gain, saturated, files)
