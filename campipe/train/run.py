"""Run: the state of one training, and its single step."""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.optim import Adam

from campipe.core.errors import CampipeError
from campipe.train.checkpoint import Checkpoint, plain
from campipe.train.devices import Device
from campipe.train.ema import Ema
from campipe.train.precision import narrowed
from campipe.train.task import Batch, Task, Training


class Run:
    """A training that was begun, or goes on from its checkpoint.

    step    steps done
    tally   sums of what the next line of the log says
    """

    def __init__(self, task: Task, training: Training, path: Path, device: Device) -> None:
        self.task, self.training, self.path, self.device = task, training, path, device
        self.configuration = {"training": {**plain(training), "rate": plain(training.rate)}, "task": task.about()}
        self.groups = {name: (factor, list(weights)) for name, (factor, weights) in task.groups().items()}
        self.step, self.tally, self._before = 0, {"count": 0.0}, 0.0
        for module in self._modules():
            module.requires_grad_(True)
        optimiser = Adam([{"params": weights, "factor": factor} for factor, weights in self.groups.values()], betas=training.betas)
        held = Checkpoint.read(path) if path.exists() else None
        if held is not None:
            held.check(self.configuration, path)
            task.net.load_state_dict(held.weights)
            if task.rival is not None:
                task.rival.load_state_dict(held.rival["weights"])
            self.step, self.tally, self._before = held.step, dict(held.tally), held.seconds
        self.module, self.optimiser = device.prepare(task, optimiser)
        if task.device.type == "cuda":
            # The matrix units of a GPU take the channels of a pixel side by side: a third less time for these nets.
            task.net.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.rival = None if task.rival is None else Adam(task.rival.parameters(), betas=training.betas)
        self.ema = None if training.ema is None else Ema(task.net, training.ema)
        if held is not None:
            self.optimiser.load_state_dict(held.optimiser)
            _laid_out_alike(self.optimiser)
            if self.rival is not None:
                self.rival.load_state_dict(held.rival["optimiser"])
            if self.ema is not None and held.averaged is not None:
                self.ema.mean, self.ema.seen = {n: _like(held.averaged[n], t) for n, t in self.ema.mean.items()}, held.seen
        self._widen = narrowed(task.net, training.precision)
        self._began = time.process_time()

    @property
    def seconds(self) -> float:
        """CPU seconds of the whole training so far."""
        return self._before + time.process_time() - self._began

    def advance(self, batch: Batch) -> float:
        """One step; the loss before it. Raises a CampipeError, and keeps the last good weights, where a number is not finite."""
        rate = self.training.rate.at(self.step)
        self.task.progress = self.step / self.training.steps
        if self.rival is not None:
            self._against(batch, rate)
        for group in self.optimiser.param_groups:
            group["lr"] = rate * group["factor"]
        self.optimiser.zero_grad(set_to_none=True)
        loss = self.module(batch)
        self.device.backward(loss)
        report = torch.stack([self.device.mean(loss.detach()).float(), *(norm.float() for norm in self.norms())]).tolist()
        norm = self._checked(report)
        if self.training.clip is not None and norm > self.training.clip:
            torch._foreach_mul_([p.grad for p in self.weights() if p.grad is not None], self.training.clip / norm)
        self.optimiser.step()
        if self.ema is not None:
            self.ema.update()
        return self.count(report)

    def weights(self) -> list[nn.Parameter]:
        """All that the optimiser changes."""
        return [weight for _, weights in self.groups.values() for weight in weights]

    def norms(self) -> list[Tensor]:
        """The norm of each group's gradient."""
        return [_norm(weights) for _, weights in self.groups.values()]

    def count(self, report: list[float]) -> float:
        """Take note of a step that was done: its loss, and the norm of each group's gradient. Returns the loss."""
        loss, *apart = report
        self._count(loss=loss, gradient=self._checked(report))
        if len(apart) > 1:
            self._count(**{f"gradient_{name}": norm for name, norm in zip(self.groups, apart, strict=True)})
        self.tally["count"] += 1
        self.step += 1
        return loss

    def means(self) -> dict[str, float]:
        """What was counted since the last call, per step."""
        count = self.tally.pop("count")
        means = {name: total / count for name, total in self.tally.items()}
        self.tally = {"count": 0.0}
        return means

    @torch.no_grad()
    def scores(self) -> dict[str, float]:
        """What the (averaged) weights are worth now."""
        if self.ema is None:
            return self.task.validate()
        with self.ema.applied():
            return self.task.validate()

    def keep(self) -> None:
        """Write the checkpoint."""
        if self.device.rank != 0:
            return
        averaged, seen = (None, 0) if self.ema is None else (self.ema.mean, self.ema.seen)
        rival = {}
        if self.rival is not None and self.task.rival is not None:
            rival = {"weights": self.task.rival.state_dict(), "optimiser": self.rival.state_dict()}
        state = self.task.net.state_dict(), averaged, seen, self.optimiser.state_dict(), self.tally, self.seconds, rival
        Checkpoint(self.step, self.configuration, *state).write(self.path)

    def end(self) -> None:
        """Leave the task with the (averaged) weights, frozen."""
        if self.ema is not None:
            self.ema.settle()
        self._widen()
        for module in self._modules():
            module.requires_grad_(False)

    def _modules(self) -> list[nn.Module]:
        return [self.task.net] if self.task.rival is None else [self.task.net, self.task.rival]

    def _against(self, batch: Batch, rate: float) -> None:
        """A step of the rival, before the net's own, which is judged by it as it is then."""
        rival, optimiser = self.task.rival, self.rival
        assert rival is not None and optimiser is not None
        rival.requires_grad_(True)
        for group in optimiser.param_groups:
            group["lr"] = rate
        optimiser.zero_grad(set_to_none=True)
        loss = self.task.rival_loss(batch)
        loss.backward()
        now = float(loss.detach())
        self._check(now, "rival's loss")
        optimiser.step()
        rival.requires_grad_(False)
        self._count(rival_loss=now)

    def _count(self, **values: float) -> None:
        for name, value in values.items():
            self.tally[name] = self.tally.get(name, 0.0) + value

    def _checked(self, report: list[float]) -> float:
        """The norm of the whole gradient, where it and the loss are finite."""
        norm = math.sqrt(sum(n * n for n in report[1:]))
        self._check(report[0], "loss")
        self._check(norm, "gradient")
        return norm

    def _check(self, value: float, what: str) -> None:
        if math.isfinite(value):
            return
        self.keep()
        raise CampipeError(
            f"the {what} is no finite number any more in step {self.step + 1}; {self.path} holds the weights of step {self.step}, "
            "the last good one; begin again in another folder with a lower learning rate, or clip the gradient"
        )


def _norm(weights: Sequence[nn.Parameter]) -> Tensor:
    """The norm of the gradient over weights; 0 where none came to them."""
    gradients = [p.grad for p in weights if p.grad is not None]
    return torch.linalg.vector_norm(torch.stack(torch._foreach_norm(gradients))) if gradients else weights[0].new_zeros(())


def _like(values: Tensor, other: Tensor) -> Tensor:
    """Values with the device and the order in memory of another tensor."""
    return torch.empty_like(other).copy_(values)


def _laid_out_alike(optimiser: torch.optim.Optimizer) -> None:
    """Bring the averages of an optimiser into the order in memory of their weights, which its fused loops count on."""
    for weight, state in optimiser.state.items():
        for name, value in state.items():
            if isinstance(value, Tensor) and value.shape == weight.shape:
                state[name] = _like(value, weight.detach())
