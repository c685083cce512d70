"""The places on the light path, and the unit that a value has there."""

from __future__ import annotations

from dataclasses import dataclass

from campipe.core.errors import SpaceError


@dataclass(frozen=True)
class Space:
    """One place on the light path.

    channels   how many channels a frame may have there; empty: any number
    filtered   True where each pixel sees one colour of the pattern
    """

    name: str
    unit: str
    channels: tuple[int, ...]
    filtered: bool
    meaning: str


_ROWS = (
    Space("scene", "1", (), False, "linear scene light per camera channel; white under the scene's light is 1 in green"),
    Space("photons", "photons", (), False, "expected photons per pixel and exposure"),
    Space("rate", "e-", (1,), True, "expected electrons, after the colour filter array, before counting"),
    Space("electrons", "e-", (1,), True, "charge after counting"),
    Space("analog", "DN", (1,), True, "signal before the analogue-to-digital converter"),
    Space("dn", "DN", (1,), True, "raw digital numbers, black level included"),
    Space("mosaic", "1", (1,), True, "linear, 0 = black, 1 = white level, under the colour filter array"),
    Space("camera", "1", (1, 3), False, "linear camera RGB, 0 = black, 1 = white level"),
    Space("linear", "1", (1, 3), False, "linear sRGB, Rec. 709 primaries, D65"),
    Space("display", "1", (1, 3), False, "sRGB-encoded, [0, 1]"),
)
SPACES: dict[str, Space] = {row.name: row for row in _ROWS}


def space(name: str) -> Space:
    """Return the row of a space by its name; a SpaceError lists the names there are."""
    try:
        return SPACES[name]
    except KeyError:
        raise SpaceError(f"a space is one of {', '.join(SPACES)}, but {name!r} came") from None
