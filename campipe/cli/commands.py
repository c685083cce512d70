"""The commands: each one reads its words, calls its job, and shows what came of it.

Jobs are imported when a command runs, so that help comes at once.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from campipe.cli.screen import Screen
from campipe.core.errors import CampipeError, RawFileError

app = typer.Typer(
    add_completion=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    pretty_exceptions_enable=False,
    help="A differentiable camera: photons to raw numbers to pictures.",
    epilog="Example: campipe demo --out demo",
)

Seed = Annotated[int, typer.Option(help="Seed of everything that is drawn.")]
Json = Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")]


def _version(wanted: bool) -> None:
    if wanted:
        from importlib.metadata import PackageNotFoundError, version

        try:
            typer.echo(f"campipe {version('campipe')}")
        except PackageNotFoundError:
            typer.echo("campipe, from a checkout")
        raise typer.Exit


Version = Annotated[bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")]


@app.callback()
def campipe(version: Version = False) -> None:
    """A differentiable camera: photons to raw numbers to pictures."""


@app.command(epilog="Example: campipe demo --out demo")
def demo(
    out: Annotated[Path, typer.Option(help="Folder for raws, pairs, pictures and the report.")],
    images: Annotated[Path | None, typer.Option(help="Folder of your own photos; without it, scikit-image's.")] = None,
    seed: Seed = 0,
) -> None:
    """Photograph real photos with three cameras, and write a report that shows them with their noise."""
    from campipe.jobs.demo import demo as job

    screen = Screen()
    with screen.progress("photographing") as progress:
        report = job(out, images=images, seed=seed, progress=progress)
    screen.say(f"Report: {report}")


@app.command("list", epilog="Example: campipe list cameras --json")
def list_(
    what: Annotated[str, typer.Argument(metavar="cameras|recipes|isp|stages|blocks|trainings|studies", help="What to list.")],
    json: Json = False,
) -> None:
    """List the cameras, recipes, ISP presets, stages, blocks, trainings or studies that there are."""
    from campipe.jobs.listing import rows_of

    Screen().listing(what, rows_of(what), as_json=json)


@app.command(epilog="Example: campipe simulate photo.png --camera sony-a7s2 --iso 1600 --ev -2 --out shot.dng --png shot.png")
def simulate(
    photo: Annotated[Path, typer.Argument(help="A PNG, JPEG, WebP or TIFF picture.")],
    camera: Annotated[str, typer.Option(help="Name of a camera, or a profile's .toml file.")],
    out: Annotated[Path, typer.Option(help="The raw file to write, .dng.")],
    iso: Annotated[float | None, typer.Option(help="Within the camera's range; without it, its lowest.")] = None,
    ev: Annotated[float, typer.Option(help="Stops from the metered exposure; below 0 is darker.")] = 0.0,
    seconds: Annotated[float, typer.Option(help="Exposure time, in which dark current gathers.")] = 1 / 60,
    seed: Seed = 0,
    serial: Annotated[int, typer.Option(help="Number of the individual camera: its fixed pattern.")] = 0,
    clean: Annotated[Path | None, typer.Option(help="Write the noiseless shot too: .dng, or a developed picture.")] = None,
    png: Annotated[Path | None, typer.Option(help="Write the developed shot too; an ev below 0 is brightened back.")] = None,
) -> None:
    """Turn a photo into the raw file that a camera would have recorded of the same scene."""
    from campipe.jobs.simulate import simulate as job

    done = job(photo, out, camera=camera, iso=iso, ev=ev, seconds=seconds, seed=seed, serial=serial, clean=clean, png=png)
    Screen().simulated(done)


@app.command(epilog="Example: campipe develop shot.dng --out picture.png --exposure 2")
def develop(
    raw: Annotated[Path, typer.Argument(help="A raw file, .dng, .nef, .cr2, .arw and what else LibRaw opens, or a folder of them.")],
    out: Annotated[Path, typer.Option(help="The picture to write: .png, .tif or .jpg; for a folder, a folder.")],
    demosaick: Annotated[str, typer.Option(help="Name of a demosaicker (`campipe list blocks`); auto: one that fits the file.")] = "auto",
    exposure: Annotated[float, typer.Option(help="Stops by which the picture is made brighter.")] = 0.0,
    bits: Annotated[int, typer.Option(help="Bits per channel, 8 or 16.")] = 8,
    isp: Annotated[str | None, typer.Option(help="A preset (`campipe list isp`), or a pipeline's .yaml file.")] = None,
    denoise: Annotated[bool, typer.Option("--denoise", help="Take noise away before demosaicking, with raw_unet unless named.")] = False,
    denoiser: Annotated[str | None, typer.Option(help="Name of the denoiser (`campipe list blocks`); denoises.")] = None,
) -> None:
    """Develop raw files to pictures, from what the files themselves say. Beside each picture lies a .yaml of what was done."""
    from campipe.jobs.develop import Settings
    from campipe.jobs.develop import develop as job
    from campipe.jobs.develop_denoised import DEFAULT

    screen = Screen()
    with screen.progress("developing") as progress:
        named = denoiser or (DEFAULT if denoise else None)
        done = job(raw, out, Settings(demosaick, exposure, bits, isp, named), progress=progress)
    screen.developed(done, bits)
    failed = [one for one in done if one.problem is not None]
    if failed:
        raise RawFileError(f"{len(failed)} of {len(done)} files could not be developed; the first: {failed[0].problem}")


@app.command(epilog="Example: campipe evaluate denoise/dct --images photos --sigma 25 --out scores")
def evaluate(
    block: Annotated[
        str, typer.Argument(metavar="SLOT[/NAME]", help="A slot, such as denoise, for all its blocks; one, denoise/dct; or scoreboard.")
    ],
    images: Annotated[Path | None, typer.Option(help="Folder of photos; a scoreboard needs none.")] = None,
    sigma: Annotated[float | None, typer.Option(help="Standard deviation of the noise, on the 0 to 255 scale.")] = None,
    out: Annotated[Path | None, typer.Option(help="Folder for the table as Markdown and CSV, and a figure.")] = None,
    pairs: Annotated[str | None, typer.Option("--set", help="The folder is a published set: sid, eld, sidd, sidd_blocks or dnd.")] = None,
    count: Annotated[int | None, typer.Option(help="Pairs of a published set, evenly through it; without it, all.")] = None,
    json: Json = False,
) -> None:
    """Measure how well blocks restore photos that were damaged: score, seconds and memory of each, side by side."""
    from campipe.jobs.evaluate import as_json, write_tables
    from campipe.jobs.evaluate import evaluate as job
    from campipe.jobs.scoreboard import write_scoreboard

    screen = Screen()
    if block == "scoreboard":
        screen.say(str(write_scoreboard((out or Path("docs")) / "scoreboard.md")))
        return
    if images is None:
        raise CampipeError("blocks are evaluated on photos; give their folder with --images")
    if pairs is not None:
        from campipe.jobs.score_sets import evaluate_set

        with screen.progress("evaluating") as progress:
            said = evaluate_set(pairs, images, block, count=count, out=out, progress=progress)
        screen.say(said)
        return
    with screen.progress("evaluating") as progress:
        scores = job(block, images, sigma=sigma, progress=progress)
    files = write_tables(scores, block, images, sigma, out) if out is not None else []
    if json:
        screen.say(as_json(scores))
        return
    screen.scores(scores)
    for path in files:
        screen.say(str(path))


@app.command(epilog="Example: campipe synth raw_pairs --images photos --out pairs --count 1000 --seed 0 --workers 2")
def synth(
    recipe: Annotated[str, typer.Argument(help="A recipe's .yaml file, or the name of one that ships.")],
    images: Annotated[Path, typer.Option(help="Folder of photos.")],
    out: Annotated[Path, typer.Option(help="Folder to write; one that was begun is gone on with.")],
    count: Annotated[int, typer.Option(help="Number of samples.")],
    seed: Seed = 0,
    format: Annotated[str, typer.Option(help="webdataset: tar shards; dng: DNG, PNG and JSON.")] = "webdataset",
    workers: Annotated[int, typer.Option(help="Processes; the bytes do not depend on them.")] = 1,
) -> None:
    """Make pairs of noisy and clean raw frames from photos, as a recipe says. Stopped and run again, it goes on."""
    from campipe.jobs.synth import synth as job

    screen = Screen()
    with screen.progress("samples") as progress:
        done = job(recipe, images, out, count=count, seed=seed, format=format, workers=workers, progress=progress)
    kept = f", {done.count - done.made} were there" if done.made < done.count else ""
    screen.say(f"{done.out}: {done.count} samples in {len(done.files)} files; {done.made} made in {done.seconds:.1f} s{kept}")


@app.command("import", epilog="Example: campipe import libcamera imx477.json --bits 12 --title 'My camera' --out camera.toml")
def import_(
    kind: Annotated[str, typer.Argument(metavar="eld|pnnp|libcamera|dng|darktable|emva|rawtoaces|libraw", help="Who published it.")],
    files: Annotated[list[Path], typer.Argument(help="The file; for dng one per ISO, for rawtoaces camera, reflectances and observer.")],
    out: Annotated[Path, typer.Option(help="The profile to write, .toml.")],
    onto: Annotated[str | None, typer.Option(help="A camera's name or .toml: its numbers stand where the files have none.")] = None,
    title: Annotated[str | None, typer.Option(help="The camera's name as one reads it.")] = None,
    camera: Annotated[str | None, typer.Option(help="Which one, where a file holds several.")] = None,
    bits: Annotated[int | None, typer.Option(help="Bits of the raw numbers, where the file does not say.")] = None,
    black: Annotated[float | None, typer.Option(help="Black level, in DN of these bits.")] = None,
    iso: Annotated[float | None, typer.Option(help="ISO of the lowest gain, for eld.")] = None,
    mono: Annotated[bool, typer.Option("--mono", help="The sensor has no filters.")] = False,
) -> None:
    """Make a camera's profile of what others have published of it: calibrations, tuning files, data sheets, spectra, matrices."""
    from campipe.jobs.import_profile import Choices, import_profile

    choices = Choices(camera, bits, black, iso, mono)
    Screen().imported(import_profile(kind, files, out, onto=onto, title=title, choices=choices))


@app.command(epilog="Example: campipe bench --isp --json")
def bench(
    json: Json = False,
    megapixels: Annotated[float, typer.Option(help="Size of the frame, in 1e6 pixels.")] = 12.0,
    rounds: Annotated[int, typer.Option(help="Turns that each contender takes; the median counts.")] = 5,
    isp: Annotated[bool, typer.Option("--isp", help="Measure developing, beside LibRaw and colour-demosaicing.")] = False,
    calibrate: Annotated[bool, typer.Option("--calibrate", help="Measure photon transfer of 100 pairs of files, on two threads.")] = False,
) -> None:
    """Measure the sensor's speed and memory beside NumPy, torch, GalSim and Pyxel, on one thread, in one run; or developing's."""
    from campipe.jobs.bench import as_json
    from campipe.jobs.bench import bench as job
    from campipe.jobs.bench_calibrate import bench_calibrate
    from campipe.jobs.bench_goals import calibrate_goals, goals, isp_goals
    from campipe.jobs.bench_isp import bench_isp

    screen = Screen()
    with screen.progress("measuring") as progress:
        if calibrate:
            rows = bench_calibrate(megapixels=megapixels, rounds=rounds, progress=progress)
            found = calibrate_goals(rows)
        else:
            rows = (bench_isp if isp else job)(megapixels, rounds, progress)
            found = isp_goals(rows) if isp else goals(rows, megapixels)
    if json:
        screen.say(as_json(rows))
    else:
        screen.bench(rows, found)
