"""End to end: numbers and weights of a whole camera trained together, each part at its own pace."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from campipe.core.errors import CampipeError
from campipe.core.frame import Capture, Frame
from campipe.core.pipeline import Pipeline
from campipe.core.random import Key
from campipe.train.task import Task

_ITEMS = 2**31  # item numbers of a key are below 2**32 - 2**16

Groups = dict[str, tuple[float, list[nn.Parameter]]]


class EndToEnd(Task):
    """Train what the patterns lead to in a pipeline: optics, sensor, developing and learned blocks. To be derived from.

    Give `batch`, whose first tensor is what the pipeline reads and whose last one the numbers of the samples, `loss`, and `validate`.

    pipeline   from the light (or raw numbers) to the picture, or to whatever the loss is taken of
    rates      path or shell pattern of what is trained to the factor on the learning rate, such as {"optics.*": 10.0, "denoise": 1.0};
               each is a group, and the log has the norm of its gradient: `gradient_optics`, `gradient_denoise`
    behind     modules that stand behind the pipeline and are trained with it, by name, with their factors
    capture    what is known about the shot before the pipeline
    seed       of the noise: sample 12 has the same noise whenever it comes

    The leaves are those of `pipeline.trainable`, positive numbers as logarithms; `pipeline.freeze()` ends it. Nothing else changes. A task
    whose numbers are being optimised cannot be sent to other processes, so that batches are made without workers.
    """

    def __init__(
        self,
        pipeline: Pipeline,
        rates: Mapping[str, float],
        behind: Mapping[str, tuple[float, nn.Module]] | None = None,
        capture: Capture | None = None,
        seed: int = 0,
    ) -> None:
        super().__init__()
        self.start = {path: getattr(stage, name).detach().tolist() for path, stage, name in pipeline.numbers()}
        groups: Groups = {}
        for pattern, factor in rates.items():
            _add(groups, pattern, factor, pipeline.trainable(pattern))
        for name, (factor, module) in (behind or {}).items():
            _add(groups, name, factor, list(module.parameters()))
        if not groups:
            raise CampipeError("nothing is trained; give rates={path or pattern: factor on the learning rate}")
        self.pipeline, self.behind, self.seed = pipeline, nn.ModuleDict({n: m for n, (_, m) in (behind or {}).items()}), seed
        self.capture, self.rates = capture or Capture(), dict(rates)
        self.net = Leaves(groups)
        self._groups = groups

    def groups(self) -> Groups:
        return self._groups

    def about(self) -> dict[str, Any]:
        factors = {name: factor for name, (factor, _) in self._groups.items()}
        stages = list(self.pipeline.paths())
        return {"task": type(self).__name__, "stages": stages, "start": self.start, "rates": factors, "seed": self.seed}

    def shoot(self, light: Tensor, numbers: Sequence[int] | Tensor, *, noise: bool = True) -> Frame:
        """What the pipeline makes of light, each sample with the noise of its number.

        light     (B, C, H, W), in the space that the pipeline reads
        numbers   of the samples, (B,), from 0 on
        """
        whole = [int(n) % _ITEMS for n in (numbers.tolist() if isinstance(numbers, Tensor) else numbers)]
        return self.pipeline(self.light(light), key=Key(self.seed).fold("shots").items(whole), noise=noise)

    def light(self, data: Tensor) -> Frame:
        """What the pipeline reads, as a frame of the shot."""
        return Frame(data, self.pipeline.reads[0], self.capture)

    def loss(self, picture: Tensor, *wanted: Tensor) -> Tensor:
        """A scalar: how far what the pipeline made is from what is wanted, the further tensors of the batch. To be implemented."""
        raise NotImplementedError(f"{type(self).__name__} does not say how it is done; implement loss(picture, *wanted)")

    def forward(self, batch: tuple[Tensor, ...]) -> Tensor:
        light, *wanted, numbers = batch
        return self.loss(self.shoot(light, numbers).data, *wanted)


class Leaves(nn.Module):
    """The trained numbers and weights of a pipeline as the weights of one module: the same parameters, and nothing that is frozen."""

    def __init__(self, groups: Groups) -> None:
        super().__init__()
        for name, (_, leaves) in groups.items():
            for place, leaf in enumerate(leaves):
                self.register_parameter(f"{name}/{place}", leaf)


def _add(groups: Groups, pattern: str, factor: float, leaves: list[nn.Parameter]) -> None:
    """One more group; each leaf is in one of them."""
    name = re.sub(r"[^0-9A-Za-z]+", "_", pattern).strip("_") or "all"
    held = {id(leaf): other for other, (_, own) in groups.items() for leaf in own}
    twice = next((held[id(leaf)] for leaf in leaves if id(leaf) in held), None)
    if name in groups or twice is not None:
        raise CampipeError(f"what is trained is in one group, but {pattern!r} takes what {twice or name!r} has too; narrow one of them")
    if not leaves:
        raise CampipeError(f"the group {pattern!r} holds nothing to train; leave it out")
    if not torch.isfinite(torch.tensor(float(factor))) or factor < 0:
        raise CampipeError(f"a factor on the learning rate is 0 or more, but {pattern!r} has {factor}")
    groups[name] = (float(factor), leaves)
