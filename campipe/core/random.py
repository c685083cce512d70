"""Randomness as a value: counter-based keys, and the addresses on the sensor that they are drawn at.

A draw is a pure function of (key, address). The key says *which* quantity is drawn (seed, stage, view, block);
the address says *where and when* (column, row, frame, item). Nothing else enters, so a pixel gets the same bits alone, in a
batch, in a tile, in another process and on another device.
"""

from __future__ import annotations

import functools
import hashlib
import operator
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor

from campipe.core.errors import CampipeError

STREAM_VERSION = 1
"""Changes whenever the same key and address would give other bits; data sets record it and refuse another."""

_MASK = 0xFFFFFFFF
_ITEM_LIMIT = 0xFFFF0000  # item numbers above it are tags of the counters used by `fold` and `uniform`
_TAG_NAME, _TAG_NUMBER, _TAG_UNIFORM = 0xFFFF0001, 0xFFFF0002, 0xFFFF0003


def philox4x32(counter: tuple[int, int, int, int], key: tuple[int, int]) -> tuple[int, int, int, int]:
    """Encrypt four 32-bit counter words under two 32-bit key words: Philox4x32, ten rounds.

    Source: Salmon, Moraes, Dror, Shaw, "Parallel random numbers: as easy as 1, 2, 3", SC 2011, section 3.3.
    """
    c0, c1, c2, c3 = counter
    k0, k1 = key
    for _ in range(10):
        p0, p1 = 0xD2511F53 * c0, 0xCD9E8D57 * c2
        c0, c1, c2, c3 = (p1 >> 32) ^ c1 ^ k0, p1 & _MASK, (p0 >> 32) ^ c3 ^ k1, p0 & _MASK
        k0, k1 = (k0 + 0x9E3779B9) & _MASK, (k1 + 0xBB67AE85) & _MASK
    return c0, c1, c2, c3


@functools.lru_cache(maxsize=4096)
def _folded(seed: int, what: str | int) -> int:
    """The seed of a part: the first 64 bits of a block whose counter is a digest of the name, or the number."""
    if isinstance(what, str):
        digest = hashlib.blake2b(what.encode(), digest_size=12).digest()
        a, b, c = (int.from_bytes(digest[i : i + 4], "little") for i in (0, 4, 8))
        counter = (a, b, c, _TAG_NAME)
    else:
        counter = (what & _MASK, what >> 32, 0, _TAG_NUMBER)
    low, high, _, _ = philox4x32(counter, (seed & _MASK, seed >> 32))
    return low | high << 32


def whole(value: Any) -> int | None:
    """A whole number of any kind, NumPy's too, as a plain int; None for everything else, True and False among it."""
    if type(value) is int:
        return value
    try:
        return None if isinstance(value, bool) else operator.index(value)
    except TypeError:
        return None


@dataclass(frozen=True)
class Key:
    """Names a random quantity. Folding gives a new, independent key; the key itself never changes.

    seed    0 <= seed < 2**64, all 64 bits count
    item    numbers of the items of a batch that this key stands for, or None: those that the capture says
    """

    seed: int
    item: tuple[int, ...] | None = None

    def __post_init__(self) -> None:
        seed = whole(self.seed)
        if seed is None or not 0 <= seed < 2**64:
            raise CampipeError(f"a seed is a whole number from 0 to 2**64 - 1, but {self.seed!r} came; hash other things to 64 bits first")
        object.__setattr__(self, "seed", seed)

    @property
    def words(self) -> tuple[int, int]:
        """The two 32-bit words of the Philox key, low word first."""
        return self.seed & _MASK, self.seed >> 32

    def fold(self, what: str | int) -> Key:
        """Return the key of a named or numbered part: `key.fold("shot")`, `key.fold(3)`."""
        part = what if isinstance(what, str) else whole(what)
        if part is None or (not isinstance(part, str) and not 0 <= part < 2**64):
            raise CampipeError(f"a key folds a name or a whole number from 0 to 2**64 - 1, but {what!r} came")
        return Key(_folded(self.seed, part), self.item)

    def items(self, numbers: Iterable[int]) -> Key:
        """Return this key for a batch whose items have the given numbers, one per item."""
        if not isinstance(numbers, Iterable):
            raise CampipeError(f"items are whole numbers, one per item of the batch, but {numbers!r} came; write key.items([{numbers!r}])")
        item = tuple(int(n) for n in numbers)
        bad = [n for n in item if not 0 <= n < _ITEM_LIMIT]
        if bad:
            raise CampipeError(f"item numbers are from 0 to {_ITEM_LIMIT - 1}, but {bad[0]} came; fold larger ones into the key")
        return replace(self, item=item)

    def uniform(self, position: int = 0) -> float:
        """Draw one number in [0, 1) with 53 random bits, for choices outside the pixel grid."""
        a, b, _, _ = philox4x32((position & _MASK, position >> 32, 0, _TAG_UNIFORM), self.words)
        return ((a >> 5) * 2**26 + (b >> 6)) / 2**53


@dataclass(frozen=True)
class Grid:
    """The addresses of a batch of planes: where on the sensor, in which frame, of which item.

    height, width   pixels
    origin          (N, 2) int64, (y, x) of the plane's first pixel on the sensor, >= 0
    frame           (N,) int64, number of the frame in time
    item            (N,) int64, number of the item in its data set
    """

    height: int
    width: int
    origin: Tensor
    frame: Tensor
    item: Tensor

    def __len__(self) -> int:
        return self.origin.shape[0]

    def rows(self) -> Grid:
        """One address per row: what is common to a row hangs on y alone."""
        return replace(self, width=1, origin=self.origin * torch.tensor([1, 0]))

    def columns(self) -> Grid:
        """One address per column: what is common to a column hangs on x alone."""
        return replace(self, height=1, origin=self.origin * torch.tensor([0, 1]))

    def still(self) -> Grid:
        """The same places in no particular frame and item: for maps that never change."""
        zero = torch.zeros_like(self.frame)
        return replace(self, frame=zero, item=zero)

    def fixed(self) -> Grid:
        """`still`, with a single plane standing for all of them where they lie at one origin."""
        grid = self.still()
        if torch.compiler.is_compiling() or not bool((self.origin == self.origin[:1]).all()):
            return grid
        return replace(grid, origin=grid.origin[:1], frame=grid.frame[:1], item=grid.item[:1])
