"""Memory for large results: in large pages, and used again."""

from __future__ import annotations

import ctypes
import mmap
import sys
import weakref

import torch
from torch import Tensor

_HUGE = 1 << 21
_WORTH = 1 << 23  # bytes from which on the pages' first touch is worth a system call
_KEPT = 1 << 26  # bytes of memory that nobody uses any more and that are kept for the next result
_free: list[Tensor] = []


def empty(shape: tuple[int, ...], dtype: torch.dtype = torch.float32) -> Tensor:
    """A fresh tensor on the CPU, uninitialised.

    Fresh memory is handed out page by page as it is touched, which costs as much as the arithmetic of a draw. So the memory of a large
    result that is not used any more is kept for the next one of its size, at most 64 MB in all; and pages of 2 MB, where Linux has them
    on demand, do away with most of what is left.
    """
    count = torch.Size(shape).numel()
    if count * dtype.itemsize < _WORTH:
        return torch.empty(shape, dtype=dtype)
    block = _taken(count, dtype)
    # The array is what the tensor holds on to: when the last tensor on this memory is gone, so is the array, and the block is free.
    array = block.numpy()
    weakref.finalize(array, _give_back, block).atexit = False
    return torch.from_numpy(array).view(shape)


def _taken(count: int, dtype: torch.dtype) -> Tensor:
    """A free block of that size, or a new one."""
    for i, block in enumerate(_free):
        if block.numel() == count and block.dtype == dtype:
            return _free.pop(i)
    block = torch.empty(count, dtype=dtype)
    size = count * dtype.itemsize
    if _advise is not None:
        start = -(-block.data_ptr() // _HUGE) * _HUGE
        length = (block.data_ptr() + size - start) // _HUGE * _HUGE
        # Advice: where it cannot be taken, nothing changes.
        _advise(ctypes.c_void_p(start), ctypes.c_size_t(length), mmap.MADV_HUGEPAGE)
    return block


def _give_back(block: Tensor) -> None:
    """Keep a block that nobody uses any more; the oldest ones go."""
    _free.append(block)
    while _free and sum(b.numel() * b.element_size() for b in _free) > _KEPT:
        _free.pop(0)


_advise = None
if sys.platform == "linux" and hasattr(mmap, "MADV_HUGEPAGE"):
    _advise = getattr(ctypes.CDLL(None), "madvise", None)
