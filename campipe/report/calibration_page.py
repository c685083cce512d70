"""The page of `campipe calibrate`: the numbers of EMVA 1288 in the standard's order, with their plots, and what is wrong with the data."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from html import escape

import numpy as np
import torch

from campipe.calibrate.emva1288 import Emva1288
from campipe.calibrate.estimate import Estimate, combined
from campipe.calibrate.measure_camera import Calibration, Patterns
from campipe.calibrate.session import IsoStep
from campipe.core.profile_schema import ProfileFile, Provenance, numbers
from campipe.report import calibration_plots as plots
from campipe.report import page

_SHOWN = 400  # files that are listed


def calibration_page(
    title: str, calibration: Calibration, profile: ProfileFile, why: Mapping[str, str], complaints: Sequence[str], command: str
) -> str:
    """The whole page.

    title         of the camera
    calibration   what was measured
    profile       the numbers as they were written
    why           of each file's name, why it was taken for what it was taken for
    complaints    what is wrong with the data
    command       that makes this page again
    """
    nothing = IsoStep(0.0, {}, None, None, (), {}, (), ())  # of a chart alone
    step = next((s for s in calibration.steps if s.transfer), next(iter(calibration.steps), nothing))
    parts: list[Callable[[], str]] = [
        lambda: _head(title, calibration, step),
        lambda: _complaints(complaints),
        lambda: _standard(calibration.standard, step),
        lambda: _transfer(step),
        lambda: _linearity(step),
        lambda: _dark(step),
        lambda: _current(calibration),
        lambda: "" if calibration.patterns is None else _patterns(calibration.patterns),
        lambda: _isos(calibration),
        lambda: _pictures(calibration),
        lambda: _profile(profile),
        lambda: _files(why, command),
    ]
    return page.page(f"{title}: calibration", "".join(part() for part in parts))


def _head(title: str, calibration: Calibration, step: IsoStep) -> str:
    isos = [s.iso for s in calibration.steps] or [chart.iso for chart in calibration.charts]
    span = f"ISO {min(isos):g}" + (f" to {max(isos):g}" if max(isos) > min(isos) else "")
    words = [f"measured at {span}, " + ("after EMVA 1288 Release 4" if calibration.steps else "from a chart alone")]
    if step.gain is not None:
        words.append(f"at ISO {step.iso:g} one electron makes {step.gain.value:.4g} DN")
    read = step.electrons("pixel")
    if read is not None:
        words.append(f"reading a pixel adds {'at most ' if read.bound else ''}{read.value:.3g} electrons of noise")
    lead = "; ".join(words) + "."
    lead = lead[0].upper() + lead[1:]
    errors = "Numbers stand with one standard error. Planes are the positions of the colour filters, each measured by itself."
    return f"<header><h1>{escape(title)}</h1>{page.paragraph(lead, 'lead')}{page.paragraph(errors, 'soft')}</header>"


def _complaints(complaints: Sequence[str]) -> str:
    if not complaints:
        return page.section("The data", page.paragraph("Nothing is wrong with the frames, as far as they tell."))
    items = "".join(f"<li>{escape(words)}</li>" for words in complaints)
    return page.section("What is wrong with the data", f"<ul>{items}</ul>")


def _standard(standard: Mapping[str, Emva1288], step: IsoStep) -> str:
    if not standard:
        return ""
    planes = list(standard)
    by_plane = {plane: {(row[1], row[3].unit): (row[0], row[2], row[3]) for row in standard[plane].rows()} for plane in planes}
    keys = list(dict.fromkeys(key for rows in by_plane.values() for key in rows))
    rows, last = [], ""
    for key in keys:
        section, name, _ = next(rows[key] for rows in by_plane.values() if key in rows)
        cells = [_cell(by_plane[plane][key][2]) if key in by_plane[plane] else "-" for plane in planes]
        rows.append([escape(section) if section != last else "", escape(name), escape(key[0]), *cells])
        last = section
    text = (
        f"ISO {step.iso:g}, by the definitions of the standard: plain least squares up to 70 % of saturation. The profile takes the same "
        "quantities weighted by their errors; where the data are good the two agree within these."
    )
    return page.section("EMVA 1288", page.paragraph(text), page.table(["", "quantity", "symbol", *planes], rows))


def _transfer(step: IsoStep) -> str:
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
        [plane, *map(_cell, (t.gain, t.dark_noise, t.saturation, t.threshold, t.dynamic_range))] for plane, t in step.transfer.items()
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


def _linearity(step: IsoStep) -> str:
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
    rows = [[plane, _cell(li.error), f"{li.noise:.2g} %", _cell(li.least), _cell(li.most)] for plane, li in step.linearity.items()]
    heads = ["plane", "linearity error", "of which noise", "smallest deviation", "largest deviation"]
    plot = page.numbers("Signal and deviation", plots.linearity_plot(curves, first.unit, "linearity"))
    return page.section("Linearity", plot, page.table(heads, rows))


def _dark(step: IsoStep) -> str:
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
        rows.append([escape(read.plane), *["" if c is None else _cell(c) for c in cells], drift])
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


def _current(calibration: Calibration) -> str:
    if not calibration.current:
        return ""
    rows = [[c.plane, _cell(c.mean), _cell(c.variance), _cell(c.black), escape(c.note)] for c in calibration.current]
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


def _patterns(patterns: Patterns) -> str:
    rows = []
    for words, by_plane, factor in (("DSNU", patterns.dsnu, 1.0), ("PRNU", patterns.prnu, 100.0)):
        for plane, p in by_plane.items():
            cells = [getattr(p, part).times(factor, "%" if factor > 1 else None) for part in ("total", "row", "column", "pixel")]
            rows.append([words, escape(plane), *map(_cell, cells)])
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


def _histogram(h: object, factor: float) -> dict[str, np.ndarray]:
    return {
        "centre": factor * h.deviation.numpy(),  # type: ignore[attr-defined]
        "count": h.count.numpy(),  # type: ignore[attr-defined]
        "normal": h.normal.numpy(),  # type: ignore[attr-defined]
    }


def _isos(calibration: Calibration) -> str:
    steps = [s for s in calibration.steps if s.gain is not None]
    if len(steps) < 2:
        return ""
    rows = []
    for s in steps:
        full = combined([t.saturation for t in s.transfer.values()])
        shape = calibration.shapes.get(s.iso)
        cells = [s.gain, s.electrons("pixel"), s.electrons("row"), shape, full]
        rows.append([f"{s.iso:g}", *["-" if c is None else _cell(c) for c in cells]])
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


def _pictures(calibration: Calibration) -> str:
    """Colour and shading."""
    parts = []
    if calibration.charts:
        rows = [
            [escape(c.name), f"{c.cct:g}{'' if c.known else ' (assumed)'}", *map(_cell, (c.colour.red, c.colour.blue))]
            + [_cell(c.colour.mean_difference), _cell(c.colour.mean_held_out), "-" if c.gain is None else _cell(c.gain)]
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


def _profile(profile: ProfileFile) -> str:
    rows = [[escape(path), escape(about), _written(e), page.mark(e.status, e.note or "")] for path, about, e in numbers(profile)]
    text = "The numbers of the profile that was written. What no frame told is assumed, and says so; point at a mark for what to know."
    return page.section("The profile", page.paragraph(text), page.table(["number", "", "value", ""], rows))


def _written(entry: Provenance) -> str:
    value = getattr(entry, "value", None)
    if value is None:
        return ""
    if isinstance(value, tuple):
        return f"{len(value)} values" if not value or isinstance(value[0], tuple) else escape(f"{value[0]:g} to {value[-1]:g}")
    error = getattr(entry, "error", None)
    if isinstance(value, float) and error:
        return escape(str(Estimate(value, error)))
    return escape(f"{value:g}" if isinstance(value, float) else str(value))


def _files(why: Mapping[str, str], command: str) -> str:
    rows = [[escape(name), escape(words)] for name, words in list(why.items())[:_SHOWN]]
    more = page.paragraph(f"and {len(why) - _SHOWN} more") if len(why) > _SHOWN else ""
    last = f"<footer>Made by <code>{escape(command)}</code>.</footer>"
    return page.section("The files", page.table(["file", "what it was taken for, and why"], rows), more) + last


def _cell(number: Estimate | torch.Tensor) -> str:
    return escape(str(number)).replace("+-", "±")
