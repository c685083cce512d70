"""The sections of a calibration's page, in the order of EMVA 1288; each is empty where nothing was measured."""

from __future__ import annotations

from collections.abc import Mapping
from html import escape

import numpy as np

from campipe.calibrate.emva1288 import Emva1288
from campipe.calibrate.estimate import Estimate, combined
from campipe.calibrate.measure_camera import Calibration, Patterns
from campipe.calibrate.pattern_plots import Histogram
from campipe.calibrate.session import IsoStep
from campipe.report import calibration_plots as plots
from campipe.report import page


def standard(found: Mapping[str, Emva1288], step: IsoStep) -> str:
    """Numbers of the standard, plane by plane."""
    if not found:
        return ""
    planes = list(found)
    by_plane = {plane: {(row[1], row[3].unit): (row[0], row[2], row[3]) for row in found[plane].rows()} for plane in planes}
    keys = list(dict.fromkeys(key for rows in by_plane.values() for key in rows))
    rows, last = [], ""
    for key in keys:
        section, name, _ = next(rows[key] for rows in by_plane.values() if key in rows)
        cells = [cell(by_plane[plane][key][2]) if key in by_plane[plane] else "-" for plane in planes]
        rows.append([escape(section) if section != last else "", escape(name), escape(key[0]), *cells])
        last = section
    text = (
        f"ISO {step.iso:g}, by the definitions of the standard: plain least squares up to 70 % of saturation. The profile takes the same "
        "quantities weighted by their errors; where the data are good the two agree within these."
    )
    return page.section("EMVA 1288", page.paragraph(text), page.table(["", "quantity", "symbol", *planes], rows))


def transfer(step: IsoStep) -> str:
    """Photon transfer and signal-to-noise ratio of one ISO."""
    if not step.transfer:
        return ""
    curves, light = {}, {}
    for plane, t in step.transfer.items():
        p = t.points
        curves[plane] = {n: getattr(p, n).numpy() for n in ("signal", "variance", "fitted", "residual", "used")}
        electrons = p.signal / t.gain.value
        photons = p.photons if not bool(p.photons.isnan().any()) else electrons
        seen = p.saturated < 0.5
        model = t.snr(electrons.clamp_min(0))
        light[plane] = {
            "light": photons[seen].numpy(),
            "measured": (p.signal / p.variance.clamp_min(1e-9).sqrt())[seen].numpy(),
            "model": model[seen].numpy(),
        }
    unit = "photons" if all(t.quantum_efficiency is not None for t in step.transfer.values()) else "e-"
    rows = [
        [plane, *map(cell, (t.gain, t.dark_noise, t.saturation, t.threshold, t.dynamic_range))] for plane, t in step.transfer.items()
    ]
    heads = ["plane", "K", "dark noise", "saturation", "threshold", "dynamic range"]
    words = (
        f"ISO {step.iso:g}. The temporal variance grows by K for every DN of signal: its slope is the gain, and what is left at no light "
        "is the dark noise. Points that the line leaves by more than two standard errors stand outside of the band."
    )
    return page.section(
        "Photon transfer",
        page.paragraph(words),
        page.numbers("Temporal variance", plots.transfer_plot(curves, "transfer")),
        page.numbers("Signal-to-noise ratio", plots.snr_plot(light, unit, "snr")),
        page.table(heads, rows),
    )


def linearity(step: IsoStep) -> str:
    """Linearity of one ISO."""
    if not step.linearity:
        return ""
    curves = {}
    for plane, line in step.linearity.items():
        fitted = line.offset.value + line.slope.value * line.light
        curves[plane] = {
            "exposure": line.light.numpy(),
            "signal": line.signal.numpy(),
            "fitted": fitted.numpy(),
            "deviation": line.deviation.numpy(),
            "used": line.used.numpy(),
        }
    first = next(iter(step.linearity.values()))
    rows = [[plane, cell(li.error), f"{li.noise:.2g} %", cell(li.least), cell(li.most)] for plane, li in step.linearity.items()]
    heads = ["plane", "linearity error", "of which noise", "smallest deviation", "largest deviation"]
    plot = page.numbers("Signal and deviation", plots.linearity_plot(curves, first.unit, "linearity"))
    return page.section("Linearity", plot, page.table(heads, rows))


def dark_noise(step: IsoStep) -> str:
    """Read, row and column noise, black level and banding of one ISO."""
    dark = step.dark
    if dark is None:
        return ""
    rows = []
    lines = {line.plane: line for line in dark.lines}
    levels = {level.plane: level for level in dark.black}
    for read in dark.read:
        line, level = lines[read.plane], levels.get(read.plane)
        cells = [read.total, read.pixel, line.row, line.column, None if level is None else level.level]
        drift = "" if level is None else (f"{level.drift.value:+.2g} DN a frame" if level.drifts() else "stands still")
        rows.append([escape(read.plane), *["" if c is None else cell(c) for c in cells], drift])
    heads = ["plane", "temporal noise", "of single pixels", "of rows", "of columns", "black level", "drift"]
    hot = f"{len(dark.hot.places)} of {dark.hot.pixels:,} pixels stand out in the dark by more than chance explains."
    words = (
        f"ISO {step.iso:g}, {dark.frames} frames of {dark.seconds:.4g} s. Noise that the pixels of a row share is told from that of single "
        f"pixels; both are free of what rounding adds. {hot}"
    )
    peaks = [f"{b.axis}: {p.amplitude} at {p.frequency}" for b in dark.banding for p in b.peaks]
    banding = page.paragraph("Banding: " + "; ".join(peaks) + "." if peaks else "No banding above chance.") if dark.banding else ""
    plot = ""
    if dark.banding:
        curves = {
            f"{b.axis}, {'fixed' if b.fixed else 'temporal'}": {
                "frequency": b.frequency.numpy(),
                "power": np.sqrt(np.maximum(b.spectrum.numpy(), 1e-12)),
            }
            for b in dark.banding
        }
        plot = page.numbers("Spectra of row and column means", plots.spectrogram_plot(curves, "banding", "root of the power (DN)"))
    return page.section("Dark noise", page.paragraph(words), page.table(heads, rows), banding, plot)


def dark_current(calibration: Calibration) -> str:
    """Dark current over time and temperature."""
    if not calibration.current:
        return ""
    rows = [[c.plane, cell(c.mean), cell(c.variance), cell(c.black), escape(c.note)] for c in calibration.current]
    heads = ["plane", "from means", "from variances", "black level at no exposure", ""]
    best = max(calibration.steps, key=lambda s: len(s.exposures))
    table = page.table(heads, rows)
    parts = [table]
    if best.gain is not None and best.dark is not None:
        same = [e for e in best.exposures if e.temperature == best.dark.temperature]
        k, first = best.gain.value, calibration.current[0]
        seconds = np.array([e.seconds for e in same])
        mean = (np.array([e.black[0].level.value for e in same]) - first.black.value) / k
        variance = np.array([e.read[0].total.value for e in same]) ** 2 / k**2
        lines = (first.mean.value * seconds, variance.min() + first.variance.value * (seconds - seconds.min()))
        parts.insert(0, page.numbers(f"Plane {first.plane}", plots.dark_current_plot(seconds, mean, variance, lines, "dark-current")))
    if calibration.warming is not None:
        w = calibration.warming
        parts.append(page.paragraph(f"It doubles every {w.doubling}; activation energy {w.activation}; at 20 C it is {w.at20}."))
    return page.section("Dark current", *parts)


def fixed_pattern(patterns: Patterns) -> str:
    """DSNU and PRNU, spectrograms, profiles and histograms."""
    rows = []
    for words, by_plane, factor in (("DSNU", patterns.dsnu, 1.0), ("PRNU", patterns.prnu, 100.0)):
        for plane, p in by_plane.items():
            cells = [getattr(p, part).times(factor, "%" if factor > 1 else None) for part in ("total", "row", "column", "pixel")]
            rows.append([words, escape(plane), *map(cell, cells)])
    f = patterns.figures
    spectra = {name: {"frequency": x.numpy(), "power": y.clamp_min(0).sqrt().numpy()} for name, (x, y) in f.spectra.items()}
    profiles = {
        f"along {axis}s": {
            "position": np.arange(len(p.mean)),
            "mean": p.mean.numpy(),
            "low": p.least.numpy(),
            "high": p.most.numpy(),
        }
        for axis, p in f.profiles.items()
    }
    histograms = {"dark (DN)": _histogram(f.dark, 1.0)} | ({"flat (%)": _histogram(f.flat, 100.0)} if f.flat is not None else {})
    words = (
        f"ISO {patterns.iso:g}, {patterns.frames[0]} darks and {patterns.frames[1]} flats averaged; what is left of temporal noise is "
        f"taken off. {'The light was uneven: behind a high-pass of 5 x 5 pixels.' if patterns.detrend != 'none' else ''}"
    )
    jumps = ""
    if patterns.telegraph is not None:
        t = patterns.telegraph
        found = f"{len(t.places)} of {t.pixels:,} pixels jump between levels from frame to frame (random telegraph noise)"
        jumps = page.paragraph(f"{found}; {len(t.noisy)} more are noisier than the others without such levels.")
    return page.section(
        "Fixed pattern",
        page.paragraph(words),
        jumps,
        page.table(["", "plane", "total", "of rows", "of columns", "of pixels"], rows),
        page.numbers(f"Spectrograms, plane {f.plane}", plots.spectrogram_plot(spectra, "spectrogram")),
        page.numbers("Profiles of the average dark frame", plots.profile_plot(profiles, "profiles")),
        page.numbers("Histograms", plots.histogram_plot(histograms, "histograms")),
    )


def _histogram(h: Histogram, factor: float) -> dict[str, np.ndarray]:
    return {
        "centre": factor * h.deviation.numpy(),
        "count": h.count.numpy(),
        "normal": h.normal.numpy(),
    }


def against_iso(calibration: Calibration) -> str:
    """Gain and read noise against ISO."""
    steps = [s for s in calibration.steps if s.gain is not None]
    if len(steps) < 2:
        return ""
    rows = []
    for s in steps:
        full = combined([t.saturation for t in s.transfer.values()])
        shape = calibration.shapes.get(s.iso)
        cells = [s.gain, s.electrons("pixel"), s.electrons("row"), shape, full]
        rows.append([f"{s.iso:g}", *["-" if c is None else cell(c) for c in cells]])
    heads = ["ISO", "gain", "read noise", "row noise", "Tukey-lambda shape", "saturation"]
    gain = {
        "iso": np.array([s.iso for s in steps]),
        "value": np.array([s.gain.value for s in steps if s.gain]),
        "error": np.array([s.gain.error for s in steps if s.gain]),
    }
    known = [(s.iso, e) for s in steps if (e := s.electrons("pixel")) is not None]
    noise = {
        "iso": np.array([i for i, _ in known]),
        "value": np.array([e.value for _, e in known]),
        "error": np.array([e.error for _, e in known]),
    }
    parts = [page.table(heads, rows)]
    if calibration.gains is not None:
        gain["fitted"] = calibration.gains.per_iso.value * gain["iso"]
        power = f"goes with ISO to the power of {calibration.gains.power}"
        words = "is in proportion to ISO" if calibration.gains.proportional() else power
        parts.append(page.paragraph(f"The gain {words}; it leaves the proportion by {100 * calibration.gains.worst:.2g} % at most."))
    if calibration.stages is not None:
        for part in calibration.stages.segments:
            words = f"From {part.first:.3g} to {part.last:.3g} DN/e-: {part.pre} before the gain and {part.post} behind it"
            parts.append(page.paragraph(f"{words}; rms residual {100 * part.residual:.2g} %."))
        if calibration.stages.switch is not None:
            low, high = calibration.stages.switch
            parts.append(page.paragraph(f"The conversion gain switches between ISO {low:g} and {high:g}."))
        if len(known) == len(steps):
            noise["fitted"] = np.array([_fitted(calibration, s) for s in steps])
    return page.section("Against ISO", page.numbers("Gain and read noise", plots.iso_plot(gain, noise, "iso")), *parts)


def _fitted(calibration: Calibration, step: IsoStep) -> float:
    """Read noise by the two stages, e-."""
    assert calibration.stages is not None and step.gain is not None
    k = step.gain.value
    part = next((p for p in reversed(calibration.stages.segments) if k >= 0.999 * p.first), calibration.stages.segments[0])
    return part.sigma(k) / k


def pictures(calibration: Calibration) -> str:
    """Colour and shading."""
    parts = []
    if calibration.charts:
        rows = [
            [escape(c.name), f"{c.cct:g}{'' if c.known else ' (assumed)'}", *map(cell, (c.colour.red, c.colour.blue))]
            + [cell(c.colour.mean_difference), cell(c.colour.mean_held_out), "-" if c.gain is None else cell(c.gain)]
            for c in calibration.charts
        ]
        heads = ["chart", "light, K", "gain of red", "gain of blue", "CIEDE2000, fitted", "held out", "K by its patches"]
        words = "White balance from the grey patches, and a matrix. Held out: each half of the patches by the matrix of the other half."
        parts += [page.paragraph(words), page.table(heads, rows)]
    if calibration.shading is not None:
        s = calibration.shading
        words = f"The lens leaves {s.corner} of the light in the corners; a polynomial is off by {100 * s.residual:.2g} % rms."
        parts.append(page.paragraph(words))
    return page.section("Colour and lens", *parts) if parts else ""


def cell(number: Estimate) -> str:
    """A number as a cell of a table."""
    return escape(str(number)).replace("+-", "±")
