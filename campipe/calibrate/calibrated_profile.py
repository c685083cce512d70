"""A measured camera as a profile: every number with its standard error, and what could not be measured marked as assumed."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from campipe.calibrate.estimate import Estimate, combined
from campipe.calibrate.measure_camera import Calibration
from campipe.calibrate.published.contents import Contents, assumed, digits, generic
from campipe.core.profile_writing import entry

SOURCE = "frames"


def contents_of(
    calibration: Calibration,
    *,
    title: str,
    source: str,
    size: tuple[int, int],
    pattern: str | None,
    bits: int,
    pixel_pitch: float | None = None,
) -> Contents:
    """What a calibration knows of a profile, for `campipe.calibrate.published.contents.profile_from`, which completes it.

    title         name of the camera
    source        which frames it was measured from, in words
    size          (height, width) of the frames, px
    pattern       colour filters, or None; bits: of the converter; pixel_pitch: um, where known

    Gain, read noise, its shape and row noise become tables against ISO; where the two stages of read noise were told apart, its parts
    before and behind the gain. Full wells are saturation capacities at the first ISO of each conversion gain.
    """
    sensor: Contents = {
        "width": _known(size[1]),
        "height": _known(size[0]),
        "pattern": _known(pattern or "mono"),
        "bits": _known(bits, note="from the largest numbers in the files"),
        **_levels(calibration),
        **_patterns(calibration),
    }
    if calibration.gains is not None:
        sensor["gain"] = _table(calibration.gains.iso, calibration.gains.gain)
        sensor["mode"] = _modes(calibration)
    out: Contents = {"title": title, "sources": {SOURCE: source}, "sensor": sensor}
    even = assumed([0.0], "flats of the bare sensor, or none")
    fall = [] if calibration.shading is None else calibration.shading.coefficients
    known = _known([digits(k.value) for k in fall], error=[digits(k.error) for k in fall]) if fall else even
    out["optics"] = {"vignetting": known, "blur": assumed(0.5)}
    if calibration.charts and pattern is not None:
        out["colour"] = _colour(calibration)
    if pixel_pitch is not None:
        out["optics"]["pixel_pitch"] = entry(pixel_pitch, status="datasheet", source=SOURCE, note="given with the frames")
    return out


def _colour(calibration: Calibration) -> Contents:
    """White balance and matrices from the charts, one for each colour temperature. Of a single light the rest of the curve is assumed."""
    charts = list({chart.cct: chart for chart in calibration.charts}.values())
    lights = [chart.cct for chart in charts]
    names = ", ".join(chart.name for chart in charts)
    unknown = "" if all(chart.known for chart in charts) else "; the light's temperature is assumed"
    matrices = _known(
        [[digits(m) for m in chart.colour.matrix.flatten().tolist()] for chart in charts],
        cct=lights,
        error=[[digits(m) for m in chart.colour.matrix_error.flatten().tolist()] for chart in charts],
        note=f"from charts in {names}{unknown}",
    )
    gains = [(chart.colour.red, chart.colour.blue) for chart in charts]
    if len(charts) > 1:
        balance = _known(
            cct=lights,
            red=[digits(red.value) for red, _ in gains],
            blue=[digits(blue.value) for _, blue in gains],
            red_error=[digits(red.error) for red, _ in gains],
            blue_error=[digits(blue.error) for _, blue in gains],
            note=f"from charts in {names}{unknown}",
        )
    else:
        usual = generic()["colour"]["white_balance"]
        factors = [
            gain.value / float(np.interp(1 / lights[0], 1 / np.array(usual["cct"][::-1]), usual[name][::-1]))
            for gain, name in zip(gains[0], ("red", "blue"), strict=True)
        ]
        curve = {name: [digits(v * f) for v in usual[name]] for name, f in zip(("red", "blue"), factors, strict=True)}
        balance = assumed(note=f"measured at {lights[0]:g} K; the curve beside it is that of a middling camera", cct=usual["cct"], **curve)
    return {"white_balance": balance, "cam_to_srgb": matrices}


def bits_of(white: float) -> int:
    """Bits of a converter whose largest number this is, 8 to 16."""
    return min(16, max(8, math.ceil(math.log2(white + 1) - 1e-9)))


def _levels(calibration: Calibration) -> Contents:
    """Black level, dark current and efficiency."""
    found: Contents = {}
    dark = next((step.dark for step in calibration.steps if step.dark is not None), None)
    charts = [chart for chart in calibration.charts if chart.black is not None]
    if dark is None and charts:
        found["black_level"] = _number(combined([c.black for c in charts if c.black is not None]), note="by the patches of a chart")
    if dark is not None:
        found["black_level"] = _number(combined([b.level for b in dark.black]), note="mean of the planes, shortest exposure, lowest ISO")
    if calibration.current:
        found["dark_current"] = _number(
            combined([c.mean for c in calibration.current]),
            note=_warmth(calibration) or "from means over exposure time; taken for that at 20 C",
        )
    if calibration.warming is not None:
        found["dark_current"] = _number(calibration.warming.at20, note="at 20 C, from a series of temperatures")
        found["doubling"] = _number(calibration.warming.doubling)
    efficiencies = [
        t.quantum_efficiency for step in calibration.steps for t in step.transfer.values() if t.quantum_efficiency is not None
    ]
    if efficiencies:
        found["quantum_efficiency"] = _number(combined(efficiencies))
    return found


def _warmth(calibration: Calibration) -> str | None:
    dark = next((step.dark for step in calibration.steps if step.dark is not None), None)
    if dark is None or dark.temperature is None:
        return None
    return f"from means over exposure time, at {dark.temperature:g} C"


def _patterns(calibration: Calibration) -> Contents:
    """DSNU and PRNU by pixel, row and column: means of the planes. A part that is not above noise is an upper limit, and stands as 0."""
    if calibration.patterns is None:
        return {}
    found: Contents = {}
    for name, by_plane in (("dsnu", calibration.patterns.dsnu), ("prnu", calibration.patterns.prnu)):
        for part, suffix in (("pixel", ""), ("row", "_row"), ("column", "_column")):
            numbers = [getattr(p, part) for p in by_plane.values()]
            seen = [n for n in numbers if not n.bound]
            if not numbers:
                continue
            if 2 * len(seen) > len(numbers):
                found[name + suffix] = _number(_lines(seen, part, len(by_plane)))
            else:
                limit = max(n.value for n in numbers)
                found[name + suffix] = _known(0, note=f"not above the noise of the stack; at most {limit:.3g}")
    return found


def _lines(numbers: list[Estimate], part: str, planes: int) -> Estimate:
    """Mean over planes. The rows of a mosaic cross two planes, which then share their offsets: half of the planes tell something new."""
    mean = combined(numbers)
    shared = part != "pixel" and planes == 4
    return Estimate(mean.value, mean.error * (math.sqrt(2) if shared else 1.0), mean.unit, mean.freedom)


def _modes(calibration: Calibration) -> list[Contents]:
    """Conversion gains, each with its part of the tables."""
    assert calibration.gains is not None
    isos = list(calibration.gains.iso)
    switch = None if calibration.stages is None else calibration.stages.switch
    ranges = [isos] if switch is None else [[i for i in isos if i <= switch[0]], [i for i in isos if i >= switch[1]]]
    names = ["single"] if switch is None else ["low", "high"]
    return [_mode(calibration, name, own, number) for number, (name, own) in enumerate(zip(names, ranges, strict=True))]


def _mode(calibration: Calibration, name: str, isos: list[float], number: int) -> Contents:
    steps = [step for step in calibration.steps if step.iso in isos]
    mode: Contents = {"name": name, "from_iso": isos[0]}
    saturation = combined([t.saturation for t in steps[0].transfer.values()]) if steps and steps[0].transfer else None
    if saturation is not None and not saturation.bound:
        mode["full_well"] = _number(saturation, note=f"saturation capacity at ISO {isos[0]:g}, which the converter may set")
    dark = [(s.iso, s.electrons("pixel"), s.electrons("row")) for s in steps]
    read = [(iso, e) for iso, e, _ in dark if e is not None]
    if read:
        stages = None if calibration.stages is None else calibration.stages.segments[number]
        told = stages is not None and not stages.pre.note and not stages.post.note and stages.residual < 0.05
        if told and stages is not None:
            note = f"two stages fitted to {len(isos)} ISO steps; rms residual {100 * stages.residual:.2g} %"
            mode["read_noise"], mode["post_read_noise"] = _number(stages.pre, note=note), _number(stages.post, note=note)
        else:
            mode["read_noise"] = _table([i for i, _ in read], [e for _, e in read], note="all of it before the gain")
            mode["post_read_noise"] = _known(0, note="in the read noise before the gain")
    rows = [(iso, e) for iso, _, e in dark if e is not None]
    if rows and all(e.bound for _, e in rows):
        mode["row_noise"] = _known(0, note=f"not told apart from none; at most {max(e.value for _, e in rows):.2g} e-")
    elif rows:
        mode["row_noise"] = _table([i for i, _ in rows], [e for _, e in rows])
    shapes = {iso: calibration.shapes[iso] for iso in isos if iso in calibration.shapes}
    if shapes:
        mode["read_shape"] = _table(list(shapes), list(shapes.values()))
    return mode


def _known(value: Any = None, **more: Any) -> Contents:
    return entry(value, status="measured", source=SOURCE, **more)


def _number(estimate: Estimate, note: str | None = None) -> Contents:
    """One number of a profile. An upper limit says so."""
    words = "; ".join(w for w in (note, estimate.note, "an upper limit" if estimate.bound else None) if w)
    error = digits(estimate.error) if math.isfinite(estimate.error) and estimate.error > 0 else None
    return _known(digits(max(estimate.value, 0.0)), error=error, note=words or None)


def _table(isos: Any, estimates: Any, note: str | None = None) -> Contents:
    """A table against ISO; one with a single row is a table too."""
    errors = [digits(e.error) if math.isfinite(e.error) else 0.0 for e in estimates]
    limits = [f"{iso:g}" for iso, e in zip(isos, estimates, strict=True) if e.bound]
    words = "; ".join(w for w in (note, f"an upper limit at ISO {', '.join(limits)}" if limits else None) if w)
    values = [digits(e.value) for e in estimates]
    return _known(values, iso=[float(i) for i in isos], error=errors if any(errors) else None, note=words or None)
