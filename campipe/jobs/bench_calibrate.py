"""How fast campipe measures photon transfer from files on disk.

Ten frames of four steps of light and of the dark, two of each, are made once and read again and again, so that 100 pairs are 200 readings
of files that the system keeps in memory after the first. A slow disk adds the time of its own.
"""

from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np
import torch

from campipe.core.errors import CampipeError
from campipe.core.random import Key
from campipe.io.dng import write_dng
from campipe.jobs.bench import Entry, Progress, Row, heat, size_of
from campipe.jobs.bench_calibrate_worker import CONTENDERS, LIGHT
from campipe.sensor.frame_sensor import FrameSensor

WORKER = "campipe.jobs.bench_calibrate_worker"
_SMALL = (768, 1024)


def bench_calibrate(pairs: int = 100, megapixels: float = 12.0, rounds: int = 3, progress: Progress | None = None) -> list[Row]:
    """Measure photon transfer of RGGB frames, two pairs at a time on two threads, reading included.

    pairs        of frames in one run, darks among them; at least 5
    megapixels   size of a frame, 1e6 pixels, 4:3; at least 1.1
    rounds       turns that each contender takes
    progress     called with (done, all, words)
    """
    if not megapixels >= 1.1 or rounds < 1 or pairs < len(LIGHT):
        raise CampipeError(
            f"a bench needs at least 1.1 megapixels, 1 round and {len(LIGHT)} pairs, but {megapixels:g}, {rounds} and {pairs} came"
        )
    total, done = len(CONTENDERS) * (rounds + 1), 0

    def tell(words: str) -> None:
        nonlocal done
        done += 1
        if progress is not None:
            progress(done, total, words)

    height, width = size_of(megapixels)
    job = f"photon transfer, {pairs} pairs of {megapixels:g} MP"
    entries = [Entry(job, f"campipe, {kind} files", kind, threads=2) for kind in CONTENDERS]
    with tempfile.TemporaryDirectory() as folder:
        for name, size in (("small", _SMALL), ("large", (height, width))):
            write_frames(Path(folder) / name, *size)
        words = [folder, str(pairs), str(height), str(width)]
        return heat(entries, WORKER, words, rounds, tell)


def write_frames(folder: Path, height: int, width: int) -> None:
    """Two frames of each step of light, as DNG and as arrays of uint16."""
    folder.mkdir()
    sensor = FrameSensor(width, height, "RGGB", full_well=15000.0, read_noise=3.0, gain=0.5, black_level=64.0, bits=14)
    for step, photons in enumerate(LIGHT):
        for turn in range(2):
            frame = sensor.expose(torch.full((1, 1, height, width), photons), seconds=0.01, key=Key(step).fold(turn))
            write_dng(folder / f"{step}-{turn}.dng", frame)
            np.save(folder / f"{step}-{turn}.npy", frame.data[0, 0].numpy().astype(np.uint16))
