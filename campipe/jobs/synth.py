"""synth: a data set of noisy and clean raw pairs on disk."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from campipe.recipe.recipe import load
from campipe.synth.run import Summary, run


def synth(
    recipe: str,
    images: Path,
    out: Path,
    *,
    count: int,
    seed: int = 0,
    format: str = "webdataset",
    workers: int = 1,
    progress: Callable[[int, int], None] | None = None,
) -> Summary:
    """Make samples 0 ... count - 1 of a recipe, named or by its file. Stopped and run again, it goes on; see `campipe.synth.run.run`."""
    return run(load(recipe), images, out, count, seed, format=format, workers=workers, progress=progress)
