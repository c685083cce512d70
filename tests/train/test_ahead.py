"""Batches that are made ahead are those that would have been made."""

from __future__ import annotations

import pytest
import torch

from campipe.train.ahead import ahead


def squares(numbers) -> torch.Tensor:
    return torch.tensor([n * n for n in numbers])


@pytest.mark.parametrize("workers", [0, 2])
def test_batches_come_in_order_whoever_makes_them(workers):
    numbers = [range(3 * i, 3 * i + 3) for i in range(5)]
    assert torch.stack(list(ahead(squares, numbers, workers))).flatten().tolist() == [n * n for n in range(15)]
