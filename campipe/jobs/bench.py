"""How fast campipe exposes a frame, beside what else there is, measured side by side in one run.

Every contender waits in a process of its own; they take turns, round after round, so that a slow minute of the machine hits all of
them. What is told is the median over the rounds. Peak memory is that of the whole process during a run, less what it had before its
input was made.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from statistics import median
from typing import Any

from campipe.core.errors import CampipeError

Progress = Callable[[int, int, str], None]

GRADIENT = "gradient to the photons"
FIRST, IMPORT = "first call, 512 x 512", "import"
WORKER = "campipe.jobs.bench_worker"


@dataclass(frozen=True)
class Row:
    """One line of the result; None where it has no meaning or the peer is not installed.

    job                     what was done
    who                     by whom
    megapixels_per_second   median over the rounds, 1e6 pixels
    peak_megabytes          largest over the rounds, 1e6 bytes
    seconds                 median over the rounds, for one run
    cpu_seconds             median over the rounds, of the processor's time for one run, all threads together
    """

    job: str
    who: str
    megapixels_per_second: float | None = None
    peak_megabytes: float | None = None
    seconds: float | None = None
    cpu_seconds: float | None = None


@dataclass(frozen=True)
class Entry:
    """One contender of a heat: the row's words, and what its process is told."""

    job: str
    who: str
    contender: str
    threads: int = 1


def bench(megapixels: float = 12.0, rounds: int = 5, progress: Progress | None = None) -> list[Row]:
    """Measure everything. Shuffled and plain light are two heats.

    megapixels   size of the frame, 1e6 pixels, 4:3; at least 1.1
    rounds       turns that each contender takes
    progress     called with (done, all, words)
    """
    if not megapixels >= 1.1 or rounds < 1:
        raise CampipeError(f"a bench needs at least 1.1 megapixels and 1 round, but {megapixels:g} and {rounds} came")
    height, width = size_of(megapixels)
    heats = [(_entries(megapixels, "shuffled"), True), (_peers(f"exposure {megapixels:g} MP, ramp"), False)]
    total, done, rows = sum(len(entries) for entries, _ in heats) * (rounds + 1) + 2, 0, []

    def tell(words: str) -> None:
        nonlocal done
        done += 1
        if progress is not None:
            progress(min(done, total), total, words)

    for entries, shuffled in heats:
        rows += heat(entries, WORKER, [str(n) for n in (height, width, int(shuffled))], rounds, tell)
    rows += first_call()
    tell(FIRST)
    rows += import_time()
    tell(IMPORT)
    return rows


def as_json(rows: list[Row]) -> str:
    """The rows as a list of objects."""
    return json.dumps([asdict(row) for row in rows], indent=2)


def size_of(megapixels: float) -> tuple[int, int]:
    """Height and width, 4:3, even numbers."""
    height = round((megapixels * 1e6 * 3 / 4) ** 0.5 / 2) * 2
    return height, round(height * 4 / 3 / 2) * 2


def _peers(job: str) -> list[Entry]:
    names = ("campipe", "NumPy, SFC64", "NumPy, PCG64", "torch, eager", "GalSim, CCDNoise", "Pyxel, stock models")
    return [Entry(job, name, name) for name in names]


def _entries(megapixels: float, light: str) -> list[Entry]:
    job = f"exposure {megapixels:g} MP, {light}"
    return [
        *_peers(job),
        Entry(job, "campipe, one 512 x 512 tile", "campipe, one 512 x 512 tile"),
        Entry(job, "campipe, all 512 x 512 tiles", "campipe, all 512 x 512 tiles"),
        Entry(job, "campipe, two threads", "campipe", threads=2),
        Entry(GRADIENT, "campipe, forward", "campipe, forward with gradient"),
        Entry(GRADIENT, "campipe, forward and backward", "campipe, forward and backward"),
    ]


def heat(entries: list[Entry], worker: str, words: list[str], rounds: int, tell: Callable[[str], None]) -> list[Row]:
    """Let the contenders take turns, and sum up.

    worker   module that is run once for each contender, with the contender's name, the words and the number of threads
    tell     called with words, once for each contender that is ready and once for each of its turns
    """
    with _workers() as start:
        workers, there = [], []
        for entry in entries:  # one after the other, so that what the first one compiles is there for the others
            workers.append(start(entry, worker, words))
            there.append("ready" in _hear(entry, workers[-1]))
            tell(f"{entry.who} is ready")
        results: list[list[dict[str, Any]]] = [[] for _ in entries]
        for _ in range(rounds):
            for entry, process, present, result in zip(entries, workers, there, results, strict=True):
                if present:
                    assert process.stdin is not None
                    process.stdin.write("go\n")
                    process.stdin.flush()
                    result.append(_hear(entry, process))
                tell(f"{entry.job}: {entry.who}")
    return [_row(entry, result) for entry, result in zip(entries, results, strict=True)]


def _row(entry: Entry, results: list[dict[str, Any]]) -> Row:
    if not results:
        return Row(entry.job, f"{entry.who.split(',')[0]}: not installed")
    seconds, busy = (median(r[name] for r in results) for name in ("seconds", "cpu_seconds"))
    return Row(entry.job, entry.who, results[0]["pixels"] / seconds / 1e6, max(r["bytes"] for r in results) / 1e6, seconds, busy)


@contextmanager
def _workers() -> Iterator[Callable[[Entry, str, list[str]], subprocess.Popen[str]]]:
    """What starts the waiting process of a contender; none of them is left behind."""
    workers: list[subprocess.Popen[str]] = []

    def start(entry: Entry, worker: str, words: list[str]) -> subprocess.Popen[str]:
        command = [sys.executable, "-m", worker, entry.contender, *words, str(entry.threads)]
        pipe = subprocess.PIPE
        workers.append(subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=pipe, text=True, env=_environment(entry.threads)))
        return workers[-1]

    try:
        yield start
    finally:
        for process in workers:
            process.kill()
            with suppress(BrokenPipeError):
                process.communicate()


def _environment(threads: int, **more: str) -> dict[str, str]:
    names = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMBA_NUM_THREADS")
    return {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path)), **dict.fromkeys(names, str(threads)), **more}


def _hear(entry: Entry, worker: subprocess.Popen[str]) -> dict[str, Any]:
    assert worker.stdout is not None and worker.stderr is not None
    line = worker.stdout.readline()
    if not line:
        said = worker.stderr.read().strip().splitlines() or ["nothing"]
        raise CampipeError(f"the process of {entry.who} ended before its turn; its last words: {said[-1]}")
    return json.loads(line)


_FIRST_CALL = """
import time, torch
from campipe.core.random import Key
from campipe.sensor.frame_sensor import FrameSensor
torch.set_num_threads(1)
sensor = FrameSensor(512, 512, None, dark_current=25.0, prnu=0.012, read_noise=3.0, black_level=64.0)
light = torch.full((1, 1, 512, 512), 1000.0)
start = time.perf_counter()
sensor.expose(light, seconds=0.5, key=Key(1))
print(time.perf_counter() - start)
"""


def first_call() -> list[Row]:
    """Seconds of the first exposure in a process: with an empty cache of compiled loops, and with the one that it left."""
    with tempfile.TemporaryDirectory() as folder:
        environment = _environment(1, NUMBA_CACHE_DIR=folder)
        fresh, cached = (_answer(_FIRST_CALL, environment) for _ in range(2))
    return [Row(FIRST, "campipe, fresh cache", seconds=fresh), Row(FIRST, "campipe, cached", seconds=cached)]


def import_time(rounds: int = 3) -> list[Row]:
    """Seconds to import torch alone, and torch with campipe."""
    source = "import time; start = time.perf_counter(); import {}; print(time.perf_counter() - start)"
    asked = {"torch": "torch", "torch and campipe": "torch, campipe"}
    taken: dict[str, list[float]] = {who: [] for who in asked}
    for _ in range(rounds):
        for who, what in asked.items():
            taken[who].append(_answer(source.format(what), _environment(1)))
    return [Row(IMPORT, who, seconds=median(seconds)) for who, seconds in taken.items()]


def _answer(source: str, environment: dict[str, str]) -> float:
    """The number that a program prints."""
    done = subprocess.run([sys.executable, "-c", source], capture_output=True, text=True, env=environment)
    if done.returncode:
        said = done.stderr.strip().splitlines() or ["nothing"]
        raise CampipeError(f"a program of the bench failed; its last words: {said[-1]}")
    return float(done.stdout)
