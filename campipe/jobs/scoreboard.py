"""scoreboard: every system that was studied, with its scores, its claims and what was reproduced, as one page."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from campipe.core.resources import find, listing
from campipe.io.atomic import write_bytes
from campipe.studies import names
from campipe.studies.result import Result, Row

HEAD = """# Scoreboard

Learned systems of the field beside their classical twins, each on the same images in the same run. Every section is written by
`campipe study NAME --images PHOTOS --tests TESTS --out FOLDER`, which trains what the study needs and scores it; the figures lie in
`data/results`, and `campipe evaluate scoreboard` writes this page from them. A published figure is not ours: it is what its source
says, on the source's own images and protocol. Seconds are CPU seconds on one thread.
"""


def held() -> dict[str, Result]:
    """The results that ship, by the name of their study, in the order of the studies."""
    there = listing("data", "results", suffix=".json")
    return {name: Result.read(find("data", "results", f"{name}.json")) for name in names() if name in there}


def scoreboard(results: Mapping[str, Result]) -> str:
    """The page in Markdown."""
    missing = [name for name in names() if name not in results]
    parts = [HEAD, _summary(results), *(section(name, result) for name, result in results.items())]
    if missing:
        parts.append(f"## Not run yet\n\nStudies without a result: {', '.join(missing)}.\n")
    return "\n".join(parts)


def write_scoreboard(path: str | Path) -> Path:
    """Write the page of the results that ship."""
    write_bytes(Path(path), scoreboard(held()).encode())
    return Path(path)


def _summary(results: Mapping[str, Result]) -> str:
    lines = ["| study | system | claims that hold |", "|---|---|---|"]
    for name, result in results.items():
        held = sum(claim.holds for claim in result.claims)
        lines.append(f"| [{name}](#{name}) | {result.system} | {held} of {len(result.claims)} |")
    return "\n".join([*lines, ""])


def section(name: str, result: Result) -> str:
    """A study's part of the page."""
    measures = list(dict.fromkeys(measure for row in result.rows for measure in row.scores))
    extra = [what for what in ("parameters", "seconds_per_megapixel", "published") if any(getattr(row, what) for row in result.rows)]
    heads = {"parameters": "parameters", "seconds_per_megapixel": "s per megapixel", "published": "published, by its source"}
    table = [_line(["system", *measures, *(heads[what] for what in extra)]), _line(["---"] * (1 + len(measures) + len(extra)))]
    table += [_line([row.name, *(_number(row.scores.get(measure)) for measure in measures), *_extra(row, extra)]) for row in result.rows]
    claims = [_line(["claim", "value", "wanted", "holds"]), _line(["---"] * 4)]
    for c in result.claims:
        claims.append(_line([c.what, _number(c.value), f"{c.relation} {_number(c.wanted)}", "yes" if c.holds else "**no**"]))
    words = [f"## {name}", "", result.system + ".", "", f"{result.reproduced}", ""]
    about = [f"Images: {result.images}. {result.protocol}. Budget: {result.budget}.", ""]
    return "\n".join([*words, *table, "", *claims, "", *about])


def _extra(row: Row, extra: Sequence[str]) -> list[str]:
    shown = {
        "parameters": "" if row.parameters is None else f"{row.parameters}",
        "seconds_per_megapixel": "" if row.seconds_per_megapixel is None else f"{row.seconds_per_megapixel:.2g}",
        "published": row.published,
    }
    return [shown[what] for what in extra]


def _number(value: float | None) -> str:
    if value is None:
        return ""
    return f"{value:.2f}" if abs(value) >= 10 else f"{value:.3f}" if abs(value) >= 0.1 else f"{value:.3g}"


def _line(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cell.replace('|', '/') for cell in cells)} |"
