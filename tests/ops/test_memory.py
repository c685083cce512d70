"""Memory of results that are gone serves the next ones, and never one that is still seen."""

import copy
import gc

import pytest
import torch

from campipe.ops.kernels import memory

LARGE = (3, 1024, 1024)  # 12 MB


@pytest.fixture(autouse=True)
def nothing_kept():
    memory._free.clear()
    yield
    memory._free.clear()


def test_the_memory_of_a_result_that_is_gone_is_used_again():
    first = memory.empty(LARGE)
    place = first.data_ptr()
    del first
    gc.collect()
    assert memory.empty(LARGE).data_ptr() == place


@pytest.mark.parametrize("seen", ["itself", "view", "detached", "numpy", "alias"])
def test_memory_that_is_still_seen_is_left_alone(seen):
    first = memory.empty(LARGE).fill_(7.0)
    kept = {"itself": first, "view": first[1, 5:], "detached": first.detach(), "numpy": first.numpy(), "alias": first.reshape(-1)}[seen]
    place = first.data_ptr()
    del first
    gc.collect()
    other = memory.empty(LARGE).fill_(9.0)
    assert other.data_ptr() != place and bool((kept == 7).all())


def test_graphs_hold_on_to_what_they_saved():
    leaf = torch.ones(LARGE, requires_grad=True)
    saved = memory.empty(LARGE).fill_(3.0)
    loss = (leaf * saved).sum()
    del saved
    gc.collect()
    memory.empty(LARGE).fill_(5.0)
    loss.backward()
    assert bool((leaf.grad == 3).all())


def test_little_is_kept():
    results = [memory.empty(LARGE) for _ in range(12)]
    del results
    gc.collect()
    assert 0 < sum(b.numel() * 4 for b in memory._free) <= memory._KEPT
    huge = memory.empty((20, 1024, 1024))
    del huge
    gc.collect()
    assert sum(b.numel() * 4 for b in memory._free) <= memory._KEPT


def test_results_copy_and_share_like_any_tensor():
    first = memory.empty(LARGE).fill_(2.0)
    assert torch.equal(copy.deepcopy(first), first) and torch.equal(first.clone().share_memory_(), first)
    assert memory.empty((4, 4)).shape == (4, 4) and memory.empty((3, 1 << 21), torch.float64).dtype == torch.float64
