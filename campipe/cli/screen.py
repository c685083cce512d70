"""What the commands show: tables and sentences on stdout, progress on stderr, and that only where somebody watches."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from rich.table import Table

if TYPE_CHECKING:
    from campipe.jobs.bench import Row
    from campipe.jobs.bench_goals import Goal
    from campipe.jobs.develop import Developed
    from campipe.jobs.evaluate import Score
    from campipe.jobs.import_profile import Imported
    from campipe.jobs.reality_gap import RealityGap
    from campipe.jobs.simulate import Simulated

WIDE = 160  # columns where nobody watches: a file or another program

Tick = Callable[..., None]


class Output(Console):
    """A console that tells when its reader went away, instead of leaving on its own."""

    def on_broken_pipe(self) -> None:
        raise BrokenPipeError


class Screen:
    """The two ends of a terminal."""

    def __init__(self) -> None:
        self.out = Output(highlight=False)
        if not self.out.is_terminal:
            self.out.width = WIDE
        self.err = Console(stderr=True, highlight=False)

    def say(self, text: str) -> None:
        """Print lines as they are, however long."""
        self.out.print(text, markup=False, soft_wrap=True)

    @contextmanager
    def progress(self, words: str) -> Iterator[Tick]:
        """A bar on stderr: the function it gives takes (done, all) or (done, all, words)."""
        columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(), TimeRemainingColumn())
        with Progress(*columns, console=self.err, disable=not self.err.is_terminal, transient=True) as bar:
            task = bar.add_task(words, total=None)

            def tick(done: int, total: int, now: str = words) -> None:
                bar.update(task, completed=done, total=total, description=escape(now))

            yield tick

    @contextmanager
    def busy(self, words: str) -> Iterator[None]:
        """A turning wheel on stderr."""
        if not self.err.is_terminal:
            yield
            return
        with self.err.status(escape(words)):
            yield

    def listing(self, what: str, rows: list[dict[str, Any]], as_json: bool) -> None:
        """A table, or JSON."""
        if as_json:
            self.say(json.dumps(rows, indent=2))
            return
        columns = {"cameras": _camera, "recipes": _recipe, "isp": _recipe, "stages": _stage, "blocks": _block}.get(what, _plain)
        cells = [columns(row) for row in rows]
        self.table(list(cells[0]) if cells else [], [list(row.values()) for row in cells])
        if what == "cameras":
            self.say("DN/e- and white: gain and saturation at the lowest ISO; dark: noise of a dark frame at the lowest and highest ISO")
            self.say("measured: on the camera; assumed: how many numbers are neither measured nor stated by the maker. --json names them")

    def table(self, heads: list[str], rows: list[list[str]], right: tuple[str, ...] = ()) -> None:
        """A plain table; columns named in `right` are set to the right."""
        table = Table(box=None, pad_edge=False, header_style="bold")
        for head in heads:
            table.add_column(head, justify="right" if head in right else "left", overflow="fold")
        for row in rows:
            table.add_row(*map(escape, row))
        self.out.print(table)

    def simulated(self, done: Simulated) -> None:
        """What `campipe simulate` did."""
        shot, size = done.raw.capture, f"{done.raw.width} x {done.raw.height}"
        assert shot.iso is not None and shot.seconds is not None
        self.say(f"{done.camera}, ISO {float(shot.iso[0]):g}, {_time(float(shot.seconds[0]))}, {size}, {shot.pattern or 'monochrome'}")
        self.say(f"mean signal {done.electrons:.1f} e- a pixel, its noise {done.noise:.1f} e-, {100 * done.saturated:.2f} % saturated")
        for path, what in done.files.items():
            self.say(f"{path}: {what}")

    def imported(self, done: Imported) -> None:
        """What `campipe import` wrote, and what one has to know of it."""
        low, high = done.profile.iso_range
        counts = ", ".join(f"{count} {status}" for status, count in done.counts.items())
        self.say(f"{done.out}: {done.profile.title}, ISO {low:g} to {high:g}; of its numbers {counts}")
        for sentence in done.remarks:
            self.say(f"  {sentence}")

    def developed(self, done: list[Developed], bits: int) -> None:
        """What `campipe develop` wrote, and what was assumed for it."""
        for one in done:
            if one.problem is not None:
                continue
            size = f"{one.size[1]} x {one.size[0]}, {bits} bits per channel"
            self.say(f"{one.picture}: {size}{', was there' if one.was_there else ''}")
            if one.denoised:
                self.say(f"  {one.denoised}")
            for sentence in one.assumptions:
                self.say(f"  assumed: {sentence}")

    def scores(self, scores: list[Score]) -> None:
        """How the blocks did, best first."""
        cells = [
            [s.name, f"{s.psnr:.2f}", f"{s.ssim:.4f}", _figure(s.seconds_per_megapixel), f"{s.megabytes:.0f}", str(s.parameters)]
            for s in scores
        ]
        heads = ["block", "PSNR, dB", "SSIM", "s / MP", "memory, MB", "parameters"]
        self.table(heads, cells, right=tuple(heads[1:]))

    def gaps(self, found: RealityGap) -> None:
        """How far simulated noise is from real noise: a line for each series, its planes together."""
        from campipe.calibrate.estimate import combined

        names = ("divergence", "variance", "row", "column", "across", "down")
        rows = []
        for one in found.series:
            level, offset = (sum(getattr(g, n) for g in one.gaps) / len(one.gaps) for n in ("level", "offset"))
            numbers = [str(combined([getattr(g, n) for g in one.gaps], "1")) for n in names]
            rows.append([one.kind, f"{one.iso:g}", _time(one.seconds), f"{level:.1f}", f"{offset:+.2f}", *numbers])
        if rows:
            heads = ["kind", "ISO", "exposure", "mean, DN", "offset, DN", "divergence, nat", *names[1:]]
            self.table(heads, rows, right=("mean, DN", "offset, DN"))
            self.say("variance, row, column: simulated over real; across, down: lag-1 autocorrelation, simulated less real")

    def bench(self, rows: list[Row], goals: list[Goal]) -> None:
        """The measurements, and how they stand beside the goals."""
        cells = [[r.job, r.who, _figure(r.megapixels_per_second), _figure(r.peak_megabytes), _figure(r.seconds)] for r in rows]
        self.table(["job", "who", "MP/s", "peak MB", "seconds"], cells, right=("MP/s", "peak MB", "seconds"))
        self.say("")
        judged = [[g.what, g.wanted, _figure(g.reached) + (g.unit if g.reached is not None else ""), _verdict(g)] for g in goals]
        self.table(["goal", "wanted", "reached", ""], judged, right=("reached",))


# What tells cameras apart, in a word each; --json has every number's name.
_TOLD = {"gain": "gain", "full well": "full well", "read noise": "noise", "black level": "black", "white balance": "colour"}


def _camera(row: dict[str, Any]) -> dict[str, str]:
    low, high = row["iso"]
    measured = [word for number, word in _TOLD.items() if number in row["measured"]]
    return {
        "name": row["name"],
        "camera": row["title"],
        "MP": f"{row['megapixels']:g}",
        "filters": row["pattern"] or "mono",
        "bits": str(row["bits"]),
        "um": f"{row['pixel_pitch']:g}",
        "ISO": f"{low:g}-{high:g}",
        "DN/e-": f"{row['gain'][0]:.3g}",
        "white, e-": f"{row['saturation']:.0f}",
        "dark, e-": " to ".join(f"{noise:.1f}" for noise in row["read_noise"]),
        "measured": ", ".join(measured) or "-",
        "assumed": str(len(row["assumed"])),
    }


def _recipe(row: dict[str, Any]) -> dict[str, str]:
    return {"name": row["name"], "makes": row["about"] or "", "file": row["file"]}


def _plain(row: dict[str, Any]) -> dict[str, str]:
    return {name: str(value) for name, value in row.items()}


def _stage(row: dict[str, Any]) -> dict[str, str]:
    spaces = f"{' or '.join(row['reads'])} -> {row['writes'] or 'the same'}"
    return {"kind": row["name"], "does": row["about"], "spaces": spaces, "arguments": ", ".join(row["arguments"]) or "-"}


def _block(row: dict[str, Any]) -> dict[str, str]:
    return {"slot": row["slot"], "name": row["name"], "does": row["about"]}


def _time(seconds: float) -> str:
    return f"1/{round(1 / seconds)} s" if 0 < seconds < 0.5 else f"{seconds:g} s"


def _figure(value: float | None) -> str:
    if value is None:
        return "-"
    return f"{value:.0f}" if value >= 100 else f"{value:.3g}"


def _verdict(goal: Goal) -> str:
    return "not measured" if goal.reached is None else ("reached" if goal.met else "missed")
