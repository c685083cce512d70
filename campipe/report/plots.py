"""Plots as SVG inside a page. Their colours are the page's own, so that they follow it from light to dark."""

from __future__ import annotations

import io
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import numpy as np

from campipe.core.profile import Profile
from campipe.report.noise import NoiseStatistics

if TYPE_CHECKING:
    from matplotlib.figure import Figure

# Stand-ins that become variables of the page's style sheet.
INK, SOFT, RULE = "#010101", "#020202", "#030303"
ACCENTS = ("#040404", "#050505", "#060606")
_VARIABLES = {INK: "var(--ink)", SOFT: "var(--soft)", RULE: "var(--rule)", **{c: f"var(--accent-{i})" for i, c in enumerate(ACCENTS)}}


def noise_plot(statistics: NoiseStatistics, name: str) -> str:
    """Variance against signal with the law's line; and the residuals against the normal law."""
    with _style(name):
        from matplotlib.figure import Figure

        figure = Figure(figsize=(9.2, 3.3), layout="constrained")
        left, right = figure.subplots(1, 2)
        signal, measured, predicted, error = (getattr(statistics, n).numpy() for n in ("signal", "measured", "predicted", "error"))
        seen = signal > 0
        left.plot(signal[seen], predicted[seen], color=ACCENTS[0], linewidth=1.6, label="the camera's law")
        left.errorbar(signal[seen], measured[seen], 2 * error[seen], fmt="o", markersize=3.6, color=INK, linewidth=0.8, label="measured")
        left.set(xscale="log", yscale="log", xlabel="mean signal above black (DN)", ylabel="variance (DN²)")
        for axis in (left.xaxis, left.yaxis):
            _decades(axis)
        left.legend(loc="upper left")
        middle = (statistics.edges[1:] + statistics.edges[:-1]).numpy() / 2
        right.stairs(statistics.density.numpy(), statistics.edges.numpy(), fill=True, color=SOFT, alpha=0.45, label="measured")
        right.plot(middle, np.exp(-(middle**2) / 2) / np.sqrt(2 * np.pi), color=ACCENTS[0], linewidth=1.6, label="normal law")
        right.set(xlabel="residual / predicted standard deviation", ylabel="density", xlim=(-5, 5))
        right.legend(loc="upper left")
        return _svg(figure, f"{name}: measured variance against mean signal with the predicted line; histogram of normalised residuals")


def cameras_plot(profiles: Sequence[Profile]) -> str:
    """Read noise and dynamic range against ISO, one line per camera."""
    with _style("cameras"):
        from matplotlib.figure import Figure

        figure = Figure(figsize=(9.2, 3.3), layout="constrained")
        left, right = figure.subplots(1, 2)
        for profile, colour in zip(profiles, ACCENTS, strict=False):
            low, high = profile.iso_range
            iso = np.geomspace(low, high, 400)
            figures = [sensor_figures(profile, float(i)) for i in iso]
            left.plot(iso, [f["read noise"] for f in figures], color=colour, linewidth=1.6, label=profile.title)
            right.plot(iso, [f["dynamic range"] for f in figures], color=colour, linewidth=1.6)
        left.set(xscale="log", yscale="log", xlabel="ISO", ylabel="read noise (e-)")
        right.set(xscale="log", xlabel="ISO", ylabel="dynamic range (stops)")
        left.legend()
        for axis in (left.xaxis, right.xaxis, left.yaxis):
            _decades(axis)
        return _svg(figure, "read noise and dynamic range of each camera against ISO")


def sensor_figures(profile: Profile, iso: float) -> dict[str, float]:
    """What follows from a profile's numbers at an ISO.

    gain            DN/e-
    read noise      e-, everything that a dark frame of no duration shows: before and after the gain, rows, rounding
    saturation      e-, at the white level
    dynamic range   stops from the read noise to saturation
    """
    now = {name: float(value) for name, value in profile.at_iso(iso).items() if value is not None}
    after = (now["post_read_noise"] ** 2 + 1 / 12) / now["gain"] ** 2
    noise = (now["read_noise"] ** 2 + now["row_noise"] ** 2 + after) ** 0.5
    full = (float(profile.white_level(iso)) - profile.black_level) / now["gain"]
    return {"gain": now["gain"], "read noise": noise, "saturation": full, "dynamic range": float(np.log2(full / noise))}


def _decades(axis: Any) -> None:
    """Label a logarithmic axis with plain numbers: every decade, and 2 and 5 between where there is room for them."""
    from matplotlib.ticker import LogLocator, NullFormatter

    low, high = axis.get_view_interval()
    axis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0) if high / low < 150 else (1.0,)))
    axis.set_major_formatter(lambda value, _: f"{value:,.0f}" if value >= 1 else f"{value:g}")
    axis.set_minor_formatter(NullFormatter())


@contextmanager
def _style(name: str) -> Iterator[None]:
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


def _svg(figure: Figure, words: str) -> str:
    """The figure as an SVG element that names what it shows."""
    buffer = io.StringIO()
    figure.savefig(buffer, format="svg", transparent=True, metadata={"Date": None})
    text = buffer.getvalue()
    text = text[text.index("<svg") :]
    for colour, variable in _VARIABLES.items():
        text = text.replace(colour, variable)
    text = re.sub(r"font: (\d+(?:\.\d+)?)px [^;\"]*", r"font: \1px var(--sans)", text)
    return re.sub(r'<svg [^>]*viewBox="([^"]*)"[^>]*>', rf'<svg role="img" aria-label="{words}" viewBox="\1" class="plot">', text, count=1)
