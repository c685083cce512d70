"""A repeating pattern of colour filters, fixed or chosen by a training."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from campipe.core.errors import CampipeError
from campipe.core.random import Key

BANK = {"R": (1.0, 0.0, 0.0), "G": (0.0, 1.0, 0.0), "B": (0.0, 0.0, 1.0), "W": (1.0, 1.0, 1.0)}
"""What a filter passes of the light in the bands of red, green and blue; W is no filter at all."""

HARDENING = 37.5
"""Chakrabarti's gamma times his 1.5 million steps: the exponent is 1 + (37.5 progress)^2."""
SETTLED = 0.5
"""Share of the training after which the filters are those of the bank and stay, so that the net ends on the pattern that is built."""


class FilterPattern(nn.Module):
    """A square tile of filters, each one of the bank.

    tile      pixels a side
    letters   a fixed pattern, row by row, repeated to fill the tile: "RGGB"; None: it is learned
    seed      of the weights that a training begins with

    While it is learned, a pixel's filter is a mixture of the bank with shares softmax(exponent weights); the exponent grows with the
    square of the training's progress, and from the middle of the training on each pixel has its largest share alone.

    Source: Chakrabarti, "Learning sensor multiplexing design through back-propagation", NIPS 2016, section 3.1. Gradient: exact while it
    is a mixture, none afterwards.
    """

    bank: Tensor

    def __init__(self, tile: int = 4, letters: str | None = None, seed: int = 0) -> None:
        super().__init__()
        self.tile = tile
        self.register_buffer("bank", torch.tensor(list(BANK.values())))
        weights = torch.zeros(tile, tile, len(BANK))
        if letters is None:
            generator = torch.Generator().manual_seed(Key(seed).fold("filters").seed >> 1)
            weights = 0.1 * torch.randn(weights.shape, generator=generator)
        else:
            side = math.isqrt(len(letters))
            if side * side != len(letters) or not letters or tile % side or set(letters) - set(BANK):
                known = ", ".join(BANK)
                raise CampipeError(f"a pattern is a square of the letters {known} that fills a tile of {tile}, but {letters!r} came")
            rows = [[list(BANK).index(letters[y * side + x]) for x in range(side)] for y in range(side)]
            chosen = torch.tensor(rows).repeat(tile // side, tile // side)
            weights.scatter_(-1, chosen[..., None], 1.0)
        self.weights = nn.Parameter(weights, requires_grad=letters is None)
        self.learned = letters is None

    @property
    def letters(self) -> str:
        """The pattern, row by row: of each pixel the filter with the largest share."""
        return "".join(list(BANK)[i] for i in self.weights.argmax(-1).flatten().tolist())

    def transmittance(self, progress: float = 1.0) -> Tensor:
        """What each pixel of the tile passes of the three bands, (3, tile, tile), from 0 to 1.

        progress   share of the training that is done
        """
        if not self.learned or progress >= SETTLED:
            shares = nn.functional.one_hot(self.weights.argmax(-1), len(BANK)).to(self.weights.dtype)
        else:
            shares = ((1 + (HARDENING * progress) ** 2) * self.weights).softmax(-1)
        return (shares @ self.bank).movedim(-1, 0)
