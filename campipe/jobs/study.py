"""study: show again what was claimed of a system: train what it needs, score it, and write the result."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from campipe.core.errors import CampipeError
from campipe.studies import find
from campipe.studies.result import Result
from campipe.studies.setting import Setting
from campipe.train.devices import Plain

RESULT = "result.json"

Progress = Callable[[int, int, str], None]


def study(
    name: str,
    images: str | Path,
    tests: str | Path,
    out: str | Path,
    *,
    device: str = "cpu",
    budget: float = 1.0,
    progress: Progress | None = None,
) -> Result:
    """Run a study, or go on where its trainings stand; its result lies in `out`/result.json.

    name       of the study
    images     folder of photos to train on
    tests      folder of the folders of test pictures, photos_test_kodak24 and gray_test_set12
    out        folder for its trainings and its result
    device     "cpu" or "cuda"
    budget     factor on the steps of every training
    progress   called with (steps done, all, words)
    """
    function, out = find(name), Path(out)
    Plain(device)  # raises for one that is not there, before the long work begins
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as problem:
        raise CampipeError(f"the folder {out} cannot be made: {problem.strerror}; choose another place") from None
    result = function(Setting(Path(images), Path(tests), out, device, budget, progress))
    result.write(out / RESULT)
    return result
