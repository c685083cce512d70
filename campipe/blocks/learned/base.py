"""Learned: what a block adds that carries trained weights."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, ClassVar, Self

import torch
from torch import Tensor, nn

from campipe.blocks.base import Block
from campipe.blocks.learned.weights import Weights, read_weights, shipped, write_weights
from campipe.core.errors import CampipeError
from campipe.core.stage import Stage

_SIDE = 256  # pixels of a net's input; the activations of a tile stay near the cache


class Learned(Block):
    """A block with a net, `body`, whose output is added to a classical base. To be derived from: implement `build` and the slot's `net`.

    weights        name of weights that ship, path of a file of them, or None: an untrained block, which is its base to the last bit
    architecture   numbers that the net is built from where there are no weights; with weights theirs are taken

    The weights are frozen, so that a picture needs no gradient to be detached; `unfreeze` hands them to an optimiser.
    """

    block: ClassVar[str] = ""  # slot and name, as it stands in the file of weights
    body: nn.Module
    architecture: dict[str, Any]

    def _make_body(self, weights: str | Path | None, architecture: Mapping[str, Any], seed: int = 0) -> None:
        """Build the net, and fill it. To be called by the constructor."""
        found = None if weights is None else read_weights(shipped(weights))
        if found is not None and found.block != self.block:
            raise CampipeError(f"{weights} holds weights of {found.block}, but {self.block} needs its own; give weights of this block")
        self.architecture = dict(architecture if found is None else found.architecture)
        try:
            self.body = self.build(**self.architecture, seed=seed)
        except TypeError:
            numbers = ", ".join(self.architecture)
            raise CampipeError(f"{self.block} is not built from {numbers}; train the weights with this version") from None
        if found is not None:
            self.fill(found)
        self.body.requires_grad_(False)

    def build(self, **architecture: Any) -> nn.Module:
        """The net of an architecture. To be implemented."""
        raise NotImplementedError(f"{type(self).__name__} does not say what its net is; implement build(**architecture)")

    def fill(self, weights: Weights) -> None:
        """Take over weights; a CampipeError says where they belong to another architecture."""
        wanted = {name: tuple(tensor.shape) for name, tensor in self.body.state_dict().items()}
        came = {name: tuple(tensor.shape) for name, tensor in weights.tensors.items()}
        for name in sorted({*wanted, *came}):
            if wanted.get(name) != came.get(name):
                raise CampipeError(
                    f"the weights are of another architecture: {name} is {wanted.get(name, 'absent')} in {self.block}, "
                    f"but {came.get(name, 'absent')} came; give weights that were trained for it"
                )
        self.body.load_state_dict(dict(weights.tensors))

    def save(self, path: str | Path, about: Mapping[str, str] | None = None) -> Path:
        """Write the weights as float16 with the numbers of the architecture; `weights=path` builds the block again from it."""
        return write_weights(path, Weights(self.block, self.architecture, self.body.state_dict(), about or {}))

    @classmethod
    def load(cls, name: str | Path, **options: Any) -> Self:
        """The block with weights that ship under a name, or lie in a file."""
        make: Any = cls
        loaded: Self = make(weights=name, **options)
        return loaded

    def learned(self, prefix: tuple[str, ...] = ()) -> Iterator[tuple[str, Stage]]:
        yield ".".join([*prefix, "weights"]), self
        if prefix and self.primary not in self._positive:
            yield ".".join(prefix), self

    def unfreeze(self) -> list[nn.Parameter]:
        """Let an optimiser change the weights, and return them; `freeze` ends it."""
        self.body.requires_grad_(True)
        return list(self.body.parameters())

    def freeze(self) -> None:
        super().freeze()
        self.body.requires_grad_(False)

    def run_body(self, x: Tensor, reach: int, *same: Tensor) -> Tensor:
        """The net on its input, (B, C, H, W); tile by tile where no graph is kept and the picture is large.

        reach   pixels around a pixel that the net's output hangs on
        same    further inputs, the same for every tile
        """
        tracked = torch.is_grad_enabled() and (x.requires_grad or any(p.requires_grad for p in self.body.parameters()))
        height, width = x.shape[-2:]
        if tracked or torch.compiler.is_compiling() or max(height, width) <= 2 * _SIDE:
            return self.body(x, *same)
        rows = []
        for top in range(0, height, _SIDE):
            y, bottom = max(top - reach, 0), min(top + _SIDE, height)
            row = []
            for left in range(0, width, _SIDE):
                z, right = max(left - reach, 0), min(left + _SIDE, width)
                done = self.body(x[..., y : bottom + reach, z : right + reach], *same)
                row.append(done[..., top - y : bottom - y, left - z : right - z])
            rows.append(torch.cat(row, -1))
        return torch.cat(rows, -2)
