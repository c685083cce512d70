"""Reading a camera profile from its TOML file, with errors that name file and key."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from campipe.core.errors import ProfileError
from campipe.core.profile_schema import Part, ProfileFile


def read_profile(path: Path) -> ProfileFile:
    """The numbers of a camera profile.

    Raises ProfileError in one line: file, key, what was expected, what came.
    """
    try:
        return profile_file(tomllib.loads(path.read_text(encoding="utf-8")), str(path))
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not text"
        raise ProfileError(f"cannot read the camera profile {path}: {reason}; give the path of a .toml file") from None
    except tomllib.TOMLDecodeError as error:
        raise ProfileError(f"{path}: expected TOML, but: {error}") from None


def profile_file(contents: Mapping[str, Any], name: str = "the profile") -> ProfileFile:
    """A profile from nested mappings with the keys of the schema, checked; `campipe.core.profile_writing.entry` makes its numbers.

    Raises ProfileError in one line: name, key, what was expected, what came.
    """
    try:
        return ProfileFile.model_validate(_tuples(contents))
    except ValidationError as error:
        raise ProfileError(f"{name}: {_first(error, ProfileFile)}") from None


def _tuples(value: Any) -> Any:
    """Arrays as tuples, which the strict schema asks for."""
    if isinstance(value, Mapping):
        return {key: _tuples(entry) for key, entry in value.items()}
    return tuple(_tuples(entry) for entry in value) if isinstance(value, (list, tuple)) else value


def _first(error: ValidationError, root: type[Part]) -> str:
    """The first complaint in one line: key, what was expected, what came."""
    # A misspelt key is missing as well: what it was written as says more.
    found = min(error.errors(include_url=False), key=lambda complaint: complaint["type"] != "extra_forbidden")
    key = ".".join(str(step) for step in found["loc"] if step not in ("number", "table")) or "the file"
    if found["type"] == "extra_forbidden":
        known = _fields(root, found["loc"][:-1])
        near = get_close_matches(str(found["loc"][-1]), known, n=1)
        return f"{key} is not a key of a profile; " + (f"did you mean {near[0]}?" if near else f"there are {', '.join(known)}")
    if found["type"] == "missing":
        return f"{key} is missing; every number is written as {{ value = ..., status = ..., source = ... }}"
    if found["type"] == "value_error":
        return f"{key}: {found['ctx']['error']!s}"
    expected = found["msg"].removeprefix("Input should be ")
    came = repr(found["input"])
    return f"{key}: expected {expected}, but {came if len(came) <= 60 else came[:57] + '...'} came"


def _fields(part: Any, path: tuple[Any, ...]) -> list[str]:
    """Names of the keys that may stand at a place of the file."""
    for step in path:
        if isinstance(step, str) and step in getattr(part, "model_fields", {}):
            part = _model(part.model_fields[step].annotation, path)
    return list(getattr(part, "model_fields", {}))


def _model(annotation: Any, path: tuple[Any, ...]) -> Any:
    """The model inside an annotation: of a number or a table, the one that the path names."""
    arguments = [argument for argument in getattr(annotation, "__args__", ()) if argument is not type(None) and argument is not ...]
    if not arguments:
        return annotation
    chosen = 1 if len(arguments) == 2 and "table" in path else 0
    return _model(arguments[chosen], path)
