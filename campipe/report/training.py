"""A figure of a training: its loss, its gradient and its scores, step by step."""

from __future__ import annotations

import io
from collections.abc import Sequence
from typing import Any

_APART = ("step", "rate", "cpu_seconds")


def training_figure(rows: Sequence[dict[str, Any]], title: str) -> str:
    """Loss and norm of the gradient above, the first score of each validation below, as an SVG document.

    rows   of a log, as `campipe.train.log.read_log` gives them
    """
    import matplotlib

    learned = [row for row in rows if "loss" in row]
    judged = [row for row in rows if "loss" not in row]
    with matplotlib.rc_context({"svg.fonttype": "none", "svg.hashsalt": title, "font.size": 10, "axes.spines.top": False}):
        from matplotlib.figure import Figure

        figure = Figure(figsize=(7.5, 5.5), layout="constrained")
        above, below = figure.subplots(2, sharex=True)
        for name, colour in (("loss", "#c2410c"), ("gradient", "#94a3b8")):
            points = [(row["step"], row[name]) for row in learned if row.get(name, 0) > 0]
            above.plot(*zip(*points, strict=True) if points else ((), ()), color=colour, label=name, linewidth=1.2)
        above.set(yscale="log", title=title)
        above.legend(frameon=False)
        score = next((key for row in judged for key in row if key not in _APART), None)
        if score is not None:
            below.plot([row["step"] for row in judged], [row[score] for row in judged], marker="o", markersize=3, color="#0f766e")
        below.set(xlabel="step", ylabel=score or "not validated yet")
        for axes in (above, below):
            axes.grid(alpha=0.3)
            axes.spines["right"].set_visible(False)
        text = io.StringIO()
        figure.savefig(text, format="svg", metadata={"Date": None})
        return text.getvalue()
