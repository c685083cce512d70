"""TrainingRecipe: a pipelines/train/*.yaml file as an object that trains a block."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import dataclass, field
from difflib import get_close_matches
from functools import partial
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, StrictInt, StrictStr, ValidationError
from torch import Tensor

from campipe.blocks.demosaicking.residual import Residual
from campipe.blocks.denoising.unet import Unet
from campipe.blocks.learned.base import Learned
from campipe.core.errors import RecipeError
from campipe.core.resources import find
from campipe.measure.losses.ms_ssim_l1 import ms_ssim_l1_loss
from campipe.measure.losses.pixel import charbonnier_loss, l1_loss, l2_loss
from campipe.recipe import text
from campipe.synth.photos import Photos
from campipe.train.crops import Crops
from campipe.train.demosaicking import Demosaicking
from campipe.train.denoising import Denoising
from campipe.train.loop import Task, Training
from campipe.train.schedules import Constant, Schedule, Steps, WarmUpCosine

VERSION = 1

LOSSES: dict[str, Callable[[Tensor, Tensor], Tensor]] = {
    "l1": l1_loss,
    "l2": l2_loss,
    "charbonnier": charbonnier_loss,
    "ms_ssim_l1": partial(ms_ssim_l1_loss, data_range=1),
}
"""What a training can minimise, of pictures in [0, 1]."""

BLOCKS: dict[str, tuple[type[Learned], type[Task]]] = {Residual.block: (Residual, Demosaicking), Unet.block: (Unet, Denoising)}
"""The learned blocks that can be trained, and the task of each."""

Number = Annotated[float, Field(gt=0, allow_inf_nan=False)]
Count = Annotated[StrictInt, Field(ge=1)]
Share = Annotated[float, Field(ge=0, le=1)]
Decay = Annotated[float, Field(ge=0, lt=1)]
Level = Annotated[float, Field(ge=0, le=255)]


class Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Network(Strict):
    """What the block is built from; what is left out is as the block has it."""

    weights: StrictStr | None = None
    channels: Literal[1, 3] | None = None
    width: Count | None = None
    blocks: Annotated[StrictInt, Field(ge=0)] | None = None
    coarse: Count | None = None


class Data(Strict):
    """What is trained on; see `campipe.train.crops.Crops`, and of a denoiser `campipe.train.denoising.Denoising`."""

    crop: Annotated[StrictInt, Field(ge=16, multiple_of=2)]
    colour: Share = 0.3
    chroma: Share = 0.5
    scenes: Share = 0.1
    held_out: Annotated[StrictInt, Field(ge=0)] = 4
    sigma: tuple[Level, Level] | None = None


class Rate(Strict):
    """Learning rate: its kind, and the numbers of that kind."""

    kind: Literal["constant", "steps", "cosine"]
    peak: Number
    end: Number | None = None
    warm_up: Annotated[StrictInt, Field(ge=0)] = 0
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
    network: Network = Network()
    data: Data
    optimiser: Optimiser
    card: Card


@dataclass(frozen=True)
class TrainingRecipe:
    """What is trained, on what, and how.

    document   what was written
    training   how, as the loop takes it
    source     name of the file
    """

    document: Document
    training: Training = field(compare=False, repr=False)
    source: str = field(compare=False)

    @classmethod
    def parse(cls, written: str, source: str = "recipe") -> TrainingRecipe:
        """Read a recipe from YAML text. Raises RecipeError with file, line and key."""
        marked = text.Marked(written, source)
        document = _read(marked)
        for key, known in (("block", BLOCKS), ("loss", LOSSES)):
            if getattr(document, key) not in known:
                raise marked.error((key,), f"one of {', '.join(known)} is needed, but {getattr(document, key)!r} came")
        for section, what in (("network", 0), ("data", 1)):
            for key in _strange(getattr(document, section), BLOCKS[document.block][what]):
                raise marked.error((section, key), f"{document.block} has none; leave it out")
        if document.data.sigma is not None and document.data.sigma[0] > document.data.sigma[1]:
            raise marked.error(("data", "sigma"), "the smaller end of the range comes first")
        try:
            rate = _schedule(document.optimiser)
        except ValueError as problem:
            raise marked.error(("optimiser", "rate"), str(problem)) from None
        numbers = {name: getattr(document.optimiser, name) for name in Optimiser.model_fields if name != "rate"}
        return cls(document, Training(rate=rate, **numbers), source)

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
        make: Any = BLOCKS[self.document.block][0]
        block: Learned = make(**{"weights": None, **_given(self.document.network)}, seed=self.document.seed)
        return block

    def task(self, block: Learned, images: Any) -> Task:
        """What the loop trains: the block with its photos and its loss.

        images   folder of photos
        """
        data = self.document.data
        crops = Crops(Photos.under(images), data.crop, data.colour, data.chroma, data.scenes, data.held_out, self.document.seed)
        make: Any = BLOCKS[self.document.block][1]
        own = {} if data.sigma is None else {"sigma": data.sigma}
        task: Task = make(block, crops, LOSSES[self.document.loss], self.document.loss, **own)
        return task


def _given(section: BaseModel) -> dict[str, Any]:
    return {name: value for name, value in section.model_dump(exclude_unset=True).items() if value is not None}


def _strange(section: BaseModel, taker: Any) -> list[str]:
    """Keys that were written but are not for this block: those that nothing but some blocks have."""
    return [name for name in ("channels", "coarse", "sigma") if name in _given(section) and name not in inspect.signature(taker).parameters]


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
    try:
        return Document.model_validate(data)
    except ValidationError as problem:
        found = min(problem.errors(include_url=False), key=lambda e: e["type"] != "extra_forbidden")
        path = found["loc"]
        if found["type"] == "extra_forbidden":
            models: dict[tuple[Any, ...], type[BaseModel]] = {
                ("network",): Network, ("data",): Data, ("optimiser",): Optimiser, ("optimiser", "rate"): Rate, ("card",): Card,
            }  # fmt: skip
            known = list(models.get(path[:-1], Document).model_fields)
            near = get_close_matches(str(path[-1]), known, n=1)
            hint = f"did you mean {near[0]!r}?" if near else f"there are {', '.join(known)}"
            raise marked.error(path, f"unknown key; {hint}") from None
        if found["type"] == "missing":
            raise marked.error(path, "missing; every training needs it") from None
        wanted = found["msg"].removeprefix("Input should be ")
        raise marked.error(path, f"expected {wanted}, but {str(found['input'])[:60]!r} came") from None
