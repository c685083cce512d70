"""Plots of a calibration, in the order of EMVA 1288: transfer, signal-to-noise ratio, linearity, dark noise, fixed pattern, and ISO."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from campipe.report.drawing import ACCENTS, INK, SOFT, decades, style, svg

Curve = Mapping[str, np.ndarray]
_SIZE = (9.2, 3.3)
_PLANES = (ACCENTS[0], INK, SOFT, ACCENTS[1], ACCENTS[2])


def transfer_plot(curves: Mapping[str, Curve], name: str) -> str:
    """Temporal variance against signal, with the line that was fitted; and the residuals in standard errors.

    curves   by plane: signal (DN above dark), variance, fitted (DN^2), residual (standard errors), used (bool)
    """
    with style(name):
        figure, (left, right) = _two()
        for (plane, c), colour in zip(curves.items(), _colours(curves), strict=False):
            seen = c["signal"] > 0
            left.plot(c["signal"][seen], c["variance"][seen], "o", markersize=3.4, color=colour, label=plane)
            used = seen & c["used"]
            left.plot(c["signal"][used], c["fitted"][used], color=colour, linewidth=1.2)
            right.plot(c["signal"][used], c["residual"][used], "o-", markersize=3.4, linewidth=0.7, color=colour)
        left.set(xscale="log", yscale="log", xlabel="signal above dark (DN)", ylabel="temporal variance (DN²)")
        right.set(xscale="log", xlabel="signal above dark (DN)", ylabel="distance from the line (standard errors)")
        right.axhspan(-2, 2, color=SOFT, alpha=0.15, linewidth=0)
        left.legend(loc="upper left")
        for axis in (left.xaxis, left.yaxis, right.xaxis):
            decades(axis)
        return svg(figure, "photon transfer: temporal variance against signal, and residuals of the fit")


def snr_plot(curves: Mapping[str, Curve], unit: str, name: str) -> str:
    """Signal-to-noise ratio against light.

    curves   by plane: light (in `unit`, "e-" or "photons"), measured, model; and `ideal` of one of them
    """
    with style(name):
        from matplotlib.figure import Figure

        figure = Figure(figsize=_SIZE, layout="constrained")
        axes = figure.subplots()
        for (plane, c), colour in zip(curves.items(), _colours(curves), strict=False):
            seen = (c["light"] > 0) & (c["measured"] > 0)
            axes.plot(c["light"][seen], c["measured"][seen], "o", markersize=3.4, color=colour, label=plane)
            axes.plot(c["light"][seen], c["model"][seen], color=colour, linewidth=1.2)
        every = np.concatenate([c["light"][c["light"] > 0] for c in curves.values()])
        span = np.geomspace(every.min(), every.max(), 100)
        axes.plot(span, np.sqrt(span), "--", color=SOFT, linewidth=1.0, label="ideal: square root of the light")
        axes.set(xscale="log", yscale="log", xlabel=f"light per pixel ({unit})", ylabel="signal-to-noise ratio")
        axes.legend(loc="upper left")
        for axis in (axes.xaxis, axes.yaxis):
            decades(axis)
        return svg(figure, "signal-to-noise ratio against light")


def linearity_plot(curves: Mapping[str, Curve], unit: str, name: str) -> str:
    """Signal against exposure, and the deviation from the line.

    curves   by plane: exposure (in `unit`), signal (DN), fitted (DN), deviation (per cent), used (bool)
    """
    with style(name):
        figure, (left, right) = _two()
        for (plane, c), colour in zip(curves.items(), _colours(curves), strict=False):
            left.plot(c["exposure"], c["signal"], "o", markersize=3.4, color=colour, label=plane)
            left.plot(c["exposure"], c["fitted"], color=colour, linewidth=1.0)
            used = c["used"]
            right.plot(c["exposure"][used], c["deviation"][used], "o-", markersize=3.4, linewidth=0.7, color=colour)
        left.set(xlabel=f"exposure ({unit})", ylabel="signal above dark (DN)")
        right.set(xlabel=f"exposure ({unit})", ylabel="deviation from the line (%)")
        left.legend(loc="upper left")
        return svg(figure, "linearity: signal against exposure, and the deviation from a line")


def dark_plot(histogram: Curve, spectrum: Curve, name: str) -> str:
    """Distribution of the dark noise with the laws that were fitted, and the spectrum down the rows.

    histogram   edges (n + 1,), density (n,) in standard deviations; `normal` and, if fitted, `tukey` (n,)
    spectrum    frequency (cycles per pixel), power (relative to white noise)
    """
    with style(name):
        figure, (left, right) = _two()
        left.stairs(histogram["density"], histogram["edges"], fill=True, color=SOFT, alpha=0.45, label="measured")
        middle = (histogram["edges"][1:] + histogram["edges"][:-1]) / 2
        left.plot(middle, histogram["normal"], color=ACCENTS[1], linewidth=1.2, label="normal")
        if "tukey" in histogram:
            left.plot(middle, histogram["tukey"], color=ACCENTS[0], linewidth=1.2, label="Tukey-lambda")
        low = max(float(histogram["density"][histogram["density"] > 0].min(initial=1.0)) / 2, 1e-9)
        left.set(yscale="log", ylim=(low, None), xlabel="dark noise / standard deviation", ylabel="density")
        left.legend(loc="upper left")
        right.plot(spectrum["frequency"], spectrum["power"], color=ACCENTS[0], linewidth=0.8)
        right.set(yscale="log", xlabel="frequency down the frame (cycles / row)", ylabel="power of row means / white noise")
        decades(right.yaxis)
        return svg(figure, "distribution of the dark noise, and spectrum of row means")


def spectrogram_plot(curves: Mapping[str, Curve], name: str, label: str = "fixed pattern, root of the power (DN)") -> str:
    """Power against frequency: what is above the flat part is banding or a grid.

    curves   by name: frequency (cycles per pixel), power (DN, square root of the power spectrum)
    """
    with style(name):
        from matplotlib.figure import Figure

        figure = Figure(figsize=_SIZE, layout="constrained")
        axes = figure.subplots()
        for (words, c), colour in zip(curves.items(), (ACCENTS[0], INK, SOFT, ACCENTS[1]), strict=False):
            axes.plot(c["frequency"], c["power"], color=colour, linewidth=0.8, label=words)
        axes.set(yscale="log", xlabel="frequency (cycles / pixel)", ylabel=label)
        axes.legend(loc="lower center", bbox_to_anchor=(0.5, 1.0), ncols=4)
        return svg(figure, "spectrogram of the fixed pattern")


def profile_plot(curves: Mapping[str, Curve], name: str) -> str:
    """Means along rows and columns of an averaged frame.

    curves   by name: position (pixels), mean, low, high (DN)
    """
    with style(name):
        from matplotlib.figure import Figure

        figure = Figure(figsize=_SIZE, layout="constrained")
        panels = np.atleast_1d(figure.subplots(1, len(curves), sharey=True))
        for axes, (label, c) in zip(panels, curves.items(), strict=True):
            axes.fill_between(c["position"], c["low"], c["high"], color=SOFT, alpha=0.25, linewidth=0)
            axes.plot(c["position"], c["mean"], color=ACCENTS[0], linewidth=0.8)
            axes.set(xlabel=label)
        panels[0].set_ylabel("DN")
        return svg(figure, "profiles along rows and columns")


def histogram_plot(curves: Mapping[str, Curve], name: str) -> str:
    """Distribution of a fixed pattern over the pixels, with the normal law of the same spread: outliers stand beside it.

    curves   by name: centre (DN or %), count, normal; and `unit` in the name
    """
    with style(name):
        from matplotlib.figure import Figure

        figure = Figure(figsize=_SIZE, layout="constrained")
        panels = np.atleast_1d(figure.subplots(1, len(curves)))
        for axes, (label, c) in zip(panels, curves.items(), strict=True):
            axes.step(c["centre"], np.maximum(c["count"], 0.5), where="mid", color=ACCENTS[0], linewidth=0.9, label="pixels")
            axes.plot(c["centre"], np.maximum(c["normal"], 0.5), color=SOFT, linewidth=1.0, label="normal law")
            axes.set(yscale="log", ylim=(0.7, None), xlabel=label, ylabel="pixels")
            axes.legend(loc="upper right")
            decades(axes.yaxis)
        return svg(figure, "histograms of the fixed pattern")


def iso_plot(gain: Curve, noise: Curve, name: str) -> str:
    """Gain and read noise against ISO.

    gain    iso, value, error (DN/e-), fitted
    noise   iso, value, error (e-), fitted
    """
    with style(name):
        figure, panels = _two()
        dots = {"fmt": "o", "markersize": 3.6, "color": INK, "linewidth": 0.8, "label": "measured"}
        for axes, c, label in zip(panels, (gain, noise), ("gain (DN/e-)", "read noise (e-)"), strict=True):
            axes.errorbar(c["iso"], c["value"], 2 * np.nan_to_num(c["error"]), **dots)
            if "fitted" in c:
                axes.plot(c["iso"], c["fitted"], color=ACCENTS[0], linewidth=1.4, label="fitted")
            axes.set(xscale="log", yscale="log", xlabel="ISO", ylabel=label)
            axes.legend(loc="best")
            for axis in (axes.xaxis, axes.yaxis):
                decades(axis)
        return svg(figure, "gain and read noise against ISO")


def dark_current_plot(seconds: np.ndarray, mean: np.ndarray, variance: np.ndarray, lines: tuple[np.ndarray, np.ndarray], name: str) -> str:
    """Mean and variance of darks against exposure time, in electrons, with their lines."""
    with style(name):
        figure, panels = _two()
        for axes, values, line, label in zip(panels, (mean, variance), lines, ("mean (e-)", "variance (e-²)"), strict=True):
            axes.plot(seconds, values, "o", markersize=3.6, color=INK)
            axes.plot(seconds, line, color=ACCENTS[0], linewidth=1.2)
            axes.set(xlabel="exposure time (s)", ylabel=f"dark {label}")
        return svg(figure, "dark signal against exposure time")


def _two() -> tuple[Any, Sequence[Any]]:
    from matplotlib.figure import Figure

    figure = Figure(figsize=_SIZE, layout="constrained")
    return figure, figure.subplots(1, 2)


def _colours(curves: Mapping[str, Any]) -> tuple[str, ...]:
    """One colour for each plane; red and blue planes their own."""
    named = {"R": ACCENTS[0], "B": ACCENTS[1], "Gr": INK, "Gb": SOFT}
    return tuple(named.get(plane, _PLANES[i % len(_PLANES)]) for i, plane in enumerate(curves))
