"""Parts of a profile's contents, as importers give them, and how they are put together to a whole profile."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from os import PathLike
from pathlib import Path
from typing import Any

from campipe.core.errors import CampipeError
from campipe.core.profile_reading import profile_file
from campipe.core.profile_schema import ProfileFile
from campipe.core.profile_writing import entry

Contents = dict[str, Any]

UNPROCESSING = (
    "Brooks et al., Unprocessing Images for Learned Raw Denoising, CVPR 2019; timothybrooks/unprocessing, commit 9928956; Apache-2.0"
)
ASSUMED = (
    "No figure came. Chosen within what is usual for image sensors: read noise 2 to 4 e-, PRNU 0.5 to 1 %, DSNU and dark current around "
    "1 e- and 1 e-/s at 20 C, doubling in 6 to 9 K, quantum efficiency 0.5 to 0.7."
)


@dataclass(frozen=True)
class Published:
    """What one published file says of a camera.

    contents   part of a profile's contents: nested mappings with the keys of the schema
    remarks    what the file does not say, or says in a way that one has to know, in sentences
    """

    contents: Contents
    remarks: tuple[str, ...] = ()


def assumed(value: Any = None, note: str | None = None, **more: Any) -> Contents:
    """A number that nobody measured."""
    return entry(value, status="assumed", source="assumed", note=note, **more)


def digits(value: float) -> float:
    """A derived number to the six digits that a file keeps."""
    return float(f"{value:.6g}")


def generic() -> Contents:
    """A whole camera of which nothing is known: 12 megapixels, RGGB, 12 bits; every number is assumed."""
    even = [1.7, -0.6, -0.1, -0.3, 1.6, -0.3, 0.0, -0.6, 1.6]
    sensor = {
        "width": assumed(4000),
        "height": assumed(3000),
        "pattern": assumed("RGGB"),
        "bits": assumed(12),
        "black_level": assumed(256),
        "quantum_efficiency": assumed(0.6),
        "dark_current": assumed(0.5),
        "doubling": assumed(8),
        "prnu": assumed(0.008),
        "dsnu": assumed(1),
        "gain": assumed([0.4, 6.4], iso=[100, 1600]),
        "mode": [{"name": "single", "read_noise": assumed(3), "post_read_noise": assumed(0), "row_noise": assumed(0.3)}],
    }
    return {
        "title": "Imported camera",
        "sources": {"assumed": ASSUMED, "unprocessing": UNPROCESSING},
        "sensor": sensor,
        "optics": {"pixel_pitch": assumed(2), "blur": assumed(0.5), "vignetting": assumed([-0.25])},
        "priors": priors(),
        "colour": {
            "white_balance": assumed(cct=[2500, 4000, 6500, 8000], red=[1.2, 1.7, 2.1, 2.25], blue=[2.6, 1.9, 1.45, 1.35]),
            "cam_to_srgb": assumed([even], "a camera of middling overlap", cct=[5000]),
        },
    }


def priors(low: float = 2500, high: float = 8000, source: str = "assumed", note: str = "tungsten to open shade") -> Contents:
    """How photos came about: the tone curve and brightness that `unprocessing` undoes, and light of these temperatures, K."""
    curve = "1 is the smoothstep curve that the source undoes in every photo; 0 is none"
    return {
        "tone": entry(low=0, high=1, status="assumed", source="unprocessing", note=curve),
        "brightness": entry(low=1, high=1.65, status="assumed", source="unprocessing", note="the middle 95 % of 1 / N(0.8, 0.1), rounded"),
        "cct": entry(low=low, high=high, status="assumed", source=source, note=note),
    }


def merged(base: Mapping[str, Any], part: Mapping[str, Any]) -> Contents:
    """The base with what the part knows better. Numbers are taken whole, with their provenance; modes keep what the new ones lack."""
    result = dict(base)
    for name, value in part.items():
        if name == "mode":
            result[name] = [_mode(base.get("mode", ()), mode) for mode in value]
        elif isinstance(value, Mapping) and "status" not in value and isinstance(base.get(name), Mapping):
            result[name] = merged(base[name], value)
        else:
            result[name] = value
    return result


def _mode(known: Any, mode: Mapping[str, Any]) -> Contents:
    """A mode, completed from the known one that holds at its first ISO."""
    start = mode.get("from_iso", 0)
    before = [m for m in known if m.get("from_iso", 0) <= start] or list(known[:1])
    return {**before[-1], **mode} if before else dict(mode)


def profile_from(*parts: Published | Mapping[str, Any], title: str | None = None, base: ProfileFile | None = None) -> ProfileFile:
    """A whole profile: the base, or a camera of which all is assumed, and every part laid over what stands before it.

    Where no part gives it, the full well is the charge that fills the ADC at the mode's first ISO. Raises CampipeError where parts
    contradict each other, ProfileError where the whole is no profile.
    """
    contents: Contents = _contents(base) if base is not None else generic()
    for part in parts:
        contents = merged(contents, part.contents if isinstance(part, Published) else part)
    if title:
        contents["title"] = title
    sensor = contents["sensor"] = dict(contents["sensor"])
    if sensor["pattern"]["value"] == "mono":
        contents.pop("colour", None)
        contents["priors"] = {name: value for name, value in contents["priors"].items() if name != "cct"}
    else:
        contents["priors"] = dict(contents["priors"], cct=_within(contents))
    sensor["mode"] = [_completed(mode, sensor) for mode in sensor["mode"]]
    used = set(_sources(contents))
    contents["sources"] = {name: words for name, words in contents["sources"].items() if name in used}
    return profile_file(contents)


def _completed(mode: Contents, sensor: Contents) -> Contents:
    gain = sensor["gain"]
    first = mode.get("from_iso", gain["iso"][0])
    if len(sensor["mode"]) == 1:
        first = gain["iso"][0]
    mode = {"name": mode["name"], **mode, "from_iso": first}
    if "full_well" not in mode:
        from bisect import bisect_left

        row = min(bisect_left(gain["iso"], first), len(gain["iso"]) - 1)
        well = (2 ** sensor["bits"]["value"] - 1 - sensor["black_level"]["value"]) / gain["value"][row]
        mode["full_well"] = assumed(float(f"{well:.5g}"), f"the charge that fills the ADC at ISO {gain['iso'][row]:g}")
    return mode


def _within(contents: Contents) -> Contents:
    """The prior of colour temperature, cut to what the white balance knows."""
    prior = contents["priors"].get("cct") or assumed(low=2500, high=8000, note="tungsten to open shade")
    known = contents["colour"]["white_balance"]["cct"]
    low, high = max(prior["low"], known[0]), min(prior["high"], known[-1])
    if low > high:
        lights = f"{prior['low']:g} to {prior['high']:g} K"
        raise CampipeError(f"white balance is known from {known[0]:g} to {known[-1]:g} K, but light of {lights} came; widen one of them")
    return dict(prior, low=low, high=high)


def _sources(part: Any) -> Any:
    if isinstance(part, Mapping):
        if "status" in part:
            yield part["source"]
        for name, value in part.items():
            if name != "sources":
                yield from _sources(value)
    elif isinstance(part, (list, tuple)):
        for value in part:
            yield from _sources(value)


def _contents(file: ProfileFile) -> Contents:
    return file.model_dump(exclude_none=True)


def read_json(path: str | PathLike[str], what: str) -> Any:
    """The contents of a JSON file; a comma before a closing bracket is passed over, as YAML readers do it.

    Raises CampipeError in one line with the file's name.
    """
    import re

    try:
        text = Path(path).read_text(encoding="utf-8")
        try:
            return json.loads(text)
        except ValueError:
            return json.loads(re.sub(r",(\s*[\]}])", r"\1", text))
    except OSError as error:
        raise CampipeError(f"cannot read {path}: {error.strerror}; give the path of {what}") from None
    except ValueError as error:
        raise CampipeError(f"expected {what}, but {path} is no JSON: {error}") from None


def chosen(name: str | None, there: Mapping[str, Any], path: str | PathLike[str]) -> str:
    """The one name of a file that holds several cameras, however its letters are cased."""
    from difflib import get_close_matches

    if name is None and len(there) == 1:
        return next(iter(there))
    exact = [one for one in there if name is not None and one.lower() == name.lower()]
    if exact:
        return exact[0]
    near = get_close_matches(name or "", list(there), n=3, cutoff=0.5) or list(there)[:8]
    came = f"{name!r} is none of them" if name else "none was chosen"
    raise CampipeError(f"{path} holds {len(there)} cameras, but {came}; choose one, such as {', '.join(near)}")
