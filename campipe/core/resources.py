"""Where the shipped files lie: camera profiles and charts (`data`), and recipes (`pipelines`).

An installed package carries both folders inside itself; in a checkout they stand beside it.
"""

from __future__ import annotations

from difflib import get_close_matches
from pathlib import Path
from typing import Literal

from campipe.core.errors import CampipeError, ProfileError, RecipeError

Kind = Literal["data", "pipelines"]

_PACKAGE = Path(__file__).resolve().parents[1]
_ERRORS: dict[str, type[CampipeError]] = {"data": ProfileError, "pipelines": RecipeError}


def find(kind: Kind, *parts: str) -> Path:
    """Return the path of a shipped file or folder: `find("data", "cameras", "sony-a7s2.toml")`.

    Raises ProfileError (data) or RecipeError (pipelines) if it is not shipped, with the nearest name that is.
    """
    place = _root(kind)
    for part in parts:
        if part in {"", ".", ".."} or Path(part).name != part:
            raise _ERRORS[kind](f"expected the name of a file in {kind}/, got {part!r}; give one name per step, without slashes")
        if not (place / part).exists():
            raise _ERRORS[kind](_missing(kind, place, part))
        place = place / part
    return place


def listing(kind: Kind, *parts: str, suffix: str = "") -> list[str]:
    """Return the sorted names of the shipped files in a folder that end in `suffix`, without it.

    `listing("data", "cameras", suffix=".toml")` gives `["canon-5d4", ...]`. Raises as `find` does.
    """
    files = (entry.name for entry in find(kind, *parts).iterdir() if entry.is_file())
    return sorted(name.removesuffix(suffix) for name in files if name.endswith(suffix) and not name.startswith("."))


def _root(kind: Kind) -> Path:
    if kind not in _ERRORS:
        raise CampipeError(f"expected a kind of shipped file among {', '.join(_ERRORS)}, got {kind!r}")
    packaged = _PACKAGE / kind
    if packaged.is_dir():
        return packaged
    # Beside an installed package stand other people's folders: only a checkout has the project's own file there.
    checkout = _PACKAGE.parent
    if (checkout / "pyproject.toml").is_file() and (checkout / kind).is_dir():
        return checkout / kind
    raise _ERRORS[kind](f"expected the folder {kind}/ inside the installed package, found none in {_PACKAGE}; install campipe again")


def _missing(kind: Kind, place: Path, part: str) -> str:
    shipped = sorted(entry.name for entry in place.iterdir() if not entry.name.startswith(".")) if place.is_dir() else []
    folder = Path(kind, *place.relative_to(_root(kind)).parts).as_posix()
    near = get_close_matches(part, shipped, n=1)
    hint = f"did you mean {near[0]!r}?" if near else f"there are: {', '.join(shipped) or 'none'}"
    return f"expected a file that ships in {folder}/, got {part!r}; {hint}"
