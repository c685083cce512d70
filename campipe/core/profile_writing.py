"""Writing a camera profile as TOML, in the manner of the files that ship."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from textwrap import wrap
from typing import Any

from campipe.core.profile_reading import profile_file
from campipe.core.profile_schema import Mode, Part, ProfileFile, Provenance


def write_profile(file: ProfileFile | Mapping[str, Any], comment: str = "") -> str:
    """The text of a profile's .toml file, which `campipe.core.profile_reading.read_profile` reads to the same numbers, bit for bit.

    file      a profile, or its contents as nested mappings with the keys of the schema (`entry` makes a number of them)
    comment   what stands above everything

    Raises ProfileError in one line where the contents are no profile.
    """
    profile = file if isinstance(file, ProfileFile) else profile_file(file)
    head = [f"# {line}" for line in wrap(comment, 138)]
    sources = [f"{_key(name)} = {_text(citation)}" for name, citation in profile.sources.items()]
    lines = [*head, f"title = {_text(profile.title)}", "", "[sources]", *sources]
    for name in ("sensor", "optics", "priors", "colour"):
        part = getattr(profile, name)
        if part is not None:
            lines += _part(part, name)
    return "\n".join(lines) + "\n"


def entry(
    value: Any = None, *, status: str, source: str, note: str | None = None, error: Any = None, iso: Any = None, **more: Any
) -> dict[str, Any]:
    """One number, or one table against ISO, of a profile's contents.

    value     a number, or the table's values
    status    "measured", "datasheet" or "assumed"
    source    a key of the profile's `sources`
    note      what a reader has to know beside
    error     one standard error of the value, in its unit; one per row of a table
    iso       the table's rows
    more      further keys: low and high of a range, cct, red and blue of white balance, assumed_at
    """
    given = {"value": value, "iso": iso, **more, "status": status, "source": source, "note": note, "error": error}
    return {name: given[name] for name in given if given[name] is not None}


def _part(part: Part, path: str) -> Iterator[str]:
    """A table of TOML: the short entries one a line, and the long ones as tables of their own."""
    filled = [(name, getattr(part, name)) for name in type(part).model_fields if getattr(part, name) is not None]
    short = [(name, value) for name, value in filled if not _long(value)]
    array = isinstance(part, Mode)
    if short or array:
        yield from ("", f"[[{path}]]" if array else f"[{path}]")
    for name, value in short:
        yield f"{name} = {_inline(value)}"
    for name, value in filled:
        if isinstance(value, tuple) and _long(value):
            for mode in value:
                yield from _part(mode, f"{path}.{name}")
        elif _long(value):
            yield from ("", f"[{path}.{name}]")
            yield from (f"{key} = {_value(given)}" for key, given in _given(value))


def _long(value: Any) -> bool:
    """Modes, and numbers that are tables."""
    if isinstance(value, tuple):
        return bool(value) and isinstance(value[0], Part)
    return isinstance(value, Provenance) and (hasattr(value, "iso") or hasattr(value, "cct"))


def _given(number: Provenance) -> list[tuple[str, Any]]:
    """Keys and values that a number has; those of a table begin with where it is from."""
    names = [name for name in type(number).model_fields if getattr(number, name) not in (None, ())]
    about = [name for name in ("status", "source", "note") if name in names]
    first = [name for name in ("value", "low", "high") if name in names]
    rest = [name for name in names if name not in (*about, *first)]
    order = [*about, *rest, *first] if _long(number) else [*first, *rest, *about]
    if _long(number) and "error" in order:
        order = [*(name for name in order if name != "error"), "error"]
    return [(name, getattr(number, name)) for name in order]


def _inline(value: Any) -> str:
    if isinstance(value, Provenance):
        return "{ " + ", ".join(f"{key} = {_value(given)}" for key, given in _given(value)) + " }"
    return _value(value)


def _value(value: Any) -> str:
    if isinstance(value, str):
        return _text(value)
    if isinstance(value, tuple):
        rows = [_value(row) for row in value]
        return "[\n" + "".join(f"  {row},\n" for row in rows) + "]" if value and isinstance(value[0], tuple) else f"[{', '.join(rows)}]"
    # The shortest digits that give the same number again.
    return str(int(value)) if float(value).is_integer() and abs(value) < 1e15 else repr(float(value))


def _key(name: str) -> str:
    return name if re.fullmatch(r"[A-Za-z0-9_-]+", name) else _text(name)


def _text(text: str) -> str:
    """A string of TOML: JSON's escapes are among TOML's, which asks for one more."""
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")
