"""The page of `campipe demo`: pictures first, then the numbers behind them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path

from campipe.camera import Camera
from campipe.core.frame import Frame
from campipe.core.profile import Profile
from campipe.report import page
from campipe.report.images import crop_around, jpeg, png
from campipe.report.noise import NoiseStatistics
from campipe.report.plots import cameras_plot, noise_plot, sensor_figures

CROP = 144

# Numbers that a profile gives one of, and where they stand in it.
PROVEN = {
    "gain, DN/e-": "sensor.gain",
    "quantum efficiency": "sensor.quantum_efficiency",
    "full well, e-": "sensor.mode.0.full_well",
    "read noise before the gain, e-": "sensor.mode.0.read_noise",
    "PRNU": "sensor.prnu",
    "dark current at 20 C, e-/s": "sensor.dark_current",
}


@dataclass(frozen=True)
class Shot:
    """One photograph that the demo took.

    photo         name of the photo that stood for the scene
    camera        that took it
    iso, ev       ev in stops from the metered exposure
    seconds       s
    noisy         what was recorded, developed and brightened by -ev
    clean         the ideal of the same shot, likewise
    signal        mean signal, e-
    centre        (y, x) of what is looked at closely, as fractions of the picture
    statistics    of its noise
    folder        where its files lie, relative to the page
    """

    photo: str
    camera: Camera
    iso: float
    ev: float
    seconds: float
    noisy: Frame
    clean: Frame
    signal: float
    centre: tuple[float, float]
    statistics: NoiseStatistics
    folder: Path

    @property
    def title(self) -> str:
        return f"{self.camera.profile.title}, ISO {self.iso:g}"

    @property
    def words(self) -> str:
        """The settings, as a photographer says them."""
        stops = f"{abs(self.ev):g} stop{'' if abs(self.ev) == 1 else 's'} {'over' if self.ev > 0 else 'under'}exposed"
        light = f"{stops} and brought back in developing" if self.ev else "metered"
        return f"{shutter(self.seconds)}, {light}; on average {count(self.signal)} electrons a pixel"


def shutter(seconds: float) -> str:
    """1/60 s, or 30 s."""
    return f"1/{round(1 / seconds)} s" if seconds < 0.5 else f"{seconds:g} s"


def count(value: float) -> str:
    """A number as one reads it: 4.72, 84.3, 2,274."""
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"


def demo_page(trio: Sequence[Shot], ladder: Sequence[Shot], others: Sequence[Shot], command: str) -> str:
    """Put the page together.

    trio      one scene by three cameras
    ladder    one scene at rising ISO
    others    further shots
    command   that makes this page again
    """
    every = [*trio, *ladder, *others]
    body = [_head(others[0] if others else trio[0], every), _trio(trio), _ladder(ladder)]
    body += [_single(shot) for shot in others[1:]]
    body += [_noise(trio, ladder, others), _cameras([shot.camera.profile for shot in trio], trio[0].iso), _files(every, command)]
    return page.page("What the camera recorded", "".join(body))


def _head(shot: Shot, every: Sequence[Shot]) -> str:
    cameras = len({shot.camera.name for shot in every})
    lead = (
        f"{len(every)} photographs by {cameras} cameras that were never held: real photos were taken back to the light of their scenes "
        "and photographed again, photon by photon. Drag across a picture to take its noise away."
    )
    title = f"<header><h1>What the camera recorded</h1>{page.paragraph(lead, 'lead')}</header>"
    return title + _compared(shot) + _closely(shot)


def _compared(shot: Shot) -> str:
    caption = f"{shot.title}. {shot.words}."
    return page.compare(jpeg(shot.noisy), jpeg(shot.clean), ("recorded", "without noise"), caption, shot.noisy.width / shot.noisy.height)


def _closely(shot: Shot) -> str:
    pair = (("recorded", shot.noisy), ("without noise", shot.clean))
    figures = [page.picture(png(crop_around(f, shot.centre, CROP)), "", f"{words}, pixel by pixel", pixels=True) for words, f in pair]
    return page.row(*figures)


def _single(shot: Shot) -> str:
    note = ""
    if shot.seconds >= 1:
        note = page.paragraph(
            f"In {shutter(shot.seconds)} heat frees electrons too. They sit evenly on red, green and blue, and white balance turns that "
            "even veil magenta. A dark frame of the same length would take the veil off, but not its noise."
        )
    return page.section(shot.title, note, _compared(shot), _closely(shot))


def _trio(shots: Sequence[Shot]) -> str:
    first = shots[0]
    text = (
        f"The same scene at ISO {first.iso:g}: {first.words.split(';')[0]}. Each camera has its own pixels, colour filters and readout, "
        "so each collects another number of electrons and adds another noise. The crops show single pixels of the sensor."
    )
    crops = [page.picture(png(crop_around(s.noisy, s.centre, CROP)), s.camera.profile.title, _electrons(s), pixels=True) for s in shots]
    large = [page.picture(jpeg(s.noisy), "", s.camera.profile.title) for s in shots]
    clean = page.picture(png(crop_around(first.clean, first.centre, CROP)), "Without noise", first.camera.profile.title, pixels=True)
    return page.section("Three cameras, one scene", page.paragraph(text), page.row(*large), page.row(*crops, clean))


def _ladder(shots: Sequence[Shot]) -> str:
    first, last = shots[0], shots[-1]
    text = (
        f"{first.camera.profile.title} from ISO {first.iso:g} to {last.iso:g}. Every step has a quarter of the light of the one before it, "
        "and the gain makes up for that: the brightness stays, the photons do not."
    )
    crops = [page.picture(png(crop_around(s.noisy, s.centre, CROP)), f"ISO {s.iso:g}", _electrons(s), pixels=True) for s in shots]
    ratio = first.noisy.width / first.noisy.height
    ends = (f"ISO {last.iso:g}", f"ISO {first.iso:g}")
    large = page.compare(jpeg(last.noisy), jpeg(first.noisy), ends, "The two ends of the ladder.", ratio)
    return page.section("Up the ISO ladder", page.paragraph(text), page.row(*crops), large)


def _electrons(shot: Shot) -> str:
    return f"{count(shot.signal)} e- a pixel on average"


def _noise(trio: Sequence[Shot], ladder: Sequence[Shot], others: Sequence[Shot]) -> str:
    text = (
        "A camera knows the law of its noise in closed form. Here one window of each scene was photographed many times over: dots are "
        "the variance from frame to frame, with two standard errors; the line is what the law says beforehand. Beside it, the deviations "
        "of all those pixels in units of the predicted standard deviation. Where pixels hold few electrons they lean to one side, as "
        "counted light does; the law knows that too."
    )
    plots = [
        page.numbers(f"{s.title}: {s.photo}", noise_plot(s.statistics, f"{s.camera.name}-{s.iso:g}-{s.photo}"), _measured(s))
        for s in (*trio, *others)
    ]
    rows = [_row(shot) for shot in (*trio, *ladder, *others)]
    heads = ["camera", "ISO", "EV", "scene", "mean signal, e-", "frames", "deviation / predicted"]
    return page.section("The noise, measured", page.paragraph(text), *plots, page.table(heads, rows, figures=(1, 2, 4, 5, 6)))


def _row(shot: Shot) -> list[str]:
    """One line of the table of noise."""
    settings = [escape(shot.camera.profile.title), f"{shot.iso:g}", f"{shot.ev:+g}", escape(shot.photo)]
    return [*settings, count(shot.signal), str(shot.statistics.frames), f"{shot.statistics.deviation:.4f}"]


def _measured(shot: Shot) -> str:
    s = shot.statistics
    ratio = f"the measured standard deviation is {s.deviation:.4f} times the predicted one"
    text = f"{s.frames} frames of {s.pixels:,} pixels; {ratio}; gain {s.gain:.4g} DN/e-."
    return f"<figcaption>{text}</figcaption>"


def _cameras(profiles: Sequence[Profile], iso: float) -> str:
    text = (
        "Read noise and dynamic range follow from each camera's profile. Numbers that somebody measured on the camera, that its maker "
        "states, and that are assumed because nobody published them are marked as such; point at a mark to see where it comes from."
    )
    heads = ["", *[profile.title for profile in profiles]]
    low, high = (max(p.iso_range[0] for p in profiles), min(p.iso_range[1] for p in profiles))
    steps = [i for i in (100.0, iso) if low <= i <= high]
    rows = [["sensor", *[f"{p.width} x {p.height}, {p.pixel_pitch:g} µm" for p in profiles]]]
    for step in steps:
        at = [sensor_figures(p, step) for p in profiles]
        rows.append([f"read noise, ISO {step:g}", *[f"{f['read noise']:.2f} e-" for f in at]])
        rows.append([f"saturation, ISO {step:g}", *[f"{count(f['saturation'])} e-" for f in at]])
        rows.append([f"dynamic range, ISO {step:g}", *[f"{f['dynamic range']:.1f} stops" for f in at]])
    rows += [[words, *[_provenance(profile, path) for profile in profiles]] for words, path in PROVEN.items()]
    panel = page.numbers("Read noise and dynamic range against ISO", cameras_plot(profiles))
    return page.section("The cameras", page.paragraph(text), panel, page.table(heads, rows))


def _provenance(profile: Profile, path: str) -> str:
    """A number of the profile with the mark of its status."""
    entry = profile.file
    for step in path.split("."):
        entry = entry[int(step)] if step.isdigit() else getattr(entry, step)  # type: ignore[index]
    value = entry.value  # type: ignore[attr-defined]
    shown = f"{count(value[0])} to {count(value[-1])}" if isinstance(value, tuple) else count(value)
    return f"{shown} {page.mark(entry.status, profile.file.sources[entry.source])}"  # type: ignore[attr-defined]


def _files(every: Sequence[Shot], command: str) -> str:
    text = "Each shot lies beside this page as a DNG that a raw developer opens, with its ideal counterpart and both pictures."
    kinds = ("noisy.dng", "clean.dng", "noisy.png", "clean.png")
    rows = [[escape(s.folder.name), *[f'<a href="{escape((s.folder / k).as_posix())}">{k}</a>' for k in kinds]] for s in every]
    heads = ["shot", "recorded", "ideal", "developed", "ideal, developed"]
    last = f"<footer>Made by <code>{escape(command)}</code>. The same command gives the same pixels.</footer>"
    return page.section("The files", page.paragraph(text), page.table(heads, rows)) + last
