"""What a camera's numbers mean: noise, dynamic range and signal-to-noise ratio against ISO, and where each number comes from."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from html import escape
from os import PathLike
from pathlib import Path

import numpy as np
import torch

from campipe.camera import Camera
from campipe.core.errors import CampipeError
from campipe.core.profile import Profile, load_profile
from campipe.io.atomic import write_bytes
from campipe.report import page
from campipe.report.plots import camera_plot

_LEVELS = {"white": 1.0, "white / 10": 0.1, "white / 100": 0.01, "white / 1000": 0.001}
# The colours of the page by day, for pictures that stand alone.
_ALONE = {
    "var(--ink)": "#1c1b1a",
    "var(--soft)": "#6b6762",
    "var(--rule)": "#dedad4",
    "var(--accent-0)": "#c2410c",
    "var(--accent-1)": "#0f6e84",
    "var(--accent-2)": "#6d4aa8",
    "var(--sans)": "sans-serif",
}


@dataclass(frozen=True)
class Description:
    """A camera against ISO. Shows itself in a notebook; `save` writes it as .html or .svg.

    profile         the camera's numbers
    iso             (n,) lowest to highest
    gain            (n,) DN/e-
    noise           words to (n,), e-: "all", and the parts whose squares add up to it: "before the gain", "behind the gain", "rows",
                    "rounding". One dark frame of no duration, without its fixed pattern
    saturation      (n,) e-, at the white level
    dynamic_range   (n,) stops from noise to saturation
    snr             words to (n,), dB, 20 log10: of a signal at white and at parts of it, from shot noise and noise in the dark
    """

    profile: Profile
    iso: np.ndarray
    gain: np.ndarray
    noise: dict[str, np.ndarray]
    saturation: np.ndarray
    dynamic_range: np.ndarray
    snr: dict[str, np.ndarray]

    @cached_property
    def svg(self) -> str:
        """The plot, in the colours of the page."""
        drawn = {words: np.where(part > 0, part, np.nan) for words, part in self.noise.items()}
        return camera_plot(self.iso, drawn, self.dynamic_range, self.snr, self.profile.title)

    @cached_property
    def html(self) -> str:
        """The whole page: the plot, a table by ISO, and where each number comes from."""
        return page.page(self.profile.title, _body(self))

    def save(self, path: str | PathLike[str]) -> Path:
        """Write the page as .html, or the plot alone as .svg."""
        path = Path(path)
        texts = {".html": self.html, ".svg": _alone(self.svg)}
        if path.suffix not in texts:
            raise CampipeError(f"a description is written as .html or .svg, but {path.name} came; choose one of them")
        write_bytes(path, texts[path.suffix].encode())
        return path

    def _repr_html_(self) -> str:
        return _alone(self.svg)


def describe(camera: Camera | Profile | str | PathLike[str], points: int = 200) -> Description:
    """Draw noise, dynamic range and signal-to-noise ratio of a camera against ISO.

    camera   a camera, its profile, its name, or the path of a profile's file
    points   ISOs, evenly spaced in the logarithm

    Everything follows from the profile's numbers; nothing is simulated.
    """
    profile = camera.profile if isinstance(camera, Camera) else camera if isinstance(camera, Profile) else load_profile(camera)
    if points < 2:
        raise CampipeError(f"a description has two ISOs or more, but {points} came")
    low, high = profile.iso_range
    iso = np.geomspace(low, high, points).clip(low, high)
    wanted = torch.from_numpy(iso)
    now = {name: np.asarray(value, dtype=np.float64) for name, value in profile.at_iso(wanted).items() if value is not None}
    parts = {
        "before the gain": now["read_noise"],
        "behind the gain": now["post_read_noise"] / now["gain"],
        "rows": now["row_noise"],
        "rounding": np.sqrt(1 / 12) / now["gain"],
    }
    whole = np.sqrt(sum(part**2 for part in parts.values()))
    saturation = (np.asarray(profile.white_level(wanted), dtype=np.float64) - profile.black_level) / now["gain"]
    stops = np.log2(saturation / whole)
    snr = {words: 20 * np.log10(level * saturation / np.sqrt(level * saturation + whole**2)) for words, level in _LEVELS.items()}
    noise = {"all": whole, **{words: part for words, part in parts.items() if bool((part > 0).any())}}
    return Description(profile, iso, now["gain"], noise, saturation, stops, snr)


def _rows(iso: np.ndarray) -> list[int]:
    """The ISOs of the table: about a stop apart, with both ends."""
    count = max(2, round(float(np.log2(iso[-1] / iso[0]))) + 1)
    return sorted({round(i) for i in np.linspace(0, len(iso) - 1, count)})


def _body(seen: Description) -> str:
    from campipe.core.profile_schema import numbers

    profile = seen.profile
    heads = ["ISO", "gain, DN/e-", "noise in the dark, e-", "saturation, e-", "dynamic range, stops", "signal to noise at white, dB"]
    columns = (seen.iso, seen.gain, seen.noise["all"], seen.saturation, seen.dynamic_range, seen.snr["white"])
    forms = ("{:.0f}", "{:.4g}", "{:.2f}", "{:,.0f}", "{:.1f}", "{:.1f}")
    cells = [[form.format(column[i]) for form, column in zip(forms, columns, strict=True)] for i in _rows(seen.iso)]
    known = [
        [escape(words), page.mark(entry.status, profile.file.sources[entry.source]), escape(entry.note or "")]
        for _, words, entry in numbers(profile.file)
    ]
    size = f"{profile.width} x {profile.height}, {profile.pattern or 'monochrome'}, {profile.bits} bits, {profile.pixel_pitch:g} um"
    words = f"{size}. ISO {profile.iso_range[0]:g} to {profile.iso_range[1]:g}. Noise is that of single frames; fixed patterns come on top."
    return "".join(
        [
            f"<header><h1>{escape(profile.title)}</h1>{page.paragraph(words, 'lead')}</header>",
            page.numbers("Against ISO", seen.svg, page.table(heads, cells, figures=tuple(range(len(heads))))),
            page.section("Where the numbers come from", page.table(["number", "status", "note"], known)),
        ]
    )


def _alone(svg: str) -> str:
    """The plot with colours of its own, as a file or a notebook needs it."""
    for variable, colour in _ALONE.items():
        svg = svg.replace(variable, colour)
    names = 'xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink"'
    return svg if "xmlns=" in svg[: svg.index(">")] else svg.replace("<svg ", f"<svg {names} ", 1)
