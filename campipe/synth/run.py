"""run: a whole data set on disk, that can be stopped at any moment and run again."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from campipe.core.errors import CampipeError
from campipe.core.random import Key
from campipe.synth import manifest
from campipe.synth.files import checksum, sole_writer, sweep
from campipe.synth.local import make_shards
from campipe.synth.photos import Photos
from campipe.synth.shards import FORMATS, Job

SAMPLES_PER_SHARD = 64

Progress = Callable[[int, int], None]


@dataclass(frozen=True)
class Summary:
    """What a run did.

    out       the folder
    count     samples in it
    made      samples made by this run; the others were there
    files     SHA-256 by file name
    seconds   how long it took
    """

    out: Path
    count: int
    made: int
    files: dict[str, str]
    seconds: float


def run(
    recipe: Any,
    images: Any,
    out: str | Path,
    count: int,
    seed: int = 0,
    *,
    format: str = "webdataset",
    workers: int = 1,
    progress: Progress | None = None,
    samples_per_shard: int | None = None,
) -> Summary:
    """Write samples 0 ... count - 1 to a folder. Stopped and run again, it goes on, and ends with the same bytes.

    recipe              from `campipe.recipe.load`
    images              folder of photos
    out                 folder: empty, new, or one that an earlier run with the same arguments left
    format              "webdataset": tars of .npy and JSON; "dng": DNG of the noisy frame, PNG of the developed clean one, JSON
    workers             processes; the bytes do not hang on it
    progress            called with (done, count) samples
    samples_per_shard   None: 64, and fewer in small data sets, so that several workers have something to do

    Raises CampipeError for what cannot be done, for a full disk, and for a folder begun with something else.
    """
    start = time.monotonic()
    _check(count, seed, format, workers, samples_per_shard)
    per_shard = samples_per_shard or min(SAMPLES_PER_SHARD, -(-count // 8))
    job = Job(recipe, Photos.under(images), Path(out), count, seed, per_shard, format)
    with sole_writer(job.out):
        files, made = _go_on(job, workers, progress or _silent)
    return Summary(job.out, count, made, dict(sorted(files.items())), time.monotonic() - start)


def _go_on(job: Job, workers: int, progress: Progress) -> tuple[dict[str, str], int]:
    """Make what is missing in the folder. Returns SHA-256 by file name, and how many samples were made."""
    asked = manifest.describe(job)
    earlier = manifest.load(job.out)
    if earlier is None:
        manifest.save(job.out, asked, None)
    else:
        manifest.check(earlier, asked, job.out)
    sweep(job.out)
    files = _finished(job, (earlier or {}).get("files", {}))
    missing = [shard for shard in range(job.shards) if not files.keys() >= set(job.files(shard))]
    made = sum(len(job.items(shard)) for shard in missing)
    done = job.count - made
    progress(done, job.count)

    def tick() -> None:
        nonlocal done
        done += 1
        progress(done, job.count)

    try:
        for written in make_shards(job, missing, workers, tick):
            files.update(written)
    finally:
        sweep(job.out)
    if missing or not (earlier or {}).get("complete"):
        manifest.save(job.out, asked, files)
    return files, made


def _silent(done: int, count: int) -> None:
    """No progress is shown."""


def _finished(job: Job, known: dict[str, str]) -> dict[str, str]:
    """SHA-256 of the files that are there; one that differs from a finished manifest's is taken as missing."""
    names = [name for shard in range(job.shards) for name in job.files(shard)]
    there = {name: checksum(job.out / name) for name in names if (job.out / name).is_file()}
    return {name: found for name, found in there.items() if known.get(name, found) == found}


def _check(count: int, seed: int, format: str, workers: int, samples_per_shard: int | None) -> None:
    given = {"count": count, "workers": workers, "samples_per_shard": 1 if samples_per_shard is None else samples_per_shard}
    for name, value in given.items():
        if isinstance(value, bool) or not isinstance(value, int) or value < 1:
            raise CampipeError(f"{name} is a whole number from 1 on, but {value!r} came")
    if format not in FORMATS:
        raise CampipeError(f"a format is one of {', '.join(FORMATS)}, but {format!r} came")
    Key(seed)
