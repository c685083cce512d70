"""Manifest: what a folder of samples was made of, so that a later run goes on with the same and refuses another."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from campipe.core.errors import CampipeError
from campipe.core.random import STREAM_VERSION
from campipe.io.atomic import write_bytes
from campipe.synth.shards import Job

NAME = "manifest.json"
VERSION = 1

_ASKED = {
    "manifest": "version of the manifest",
    "stream": "version of the draw stream",
    "recipe_version": "recipe version",
    "recipe": "recipe",
    "seed": "seed",
    "count": "count",
    "format": "format",
    "samples_per_shard": "samples per shard",
    "photos": "photos",
}


def describe(job: Job) -> dict[str, Any]:
    """What is asked for: everything that the bytes hang on. Photos are listed by name, those that are used with a checksum."""
    photos = [{"name": name, **({"sha256": job.photos.checksum(name)} if i < job.count else {})} for i, name in enumerate(job.photos.names)]
    return {
        "manifest": VERSION,
        "stream": STREAM_VERSION,
        "recipe_version": job.source.version,
        "recipe": job.source.text,
        "seed": job.seed,
        "count": job.count,
        "format": job.format,
        "samples_per_shard": job.per_shard,
        "photos": photos,
    }


def load(out: Path) -> dict[str, Any] | None:
    """The manifest of an earlier run into this folder, or None; a CampipeError if the folder holds other things."""
    path = out / NAME
    if not path.exists():
        strange = sorted(entry.name for entry in out.iterdir() if not entry.name.startswith("."))
        if strange:
            found = f"{out} holds {strange[0]} and no {NAME}"
            raise CampipeError(f"an empty folder is needed, or one to go on with, but {found}; give another folder")
        return None
    try:
        manifest = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as problem:
        raise CampipeError(f"{path} cannot be read ({problem}); give another folder") from None
    if not isinstance(manifest, dict):
        raise CampipeError(f"{path} is no manifest; give another folder")
    return manifest


def check(earlier: dict[str, Any], asked: dict[str, Any], out: Path) -> None:
    """Refuse to go on with anything but what the folder was begun with."""
    for name, words in _ASKED.items():
        was, now = earlier.get(name), asked[name]
        if was == now:
            continue
        said = f"the {words} was {was} and is now {now}"
        if name in ("recipe", "photos"):
            said = f"the {words} changed" + (f" ({_changed(was, now)})" if name == "photos" else "")
        raise CampipeError(f"{out} was begun with something else: {said}; go on with what it was, or give another folder")


def save(out: Path, asked: dict[str, Any], files: dict[str, str] | None) -> None:
    """Write the manifest; `files` are the SHA-256 by name once everything is there, None before."""
    complete = {"complete": files is not None, "files": dict(sorted((files or {}).items()))}
    write_bytes(out / NAME, (json.dumps({**asked, **complete}, indent=1) + "\n").encode())


def _changed(was: Any, now: list[dict[str, str]]) -> str:
    """Name the first photo that differs."""
    before = {photo["name"]: photo for photo in was or []}
    after = {photo["name"]: photo for photo in now}
    for name in sorted(before.keys() | after.keys()):
        if before.get(name) != after.get(name):
            return f"{name} is {'new' if name not in before else 'gone' if name not in after else 'another'}"
    return "their order"
