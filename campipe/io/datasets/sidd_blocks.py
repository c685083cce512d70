"""SIDD's validation blocks: 32 blocks of 256 x 256 from each of 40 pictures, raw or developed."""

from __future__ import annotations

import os
from collections.abc import Sequence

import numpy as np
import torch

from campipe.core.errors import CampipeError, RawFileError
from campipe.core.frame import Capture, Frame
from campipe.io.datasets.matlab import read_mat
from campipe.io.datasets.pairs import Pair, PairSet, existing_folder
from campipe.io.datasets.sidd import read_noises, scene_capture

_KINDS = {"raw": "Raw", "srgb": "Srgb"}


class SiddBlocks(PairSet):
    """Pairs of SIDD's validation blocks.

    folder   with ValidationNoisyBlocksRaw.mat and ValidationGtBlocksRaw.mat, or ...Srgb.mat
    kind     "raw": frames in "mosaic"; "srgb": in "display"
    scenes   names of the scenes that the pictures are from, in their order, for the filters and the noise of raw blocks; None: the lines
             of Scene_Instances.txt beside the blocks

    The files do not say the colour filters of their blocks; for raw ones a name for each picture is needed. Both files are read as a whole
    when the first pair is asked for. Source: Abdelhamed, Lin, Brown, CVPR 2018.
    """

    def __init__(self, folder: str | os.PathLike[str], kind: str = "raw", scenes: Sequence[str] | None = None) -> None:
        root = existing_folder(folder, "the folder of SIDD's validation blocks")
        if kind not in _KINDS:
            raise CampipeError(f"blocks are 'raw' or 'srgb', but {kind!r} came")
        self._names = [f"Validation{which}Blocks{_KINDS[kind]}" for which in ("Noisy", "Gt")]
        for name in self._names:
            if not (root / f"{name}.mat").is_file():
                raise RawFileError(f"{root} has no {name}.mat; fetch SIDD's validation data, or choose kind='{_other(kind)}'")
        self._root, self._kind = root, kind
        self._blocks: tuple[np.ndarray, np.ndarray] | None = None
        listed = root / "Scene_Instances.txt"
        if scenes is None and listed.is_file():
            scenes = listed.read_text().split()
        if kind == "raw" and scenes is None:
            raise CampipeError(f"raw blocks do not say their filters; give scenes=[...], or write the scenes' names into {listed}")
        table = root / "noise_level_functions.csv"
        noises = read_noises(table) if table.is_file() else {}
        self._captures = None if kind == "srgb" else [scene_capture(scene, noises) for scene in scenes or ()]

    @property
    def names(self) -> list[str]:  # type: ignore[override]
        count, blocks = self._arrays()[0].shape[:2]
        return [f"{picture:02d}/{block:02d}" for picture in range(count) for block in range(blocks)]

    def __len__(self) -> int:
        count, blocks = self._arrays()[0].shape[:2]
        return int(count * blocks)

    def __getitem__(self, number: int) -> Pair:
        number = self.place(number)
        arrays = self._arrays()
        picture, block = divmod(number, arrays[0].shape[1])
        capture = Capture() if self._captures is None else self._captures[picture]
        noisy, clean = (self._frame(array[picture, block], capture) for array in arrays)
        return Pair(f"{picture:02d}/{block:02d}", noisy, clean.replace(noise=None))

    def _arrays(self) -> tuple[np.ndarray, np.ndarray]:
        if self._blocks is None:
            noisy, clean = (read_mat(self._root / f"{name}.mat", name) for name in self._names)
            axes = 4 if self._kind == "raw" else 5
            if noisy.shape != clean.shape or noisy.ndim != axes:
                raise RawFileError(f"{self._root} has noisy blocks {noisy.shape} and clean ones {clean.shape}; fetch both files again")
            if self._captures is not None and len(self._captures) != len(noisy):
                raise CampipeError(f"the blocks are of {len(noisy)} pictures, but {len(self._captures)} scenes are named; name one each")
            self._blocks = noisy, clean
        return self._blocks

    def _frame(self, block: np.ndarray, capture: Capture) -> Frame:
        values = torch.from_numpy(np.ascontiguousarray(block)).float()
        if self._kind == "raw":
            return Frame(values[None, None], "mosaic", capture)
        return Frame(values.movedim(-1, 0)[None] / 255, "display", capture)


def _other(kind: str) -> str:
    return next(other for other in _KINDS if other != kind)
