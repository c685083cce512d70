"""How loops are compiled: numba, without the global interpreter lock, kept on disk where a folder can be written."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from contextlib import ExitStack, suppress
from functools import cache
from pathlib import Path
from typing import Any

from numba import njit

# numpy's error model: a division by zero gives inf instead of an exception, whose branch would keep a loop from vectorising.
_OPTIONS: dict[str, Any] = {"nogil": True, "error_model": "numpy", "fastmath": False}


def inlined(function: Callable[..., Any]) -> Any:
    """Compile a scalar helper into every loop that calls it."""
    return njit(forceinline=True, **_OPTIONS)(function)


def inner(function: Callable[..., Any]) -> Any:
    """Compile a loop that only other loops call: without the way in from Python, which takes longer to compile than a short loop."""
    options: dict[str, Any] = {**_OPTIONS, "no_cpython_wrapper": True, "no_cfunc_wrapper": True}
    return njit(**options)(function)


def compiled(function: Callable[..., Any]) -> Any:
    """Compile a loop at its first call, and keep the machine code on disk.

    The code lies beside the source, or in the user's cache folder where that is read-only. Where neither can be written, the loop is
    compiled anew in every process.
    """
    dispatcher = njit(**_OPTIONS)(function)
    try:
        dispatcher.enable_caching()
    except RuntimeError:  # numba found no folder that it may write to
        return dispatcher
    lock = Path(dispatcher._cache.cache_path) / "loops.lock"
    dispatcher._cache.save_overload = _forgiving(_alone(dispatcher._cache.save_overload, lock))
    dispatcher._cache.load_overload = _alone(dispatcher._cache.load_overload, lock)
    # numba looks at the age of the loop's own file only; the helpers that it inlines lie in other files of this folder.
    file: Any = getattr(dispatcher._cache, "_cache_file", None)
    if hasattr(file, "_source_stamp"):
        file._source_stamp = (file._source_stamp, _digest())
    return dispatcher


def _alone(action: Callable[..., Any], lock: Path) -> Callable[..., Any]:
    """One process at a time. numba numbers the variants of a loop by counting those in its index, so that two processes which compile
    different ones at once would give both the same number, and one of them would later find the other's code."""

    def attempt(*args: Any) -> Any:
        with ExitStack() as held:
            with suppress(ImportError, OSError):  # no such locks here, or a folder that is read-only: nobody writes there either
                import fcntl

                fcntl.flock(held.enter_context(open(lock, "ab")), fcntl.LOCK_EX)
            return action(*args)

    return attempt


def _forgiving(save: Callable[..., None]) -> Callable[..., None]:
    """A full disk costs the next process its time, not this one its result."""

    def attempt(*args: Any) -> None:
        with suppress(OSError):
            save(*args)

    return attempt


@cache
def _digest() -> str:
    """A fingerprint of all sources in this folder."""
    text = b"".join(path.read_bytes() for path in sorted(Path(__file__).parent.glob("*.py")))
    return hashlib.blake2b(text, digest_size=8).hexdigest()
