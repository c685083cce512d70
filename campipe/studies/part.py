"""One part of a study by itself, so that several run side by side: `python -m campipe.studies.part noise2noise text_l1 --images ...`."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from importlib import import_module
from pathlib import Path
from typing import Any

from campipe.core.errors import CampipeError
from campipe.studies.setting import Setting


def parts(study: str) -> dict[str, Callable[[Setting], Any]]:
    """The parts of a study by name, `PARTS` of its file; a CampipeError says where it has none."""
    try:
        found: dict[str, Callable[[Setting], Any]] = import_module(f"campipe.studies.{study}").PARTS
    except (ModuleNotFoundError, AttributeError):
        raise CampipeError(f"the study {study!r} has no parts that run alone; run it whole: campipe study {study}") from None
    return found


def run(study: str, part: str, setting: Setting) -> None:
    """Run a part, or go on with it; the study then finds it done in the same folder."""
    known = parts(study)
    if part not in known:
        raise CampipeError(f"{study} has no part {part!r}; there are: {', '.join(known)}")
    known[part](setting)


def main(arguments: Sequence[str] | None = None) -> None:
    """The command line of a part."""
    parser = argparse.ArgumentParser(prog="python -m campipe.studies.part", description=__doc__)
    parser.add_argument("study")
    parser.add_argument("part")
    for option in ("images", "tests", "out"):
        parser.add_argument(f"--{option}", type=Path, required=True)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--budget", type=float, default=1.0)
    given = parser.parse_args(arguments)
    run(given.study, given.part, Setting(given.images, given.tests, given.out, given.device, given.budget))


if __name__ == "__main__":
    main()
