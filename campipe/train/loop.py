"""The loop: the one way in which campipe trains."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from campipe.core.errors import CampipeError
from campipe.train.ahead import ahead
from campipe.train.devices import Device, Plain
from campipe.train.log import Log
from campipe.train.recording import Recording
from campipe.train.run import Run
from campipe.train.task import Batch, Fitted, Task, Training

__all__ = ["CHECKPOINT", "LOG", "Batch", "Fitted", "Progress", "Task", "Training", "fit"]

CHECKPOINT, LOG = "checkpoint.pt", "log.jsonl"

Progress = Callable[[int, int, str], None]


def fit(
    task: Task,
    training: Training,
    out: Path,
    *,
    device: Device | None = None,
    checkpoint_seconds: float = 60.0,
    until: int | None = None,
    workers: int = 0,
    progress: Progress | None = None,
) -> Fitted:
    """Train a task, and leave it with the (averaged) weights that came of it.

    out                  folder of the checkpoint and the log; where it holds a checkpoint of this training, that goes on
    device               None: the CPU
    checkpoint_seconds   wall-clock time between checkpoints
    until                stop with a checkpoint after this step; None: at the end
    workers              processes that make batches ahead, on the CPU; the batches do not depend on them
    progress             called with (steps done, all, words)

    A training that was stopped and goes on gives the bits of one that was not, on one thread. Raises a CampipeError where a loss or a
    gradient is no finite number, and keeps the checkpoint of the last step before it.
    """
    device = device or Plain()
    if training.batch % device.world:
        raise CampipeError(f"a batch of {training.batch} cannot be shared among {device.world} processes; take a multiple of that")
    out.mkdir(parents=True, exist_ok=True)
    run = Run(task, training, out / CHECKPOINT, device)
    if workers and task.device.type != "cpu":
        raise CampipeError("batches are made on the GPU itself, so that processes cannot make them ahead; leave workers out")
    first = device.rank == 0
    log = Log(out / LOG, run.step) if first else None
    last, saved, scores = training.steps if until is None else min(until, training.steps), time.monotonic(), {}
    numbers = [range(i * training.batch + device.rank, (i + 1) * training.batch, device.world) for i in range(run.step, last)]
    for loss in _steps(run, numbers, workers):
        if log is not None and run.step % training.log_every == 0:
            log.add(step=run.step, **run.means(), rate=training.rate.at(run.step - 1), cpu_seconds=round(run.seconds, 1))
        if log is not None and (run.step % training.validate_every == 0 or run.step == training.steps):
            scores = run.scores()
            log.add(step=run.step, **scores, cpu_seconds=round(run.seconds, 1))
        if time.monotonic() - saved > checkpoint_seconds or run.step == last:
            run.keep()
            saved = time.monotonic()
        if progress is not None and first:
            shown = ", ".join(f"{name} {value:.3f}" for name, value in scores.items())
            progress(run.step, training.steps, f"loss {loss:.5f}{', ' if shown else ''}{shown}")
    if first and not scores:
        scores = run.scores()
    run.end()
    return Fitted(run.step, scores, run.seconds)


def _steps(run: Run, numbers: Sequence[Sequence[int]], workers: int) -> Iterator[float]:
    """The steps one after the other; the loss of each."""
    task, device = run.task, run.device
    if task.steady and task.rival is None and task.device.type == "cuda" and device.world == 1:
        recording = Recording(run)
        for each in numbers:
            yield recording.advance(each)
        return
    for made in ahead(task.batch, numbers, workers):
        yield run.advance(device.place(made))
