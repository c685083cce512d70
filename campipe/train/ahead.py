"""Batches made ahead by further processes: the same ones, in the same order."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from torch.utils.data import DataLoader, Dataset

from campipe.train.task import Batch


class _Batches(Dataset[Batch]):
    """Batch i of those that are to come."""

    def __init__(self, make: Callable[[Sequence[int]], Batch], numbers: Sequence[Sequence[int]]) -> None:
        self.make, self.numbers = make, numbers

    def __len__(self) -> int:
        return len(self.numbers)

    def __getitem__(self, index: int) -> Batch:
        return self.make(self.numbers[index])


def ahead(make: Callable[[Sequence[int]], Batch], numbers: Sequence[Sequence[int]], workers: int = 0) -> Iterator[Batch]:
    """Batches one after the other.

    make      from the numbers of a batch's samples to the batch; what it gives hangs on the numbers alone
    numbers   of each batch
    workers   processes that make batches while others are learnt from; 0: none, each batch is made when it is asked for
    """
    batches = _Batches(make, numbers)
    if workers == 0:
        return (batches[i] for i in range(len(batches)))
    return iter(DataLoader(batches, batch_size=None, shuffle=False, num_workers=workers, prefetch_factor=4))
