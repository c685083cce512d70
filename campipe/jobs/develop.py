"""develop: raw files that LibRaw opens, to pictures, from what the files themselves say; beside each picture what was done, as YAML."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from math import isfinite
from pathlib import Path
from typing import Any

import yaml
from torch import Tensor

from campipe.blocks import make
from campipe.blocks.base import Block
from campipe.core.errors import CampipeError, RawFileError
from campipe.core.frame import Frame
from campipe.core.pipeline import Pipeline
from campipe.core.resources import find
from campipe.core.stage import Stage
from campipe.developing import develop_integers, developing_pipeline, fitting_demosaicker
from campipe.io.atomic import write_bytes
from campipe.io.files import PICTURES, RAWS, read, write
from campipe.io.photos import check_picture, write_pixels
from campipe.io.raw import file_assumptions
from campipe.isp.assumptions import assumptions
from campipe.jobs.develop_denoised import denoised, noise_source, with_denoiser
from campipe.recipe.pipelines import load_pipeline, to_yaml
from campipe.recipe.text import dump

Progress = Callable[[int, int, str], None]
SUFFIX = ".yaml"


@dataclass(frozen=True)
class Settings:
    """What is asked for.

    demosaick   name of a demosaicker; "auto": one that fits the file's colour filters
    exposure    stops by which linear light is made brighter
    bits        8 or 16 per channel
    isp         a preset's name, or the .yaml file of a pipeline from "dn" to "display"; None: the plain chain
    denoise     name of a denoiser of the mosaic; None: the noise stays, but for what a preset takes away
    """

    demosaick: str = "auto"
    exposure: float = 0.0
    bits: int = 8
    isp: str | None = None
    denoise: str | None = None


@dataclass(frozen=True)
class Developed:
    """What became of one file.

    raw           the file
    picture       the picture
    size          (height, width), pixels
    assumptions   what the file did not say, and what was taken instead
    was_there     True: the picture of an earlier run, made in the same way from the same bytes
    problem       why there is no picture; None: there is one
    denoised      by what, and where the noise level came from; empty: not asked for
    """

    raw: Path
    picture: Path
    size: tuple[int, int] = (0, 0)
    assumptions: tuple[str, ...] = ()
    was_there: bool = False
    problem: str | None = None
    denoised: str = ""


def develop(raw: Path, out: Path, settings: Settings = Settings(), *, progress: Progress | None = None) -> list[Developed]:
    """Develop one file to one picture, or every raw file in a folder, and in the folders in it, to pictures in another folder.

    raw        raw file, or a folder
    out        .png, .tif or .jpg; for a folder, a folder, in which pictures are .png files of the same relative names
    progress   called with (done, all, words)

    A file of a folder that cannot be developed is told in its `problem`, and the others go on. Beside each picture lies `NAME.yaml`: the
    file it came from, what was known of the shot, what was assumed, and the whole pipeline with its numbers. Run again, files whose picture
    and side-car are there, made in the same way from the same bytes, are left as they are.
    """
    if not isfinite(settings.exposure):
        raise CampipeError(f"exposure is a finite number of stops, but {settings.exposure} came")
    if not raw.is_dir():
        return [_one(raw, out, settings)]
    files = sorted(path for path in raw.rglob("*") if path.suffix.lower() in RAWS and path.is_file() and not path.name.startswith("."))
    if not files:
        raise RawFileError(f"{raw} holds no raw file; raw files end in {' '.join(RAWS)}")
    if out.suffix.lower() in PICTURES:
        raise RawFileError(f"{len(files)} pictures go into a folder, but --out is the picture {out.name}; name a folder")
    done: list[Developed] = []
    for path in files:
        relative = path.relative_to(raw)
        picture = out / relative.with_name(f"{relative.name}.png" if _is_twin(path, files) else f"{relative.stem}.png")
        try:
            picture.parent.mkdir(parents=True, exist_ok=True)
            done.append(_one(path, picture, settings))
        except OSError as problem:
            raise RawFileError(f"the folder {picture.parent} cannot be made: {problem.strerror}; choose another place") from None
        except RawFileError as problem:
            done.append(Developed(path, picture, problem=str(problem)))
        if progress is not None:
            progress(len(done), len(files), path.name)
    return done


def _is_twin(path: Path, files: list[Path]) -> bool:
    """True where another file of the folder has the same name with another suffix."""
    return any(other.with_suffix("") == path.with_suffix("") and other != path for other in files)


def _one(raw: Path, out: Path, settings: Settings) -> Developed:
    """Develop one file, unless that was done before."""
    check_picture(out, settings.bits)
    if raw.suffix.lower() in PICTURES and raw.exists():
        raise RawFileError(f"{raw} is a picture, not a raw file; give a raw file, such as .dng or .nef")
    beside = out.with_name(out.name + SUFFIX)
    source = {"file": raw.name, "sha256": _checksum(raw)}
    asked = _asked(settings)
    before = _read(beside)
    if out.is_file() and before.get("source") == source and before.get("asked") == asked:
        known = tuple(before["size"]), tuple(before["assumptions"])
        return Developed(raw, out, *known, was_there=True, denoised=str(before.get("denoised", "")))
    frame = read(raw)
    if frame.space != "dn":
        raise RawFileError(f"{raw} holds no raw data but a frame in {frame.space!r}; give a raw file, such as .dng or .nef")
    pipeline = pipeline_for(frame, settings)
    assumed = [*(file_assumptions(raw) if raw.suffix.lower() in RAWS else ()), *assumptions(frame.capture)]
    size = (frame.height, frame.width)
    if settings.isp is None:
        # The whole numbers at once: a picture of floating-point numbers would take several times the memory.
        block = pipeline["demosaick"]
        assert isinstance(block, Block)
        pixels = develop_integers(denoised(frame, pipeline), bits=settings.bits, exposure=settings.exposure, demosaick=block)
        write_pixels(out, pixels[0].numpy())
    else:
        write(out, pipeline(frame), bits=settings.bits)
    words = "" if settings.denoise is None else noise_source(settings.denoise, frame)
    note = {
        "source": source,
        "asked": asked,
        "size": list(size),
        "shot": _shot(frame),
        "assumptions": list(assumed),
        **({"denoised": words} if words else {}),
        "isp": yaml.safe_load(to_yaml(pipeline)),
    }
    write_bytes(beside, dump(note).encode("utf-8"))
    return Developed(raw, out, size, tuple(assumed), denoised=words)


def pipeline_for(frame: Frame, settings: Settings) -> Pipeline:
    """The pipeline that develops this frame, its exposure set."""
    if settings.isp is None:
        pipeline = developing_pipeline(fitting_demosaicker(frame) if settings.demosaick == "auto" else settings.demosaick)
    else:
        pipeline = load_pipeline(settings.isp)
        block = next((stage for stage in pipeline.stages if getattr(stage, "slot", "") == "demosaick"), None)
        if block is not None and (settings.demosaick != "auto" or len(frame.capture.pattern or "") == 36):
            # The preset's own demosaicker, unless another one is asked for or the colour filters need one.
            chosen = fitting_demosaicker(frame) if settings.demosaick == "auto" else settings.demosaick
            pipeline = pipeline.replaced(make("demosaick", chosen, name=block.name))
    if settings.denoise is not None:
        pipeline = with_denoiser(pipeline, settings.denoise)
    if settings.exposure:
        stage: Any = next((stage for stage in pipeline.stages if "ev" in stage._parameters), None)
        if stage is None:
            raise CampipeError(f"the pipeline {pipeline.name!r} has no stage with an ev; add `kind: brightness`, or leave exposure out")
        brighter: Stage = type(stage)(**{**stage.config(), "ev": float(stage.ev) + settings.exposure, "name": stage.name})
        pipeline = pipeline.replaced(brighter)
    return pipeline


def _asked(settings: Settings) -> dict[str, Any]:
    """The settings as the side-car holds them; a preset by its name and its text, so that another text is another setting."""
    asked: dict[str, Any] = asdict(settings)
    if settings.isp is not None:
        place = Path(settings.isp)
        path = place if place.is_file() else find("pipelines", "isp", f"{place.name.removesuffix('.yaml')}.yaml")
        asked["isp_sha256"] = _checksum(path)
    return asked


def _shot(frame: Frame) -> dict[str, Any]:
    """What the file says of the shot, as plain numbers."""
    known: dict[str, Any] = {"camera": frame.capture.camera, "pattern": frame.capture.pattern}
    return known | {name: _plain(value[0]) for name, value in frame.capture.tensors().items()}


def _plain(value: Tensor) -> Any:
    """Seven digits, which is what float32 holds."""
    numbers = value.tolist()
    if isinstance(numbers, list):
        return [_plain(part) for part in value]
    return numbers if isinstance(numbers, int) else float(f"{numbers:.7g}")


def _checksum(path: Path) -> str:
    try:
        with open(path, "rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except FileNotFoundError:
        raise RawFileError(f"there is no file {path}; check its name and folder") from None
    except OSError as problem:
        raise RawFileError(f"{path} cannot be read: {problem.strerror or problem}; check its permissions") from None


def _read(beside: Path) -> Mapping[str, Any]:
    """A side-car of an earlier run; empty where there is none or it is another's."""
    try:
        found = yaml.safe_load(beside.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError):
        return {}
    return found if isinstance(found, dict) and {"source", "asked", "size", "assumptions"} <= set(found) else {}
