"""DND: 50 noisy photographs by four cameras, whose clean twins the authors keep: they score what is sent to them."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from campipe.core import pattern as patterns
from campipe.core.errors import CampipeError, RawFileError
from campipe.core.frame import Capture, Frame
from campipe.io.atomic import appearing
from campipe.io.datasets.matlab import open_hdf5, read_mat
from campipe.io.datasets.pairs import Pair, PairSet, existing_folder
from campipe.ops import colour

_LETTERS = {1: "R", 2: "G", 3: "B"}
_ARRAYS = {"raw": ("images_raw", "Inoisy"), "srgb": ("images_srgb", "InoisySRGB")}


class Dnd(PairSet):
    """The boxes of DND, without clean frames.

    folder   with info.mat and images_raw/0001.mat to 0050.mat, or images_srgb/
    kind     "raw": frames in "mosaic"; "srgb": in "display"

    Each photograph has boxes that count, 20 of 512 x 512; a box is a frame. A raw one has pattern, white balance, colour matrix and the
    noise profile of the file: variance = a x + b. `write_box` writes what the authors' kit bundles and sends.
    Source: Plötz, Roth, "Benchmarking denoising algorithms with real photographs", CVPR 2017.
    """

    def __init__(self, folder: str | os.PathLike[str], kind: str = "raw") -> None:
        root = existing_folder(folder, "the folder of DND, with info.mat and images_raw/,")
        if kind not in _ARRAYS:
            raise CampipeError(f"DND has 'raw' and 'srgb' photographs, but {kind!r} came")
        self._images = existing_folder(root / _ARRAYS[kind][0], f"{_ARRAYS[kind][0]} of DND")
        self._kind = kind
        with open_hdf5(root / "info.mat") as file:
            try:
                info = file["info"]
                count = info["boundingboxes"].shape[-1]
                self._boxes = [np.asarray(file[info["boundingboxes"][0][i]]).T.astype(int) for i in range(count)]
                self._captures = [_capture(file, info, i) for i in range(count)] if kind == "raw" else [Capture()] * count
            except (KeyError, IndexError, TypeError, AttributeError) as problem:
                raise RawFileError(f"{root / 'info.mat'} does not hold boxes, noise and cameras of DND; fetch it again") from problem
        self._places = [(image, box) for image, boxes in enumerate(self._boxes) for box in range(len(boxes))]
        self.names = [f"{image + 1:04d}_{box + 1:02d}" for image, box in self._places]
        self._last: tuple[int, Frame] | None = None

    def __getitem__(self, number: int) -> Pair:
        number = self.place(number)
        image, box = self._places[number]
        top, left, bottom, right = (int(n) for n in self._boxes[image][box])  # counted from 1, the last row and column included
        frame = self._photograph(image)
        return Pair(self.names[number], frame.crop(top - 1, left - 1, bottom - top + 1, right - left + 1), None)

    def _photograph(self, image: int) -> Frame:
        """A whole photograph, kept for its next box."""
        if self._last is None or self._last[0] != image:
            values = np.asarray(read_mat(self._images / f"{image + 1:04d}.mat", _ARRAYS[self._kind][1]), dtype=np.float32)
            data = torch.from_numpy(np.ascontiguousarray(values))
            data = data[None] if self._kind == "raw" else data.movedim(-1, 0)
            self._last = image, Frame(data[None], "mosaic" if self._kind == "raw" else "display", self._captures[image])
        return self._last[1]


def write_box(folder: str | os.PathLike[str], name: str, denoised: Tensor) -> Path:
    """Write a denoised box as the authors' kit takes it, `Idenoised_crop` in 0001_01.mat, and return the file.

    name       of the box, as its pair has it
    denoised   (1, 1, H, W) in "mosaic", or (1, 3, H, W) in "display"
    """
    try:
        from scipy.io import savemat
    except ImportError:
        raise CampipeError("MATLAB files need the package scipy, which is not installed; pip install 'campipe[datasets]'") from None
    values = denoised.detach().cpu()[0].movedim(0, -1).numpy().astype(np.float32)
    path = Path(folder) / f"{name}.mat"
    with appearing(path) as temporary:
        savemat(os.fspath(temporary), {"Idenoised_crop": values[..., 0] if values.shape[-1] == 1 else values})
    return path


def _capture(file: Any, info: Any, image: int) -> Capture:
    noise, camera = file[info["nlf"][0][image]], file[info["camera"][0][image]]
    codes = np.asarray(camera["pattern"]).T.astype(int)  # HDF5 has the axes the other way round
    pattern = "".join(_LETTERS.get(code, "?") for code in codes.flat)
    neutral = np.asarray(camera["AsShotNeutral"], dtype=np.float64).reshape(-1)
    matrix = np.asarray(camera["ColorMatrix2"], dtype=np.float64)
    matrix = matrix.T if matrix.shape == (3, 3) else matrix.reshape(3, 3)  # a matrix, or the nine numbers of the tag row by row
    return Capture(
        pattern=patterns.check(pattern),
        noise=torch.tensor([[float(np.asarray(noise[n]).flat[0]) for n in ("a", "b")]]),
        wb=torch.tensor(neutral[1] / neutral, dtype=torch.float32)[None],
        cam_to_srgb=colour.cam_to_srgb(torch.tensor(matrix))[None].float(),
    )
