"""The loop: the one way in which campipe trains."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim import Adam

from campipe.core.errors import CampipeError
from campipe.train.ahead import ahead
from campipe.train.checkpoint import Checkpoint, plain
from campipe.train.devices import Device, Plain
from campipe.train.ema import Ema
from campipe.train.log import Log
from campipe.train.schedules import Schedule

CHECKPOINT, LOG = "checkpoint.pt", "log.jsonl"

Progress = Callable[[int, int, str], None]


class Task(nn.Module):
    """What is trained. To be derived from: give `batch`, `forward`, `validate` and `about`.

    net   the module whose weights are trained; a part of the task
    """

    net: nn.Module

    def batch(self, numbers: Sequence[int]) -> Tensor:
        """The samples of these numbers. They hang on nothing else: not on the steps before, nor on the process."""
        raise NotImplementedError(f"{type(self).__name__} does not say how it is done; implement batch(numbers)")

    def forward(self, batch: Tensor) -> Tensor:
        """The loss of a batch, a scalar."""
        raise NotImplementedError(f"{type(self).__name__} does not say how it is done; implement forward(batch)")

    def validate(self) -> dict[str, float]:
        """Scores on samples that are not trained on; the first one is the figure to be raised."""
        raise NotImplementedError(f"{type(self).__name__} does not say how it is done; implement validate()")

    def about(self) -> dict[str, Any]:
        """Plain values: whatever of the task changes what comes out."""
        raise NotImplementedError(f"{type(self).__name__} does not say how it is done; implement about()")


@dataclass(frozen=True)
class Training:
    """How a task is trained. The optimiser is Adam.

    steps            of the optimiser
    batch            samples per step, over all processes
    rate             learning rate of each step
    betas            decay of Adam's two averages
    ema              decay of the average of the weights, or None: the weights of the last step are the result
    clip             largest norm of the gradient; a larger one is scaled down to it; None: as it comes
    validate_every   steps
    log_every        steps
    """

    steps: int
    batch: int
    rate: Schedule
    betas: tuple[float, float] = (0.9, 0.999)
    ema: float | None = 0.999
    clip: float | None = None
    validate_every: int = 1000
    log_every: int = 100

    def __post_init__(self) -> None:
        for what in ("steps", "batch", "validate_every", "log_every"):
            if getattr(self, what) < 1:
                raise CampipeError(f"{what} of a training is a whole number from 1 on, but {getattr(self, what)!r} came")


@dataclass(frozen=True)
class Fitted:
    """What came of a training: steps done, the last validation, and CPU seconds."""

    steps: int
    scores: dict[str, float]
    seconds: float


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
    workers              processes that make batches ahead; the batches do not depend on them
    progress             called with (steps done, all, words)

    A training that was stopped and goes on gives the bits of one that was not, on one thread. Raises a CampipeError where a loss or a
    gradient is no finite number, and keeps the checkpoint of the last step before it.
    """
    device = device or Plain()
    if training.batch % device.world:
        raise CampipeError(f"a batch of {training.batch} cannot be shared among {device.world} processes; take a multiple of that")
    out.mkdir(parents=True, exist_ok=True)
    path, configuration = out / CHECKPOINT, {"training": {**plain(training), "rate": plain(training.rate)}, "task": task.about()}
    task.net.requires_grad_(True)
    optimiser = Adam([p for p in task.net.parameters()], betas=training.betas)
    step, tally, before = 0, {"loss": 0.0, "norm": 0.0, "count": 0.0}, 0.0
    held = Checkpoint.read(path) if path.exists() else None
    if held is not None:
        held.check(configuration, path)
        task.net.load_state_dict(held.weights)
        step, tally, before = held.step, dict(held.tally), held.seconds
    module, optimiser = device.prepare(task, optimiser)  # type: ignore[assignment]
    ema = None if training.ema is None else Ema(task.net, training.ema)
    if held is not None:
        optimiser.load_state_dict(held.optimiser)
        if ema is not None and held.averaged is not None:
            ema.mean, ema.seen = {name: t.to(ema.mean[name].device) for name, t in held.averaged.items()}, held.seen
    first = device.rank == 0
    log = Log(out / LOG, step) if first else None
    began, saved, scores, loss_now = time.process_time(), time.monotonic(), {}, math.nan
    last = training.steps if until is None else min(until, training.steps)

    def spent() -> float:
        return before + time.process_time() - began

    def keep(done: int) -> None:
        if first:
            averaged = None if ema is None else ema.mean
            seen = 0 if ema is None else ema.seen
            state = task.net.state_dict(), averaged, seen, optimiser.state_dict(), tally, spent()
            Checkpoint(done, configuration, *state).write(path)

    numbers = [range(i * training.batch + device.rank, (i + 1) * training.batch, device.world) for i in range(step, last)]
    for made in ahead(task.batch, numbers, workers):
        batch = device.place(made)
        for group in optimiser.param_groups:
            group["lr"] = training.rate.at(step)
        optimiser.zero_grad(set_to_none=True)
        loss = module(batch)
        device.backward(loss)
        norm = _norm(task.net)
        loss_now, norm_now = float(device.mean(loss.detach())), float(norm)
        if not (math.isfinite(loss_now) and math.isfinite(norm_now)):
            keep(step)
            what = "loss" if not math.isfinite(loss_now) else "gradient"
            raise CampipeError(
                f"the {what} is no finite number any more in step {step + 1}; {path} holds the weights of step {step}, the last good one; "
                "begin again in another folder with a lower learning rate, or clip the gradient"
            )
        if training.clip is not None and norm_now > training.clip:
            torch._foreach_mul_([p.grad for p in task.net.parameters() if p.grad is not None], training.clip / norm_now)
        optimiser.step()
        if ema is not None:
            ema.update()
        step += 1
        tally = {"loss": tally["loss"] + loss_now, "norm": tally["norm"] + norm_now, "count": tally["count"] + 1}
        if log is not None and step % training.log_every == 0:
            means = {"loss": tally["loss"] / tally["count"], "gradient": tally["norm"] / tally["count"]}
            log.add(step=step, **means, rate=training.rate.at(step - 1), cpu_seconds=round(spent(), 1))
            tally = dict.fromkeys(tally, 0.0)
        if first and (step % training.validate_every == 0 or step == training.steps):
            scores = _validate(task, ema)
            if log is not None:
                log.add(step=step, **scores, cpu_seconds=round(spent(), 1))
        if time.monotonic() - saved > checkpoint_seconds or step == last:
            keep(step)
            saved = time.monotonic()
        if progress is not None and first:
            shown = ", ".join(f"{name} {value:.3f}" for name, value in scores.items())
            progress(step, training.steps, f"loss {loss_now:.5f}{', ' if shown else ''}{shown}")
    if first and not scores:
        scores = _validate(task, ema)
    if ema is not None:
        ema.settle()
    task.net.requires_grad_(False)
    return Fitted(step, scores, spent())


def _norm(net: nn.Module) -> Tensor:
    """The norm of the gradient over all weights."""
    return torch.linalg.vector_norm(torch.stack([torch.linalg.vector_norm(p.grad) for p in net.parameters() if p.grad is not None]))


@torch.no_grad()
def _validate(task: Task, ema: Ema | None) -> dict[str, float]:
    if ema is None:
        return task.validate()
    with ema.applied():
        return task.validate()
