"""Learning the dictionary that ships: K-SVD on patches of photos."""

from __future__ import annotations

from collections.abc import Sequence
from os import PathLike
from pathlib import Path

import torch
from torch import Tensor

from campipe.core.errors import CampipeError, ShapeError
from campipe.ops.ksvd import ksvd, patches_at, places
from campipe.ops.sparse_coding import GAIN, SIDE, dct_atoms

_SIGMA = 10 / 255  # what a code leaves of a clean patch: the best of 10 and 20 for pictures with noise of 10 and 25


def learn_dictionary(pictures: Sequence[Tensor], *, patches: int = 120_000, iterations: int = 30) -> Tensor:
    """Learn 256 atoms of 8 x 8 pixels from clean pictures, starting from cosines.

    pictures     (H, W) each, display values in [0, 1]
    patches      in all, about
    iterations   of `campipe.ops.ksvd.ksvd`
    returns      (64, 256) float16, columns of length 1

    Nothing is drawn at random: the same pictures give the same dictionary on one machine.
    """
    if not pictures:
        raise CampipeError("a dictionary is learned from pictures, but none came")
    data = []
    for picture in pictures:
        if picture.ndim != 2 or min(picture.shape) < SIDE:
            raise ShapeError(f"a dictionary is learned from pictures (H, W) of 8 x 8 pixels or more, but {tuple(picture.shape)} came")
        data.append(patches_at(picture.float(), *places(picture.shape, max(1, patches // len(pictures)))))
    every = torch.cat(data)
    allowed = torch.full((len(every),), (GAIN * _SIGMA * SIDE) ** 2)
    wanted = every.square().sum(1) > allowed
    return ksvd(every[wanted], dct_atoms(), allowed[wanted], iterations=iterations).half()


def save_dictionary(path: str | PathLike[str], atoms: Tensor) -> None:
    """Write a dictionary (64, K) as a safetensors file with the one entry "atoms"."""
    from safetensors.torch import save

    Path(path).write_bytes(save({"atoms": atoms.contiguous()}))
