"""What is trained, and how: the two things that the loop is given."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from campipe.core.errors import CampipeError
from campipe.train.draws import Numbers
from campipe.train.schedules import Schedule

Batch = Tensor | tuple[Tensor, ...]

PRECISIONS = ("float32", "bfloat16")


class Task(nn.Module):
    """What is trained. To be derived from: give `net`, `batch`, `forward`, `validate` and `about`.

    net        the module whose weights are trained; a part of the task
    rival      a module that is trained against it in turns, by `rival_loss`: a discriminator; None: there is none
    progress   share of the training that is done, from 0 to 1; the loop sets it before each step
    steady     True: batch and loss are the same operations in every step, none of which waits for the GPU or takes a number from it, so
               that a GPU can repeat them from a recording; the numbers of the samples may then come as a tensor of int64
    """

    net: nn.Module
    rival: nn.Module | None
    steady = False

    def __init__(self) -> None:
        super().__init__()
        self.rival = None
        self.progress = 0.0

    @property
    def device(self) -> torch.device:
        """Where the weights lie, and the batches are made."""
        return next(self.net.parameters()).device

    def batch(self, numbers: Numbers) -> Batch:
        """The samples of these numbers, on the task's device. They hang on nothing else: not on the steps before, nor on the process."""
        raise NotImplementedError(f"{type(self).__name__} does not say how it is done; implement batch(numbers)")

    def forward(self, batch: Any) -> Tensor:
        """The loss of a batch, a scalar."""
        raise NotImplementedError(f"{type(self).__name__} does not say how it is done; implement forward(batch)")

    def rival_loss(self, batch: Any) -> Tensor:
        """The loss of the rival, a scalar; what the net gives is a constant to it. Only asked for where there is a rival."""
        raise NotImplementedError(f"{type(self).__name__} does not say how it is done; implement rival_loss(batch)")

    def groups(self) -> Mapping[str, tuple[float, Sequence[nn.Parameter]]]:
        """Weights by group: factor on the learning rate, and the weights. The log has the norm of each group's gradient."""
        return {"all": (1.0, list(self.net.parameters()))}

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
    precision        "float32", or "bfloat16": the net, and nothing else, is computed in 16 bits where that is exact enough for training
    validate_every   steps
    log_every        steps
    """

    steps: int
    batch: int
    rate: Schedule
    betas: tuple[float, float] = (0.9, 0.999)
    ema: float | None = 0.999
    clip: float | None = None
    precision: str = "float32"
    validate_every: int = 1000
    log_every: int = 100

    def __post_init__(self) -> None:
        for what in ("steps", "batch", "validate_every", "log_every"):
            if getattr(self, what) < 1:
                raise CampipeError(f"{what} of a training is a whole number from 1 on, but {getattr(self, what)!r} came")
        if self.precision not in PRECISIONS:
            raise CampipeError(f"the precision of a training is one of {', '.join(PRECISIONS)}, but {self.precision!r} came")


@dataclass(frozen=True)
class Fitted:
    """What came of a training: steps done, the last validation, and CPU seconds."""

    steps: int
    scores: dict[str, float]
    seconds: float
