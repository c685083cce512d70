"""Linearisation: raw numbers through a table, and back."""

from __future__ import annotations

import torch
from torch import Tensor

from campipe.core.errors import CampipeError


def linearised(dn: Tensor, table: Tensor) -> Tensor:
    """Look raw numbers up in a table, linearly between its entries.

    dn        (B, ...), DN; what lies outside of 0 to n - 1 gets the first or the last entry, as LibRaw and the DNG specification have it
    table     (n,) or (B, n), n >= 2: the linear number of each raw number
    returns   the shape of dn, DN

    Gradient: exact, with respect to the table too; the slope at an entry is that of the piece above it.
    """
    rows = table if table.ndim == 2 else table[None]
    last = rows.shape[-1] - 1
    inside = dn.clamp(0, last)
    low = inside.detach().floor().clamp_max(last - 1)
    flat = low.long().flatten(1)
    rows = rows.expand(dn.shape[0], -1)
    first, second = (rows.gather(1, flat + step).reshape(dn.shape) for step in (0, 1))
    return first + (inside - low) * (second - first)


def unlinearised(linear: Tensor, table: Tensor) -> Tensor:
    """The inverse of `linearised` for a table that rises everywhere.

    linear    (...), DN
    table     (n,)
    returns   the same shape, DN: 0 to n - 1

    Gradient: exact. Raises CampipeError for a table that does not rise.
    """
    if not torch.compiler.is_compiling() and not bool((table.diff() > 0).all()):
        raise CampipeError("only a table that rises everywhere can be undone; check it for steps that stay or fall")
    inside = torch.minimum(torch.maximum(linear, table[0]), table[-1])
    low = (torch.searchsorted(table.detach().contiguous(), inside.detach().contiguous(), right=True) - 1).clamp(0, len(table) - 2)
    first, second = table[low], table[low + 1]
    return low + (inside - first) / (second - first)
