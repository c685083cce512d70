"""Large results in large pages."""

from __future__ import annotations

import ctypes
import mmap
import sys

import torch
from torch import Tensor

_HUGE = 1 << 21
_WORTH = 1 << 23  # bytes from which on the pages' first touch is worth a system call


def empty(shape: tuple[int, ...], dtype: torch.dtype = torch.float32) -> Tensor:
    """A fresh tensor on the CPU, uninitialised.

    Fresh memory is handed out page by page as it is touched, which costs more than the arithmetic of a draw; pages of 2 MB, where Linux has
    them on demand, do away with most of that.
    """
    out = torch.empty(shape, dtype=dtype)
    size = out.numel() * out.element_size()
    if size >= _WORTH and _advise is not None:
        start = -(-out.data_ptr() // _HUGE) * _HUGE
        length = (out.data_ptr() + size - start) // _HUGE * _HUGE
        # Advice: where it cannot be taken, nothing changes.
        _advise(ctypes.c_void_p(start), ctypes.c_size_t(length), mmap.MADV_HUGEPAGE)
    return out


_advise = None
if sys.platform == "linux" and hasattr(mmap, "MADV_HUGEPAGE"):
    _advise = getattr(ctypes.CDLL(None), "madvise", None)
