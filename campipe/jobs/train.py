"""train: a block from a recipe and a folder of photos, to weights with their card."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from importlib.util import find_spec
from pathlib import Path

from campipe.blocks.learned.base import Learned
from campipe.core.errors import CampipeError
from campipe.io.atomic import write_bytes
from campipe.report.training import training_figure
from campipe.train.card import about, card
from campipe.train.checkpoint import Checkpoint
from campipe.train.devices import device_of
from campipe.train.log import read_log
from campipe.train.loop import CHECKPOINT, LOG, Fitted, Progress, fit
from campipe.train.recipe import TrainingRecipe

FIGURE = "log.svg"


@dataclass(frozen=True)
class Trained:
    """What a training left.

    scores   on the photos that were held out
    files    weights, card, and where matplotlib is installed a figure of the log
    """

    block: str
    steps: int
    cpu_seconds: float
    scores: Mapping[str, float]
    files: tuple[str, ...]

    def __str__(self) -> str:
        scores = ", ".join(f"{name} {value:.2f}" for name, value in self.scores.items()) or "not validated yet"
        return f"{self.block}: {self.steps} steps, {self.cpu_seconds / 60:.1f} CPU minutes; {scores}; {', '.join(self.files)}"


def train(
    recipe: str | Path,
    images: str | Path,
    out: str | Path,
    *,
    device: str | None = None,
    workers: int = 0,
    progress: Progress | None = None,
) -> Trained:
    """Train a block, or go on where the folder's checkpoint stands.

    recipe     name of a recipe that ships, or a .yaml file
    images     folder of photos
    out        folder for checkpoint, log, weights and card
    device     "cpu", "cuda"; None: what accelerate was started with, else the CPU
    workers    processes that make samples ahead; the samples do not depend on them
    progress   called with (steps done, all, words)
    """
    loaded, out = TrainingRecipe.load(recipe), Path(out)
    block = loaded.block()
    task = loaded.task(block, images)
    fitted = fit(task, loaded.training, _folder(out), device=device_of(device), workers=workers, progress=progress)
    task.to("cpu")
    return _write(loaded, block, fitted, out, out / "weights.safetensors")


def export(recipe: str | Path, out: str | Path, path: str | Path) -> Trained:
    """Write the (averaged) weights of a training as they are now, while it runs or after it was stopped, and their card beside them.

    recipe   the one that is trained
    out      its folder
    path     file to write, .safetensors
    """
    loaded, path = TrainingRecipe.load(recipe), Path(path)
    held = Checkpoint.read(Path(out) / CHECKPOINT)
    block = loaded.block()
    task = held.configuration.get("task", {})
    for what, came in (("block", block.block), ("architecture", block.architecture)):
        if task.get(what) != came:
            raise CampipeError(f"{out} is the training of {task.get(what)}, but {came} came; give the recipe that is trained there")
    block.body.load_state_dict({**held.weights, **(held.averaged or {})})
    rows = [row for row in read_log(Path(out) / LOG) if "loss" not in row]
    scores = {name: value for name, value in (rows[-1] if rows else {}).items() if name not in ("step", "cpu_seconds")}
    return _write(loaded, block, Fitted(held.step, scores, held.seconds), Path(out), path)


def _write(recipe: TrainingRecipe, block: Learned, fitted: Fitted, out: Path, path: Path) -> Trained:
    block.save(path, about(recipe, fitted))
    beside = path.with_suffix(".md")
    name = path.stem if path.stem != "weights" else Path(recipe.source).stem
    write_bytes(beside, card(name, recipe, block, fitted).encode())
    files = [path, beside]
    if find_spec("matplotlib") is not None:
        files.append(out / FIGURE)
        write_bytes(out / FIGURE, training_figure(read_log(out / LOG), f"{name}: {block.block}").encode())
    return Trained(block.block, fitted.steps, fitted.seconds, fitted.scores, tuple(map(str, files)))


def _folder(out: Path) -> Path:
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as problem:
        raise CampipeError(f"the folder {out} cannot be made: {problem.strerror}; choose another place") from None
    return out


def as_json(trained: Trained) -> str:
    """What was done, as one object."""
    return json.dumps(asdict(trained), indent=2)
