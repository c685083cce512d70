"""One way of reading for `campipe.jobs.bench_calibrate`, in a process of its own; see `campipe.jobs.bench_worker`."""

from __future__ import annotations

import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import torch

from campipe.calibrate.pairs import PairStatistics, pair_statistics
from campipe.calibrate.photon_transfer import photon_transfer
from campipe.core.frame import Frame
from campipe.io.raw import read_raw
from campipe.jobs.bench_worker import Run, serve

LIGHT = (0.0, 2000.0, 6000.0, 10000.0, 14000.0)
"""Photons per pixel of the steps."""

Reader = Callable[[Path], Frame | np.ndarray]
CONTENDERS: dict[str, tuple[str, Reader, str | None]] = {
    "DNG": ("dng", read_raw, None),
    "uint16 .npy": ("npy", np.load, "RGGB"),
}


def transfer(folder: Path, kind: str, pairs: int) -> Run:
    """Photon transfer of so many pairs, which are read from the folder one after the other and again."""
    ending, read, pattern = CONTENDERS[kind]

    def one(number: int) -> PairStatistics:
        step = number % len(LIGHT)
        first, second = (read(folder / f"{step}-{turn}.{ending}") for turn in range(2))
        return pair_statistics(first, second, photons=LIGHT[step], pattern=pattern)

    def run() -> None:
        # Each thread holds one pair at a time.
        with ThreadPoolExecutor(torch.get_num_threads()) as pool:
            found = list(pool.map(one, range(pairs)))
        photon_transfer([p for p in found if p.photons], [p for p in found if not p.photons])

    return run


def main() -> None:
    """Arguments: contender, folder, pairs, height, width, threads."""
    kind, folder = sys.argv[1], Path(sys.argv[2])
    pairs, height, width, threads = map(int, sys.argv[3:7])
    torch.set_num_threads(threads)
    pixels = 2 * pairs * height * width
    serve(lambda: transfer(folder / "small", kind, 2 * len(LIGHT)), lambda: transfer(folder / "large", kind, pairs), pixels)


if __name__ == "__main__":
    main()
