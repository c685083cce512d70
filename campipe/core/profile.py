"""Camera profiles: everything that is needed to build one camera, read from a TOML file.

A profile's colour, white balance and noise belong to the same camera. `data/cameras/` holds the ones that ship.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from difflib import get_close_matches
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import torch
from torch import Tensor

from campipe.core.errors import ProfileError
from campipe.core.resources import find, listing

if TYPE_CHECKING:
    from campipe.core.profile_schema import ProfileFile

# Linear sRGB to CIE XYZ adapted to D50 after Bradford, from the primaries and white of IEC 61966-2-1.
_SRGB_TO_XYZ_D50 = (
    (0.436074664, 0.385064928, 0.143080411),
    (0.222504516, 0.716878640, 0.060616943),
    (0.013932183, 0.097104517, 0.714173302),
)
# Where a monochrome sensor is asked for the colour of its light.
_D65_KELVIN = 6504.0


class Spread(NamedTuple):
    """Standard deviations of a fixed pattern that differ from pixel to pixel, row to row and column to column."""

    pixel: float
    row: float
    column: float


class PhotoPriors(NamedTuple):
    """Ranges (low, high) from which the way back from a photo to a scene is drawn: cct in K, tone 0 to 1, brightness a factor."""

    cct: tuple[float, float]
    tone: tuple[float, float]
    brightness: tuple[float, float]


def profile_names() -> list[str]:
    """The sorted names of the camera profiles that ship."""
    return listing("data", "cameras", suffix=".toml")


def load_profile(name_or_path: str | PathLike[str]) -> Profile:
    """Read the profile of a camera that ships, by its name, or any profile by the path of its .toml file.

    Raises ProfileError in one line that names file, key, what was expected and what came; for an unknown name, the nearest ones.
    """
    text = str(name_or_path)
    if isinstance(name_or_path, PathLike) or text.endswith(".toml") or Path(text).name != text:
        return _load(Path(name_or_path))
    names = profile_names()
    if text not in names:
        near = get_close_matches(text.lower(), names, n=3, cutoff=0.5)
        hint = f"did you mean {' or '.join(near)}?" if near else f"there are {', '.join(names)}"
        raise ProfileError(f"no camera is named {text!r}; {hint}")
    return _load(find("data", "cameras", f"{text}.toml"))


def _load(path: Path) -> Profile:
    # pydantic is loaded with the first profile, not with campipe.
    from campipe.core.profile_reading import read_profile

    return Profile(path.stem, read_profile(path))


@dataclass(frozen=True)
class Profile:
    """One camera. `file` holds its numbers as they were read, each with status and source."""

    name: str
    file: ProfileFile

    @property
    def title(self) -> str:
        """The camera's name as its maker writes it."""
        return self.file.title

    @property
    def width(self) -> int:
        """px."""
        return self.file.sensor.width.value

    @property
    def height(self) -> int:
        """px."""
        return self.file.sensor.height.value

    @property
    def bits(self) -> int:
        """Bits of the ADC."""
        return self.file.sensor.bits.value

    @property
    def black_level(self) -> float:
        """DN."""
        return self.file.sensor.black_level.value

    @property
    def quantum_efficiency(self) -> float:
        """e-/photon."""
        return self.file.sensor.quantum_efficiency.value

    @property
    def dark_current(self) -> float:
        """e-/s at 20 C."""
        return self.file.sensor.dark_current.value

    @property
    def doubling(self) -> float:
        """Warming that doubles the dark current, K."""
        return self.file.sensor.doubling.value

    @property
    def pixel_pitch(self) -> float:
        """um."""
        return self.file.optics.pixel_pitch.value

    @property
    def blur_sigma(self) -> float:
        """Standard deviation of the lens's blur, px."""
        return self.file.optics.blur.value

    @property
    def vignetting(self) -> tuple[float, ...]:
        """Coefficients of r^2, r^4, ... of the light against 1 on the axis, r = 1 in the corner."""
        return self.file.optics.vignetting.value

    @property
    def pattern(self) -> str | None:
        """Colour filters as the sensor's pixel (0, 0) sees them; None for a monochrome sensor."""
        return None if self.file.sensor.pattern.value == "mono" else self.file.sensor.pattern.value

    @property
    def iso_range(self) -> tuple[float, float]:
        """Lowest and highest ISO of the gain's table."""
        return self.file.sensor.gain.iso[0], self.file.sensor.gain.iso[-1]

    @property
    def mode_names(self) -> tuple[str, ...]:
        """Names of the conversion-gain modes, in the order in which `at_iso` numbers them."""
        return tuple(mode.name for mode in self.file.sensor.mode)

    @property
    def prnu(self) -> Spread:
        """Photo-response non-uniformity, fractions."""
        return self._spread("prnu")

    @property
    def dsnu(self) -> Spread:
        """Dark-signal non-uniformity, e-."""
        return self._spread("dsnu")

    @property
    def priors(self) -> PhotoPriors:
        """How photos came about, for taking them back to scenes; a monochrome sensor's light is that of D65."""
        given = self.file.priors
        cct = (given.cct.low, given.cct.high) if given.cct else (_D65_KELVIN, _D65_KELVIN)
        return PhotoPriors(cct, (given.tone.low, given.tone.high), (given.brightness.low, given.brightness.high))

    def _spread(self, name: str) -> Spread:
        entries = (getattr(self.file.sensor, name + part) for part in ("", "_row", "_column"))
        return Spread(*(0.0 if entry is None else entry.value for entry in entries))

    def at_iso(self, iso: float | Tensor) -> dict[str, Any]:
        """The numbers that hang on ISO, float32, of the shape of `iso`: () or (B,).

        gain              DN/e-, interpolated between the table's rows, logarithm against logarithm
        read_noise        e-, before the gain
        post_read_noise   DN, after the gain
        read_shape        Tukey-lambda shape; None: normal
        row_noise         e-
        full_well         e-, of the mode in use
        mode              int64, number of the conversion-gain mode

        Raises ProfileError outside of `iso_range`.
        """
        wanted = torch.as_tensor(iso, dtype=torch.float64)
        self._inside(wanted, *self.iso_range, "ISO")
        modes = self.file.sensor.mode
        starts = torch.tensor([mode.from_iso for mode in modes], dtype=torch.float64, device=wanted.device)
        mode_of = (torch.searchsorted(starts, wanted, right=True) - 1).clamp(min=0)
        result: dict[str, Any] = {"gain": _at(self.file.sensor.gain, wanted).float(), "mode": mode_of}
        for name in ("full_well", "read_noise", "post_read_noise", "row_noise", "read_shape"):
            entries = [getattr(mode, name) for mode in modes]
            if any(entry is None for entry in entries):
                result[name] = None
                continue
            rows = torch.stack([_at(entry, wanted, linear=name == "read_shape") for entry in entries])
            result[name] = rows.gather(0, mode_of[None]).squeeze(0).float()
        return result

    def white_level(self, iso: float | Tensor) -> Tensor:
        """DN at which the sensor saturates, () or (B,): full scale of the ADC, or full well where that comes first."""
        now, sensor = self.at_iso(iso), self.file.sensor
        return torch.round((sensor.black_level.value + now["gain"].double() * now["full_well"]).clamp(max=2**sensor.bits.value - 1)).float()

    def colour_at(self, cct: float | Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """White-balance gains (3,), cam_to_srgb (3, 3) and cam_to_xyz (3, 3) for light of a colour temperature, K; (B, ...) for (B,).

        Both matrices take white-balanced camera RGB; the rows of cam_to_srgb sum to 1, and cam_to_xyz takes white to that of D50.
        Interpolated in 1/CCT; beyond the ends of their own table the matrices stay as they are there, as libcamera does it.
        A monochrome sensor has gains of 1 and sees as sRGB does. Raises ProfileError outside of the table of white balance.
        """
        wanted = torch.as_tensor(cct, dtype=torch.float64)
        to_xyz = torch.tensor(_SRGB_TO_XYZ_D50, dtype=torch.float64, device=wanted.device)
        if self.file.colour is None:
            shape = wanted.shape
            same = torch.eye(3, device=wanted.device).expand(*shape, 3, 3)
            return wanted.new_ones(*shape, 3).float(), same, to_xyz.float().expand(*shape, 3, 3)
        balance, matrices = self.file.colour.white_balance, self.file.colour.cam_to_srgb
        self._inside(wanted, balance.cct[0], balance.cct[-1], "K")
        inverse = [1.0 / c for c in balance.cct]
        red, blue = (_interpolate(1.0 / wanted, inverse, list(row)) for row in (balance.red, balance.blue))
        wb = torch.stack([red, torch.ones_like(red), blue], dim=-1)
        to_srgb = _interpolate(1.0 / wanted, [1.0 / c for c in matrices.cct], [list(m) for m in matrices.value])
        to_srgb = to_srgb.reshape(*wanted.shape, 3, 3)
        # The tables are rounded; the sum is not.
        to_srgb = to_srgb / to_srgb.sum(-1, keepdim=True)
        return wb.float(), to_srgb.float(), (to_xyz @ to_srgb).float()

    def _inside(self, wanted: Tensor, low: float, high: float, unit: str) -> None:
        outside = ~((wanted >= low) & (wanted <= high))
        if bool(outside.any()):
            came = ", ".join(f"{value:g}" for value in wanted[outside].flatten().tolist())
            raise ProfileError(f"{self.name} is known from {low:g} to {high:g} {unit}, but {came} came; choose one inside")


def _at(entry: Any, iso: Tensor, linear: bool = False) -> Tensor:
    """A number, or a table's value at an ISO: against log(iso), in the logarithm of the value unless `linear`."""
    if not hasattr(entry, "iso"):
        return torch.full_like(iso, entry.value)
    values = list(entry.value) if linear else [math.log(value) for value in entry.value]
    found = _interpolate(iso.log(), [math.log(i) for i in entry.iso], values)
    return found if linear else found.exp()


def _interpolate(x: Tensor, nodes: list[float], values: list[Any]) -> Tensor:
    """Piecewise linear through (n,) nodes and (n, ...) values, the end values beyond; x (...) gives (..., ...)."""
    xs, ys = (torch.tensor(row, dtype=torch.float64, device=x.device) for row in (nodes, values))
    if len(nodes) == 1:
        return ys[0].expand(*x.shape, *ys.shape[1:]).clone()
    if nodes[0] > nodes[-1]:
        xs, ys = xs.flip(0), ys.flip(0)
    right = torch.searchsorted(xs, x.contiguous()).clamp(1, len(nodes) - 1)
    weight = ((x - xs[right - 1]) / (xs[right] - xs[right - 1])).clamp(0, 1)
    weight = weight.reshape(x.shape + (1,) * (ys.ndim - 1))
    return ys[right - 1] * (1 - weight) + ys[right] * weight
