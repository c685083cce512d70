"""Recording: the steps of a training on a GPU, recorded once and repeated, for nets so small that starting their kernels takes longest."""

from __future__ import annotations

from collections.abc import Sequence

import torch

from campipe.train.run import Run

WARM_UP = 4
"""Steps that are done one operation at a time before the recording, as CUDA graphs demand."""


class Recording:
    """The steps of a run as one CUDA graph: batch, loss, gradient, clipping, Adam and the average of the weights.

    run   of a task whose operations are the same in every step (`Task.steady`), in one process on a GPU

    A step whose loss or gradient is not finite leaves the weights as they were. Source: CUDA graphs of torch; Adam is the fused one.
    """

    def __init__(self, run: Run) -> None:
        self.run, device = run, run.task.device
        self.numbers = torch.zeros(run.training.batch, dtype=torch.int64, device=device)
        self.rates = [torch.zeros((), device=device) for _ in run.optimiser.param_groups]
        self.decay = torch.zeros((), device=device)
        self.report = torch.zeros(1 + len(run.groups), device=device)
        self.graph: torch.cuda.CUDAGraph | None = None
        self.stream, self.done = torch.cuda.Stream(device), 0
        for group, rate in zip(run.optimiser.param_groups, self.rates, strict=True):
            group.update(lr=rate, capturable=True, fused=True, foreach=False)
        for state in run.optimiser.state.values():
            state["step"] = state["step"].to(device)

    def advance(self, numbers: Sequence[int]) -> float:
        """One step on the samples of these numbers; the loss before it."""
        run = self.run
        self.numbers.copy_(torch.tensor(list(numbers)))
        for rate, group in zip(self.rates, run.optimiser.param_groups, strict=True):
            rate.fill_(run.training.rate.at(run.step) * group["factor"])
        if run.ema is not None:
            self.decay.fill_(run.ema.next_decay())
        self._repeat()
        return run.count(self.report.tolist())

    def _repeat(self) -> None:
        if self.graph is not None:
            self.graph.replay()
            return
        self.done += 1
        if self.done <= WARM_UP:
            self.stream.wait_stream(torch.cuda.current_stream())
            with torch.cuda.stream(self.stream):
                self._step()
            torch.cuda.current_stream().wait_stream(self.stream)
            return
        graph = torch.cuda.CUDAGraph()
        self.run.optimiser.zero_grad(set_to_none=True)
        with torch.cuda.graph(graph):
            self._step(recorded=True)
        self.graph = graph
        graph.replay()

    def _step(self, recorded: bool = False) -> None:
        run = self.run
        if not recorded:
            run.optimiser.zero_grad(set_to_none=True)
        loss = run.task(run.task.batch(self.numbers))
        loss.backward()
        norms = run.norms()
        total = torch.linalg.vector_norm(torch.stack(norms))
        fine = torch.isfinite(loss) & torch.isfinite(total)
        if run.training.clip is not None:
            gradients = [p.grad for p in run.weights() if p.grad is not None]
            torch._foreach_mul_(gradients, (run.training.clip / total.clamp_min(run.training.clip)).nan_to_num(0.0))
        run.optimiser.found_inf = (~fine).float()  # type: ignore[attr-defined]
        run.optimiser.step()
        if run.ema is not None:
            run.ema.take(torch.where(fine, self.decay, torch.ones_like(self.decay)))
        self.report.copy_(torch.stack([loss.detach().float(), *(norm.float() for norm in norms)]))
