"""The commands that train: learned blocks, and studies of systems."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from campipe.cli.calibrating import app
from campipe.cli.commands import Json
from campipe.cli.screen import Screen
from campipe.core.errors import CampipeError


@app.command(epilog="Example: campipe train demosaick_small --images photos --out training")
def train(
    recipe: Annotated[str, typer.Argument(help="Name of a training recipe, or a .yaml file.")],
    out: Annotated[Path, typer.Option(help="Folder for checkpoint, log, weights and card; a training that is there goes on.")],
    images: Annotated[Path | None, typer.Option(help="Folder of photos to train on.")] = None,
    export: Annotated[Path | None, typer.Option(help="Only write the weights as they are now to this file, .safetensors.")] = None,
    device: Annotated[str | None, typer.Option(help="cpu or cuda; without it, what accelerate was started with, else the CPU.")] = None,
    workers: Annotated[int, typer.Option(help="Processes that make samples ahead; the samples do not depend on them.")] = 0,
    json: Json = False,
) -> None:
    """Train a learned block from a recipe and a folder of photos."""
    from campipe.jobs import train as jobs

    screen = Screen()
    if export is not None:
        done = jobs.export(recipe, out, export)
    elif images is None:
        raise CampipeError("a training needs photos; give their folder with --images")
    else:
        with screen.progress("training") as progress:
            done = jobs.train(recipe, images, out, device=device, workers=workers, progress=progress)
    screen.say(jobs.as_json(done) if json else str(done))


@app.command(epilog="Example: campipe study noise2noise --images photos --tests tests --out noise2noise --device cuda")
def study(
    name: Annotated[str, typer.Argument(help="Name of a study: `campipe list studies`.")],
    images: Annotated[Path, typer.Option(help="Folder of photos to train on.")],
    tests: Annotated[Path, typer.Option(help="Folder of the folders of test pictures, photos_test_kodak24 and gray_test_set12.")],
    out: Annotated[Path, typer.Option(help="Folder for its trainings and its result; what is there goes on.")],
    device: Annotated[str, typer.Option(help="cpu or cuda.")] = "cpu",
    budget: Annotated[float, typer.Option(help="Factor on the steps of every training.")] = 1.0,
) -> None:
    """Show again what was claimed of a system: train what the study needs, score it, and write its result."""
    from campipe.jobs.scoreboard import section
    from campipe.jobs.study import study as job

    screen = Screen()
    with screen.progress("studying") as progress:
        result = job(name, images, tests, out, device=device, budget=budget, progress=progress)
    screen.say(section(name, result))
