"""What the project wants of its speed, and the figure that a bench reached. A figure, never a test: machines differ."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from campipe.jobs.bench import FIRST, GRADIENT, IMPORT, Row
from campipe.jobs.bench_isp_worker import DEMOSAICK, DENOISE, DEVELOP


@dataclass(frozen=True)
class Goal:
    """One wish, in words, and whether this run came up to it.

    what      what is compared
    wanted    the wish
    reached   the figure; None: it could not be measured here
    met       whether the figure comes up to the wish
    """

    what: str
    wanted: str
    reached: float | None
    met: bool
    unit: str = ""


def goals(rows: list[Row], megapixels: float) -> list[Goal]:
    """Compare one bench with the goals."""
    found: list[Goal] = []
    for job in dict.fromkeys(row.job for row in rows if row.job.startswith("exposure ")):
        light = job.rsplit(", ", 1)[-1]
        own = _speed(rows, job, "campipe")
        hand = max((s for r in rows if r.job == job and r.who.startswith("NumPy") and (s := r.megapixels_per_second)), default=None)
        found.append(_goal(f"campipe / the faster NumPy, {light}", "at least 7", _ratio(own, hand), lambda v: v >= 7))
        found.append(_goal(f"campipe / Pyxel, {light}", "at least 30", _ratio(own, _speed(rows, job, "Pyxel")), lambda v: v >= 30))
    job = rows[0].job
    whole = _speed(rows, job, "campipe")
    for count in ("one", "all"):
        tiles = _speed(rows, job, f"campipe, {count} 512 x 512 tile{'s' * (count == 'all')}")
        found.append(_goal(f"time per pixel, {count} 512 x 512 / whole frame", "at most 1.1", _ratio(whole, tiles), lambda v: v <= 1.1))
    double = _speed(rows, job, "campipe, two threads")
    found.append(_goal("two threads / one", "at least 1.7", _ratio(double, whole), lambda v: v >= 1.7))
    limit = 2 * 4 * megapixels + 64
    peak = next((r.peak_megabytes for r in rows if r.job == job and r.who == "campipe"), None)
    found.append(_goal("peak memory (input + output + 64 MB)", f"at most {limit:.0f}", peak, lambda v: v <= limit, " MB"))
    ahead, both = _seconds(rows, GRADIENT, "campipe, forward"), _seconds(rows, GRADIENT, "campipe, forward and backward")
    found.append(_goal("forward and backward / forward, with gradient", "at most 4", _ratio(both, ahead), lambda v: v <= 4))
    first = _seconds(rows, FIRST, "campipe, fresh cache")
    found.append(_goal("first call, fresh cache", "at most 10", first, lambda v: v <= 10, " s"))
    alone, ours = _seconds(rows, IMPORT, "torch"), _seconds(rows, IMPORT, "torch and campipe")
    extra = None if alone is None or ours is None else 1000 * (ours - alone)
    found.append(_goal("import, beyond torch", "at most 150", extra, lambda v: v <= 150, " ms"))
    return found


def calibrate_goals(rows: list[Row]) -> list[Goal]:
    """Photon transfer of 100 pairs of 12 megapixels within a minute and a gigabyte."""
    found = []
    for row in rows:
        found.append(_goal(f"{row.job}, {row.who}", "at most 60", row.seconds, lambda v: v <= 60, " s"))
        found.append(_goal(f"peak memory, {row.who}", "at most 1000", row.peak_megabytes, lambda v: v <= 1000, " MB"))
    return found


def isp_goals(rows: list[Row]) -> list[Goal]:
    """Compare one bench of developing with the goals. Who is faster is told by seconds, both to 8 bits per channel."""
    jobs = (DEVELOP, DEMOSAICK, DENOISE)
    develop, demosaick, denoise = (next((row.job for row in rows if row.job.startswith(job)), "") for job in jobs)
    wanted = [
        (develop, "campipe, malvar", "LibRaw, AHD", 6.0),
        (develop, "campipe, malvar", "LibRaw, LINEAR", 2.5),
        (develop, "campipe, menon", "LibRaw, AHD", 1.0),
        (demosaick, "campipe, malvar", "colour-demosaicing, Malvar2004", 5.0),
        (demosaick, "campipe, menon", "colour-demosaicing, Menon2007", 10.0),
        (denoise, "campipe, nlm 7/21", "OpenCV, NLM 7/21", 1.0),
        (denoise, "campipe, bm3d", "bm3d, published binary", 1.0),
    ]
    found = []
    for job, own, other, least in wanted:
        reached = _ratio(_seconds(rows, job, other), _seconds(rows, job, own))
        found.append(_goal(f"{own} / {other}, {job}", f"at least {least:g}", reached, lambda v, least=least: v >= least))  # type: ignore[misc]
    for who in ("campipe, malvar", "campipe, malvar, in tiles"):
        peak = next((r.peak_megabytes for r in rows if r.job == develop and r.who == who), None)
        found.append(_goal(f"peak memory, {who}, {develop}", "at most 600", peak, lambda v: v <= 600, " MB"))
    return found


def _goal(what: str, wanted: str, reached: float | None, met: Callable[[float], bool], unit: str = "") -> Goal:
    return Goal(what, wanted + unit, reached, reached is not None and met(reached), unit)


def _ratio(over: float | None, under: float | None) -> float | None:
    return None if over is None or not under else over / under


def _speed(rows: list[Row], job: str, who: str) -> float | None:
    """Megapixels per second of the row; a peer is found by the first word of its name."""
    exact = who.startswith("campipe")
    return next((r.megapixels_per_second for r in rows if r.job == job and (r.who == who if exact else r.who.startswith(who))), None)


def _seconds(rows: list[Row], job: str, who: str) -> float | None:
    return next((r.seconds for r in rows if r.job == job and r.who == who), None)
