"""Where a training runs: one device in plain torch, or what Hugging Face accelerate was started with."""

from __future__ import annotations

import os
from importlib.util import find_spec
from typing import Any, Protocol

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from campipe.core.errors import CampipeError
from campipe.train.task import Batch


class Device(Protocol):
    """What the loop asks of the place that it runs in.

    rank, world   number of this process, and how many there are
    """

    rank: int
    world: int

    def prepare(self, task: nn.Module, optimiser: Optimizer) -> tuple[nn.Module, Optimizer]:
        """The module whose call gives the loss, and the optimiser, as they run here."""

    def place(self, batch: Batch) -> Batch:
        """A batch on the device."""

    def backward(self, loss: Tensor) -> None:
        """Add the gradient of a loss, averaged over the processes."""

    def mean(self, value: Tensor) -> Tensor:
        """A value averaged over the processes."""


class Plain:
    """One process and one device."""

    rank, world = 0, 1

    def __init__(self, device: str = "cpu") -> None:
        try:
            self.device = torch.device(device)
            torch.empty(0, device=self.device)
        except (RuntimeError, AssertionError) as problem:
            first = (str(problem).splitlines() or ["unknown"])[0]
            raise CampipeError(f"there is no device {device!r} here ({first}); take 'cpu'") from None

    def prepare(self, task: nn.Module, optimiser: Optimizer) -> tuple[nn.Module, Optimizer]:
        return task.to(self.device), optimiser

    def place(self, batch: Batch) -> Batch:
        return _to(batch, self.device)

    def backward(self, loss: Tensor) -> None:
        loss.backward()

    def mean(self, value: Tensor) -> Tensor:
        return value


class Accelerated:
    """What `accelerate launch` or `torchrun` started: one or many processes, each with its device."""

    def __init__(self, **options: Any) -> None:
        try:
            from accelerate import Accelerator
        except ImportError:
            raise CampipeError("training in several processes needs accelerate; install it: pip install 'campipe[train]'") from None
        # Without a GPU it has to be told, or it would take the processes for strangers.
        self.accelerator = Accelerator(**{"cpu": not torch.cuda.is_available(), **options})
        self.rank, self.world = self.accelerator.process_index, self.accelerator.num_processes

    def prepare(self, task: nn.Module, optimiser: Optimizer) -> tuple[nn.Module, Optimizer]:
        ready = self.accelerator.prepare(task, optimiser)
        return ready[0], ready[1]

    def place(self, batch: Batch) -> Batch:
        return _to(batch, self.accelerator.device)

    def backward(self, loss: Tensor) -> None:
        self.accelerator.backward(loss)

    def mean(self, value: Tensor) -> Tensor:
        averaged: Tensor = self.accelerator.reduce(value, reduction="mean")
        return averaged


def device_of(name: str | None) -> Device:
    """The device of a name; None: accelerate where it is installed and started several processes, else the CPU."""
    if name is None and int(os.environ.get("WORLD_SIZE", "1")) > 1 and find_spec("accelerate") is not None:
        return Accelerated()
    return Plain(name or "cpu")


def _to(batch: Batch, device: torch.device) -> Batch:
    return tuple(part.to(device) for part in batch) if isinstance(batch, tuple) else batch.to(device)
