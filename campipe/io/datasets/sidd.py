"""SIDD: scenes by five smartphones, each with the mean of 150 aligned frames; the raw frames of its small, medium and full sets."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np
import torch

from campipe.core import pattern as patterns
from campipe.core.errors import CampipeError, RawFileError
from campipe.core.frame import Capture, Frame
from campipe.io.checks import existing
from campipe.io.datasets.matlab import is_hdf5, read_mat
from campipe.io.datasets.pairs import Pair, PairSet, existing_folder, found_any
from campipe.ops import colour

PATTERNS = {"GP": "BGGR", "IP": "RGGB", "S6": "GRBG", "N6": "BGGR", "G4": "BGGR"}
"""Filters of each phone, by the code in a scene's name: bayer_patterns.csv of the set."""
_NOISES = "noise_level_functions.csv"


class Sidd(PairSet):
    """Pairs of SIDD's raw frames.

    folder   with Data/, or with the scenes themselves: 0001_001_S6_00100_00060_3200_L and so on

    A scene has 0001_NOISY_RAW_010.MAT and 0001_GT_RAW_010.MAT (in the small set without the number in front), and
    0001_METADATA_RAW_010.MAT. Frames are in "mosaic", with the pattern of the phone, ISO and exposure time of the scene's name, white
    balance and colour matrix of the metadata where there are some, and the noise profile of noise_level_functions.csv where it lies
    beside. Source: Abdelhamed, Lin, Brown, "A high-quality denoising dataset for smartphone cameras", CVPR 2018.
    """

    def __init__(self, folder: str | os.PathLike[str]) -> None:
        root = existing_folder(folder, "the folder of SIDD, with Data/ and its scenes,")
        data = root / "Data" if (root / "Data").is_dir() else root
        self._noisy = sorted(p for p in data.glob("*/*") if "NOISY_RAW" in p.name.upper() and p.suffix.lower() == ".mat")
        self.names = found_any([f"{p.parent.name}/{p.stem}" for p in self._noisy], data, "scenes with NOISY_RAW files")
        tables = [p for p in (root / _NOISES, data / _NOISES) if p.is_file()]
        self._noises = read_noises(tables[0]) if tables else {}

    def __getitem__(self, number: int) -> Pair:
        number = self.place(number)
        noisy = self._noisy[number]
        scene = noisy.parent.name
        clean = existing(noisy.with_name(noisy.name.upper().replace("NOISY_RAW", "GT_RAW").replace(".MAT", noisy.suffix)))
        capture = scene_capture(scene, self._noises)
        metadata = noisy.with_name(noisy.name.upper().replace("NOISY_RAW", "METADATA_RAW").replace(".MAT", noisy.suffix))
        if metadata.is_file():
            capture = capture.replace(**_colours(metadata))
        return Pair(self.names[number], _frame(noisy, capture), _frame(clean, capture.replace(noise=None)))


def scene_capture(scene: str, noises: dict[str, torch.Tensor]) -> Capture:
    """What a scene's name says, 0001_001_S6_00100_00060_3200_L: phone, ISO and 1 / exposure time."""
    words = scene.split("_")
    try:
        pattern, iso, speed = PATTERNS[words[2]], float(words[3]), float(words[4])
    except (IndexError, KeyError, ValueError):
        raise RawFileError(f"a scene of SIDD has a name such as 0001_001_S6_00100_00060_3200_L, but {scene} came; keep the names") from None
    noise = noises.get(scene, noises.get(words[0]))
    if noise is not None:  # colours to positions
        noise = noise[:, :, torch.tensor(patterns.channels(pattern))]
    number = torch.tensor
    seconds = number([1 / speed]) if speed > 0 else None
    return Capture(pattern=pattern, camera=words[2], iso=number([iso]), seconds=seconds, noise=noise)


def read_noises(path: Path) -> dict[str, torch.Tensor]:
    """(1, 2, 3) S and O of red, green and blue, by what the first column says: beta1 x + beta2 is the variance at x."""
    found = {}
    for number, line in enumerate(path.read_text().splitlines(), 1):
        name, *words = (word.strip().strip('"') for word in line.split(","))
        try:
            values = [float(word) for word in words[:6]]
        except ValueError:
            continue  # the heading
        if len(values) < 6:
            raise RawFileError(f"{path}:{number}: a name and six numbers are needed, but {line.strip()!r} came; fetch the table again")
        found[name.zfill(4) if name.isdigit() else name] = torch.tensor(values).reshape(3, 2).T[None].clone()
    return found


def _frame(path: Path, capture: Capture) -> Frame:
    values = np.atleast_2d(read_mat(path, "x"))
    if values.ndim != 2:
        raise RawFileError(f"{path} holds an array of the shape {values.shape}, but a mosaic (H, W) is needed; check that it is a raw one")
    if values.dtype.kind != "f":
        raise RawFileError(f"{path} holds whole numbers, but SIDD's raw frames are fractions of the white level; check the file")
    return Frame(torch.from_numpy(np.ascontiguousarray(values, dtype=np.float32))[None, None], "mosaic", capture)


def _colours(path: Path) -> dict[str, Any]:
    """White balance and colour matrix of a metadata file, as far as it says them."""
    if is_hdf5(path):
        return {}
    try:
        fields = read_mat(path, "metadata").reshape(-1)[0]
        names = fields.dtype.names or ()
    except (CampipeError, AttributeError, IndexError):
        return {}
    out: dict[str, Any] = {}
    neutral = np.asarray(fields["AsShotNeutral"], dtype=np.float64).reshape(-1) if "AsShotNeutral" in names else np.zeros(0)
    if neutral.size == 3 and bool((neutral > 0).all()):
        out["wb"] = torch.tensor(neutral[1] / neutral, dtype=torch.float32)[None]
    matrix = next((np.asarray(fields[n], dtype=np.float64) for n in ("ColorMatrix2", "ColorMatrix1") if n in names), np.zeros(0))
    if matrix.size == 9 and abs(np.linalg.det(matrix.reshape(3, 3))) > 1e-9:
        out["cam_to_srgb"] = colour.cam_to_srgb(torch.tensor(matrix.reshape(3, 3)))[None].float()
    return out
