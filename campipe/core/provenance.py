"""Camera profiles as text: what each number is, and whether it was measured, stated by the maker or assumed."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from campipe.core.profile import Profile


def cameras_table(profiles: Iterable[Profile]) -> str:
    """One Markdown table with a row per camera: its ISO range, and how many of its numbers have which status."""
    rows = ["| camera | name | sensor | ISO | measured | datasheet | assumed |", "|---|---|---|---|---|---|---|"]
    for profile in profiles:
        statuses = [entry.status for _, _, entry in _numbers(profile)]
        sensor = f"{profile.width} x {profile.height}, {profile.pattern or 'mono'}, {profile.bits} bits, {profile.pixel_pitch:g} um"
        low, high = profile.iso_range
        counts = " | ".join(str(statuses.count(status)) for status in ("measured", "datasheet", "assumed"))
        rows.append(f"| `{profile.name}` | {profile.title} | {sensor} | {low:g} to {high:g} | {counts} |")
    return "\n".join(rows)


def camera_section(profile: Profile) -> str:
    """One camera in Markdown: a table of its numbers, the notes on them, and the sources in full."""
    rows = ["| number | value | status | source |", "|---|---|---|---|"]
    notes: dict[str, int] = {}
    for path, meaning, entry in _numbers(profile):
        mark = f" [{notes.setdefault(entry.note, len(notes) + 1)}]" if entry.note else ""
        mode = f" ({path.split('.')[2]})" if path.startswith("sensor.mode.") and len(profile.mode_names) > 1 else ""
        rows.append(f"| {meaning}{mode} | {_value(entry)} | {entry.status} | {entry.source}{mark} |")
    remarks = [f"{number}. {note}" for note, number in notes.items()]
    sources = [f"- {key}: {citation}" for key, citation in profile.file.sources.items()]
    parts = [f"### {profile.title}: `{profile.name}`", "\n".join(rows), "\n".join(remarks), "Sources:", "\n".join(sources)]
    return "\n\n".join(part for part in parts if part)


def cameras_text(profiles: Iterable[Profile]) -> str:
    """The table of all cameras, and each of them."""
    every = list(profiles)
    return "\n\n".join([cameras_table(every), *(camera_section(profile) for profile in every)])


def _numbers(profile: Profile) -> list[tuple[str, str, Any]]:
    from campipe.core.profile_schema import numbers

    return list(numbers(profile.file))


def _value(entry: Any) -> str:
    if hasattr(entry, "low"):
        return f"{entry.low:g} to {entry.high:g}"
    if hasattr(entry, "red"):
        return " to ".join(f"{entry.red[i]:.2f}, {entry.blue[i]:.2f} at {entry.cct[i]:g} K" for i in (0, -1))
    if hasattr(entry, "cct"):
        return f"{len(entry.cct)} matrices, {entry.cct[0]:g} to {entry.cct[-1]:g} K"
    if hasattr(entry, "iso"):
        assumed = f"; assumed at {', '.join(f'{iso:g}' for iso in entry.assumed_at)}" if entry.assumed_at else ""
        low, high = (f"{entry.value[i]:.4g}" + (f" +- {entry.error[i]:.2g}" if entry.error else "") for i in (0, -1))
        return f"{low} at ISO {entry.iso[0]:g} to {high} at {entry.iso[-1]:g}, {len(entry.iso)} rows{assumed}"
    if isinstance(entry.value, tuple):
        return ", ".join(f"{value:.4g}" for value in entry.value)
    error = getattr(entry, "error", None)
    return entry.value if isinstance(entry.value, str) else f"{entry.value:.6g}" + (f" +- {error:.2g}" if error is not None else "")
