"""evaluate: how well the blocks of a slot do on a folder of photos, each with its score, seconds and memory."""

from __future__ import annotations

import csv
import io
import json
import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import mean
from typing import Any

from campipe.blocks import names
from campipe.core.errors import CampipeError
from campipe.io.atomic import write_bytes
from campipe.jobs.protocols import examined, words
from campipe.report.scores import scores_figure
from campipe.synth.photos import Photos

Progress = Callable[[int, int, str], None]


@dataclass(frozen=True)
class Score:
    """How one block did, on average over the photos.

    psnr                    dB, over all channels jointly, of the picture rounded to 8 bits
    ssim                    of the same, Gaussian window of 11 x 11
    seconds_per_megapixel   CPU seconds on one thread for 1e6 pixels
    megabytes               most memory that the block took for one photo, 1e6 bytes
    parameters              numbers that the block holds
    """

    name: str
    psnr: float
    ssim: float
    seconds_per_megapixel: float
    megabytes: float
    parameters: int


def evaluate(what: str, images: str | Path, *, sigma: float | None = None, progress: Progress | None = None) -> list[Score]:
    """Examine every block of a slot, or one.

    what       "demosaick", "denoise", "deblur" or "super_resolve", or one block, "denoise/bm3d"
    images     folder of photos
    sigma      standard deviation of the noise on the 0 to 255 scale; None: the protocol's own
    progress   called with (done, all, words)
    returns    best first
    """
    slot, _, name = what.partition("/")
    chosen = [name] if name else names(slot)
    if sigma is not None and not 0 <= sigma <= 255:
        raise CampipeError(f"sigma is on the 0 to 255 scale, but {sigma:g} came")
    photos = Photos.under(images)
    for each in chosen:
        examined(slot, each, sigma)  # raises for what there is not, before the long work begins
    total, scores = len(photos) * len(chosen), []
    for number, each in enumerate(chosen):

        def tick(done: int, now: str, begun: int = number) -> None:
            if progress is not None:
                progress(begun * len(photos) + done, total, now)

        scores.append(_examine(slot, each, photos, sigma, tick))
    return sorted(scores, key=lambda score: -score.psnr)


def _examine(slot: str, name: str, photos: Photos, sigma: float | None, tick: Callable[[int, str], None]) -> Score:
    """Let a process of its own examine one block, and sum up."""
    place = photos.root if len(photos) > 1 else photos.root / photos.names[0]
    command = [sys.executable, "-m", "campipe.jobs.evaluate_worker", slot, name, str(place), "-" if sigma is None else str(sigma)]
    threads = dict.fromkeys(("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"), "1")
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path)), **threads}
    rows: list[dict[str, Any]] = []
    about: dict[str, Any] = {}
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment) as process:
        try:
            assert process.stdout is not None and process.stderr is not None
            for line in process.stdout:
                said = json.loads(line)
                if "error" in said:
                    raise CampipeError(f"{slot}/{name}: {said['error']}")
                if "photo" not in said:
                    about = said
                    continue
                rows.append(said)
                tick(len(rows), f"{name}: {said['photo']}")
            last = process.stderr.read().strip().splitlines() or ["nothing"]
        finally:
            process.kill()
    if len(rows) < about.get("photos", 1):
        raise CampipeError(f"the process that examined {slot}/{name} ended too early; its last words: {last[-1]}")
    return Score(
        name,
        mean(row["psnr"] for row in rows),
        mean(row["ssim"] for row in rows),
        sum(row["seconds"] for row in rows) / sum(row["pixels"] for row in rows) * 1e6,
        max(row["bytes"] for row in rows) / 1e6,
        about["parameters"],
    )


def as_json(scores: list[Score]) -> str:
    """The scores as a list of objects."""
    return json.dumps([asdict(score) for score in scores], indent=2)


def write_tables(scores: list[Score], what: str, images: str | Path, sigma: float | None, out: Path) -> list[Path]:
    """Write the scores as Markdown, CSV and a figure into a folder, and return the files."""
    slot = what.partition("/")[0]
    if not out.is_dir():
        try:
            out.mkdir(parents=True)
        except OSError as problem:
            raise CampipeError(f"the folder {out} cannot be made: {problem.strerror}; choose another place") from None
    stem = what.replace("/", "_")
    scale = "PSNR over all channels jointly, rounded to 8 bits; CPU seconds, one thread"
    about = f"{len(Photos.under(images))} photos; {words(slot, sigma)}. {scale}."
    files = {
        out / f"{stem}.md": as_markdown(scores, about),
        out / f"{stem}.csv": _as_csv(scores),
        out / f"{stem}.svg": scores_figure([asdict(score) for score in scores], slot),
    }
    for path, text in files.items():
        write_bytes(path, text.encode("utf-8"))
    return list(files)


def as_markdown(scores: list[Score], about: str) -> str:
    """A table in Markdown, with the protocol above it."""
    heads = "| block | PSNR, dB | SSIM | s per megapixel | memory, MB | parameters |\n|---|---|---|---|---|---|"
    rows = [
        f"| {s.name} | {s.psnr:.2f} | {s.ssim:.4f} | {s.seconds_per_megapixel:.3g} | {s.megabytes:.0f} | {s.parameters} |" for s in scores
    ]
    return "\n".join([about, "", heads, *rows, ""])


def _as_csv(scores: list[Score]) -> str:
    text = io.StringIO()
    writer = csv.DictWriter(text, list(asdict(scores[0])), lineterminator="\n")
    writer.writeheader()
    writer.writerows(asdict(score) for score in scores)
    return text.getvalue()
