"""The page of `campipe calibrate`: the numbers of EMVA 1288 in the standard's order, with their plots, and what is wrong with the data."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from html import escape

from campipe.calibrate.estimate import Estimate
from campipe.calibrate.measure_camera import Calibration
from campipe.calibrate.session import IsoStep
from campipe.core.profile_schema import ProfileFile, Provenance, numbers
from campipe.report import calibration_sections as sections
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
        lambda: sections.standard(calibration.standard, step),
        lambda: sections.transfer(step),
        lambda: sections.linearity(step),
        lambda: sections.dark_noise(step),
        lambda: sections.dark_current(calibration),
        lambda: "" if calibration.patterns is None else sections.fixed_pattern(calibration.patterns),
        lambda: sections.against_iso(calibration),
        lambda: sections.pictures(calibration),
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
