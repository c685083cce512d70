"""Setting: what a study is given: photos to train on, pictures to score on, a folder, a device and a budget."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from torch import Tensor

from campipe.core.errors import CampipeError
from campipe.synth.photos import Photos
from campipe.train.crops import Crops
from campipe.train.devices import Plain
from campipe.train.loop import Fitted, Task, Training, fit
from campipe.train.schedules import Schedule, Steps, WarmUpCosine

KODAK, SET12 = "photos_test_kodak24", "gray_test_set12"

Progress = Callable[[int, int, str], None]


@dataclass(frozen=True)
class Setting:
    """Where and how a study runs.

    images     folder of photos to train on
    tests      folder that holds the folders of test pictures, photos_test_kodak24 and gray_test_set12
    out        folder of the study: its trainings lie in folders of their own
    device     "cpu" or "cuda"
    budget     factor on the steps of every training; 1 is what the results were made with
    progress   called with (steps done, all, words)
    """

    images: Path
    tests: Path
    out: Path
    device: str = "cpu"
    budget: float = 1.0
    progress: Progress | None = None

    def __post_init__(self) -> None:
        if not self.budget > 0:
            raise CampipeError(f"the budget of a study is a factor above 0, but {self.budget!r} came")

    def crops(self, size: int, **options: Any) -> Crops:
        """Crops of the photos, with the options of `Crops`."""
        return Crops(Photos.under(self.images), size, **options)

    def fit(self, name: str, task: Task, training: Training) -> Fitted:
        """Train a task in the folder `name`, or go on there; what is finished is only read."""
        shown = None if self.progress is None else _named(name, self.progress)
        return fit(task, self.shortened(training), self.out / name, device=Plain(self.device), progress=shown)

    def shortened(self, training: Training) -> Training:
        """A training with its steps, and what of its rate hangs on them, times the budget."""
        if self.budget == 1:
            return training
        steps = max(round(training.steps * self.budget), 1)
        return replace(training, steps=steps, rate=_shortened(training.rate, steps, self.budget))

    def kodak(self, count: int | None = None) -> list[Tensor]:
        """The first pictures of Kodak's 24, or all: (1, 3, H, W) in [0, 1]."""
        return self._pictures(KODAK, count)

    def set12(self) -> list[Tensor]:
        """The twelve grey pictures of Set12: (1, 1, H, W) in [0, 1]."""
        return [picture[:, :1] for picture in self._pictures(SET12, None)]

    def _pictures(self, folder: str, count: int | None) -> list[Tensor]:
        place = self.tests / folder
        if not place.is_dir():
            raise CampipeError(f"the test pictures {folder} are needed, but {self.tests} has no such folder; give its place with --tests")
        photos = Photos.under(place)
        return [photos.read(number).data for number in range(len(photos) if count is None else min(count, len(photos)))]


def _shortened(rate: Schedule, steps: int, budget: float) -> Schedule:
    if isinstance(rate, WarmUpCosine):
        return replace(rate, steps=steps, warm_up=min(round(rate.warm_up * budget), steps - 1))
    if isinstance(rate, Steps):
        return replace(rate, reached=tuple(max(round(limit * budget), 1) for limit in rate.reached))
    return rate


def _named(name: str, progress: Progress) -> Progress:
    return lambda done, total, words: progress(done, total, f"{name}: {words}")
