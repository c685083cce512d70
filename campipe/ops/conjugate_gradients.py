"""Conjugate gradients: a large symmetric system by a few products with its matrix."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

_TINY = 1e-30


def conjugate_gradients(apply: Callable[[Tensor], Tensor], wanted: Tensor, start: Tensor, iterations: int) -> Tensor:
    """Bring x near the solution of A x = b, for every item of a batch by itself.

    apply        x to A x; A is symmetric and has no negative eigenvalue
    wanted       (B, ...), b
    start        the shape of b: where the iterations begin
    iterations   how many products with A, besides that with the start
    returns      the shape of b

    An item that has arrived stays where it is. Gradient: exact for what was computed, that is through all iterations.
    Source: Hestenes, Stiefel, "Methods of conjugate gradients for solving linear systems", Journal of Research of the National Bureau of
    Standards 49, 1952.
    """
    x, rest = start, wanted - apply(start)
    along, size = rest, _dot(rest, rest)
    for _ in range(iterations):
        product = apply(along)
        bend = _dot(along, product)
        step = torch.where(bend > _TINY, size / torch.where(bend > _TINY, bend, 1), 0)
        x, rest = x + step * along, rest - step * product
        before, size = size, _dot(rest, rest)
        turn = torch.where(before > _TINY, size / torch.where(before > _TINY, before, 1), 0)
        along = rest + turn * along
    return x


def _dot(x: Tensor, y: Tensor) -> Tensor:
    """(B, 1, ..., 1); axis by axis, so that threads change no bit."""
    total = x * y
    while total.ndim > 1:
        total = total.sum(-1)
    return total.reshape(-1, *([1] * (x.ndim - 1)))
