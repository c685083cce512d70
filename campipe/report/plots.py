"""Plots as SVG inside a page. Their colours are the page's own, so that they follow it from light to dark."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from campipe.core.profile import Profile
from campipe.report.drawing import ACCENTS, INK, SOFT, decades, style, svg
from campipe.report.noise import NoiseStatistics

_DASHES = ("-", "--", ":", "-.", (0, (1, 3)))


def noise_plot(statistics: NoiseStatistics, name: str) -> str:
    """Variance against signal with the law's line; and the residuals against the normal law."""
    with style(name):
        from matplotlib.figure import Figure

        figure = Figure(figsize=(9.2, 3.3), layout="constrained")
        left, right = figure.subplots(1, 2)
        signal, measured, predicted, error = (getattr(statistics, n).numpy() for n in ("signal", "measured", "predicted", "error"))
        seen = signal > 0
        left.plot(signal[seen], predicted[seen], color=ACCENTS[0], linewidth=1.6, label="the camera's law")
        left.errorbar(signal[seen], measured[seen], 2 * error[seen], fmt="o", markersize=3.6, color=INK, linewidth=0.8, label="measured")
        left.set(xscale="log", yscale="log", xlabel="mean signal above black (DN)", ylabel="variance (DN²)")
        for axis in (left.xaxis, left.yaxis):
            decades(axis)
        left.legend(loc="upper left")
        middle = (statistics.edges[1:] + statistics.edges[:-1]).numpy() / 2
        right.stairs(statistics.density.numpy(), statistics.edges.numpy(), fill=True, color=SOFT, alpha=0.45, label="measured")
        right.plot(middle, np.exp(-(middle**2) / 2) / np.sqrt(2 * np.pi), color=ACCENTS[0], linewidth=1.6, label="normal law")
        right.set(xlabel="residual / predicted standard deviation", ylabel="density", xlim=(-5, 5))
        right.legend(loc="upper left")
        return svg(figure, f"{name}: measured variance against mean signal with the predicted line; histogram of normalised residuals")


def cameras_plot(profiles: Sequence[Profile]) -> str:
    """Read noise and dynamic range against ISO, one line per camera."""
    with style("cameras"):
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
            decades(axis)
        return svg(figure, "read noise and dynamic range of each camera against ISO")


def camera_plot(iso: np.ndarray, noise: dict[str, np.ndarray], stops: np.ndarray, ratios: dict[str, np.ndarray], name: str) -> str:
    """One camera against ISO: its noise in the dark and what that is made of, its dynamic range, and its signal-to-noise ratio.

    iso      (n,)
    noise    words to (n,), e-: the first is the whole
    stops    (n,) from noise to saturation
    ratios   words to (n,), dB
    """
    with style(name):
        from matplotlib.figure import Figure

        figure = Figure(figsize=(9.2, 3.1), layout="constrained")
        left, middle, right = figure.subplots(1, 3)
        for (words, values), dashes in zip(noise.items(), _DASHES, strict=False):
            colour, width = (ACCENTS[0], 1.8) if dashes == "-" else (SOFT, 1.1)
            left.plot(iso, values, color=colour, linewidth=width, linestyle=dashes, label=words)
        middle.plot(iso, stops, color=ACCENTS[0], linewidth=1.8)
        for i, (words, values) in enumerate(ratios.items()):
            right.plot(iso, values, color=ACCENTS[i % len(ACCENTS)], linewidth=1.6, linestyle=_DASHES[i // len(ACCENTS)], label=words)
        left.set(xscale="log", yscale="log", xlabel="ISO", ylabel="noise in the dark (e-)")
        middle.set(xscale="log", xlabel="ISO", ylabel="dynamic range (stops)")
        right.set(xscale="log", xlabel="ISO", ylabel="signal to noise (dB)")
        for axis in (left.xaxis, middle.xaxis, right.xaxis, left.yaxis):
            decades(axis)
        left.legend(fontsize=7.5)
        right.legend(fontsize=7.5)
        return svg(figure, f"{name}: noise in the dark, dynamic range and signal-to-noise ratio against ISO")


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
