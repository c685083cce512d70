"""A figure of what blocks reach and what they cost."""

from __future__ import annotations

import io
from collections.abc import Sequence
from typing import Any


def scores_figure(scores: Sequence[dict[str, Any]], title: str) -> str:
    """PSNR against seconds per megapixel, one point for each block, as an SVG document.

    scores   rows with name, psnr, seconds_per_megapixel
    """
    import matplotlib

    with matplotlib.rc_context({"svg.fonttype": "none", "svg.hashsalt": title, "font.size": 10, "axes.spines.top": False}):
        from matplotlib.figure import Figure

        figure = Figure(figsize=(7.5, 4.5), layout="constrained")
        axes = figure.subplots()
        seconds = [max(score["seconds_per_megapixel"], 1e-6) for score in scores]
        axes.scatter(seconds, [score["psnr"] for score in scores], s=26, color="#c2410c")
        for score, x in zip(scores, seconds, strict=True):
            axes.annotate(score["name"], (x, score["psnr"]), xytext=(5, 4), textcoords="offset points")
        axes.set(xscale="log", xlabel="CPU seconds per megapixel, one thread", ylabel="PSNR (dB)", title=title)
        axes.spines["right"].set_visible(False)
        axes.grid(alpha=0.3)
        axes.margins(x=0.18)
        text = io.StringIO()
        figure.savefig(text, format="svg", metadata={"Date": None})
        return text.getvalue()
