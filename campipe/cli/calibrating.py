"""The commands that measure cameras: calibrate, rehearse, gap."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from campipe.cli.commands import Json, Seed, app
from campipe.cli.screen import Screen


@app.command(epilog="Example: campipe calibrate frames --out my-camera.toml --report report.html")
def calibrate(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="Folder of raw files: darks, flats, charts; they are sorted.")],
    out: Annotated[Path, typer.Option(help="The camera profile to write, .toml.")],
    report: Annotated[Path | None, typer.Option(help="The report to write, one HTML file.")] = None,
    title: Annotated[str | None, typer.Option(help="Name of the camera; without it, what the files say.")] = None,
    json: Json = False,
) -> None:
    """Measure a camera from its raw files: a profile with errors and sources, and a report after EMVA 1288."""
    from campipe.jobs.calibrate import as_json
    from campipe.jobs.calibrate import calibrate as job

    screen = Screen()
    with screen.progress("measuring") as progress:
        done = job(folder, out, report=report, title=title, progress=progress)
    if json:
        screen.say(as_json(done))
        return
    screen.table(["quantity", "value"], [list(row) for row in done.summary()])
    for words in done.complaints:
        screen.say(f"note: {words}")
    for path in done.files:
        screen.say(str(path))


@app.command(epilog="Example: campipe rehearse rpi-imx477 --out frames --width 512 --height 512")
def rehearse(
    camera: Annotated[str, typer.Argument(help="Name of a camera, or a profile's .toml file.")],
    out: Annotated[Path, typer.Option(help="Folder to write; frames that are there are kept.")],
    width: Annotated[int | None, typer.Option(help="Of a window in the middle of the sensor; without it, all of it.")] = None,
    height: Annotated[int | None, typer.Option(help="Of that window.")] = None,
    iso: Annotated[list[float] | None, typer.Option(help="ISO step, given once for each; without it, doubling from the lowest.")] = None,
    lens: Annotated[bool, typer.Option("--lens", help="Flats through the lens, with its shading; else the bare sensor.")] = False,
    seed: Seed = 0,
) -> None:
    """Write the frames that a calibration asks for, as a simulated camera takes them: to try `campipe calibrate`, and to plan your own."""
    from campipe.jobs.rehearse import Plan
    from campipe.jobs.rehearse import rehearse as job

    screen = Screen()
    with screen.progress("exposing") as progress:
        plan = Plan(iso=tuple(iso)) if iso else Plan()
        count = job(camera, out, plan=plan, width=width, height=height, seed=seed, lens=lens, progress=progress)
    screen.say(f"{out}: {count} frames, and a manifest of their light; now: campipe calibrate {out} --out camera.toml --report report.html")


@app.command(epilog="Example: campipe gap frames --camera my-camera.toml")
def gap(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="Folder of real raw files: pairs of darks or flats, or single scenes.")],
    camera: Annotated[str, typer.Option(help="Name of a camera, or a profile's .toml file: what is simulated.")],
    seed: Seed = 0,
    json: Json = False,
) -> None:
    """Compare the noise of real raw files with that of a simulated camera: divergence, variance, rows, columns, neighbours."""
    from campipe.jobs.reality_gap import as_json, reality_gap

    screen = Screen()
    with screen.progress("comparing") as progress:
        found = reality_gap(folder, camera, seed=seed, progress=progress)
    if json:
        screen.say(as_json(found))
        return
    screen.gaps(found)
    for scene in found.scenes:
        screen.say(f"{scene.file}, ISO {scene.iso:g}: gain {scene.real.gain} real, {scene.simulated.gain} simulated")
    for words in found.problems:
        screen.say(f"note: {words}")
