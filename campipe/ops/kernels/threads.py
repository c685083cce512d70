"""A few threads for the rows of a picture.

numba's own threads survive neither a fork nor nesting; the loops here run without the interpreter's lock, so plain threads do.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import torch

_SMALL = 1 << 16  # pixels below which waking a thread costs more than it brings
_lock = threading.Lock()
_pools: dict[int, ThreadPoolExecutor] = {}


def over_rows(work: Callable[[int, int], None], rows: int, width: int) -> None:
    """Call `work(first, last)` for ranges that together cover `rows`, on as many threads as torch uses.

    The ranges are disjoint and each row's result must depend on the row alone, so the number of threads changes no bit.
    """
    threads = min(torch.get_num_threads(), rows, max(1, rows * width // _SMALL))
    if threads <= 1:
        work(0, rows)
        return
    # More pieces than threads, so that one that was kept waiting by the system does not hold up the rest.
    pieces = min(rows, 8 * threads)
    bounds = [rows * i // pieces for i in range(pieces + 1)]
    for done in _threads(threads).map(work, bounds[:-1], bounds[1:]):
        assert done is None


def _threads(count: int) -> ThreadPoolExecutor:
    """The pool of that size, made when first asked for."""
    with _lock:
        if count not in _pools:
            _pools[count] = ThreadPoolExecutor(count, thread_name_prefix="campipe")
        return _pools[count]


def _forget() -> None:
    """In a forked child there are no threads: forget the parent's, and a lock that one of them may have held."""
    global _pools, _lock
    _lock, _pools = threading.Lock(), {}


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget)
