"""Checkpoints: everything that a training needs to go on as if it had never stopped."""

from __future__ import annotations

import pickle
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from campipe.core.errors import CampipeError
from campipe.io.atomic import appearing

FORMAT = 2


@dataclass(frozen=True)
class Checkpoint:
    """The state of a training after `step` steps.

    configuration   what was trained and how, plain values; another one refuses the checkpoint
    weights         by name
    averaged        the moving average of the weights, or None
    seen            steps that the average has taken in
    optimiser       state of the optimiser
    tally           sums that the next line of the log is made of
    seconds         CPU seconds so far
    rival           weights and optimiser of the net that is trained against it; empty where there is none
    """

    step: int
    configuration: dict[str, Any]
    weights: dict[str, Tensor]
    averaged: dict[str, Tensor] | None
    seen: int
    optimiser: dict[str, Any]
    tally: dict[str, float]
    seconds: float
    rival: dict[str, Any]

    def write(self, path: Path) -> None:
        """Write it whole or not at all; the one that was there stays until then."""
        with appearing(path) as temporary:
            torch.save({"campipe_checkpoint": FORMAT, **asdict_shallow(self)}, temporary)

    @classmethod
    def read(cls, path: Path) -> Checkpoint:
        """Read one; a CampipeError says in one line why it cannot be used."""
        try:
            held = torch.load(path, map_location="cpu", weights_only=True)
        except FileNotFoundError:
            raise CampipeError(f"there is no checkpoint {path}; begin the training first") from None
        except (OSError, RuntimeError, ValueError, EOFError, KeyError, pickle.UnpicklingError) as problem:
            first = (str(problem).splitlines() or [type(problem).__name__])[0]
            raise CampipeError(f"{path} cannot be read as a checkpoint ({first}); delete it and begin again") from None
        known = isinstance(held, dict) and held.pop("campipe_checkpoint", None) == FORMAT
        if not known or set(held) != set(cls.__dataclass_fields__):
            raise CampipeError(f"{path} is no checkpoint of format {FORMAT}; delete it and begin again")
        return cls(**held)

    def check(self, configuration: dict[str, Any], path: Path) -> None:
        """Refuse to go on with another configuration; the error names the first number that differs."""
        differing = next(_differences(self.configuration, configuration, ""), None)
        if differing is not None:
            name, held, came = differing
            raise CampipeError(f"{path} is of another training: its {name} is {held}, but {came} came; choose another folder, or delete it")


def asdict_shallow(checkpoint: Checkpoint) -> dict[str, Any]:
    """The fields by name, not copied."""
    return {name: getattr(checkpoint, name) for name in checkpoint.__dataclass_fields__}


def plain(value: Any) -> Any:
    """A dataclass as plain values, with its class's name."""
    return {"kind": type(value).__name__, **{k: list(v) if isinstance(v, tuple) else v for k, v in asdict(value).items()}}


def _differences(one: Any, other: Any, name: str) -> Any:
    if isinstance(one, dict) and isinstance(other, dict):
        for key in sorted({*one, *other}):
            yield from _differences(one.get(key, "absent"), other.get(key, "absent"), f"{name}.{key}" if name else key)
    elif one != other:
        yield name, one, other
