"""calibrate: a folder of raw files to a camera profile, with its errors and sources, and a report."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from campipe.calibrate.calibrated_profile import bits_of, contents_of
from campipe.calibrate.estimate import Estimate, combined
from campipe.calibrate.measure_camera import Calibration, measure_camera
from campipe.calibrate.published.contents import profile_from
from campipe.core.errors import CampipeError, RawFileError
from campipe.core.profile_schema import ProfileFile
from campipe.core.profile_writing import write_profile
from campipe.io.atomic import write_bytes
from campipe.jobs.calibration_files import Found, find_files
from campipe.report.calibration_page import calibration_page

Progress = Callable[[int, int, str], None]


@dataclass(frozen=True)
class Calibrated:
    """What came of a calibration.

    title         of the camera
    calibration   what was measured
    profile       the numbers as they were written
    found         the files, and what each was taken for
    complaints    what is wrong with the data, in plain sentences
    files         that were written
    """

    title: str
    calibration: Calibration
    profile: ProfileFile
    found: Found
    complaints: tuple[str, ...]
    files: tuple[Path, ...]

    def summary(self) -> list[tuple[str, str]]:
        """The main numbers, in words."""
        c = self.calibration
        rows = [("camera", f"{self.title}, {self.found.size[1]} x {self.found.size[0]}, {self.profile.sensor.pattern.value}")]
        kinds = [(kind, sum(shot.kind == kind for shot in self.found.shots)) for kind in ("dark", "flat", "chart")]
        rows.append(("frames", ", ".join(f"{count} {kind}{'s' if count > 1 else ''}" for kind, count in kinds if count)))
        for step in c.steps:
            numbers = [("gain", step.gain), ("read noise", step.electrons("pixel")), ("row noise", step.electrons("row"))]
            numbers.append(("saturation", combined([t.saturation for t in step.transfer.values()]) if step.transfer else None))
            rows.append((f"ISO {step.iso:g}", ", ".join(f"{words} {number}" for words, number in numbers if number is not None) or "-"))
        dark = next((step.dark for step in c.steps if step.dark is not None), None)
        if dark is not None:
            rows.append(("black level", str(combined([b.level for b in dark.black]))))
        efficiencies = [t.quantum_efficiency for s in c.steps for t in s.transfer.values() if t.quantum_efficiency is not None]
        if efficiencies:
            rows.append(("quantum efficiency", str(combined(efficiencies))))
        if c.current:
            rows.append(("dark current", str(combined([d.mean for d in c.current]))))
        if c.warming is not None:
            rows.append(("doubling temperature", str(c.warming.doubling)))
        if c.patterns is not None:
            for words, patterns in (("DSNU", c.patterns.dsnu), ("PRNU", c.patterns.prnu)):
                if patterns:
                    rows.append((words, str(combined([p.total for p in patterns.values()]))))
        for chart in c.charts:
            balance = f"white balance {chart.colour.red.value:.4g}, {chart.colour.blue.value:.4g}"
            rows.append((f"chart at {chart.cct:g} K", f"{balance}, {chart.colour.mean_held_out} of patches held out"))
            if chart.gain is not None:
                rows.append((f"ISO {chart.iso:g}, by the chart", f"gain {chart.gain}, black level {chart.black}"))
        if c.shading is not None:
            rows.append(("light in the corners", str(c.shading.corner)))
        if c.stages is not None and c.stages.switch is not None:
            rows.append(("conversion gain", f"switches between ISO {c.stages.switch[0]:g} and {c.stages.switch[1]:g}"))
        return rows


def calibrate(
    folder: Path, out: Path, *, report: Path | None = None, title: str | None = None, progress: Progress | None = None
) -> Calibrated:
    """Measure a camera.

    folder     raw files, sorted as `campipe.jobs.calibration_files.find_files` says
    out        the profile to write, .toml; report: the page to write, .html
    title      name of the camera; None: what the manifest or the files say
    progress   called with (done, all, words)

    Files are written when everything is measured, whole or not at all. Raises a CampipeError in one line where nothing can be measured.
    """
    folder, out = Path(folder).expanduser(), Path(out).expanduser()
    for path, suffix in ((out, ".toml"), (report, ".html")):
        if path is not None and path.suffix.lower() != suffix:
            raise RawFileError(f"a {'profile' if suffix == '.toml' else 'report'} is a {suffix} file, but {path} was asked for")
    found = find_files(folder, progress)
    calibration = measure_camera(found.shots, progress)
    first = found.shots[0].load()
    name = title or found.manifest.camera or first.capture.camera or folder.resolve().name
    if calibration.gains is None and all(step.dark is None for step in calibration.steps):
        reasons = "; ".join(calibration.complaints) or "pairs of darks and flats are needed"
        raise CampipeError(f"nothing of {folder} could be measured: {reasons}")
    contents = contents_of(
        calibration,
        title=name,
        source=_source(folder, found),
        size=found.size,
        pattern=first.capture.pattern,
        bits=found.manifest.bits or _bits(found, first.capture.white_level),
        pixel_pitch=found.manifest.pixel_pitch,
    )
    profile = profile_from(contents, title=name)
    complaints = (*found.problems, *calibration.complaints, *_missing(calibration))
    written = [out]
    out.parent.mkdir(parents=True, exist_ok=True)
    if report is not None:
        report = Path(report).expanduser()
        report.parent.mkdir(parents=True, exist_ok=True)
        command = f"campipe calibrate {folder} --out {out} --report {report}"
        write_bytes(report, calibration_page(name, calibration, profile, found.why, complaints, command).encode())
        written.append(report)
    comment = f"{name}, measured from {len(found.shots)} raw frames by `campipe calibrate`."
    write_bytes(out, write_profile(profile, comment).encode())
    return Calibrated(name, calibration, profile, found, complaints, tuple(written))


def as_json(done: Calibrated) -> str:
    """The main numbers as JSON: value, error and unit of each, by ISO and plane."""
    c = done.calibration

    def plain(number: Estimate | None) -> dict[str, Any] | None:
        if number is None or not math.isfinite(number.value):
            return None
        error = number.error if math.isfinite(number.error) else None
        return {"value": number.value, "error": error, "unit": number.unit, "upper_limit": number.bound}

    steps = [
        {
            "iso": s.iso,
            "gain": plain(s.gain),
            "read_noise": plain(s.electrons("pixel")),
            "row_noise": plain(s.electrons("row")),
            "planes": {
                plane: {
                    "gain": plain(t.gain),
                    "dark_noise": plain(t.dark_noise),
                    "saturation": plain(t.saturation),
                    "quantum_efficiency": plain(t.quantum_efficiency),
                }
                for plane, t in s.transfer.items()
            },
        }
        for s in c.steps
    ]
    patterns = {} if c.patterns is None else {"dsnu": c.patterns.dsnu, "prnu": c.patterns.prnu}
    spreads = {
        name: {plane: {part: plain(getattr(p, part)) for part in ("total", "row", "column", "pixel")} for plane, p in planes.items()}
        for name, planes in patterns.items()
    }
    current = {d.plane: plain(d.mean) for d in c.current}
    result = {"camera": done.title, "steps": steps, "dark_current": current, **spreads, "notes": list(done.complaints)}
    return json.dumps(result, indent=2)


def _source(folder: Path, found: Found) -> str:
    """Which frames the numbers come from, so that they can be told from others."""
    names = sorted(shot.name for shot in found.shots)
    digest = hashlib.sha256("\n".join(names).encode()).hexdigest()[:12]
    isos = sorted({shot.iso for shot in found.shots})
    return (
        f"measured by campipe calibrate from {len(names)} raw frames in {folder.resolve().name}, {names[0]} to {names[-1]}, "
        f"ISO {isos[0]:g} to {isos[-1]:g}; SHA-256 of their names {digest}"
    )


def _bits(found: Found, white: Any) -> int:
    """Bits of the converter, from the files' white level."""
    return bits_of(float(white.max()) if white is not None else 4095.0)


def _missing(calibration: Calibration) -> list[str]:
    """What could not be measured, and which frames would tell it."""
    words = []
    if calibration.gains is None:
        words.append("gain, efficiency and saturation are not measured: take pairs of flats at ten levels or more")
    if all(step.dark is None for step in calibration.steps):
        words.append("read noise and black level are not measured: take 8 darks or more at the shortest exposure of each ISO")
    if not calibration.current:
        words.append("dark current is not measured: take darks of three exposure times or more, the longest of many seconds, at one ISO")
    if calibration.patterns is None:
        words.append("fixed pattern is not measured: take 16 darks, and 16 flats at half of saturation, of one exposure")
    if calibration.stages is None:
        words.append("read noise before and behind the gain are not told apart: take darks and flats at three ISO steps or more")
    return words
