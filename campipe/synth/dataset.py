"""PairDataset: samples by number, as torch's loaders want them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Protocol

from torch.utils.data import Dataset

from campipe.core.errors import CampipeError
from campipe.synth.photos import Photos
from campipe.synth.sample import Sample


class Source(Protocol):
    """What makes samples: a recipe, or anything with its two methods."""

    def draw(self, index: int, seed: int = 0) -> dict[str, Any]:
        """The numbers of one sample."""

    def apply(self, parameters: dict[str, Any], images: Any) -> Sample:
        """The sample that the numbers stand for."""


class PairDataset(Dataset[Sample]):
    """`dataset[12]` is sample 12, alone, in a batch, in any worker and in any order.

    source   draws and applies
    images   folder of photos
    count    number of samples
    seed     whole number; another one gives other samples
    """

    def __init__(self, source: Source, images: Any, count: int, seed: int = 0) -> None:
        if count < 1:
            raise CampipeError(f"a data set has at least one sample, but count={count} came")
        self.source = source
        self.photos = Photos.under(images)
        self.count = count
        self.seed = seed

    def __len__(self) -> int:
        return self.count

    def __getitem__(self, index: int) -> Sample:
        number = index + self.count if index < 0 else index
        if not 0 <= number < self.count:
            raise IndexError(f"sample {index} of {self.count}")
        return self.source.apply(self.source.draw(number, self.seed), self.photos)

    def __iter__(self) -> Iterator[Sample]:
        return (self[index] for index in range(self.count))
