"""Drawing: SVG inside a page, in the page's own colours, so that it follows the page from light to dark."""

from __future__ import annotations

import io
import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from matplotlib.figure import Figure

# Stand-ins that become variables of the page's style sheet.
INK, SOFT, RULE = "#010101", "#020202", "#030303"
ACCENTS = ("#040404", "#050505", "#060606")
_VARIABLES = {INK: "var(--ink)", SOFT: "var(--soft)", RULE: "var(--rule)", **{c: f"var(--accent-{i})" for i, c in enumerate(ACCENTS)}}


def decades(axis: Any) -> None:
    """Label a logarithmic axis with plain numbers: every decade, and 2 and 5 between where there is room for them."""
    from matplotlib.ticker import LogLocator, NullFormatter

    low, high = axis.get_view_interval()
    axis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0) if high / low < 150 else (1.0,)))
    axis.set_major_formatter(lambda value, _: f"{value:,.0f}" if value >= 1 else f"{value:g}")
    axis.set_minor_formatter(NullFormatter())


@contextmanager
def style(name: str) -> Iterator[None]:
    """Settings of everything that is drawn inside; `name` makes the ids of a page's figures differ."""
    import matplotlib

    settings: dict[str, Any] = {
        "svg.fonttype": "none",
        "svg.hashsalt": name,
        "font.family": "sans-serif",
        "font.size": 9,
        "text.color": INK,
        "axes.labelcolor": SOFT,
        "axes.edgecolor": RULE,
        "axes.spines.top": False,
        "axes.spines.right": False,
        "axes.grid": True,
        "axes.grid.which": "major",
        "axes.axisbelow": True,
        "grid.color": RULE,
        "grid.linewidth": 0.6,
        "xtick.color": SOFT,
        "ytick.color": SOFT,
        "legend.frameon": False,
    }
    with matplotlib.rc_context(settings):  # type: ignore[arg-type]
        yield


def svg(figure: Figure, words: str) -> str:
    """The figure as an SVG element that names what it shows."""
    buffer = io.StringIO()
    figure.savefig(buffer, format="svg", transparent=True, metadata={"Date": None})
    text = buffer.getvalue()
    text = text[text.index("<svg") :]
    for colour, variable in _VARIABLES.items():
        text = text.replace(colour, variable)
    text = re.sub(r"font: (\d+(?:\.\d+)?)px [^;\"]*", r"font: \1px var(--sans)", text)
    return re.sub(r'<svg [^>]*viewBox="([^"]*)"[^>]*>', rf'<svg role="img" aria-label="{words}" viewBox="\1" class="plot">', text, count=1)
