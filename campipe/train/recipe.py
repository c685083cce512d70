"""TrainingRecipe: a pipelines/train/*.yaml file as an object that trains a block."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from difflib import get_close_matches
from functools import partial
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar

from pydantic import BaseModel, Field, StrictInt, StrictStr, ValidationError
from torch import Tensor

from campipe.blocks.learned.base import Learned
from campipe.core.errors import RecipeError
from campipe.core.resources import find
from campipe.measure.losses.ms_ssim_l1 import ms_ssim_l1_loss
from campipe.measure.losses.pixel import charbonnier_loss, l1_loss, l2_loss
from campipe.recipe import text
from campipe.synth.photos import Photos
from campipe.train.kinds import KINDS
from campipe.train.schedules import Constant, Schedule, Steps, WarmUpCosine
from campipe.train.sections import Count, Data, Decay, Number, Strict, Whole
from campipe.train.task import Task, Training

VERSION = 1

Model = TypeVar("Model", bound=BaseModel)

LOSSES: dict[str, Callable[[Tensor, Tensor], Tensor]] = {
    "l1": l1_loss,
    "l2": l2_loss,
    "charbonnier": charbonnier_loss,
    "ms_ssim_l1": partial(ms_ssim_l1_loss, data_range=1),
}
"""What a training can minimise, of pictures in [0, 1]."""


class Rate(Strict):
    """Learning rate: its kind, and the numbers of that kind."""

    kind: Literal["constant", "steps", "cosine"]
    peak: Number
    end: Number | None = None
    warm_up: Whole = 0
    factor: Number | None = None
    at: list[Count] = Field(default=[])


class Optimiser(Strict):
    """How it is trained; see `campipe.train.loop.Training`."""

    steps: Count
    batch: Count
    rate: Rate
    betas: tuple[Decay, Decay] = (0.9, 0.999)
    ema: Decay | None = 0.999
    clip: Number | None = None
    precision: Literal["float32", "bfloat16"] = "float32"
    validate_every: Count = 1000
    log_every: Count = 100


class Card(Strict):
    """What the card of the weights says of their data."""

    data: StrictStr
    licence: StrictStr


class Document(Strict):
    """A recipe of a training as it was written."""

    train: Literal[1]
    about: StrictStr
    block: StrictStr
    loss: StrictStr = "l1"
    seed: Annotated[StrictInt, Field(ge=0, lt=2**63)] = 0
    network: dict[str, Any] = Field(default={})
    data: dict[str, Any]
    optimiser: Optimiser
    card: Card


@dataclass(frozen=True)
class TrainingRecipe:
    """What is trained, on what, and how.

    document   what was written
    network    what the block is built from
    data       what it is trained on
    training   how, as the loop takes it
    source     name of the file
    """

    document: Document
    network: Strict
    data: Data
    training: Training = field(compare=False, repr=False)
    source: str = field(compare=False)

    @classmethod
    def parse(cls, written: str, source: str = "recipe") -> TrainingRecipe:
        """Read a recipe from YAML text. Raises RecipeError with file, line and key."""
        marked = text.Marked(written, source)
        document = _read(marked)
        for key, known in (("block", KINDS), ("loss", LOSSES)):
            if getattr(document, key) not in known:
                raise marked.error((key,), f"one of {', '.join(known)} is needed, but {getattr(document, key)!r} came")
        kind = KINDS[document.block]
        network = _checked(marked, kind.network, document.network, ("network",))
        data = _checked(marked, kind.data, document.data, ("data",))
        try:
            rate = _schedule(document.optimiser)
        except ValueError as problem:
            raise marked.error(("optimiser", "rate"), str(problem)) from None
        numbers = {name: getattr(document.optimiser, name) for name in Optimiser.model_fields if name != "rate"}
        return cls(document, network, data, Training(rate=rate, **numbers), source)

    @classmethod
    def load(cls, path_or_name: str | Path) -> TrainingRecipe:
        """Read a recipe from a file, or one that ships: `load("demosaick_small")` and `load("pipelines/train/demosaick_small.yaml")`."""
        path = Path(path_or_name)
        if not path.is_file():
            if path.is_absolute() or path.parent.as_posix() not in (".", "train", "pipelines/train"):
                raise RecipeError(f"a recipe's file is needed, but there is no {path}")
            path = find("pipelines", "train", path.name if path.suffix else f"{path.name}.yaml")
        return cls.parse(text.written(path, "recipe"), str(path_or_name))

    def block(self) -> Learned:
        """The block before it is trained."""
        make: Any = KINDS[self.document.block].block
        given = {name: value for name, value in self.network.model_dump(exclude_unset=True).items() if value is not None}
        block: Learned = make(**{"weights": None, **given}, seed=self.document.seed)
        return block

    def task(self, block: Learned, images: Any) -> Task:
        """What the loop trains: the block with its photos and its loss.

        images   folder of photos
        """
        crops = self.data.crops(Photos.under(images), self.document.seed)
        own = {name: getattr(self.data, name) for name in type(self.data).model_fields if name not in Data.model_fields}
        make: Any = KINDS[self.document.block].task
        task: Task = make(block, crops, LOSSES[self.document.loss], self.document.loss, **own)
        return task


def _schedule(written: Optimiser) -> Schedule:
    rate = written.rate
    if rate.kind == "constant":
        return Constant(rate.peak)
    if rate.kind == "steps":
        if rate.factor is None or not rate.at:
            raise ValueError("kind steps needs factor, and the steps it is applied at")
        return Steps(rate.peak, rate.factor, tuple(rate.at))
    if rate.end is None:
        raise ValueError("kind cosine needs the end that it falls to")
    return WarmUpCosine(rate.peak, rate.end, rate.warm_up, written.steps)


def _read(marked: text.Marked) -> Document:
    """Check a recipe's text against the schema; a RecipeError names file, line and key of the first complaint."""
    data = marked.data
    if not isinstance(data, dict) or data.get("train") != VERSION or isinstance(data["train"], bool):
        raise marked.error((), f"a recipe of a training is a mapping that begins with `train: {VERSION}`")
    return _checked(marked, Document, data, ())


def _checked(marked: text.Marked, model: type[Model], written: Any, place: tuple[Any, ...]) -> Model:
    """Part of a recipe as its model has it; `place` is where it stands in the recipe."""
    try:
        return model.model_validate(written)
    except ValidationError as problem:
        found = min(problem.errors(include_url=False), key=lambda e: e["type"] != "extra_forbidden")
        path = (*place, *found["loc"])
        if found["type"] == "extra_forbidden":
            models: dict[tuple[Any, ...], type[BaseModel]] = {
                place: model, ("optimiser",): Optimiser, ("optimiser", "rate"): Rate, ("card",): Card,
            }  # fmt: skip
            known = list(models.get(path[:-1], Document).model_fields)
            near = get_close_matches(str(path[-1]), known, n=1)
            hint = f"did you mean {near[0]!r}?" if near else f"there are {', '.join(known)}" if known else "leave it out"
            raise marked.error(path, f"unknown key; {hint}") from None
        if found["type"] == "missing":
            raise marked.error(path, "missing; every training needs it") from None
        if found["type"] == "value_error":
            raise marked.error(path, found["msg"].removeprefix("Value error, ")) from None
        wanted = found["msg"].removeprefix("Input should be ")
        raise marked.error(path, f"expected {wanted}, but {str(found['input'])[:60]!r} came") from None
