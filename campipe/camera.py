"""Camera: a profile with its optics, sensor and developing pipeline."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from campipe.core.errors import CampipeError, ShapeError, SpaceError
from campipe.core.frame import Frame
from campipe.core.law import Law
from campipe.core.pipeline import Pipeline
from campipe.core.priors import Uniform
from campipe.core.profile import Profile, load_profile, profile_names
from campipe.core.random import Key
from campipe.core.stage import Stage
from campipe.developing import developing_pipeline, render
from campipe.optics import GaussianBlur, PolynomialVignetting
from campipe.scenes.photos import unprocess
from campipe.sensor import DarkFrames, Exposure, FrameSensor
from campipe.sensor.dark_frames import REPLACED

Number = float | Tensor
_MEASURED = tuple(f"sensor.{name}" for name in REPLACED)  # whose numbers measured dark frames stand for
LUMINANCE = (0.2126, 0.7152, 0.0722)  # of linear Rec. 709 R, G and B; ITU-R BT.709


def dark_frames_of(folder: str | Path) -> DarkFrames:
    """The library of a folder of dark raw files; a file that is no raw, or of another ISO, size or pattern, is an error."""
    from campipe.io.raw import read_raw

    files = sorted(f for f in Path(folder).iterdir() if f.is_file() and not f.name.startswith(".")) if Path(folder).is_dir() else []
    if not files:
        raise CampipeError(f"dark frames come from a folder of raw files, but there is none in {str(folder)!r}")
    return DarkFrames.of(read_raw(file) for file in files)


def cameras() -> list[str]:
    """Names of the cameras that ship with campipe."""
    return profile_names()


class Camera(torch.nn.Module):
    """A camera that photographs: scene light in, raw frames out, and back to pictures.

    profile      the numbers, each with its source
    serial       number of the individual: its fixed pattern hangs on it
    light_path   scene to dn: blur, vignetting, exposure, sensor. Its numbers stand at the profile's lowest ISO; `capture` gives
                 those of the ISO that is asked for
    developing   dn to display

    Frames smaller than the sensor are placed at its centre unless their capture has an origin.
    """

    dark_frames: DarkFrames | None = None

    def __init__(self, profile: Profile, serial: int = 0, demosaick: str = "malvar") -> None:
        super().__init__()
        self.profile = profile
        self.serial = serial
        self.light_path = self._light_path(float(profile.iso_range[0]))
        self.developing = developing_pipeline(demosaick=demosaick)

    @classmethod
    def load(cls, name: str | Path, serial: int = 0, **options: Any) -> Camera:
        """Load a camera by its name (`cameras()` lists them) or from a profile's TOML file."""
        return cls(load_profile(name), serial, **options)

    @property
    def name(self) -> str:
        return self.profile.name

    @property
    def sensor(self) -> FrameSensor:
        return self.light_path["sensor"]  # type: ignore[return-value]

    def __repr__(self) -> str:
        low, high = self.profile.iso_range
        size = f"{self.sensor.width} x {self.sensor.height}"
        return f"Camera({self.name}, serial {self.serial}: {size}, {self.sensor.pattern or 'mono'}, ISO {low:g} to {high:g})"

    def with_dark_frames(self, library: DarkFrames | str | Path) -> Camera:
        """This camera with measured dark frames in place of its dark noise: dark current, DSNU, read and row noise. Weights are shared.

        library   `campipe.sensor.DarkFrames`, or a folder of raw files of one ISO, without light

        It photographs at the ISO of the library, and at no other; exposure time changes nothing any more.
        """
        if not isinstance(library, DarkFrames):
            library = dark_frames_of(library)
        low, high = self.profile.iso_range
        if not low <= library.iso <= high:
            raise CampipeError(f"{self.name} has ISO {low:g} to {high:g}, but the dark frames were taken at ISO {library.iso:g}")
        changed = copy.copy(self)
        changed._modules = dict(self._modules)
        changed.dark_frames = library
        changed.light_path = self.light_path.replaced(self.sensor.with_dark_frames(library))
        return changed

    def at(self, iso: float, ev: float = 0.0) -> Pipeline:
        """The light path with its numbers set for one ISO and exposure: what an optimisation starts from."""
        return self._light_path(iso, ev)

    def unprocess(
        self,
        photo: Frame,
        *,
        key: Key | None = None,
        cct: Number | None = None,
        tone: Number | None = None,
        brightness: Number | None = None,
    ) -> Frame:
        """Turn a finished photo into the light that this camera would have seen.

        photo        "display", (B, 3, H, W)
        key          names the draws of what is not given: colour temperature, tone curve and brightness, one of each per item
        cct          colour temperature of the light, K
        tone         strength of the photo's tone curve, 0 to 1
        brightness   factor by which the photo was brightened
        returns      "scene"; what was drawn or given is in its capture, so that `render` is the exact inverse

        Without a key, what is not given is at the middle of its prior. A monochrome camera sees the photo's luminance.
        """
        _frame(photo, "display")
        priors = self.profile.priors
        drawn = {
            name: self._drawn(name, given, prior, photo, key)
            for name, given, prior in (("cct", cct, priors.cct), ("tone", tone, priors.tone), ("brightness", brightness, priors.brightness))
        }
        wb, to_srgb, to_xyz = self.profile.colour_at(drawn["cct"])
        scene = unprocess(photo, wb=wb, cam_to_srgb=to_srgb, cam_to_xyz=to_xyz, tone=drawn["tone"], brightness=drawn["brightness"])
        if self.profile.pattern is None:
            weights = torch.tensor(LUMINANCE, dtype=scene.data.dtype, device=scene.data.device).reshape(3, 1, 1)
            return scene.replace((scene.data * weights).sum(-3, keepdim=True), camera=self.name, wb=None, cam_to_srgb=None, cam_to_xyz=None)
        return scene.replace(camera=self.name)

    def _drawn(self, name: str, given: Number | None, prior: tuple[float, float], photo: Frame, key: Key | None) -> Tensor:
        """One number per item, (B,): given, drawn by the key, or the middle of the prior."""
        if given is not None:
            return _per_item(name, given, photo.batch)
        low, high = prior
        if key is None:
            return torch.full((photo.batch,), (low + high) / 2)
        items = photo.grid(key).item[:: photo.data.shape[2] if photo.data.ndim == 6 else 1]
        return torch.tensor([Uniform(low, high).draw(key.fold(name).fold(int(i))) for i in items])

    def capture(
        self,
        scene: Frame,
        *,
        iso: Number | None = None,
        ev: Number = 0.0,
        seconds: Number = 1 / 60,
        key: Key | None = None,
        noise: bool = True,
        draws: dict[str, Tensor] | None = None,
        parameters: dict[str, Number] | None = None,
    ) -> Frame:
        """Take a raw frame.

        scene        "scene", (B, 3, H, W), or (B, 1, H, W) for a monochrome camera
        iso          within the profile's range, a number or (B,); None: 100, or the nearest that the camera has
        ev           exposure relative to the metered one, stops, a number or (B,)
        seconds      s, a number or (B,): how long dark current gathers
        key          names the noise; fold it for the next shot
        noise        False: the ideal raw frame of the same shot
        parameters   further numbers by path ("sensor.full_well", ...), a number or (B,)
        returns      "dn", with its capture filled
        """
        frame, numbers = self._set_up(scene, iso, ev, seconds)
        numbers.update({p: torch.as_tensor(v, dtype=torch.float32) for p, v in (parameters or {}).items()})
        return self.light_path(frame, key=key, noise=noise, draws=draws, parameters=numbers)

    def moments(self, scene: Frame, *, iso: Number | None = None, ev: Number = 0.0, seconds: Number = 1 / 60) -> Law:
        """Mean (DN) and variance (DN^2) of each pixel over repeated shots, (B, 1, H, W) each; the fixed pattern is in the mean."""
        frame, numbers = self._set_up(scene, iso, ev, seconds)
        return self.light_path.moments(frame, parameters=numbers)

    def develop(self, raw: Frame, *, exposure: Number | None = None) -> Frame:
        """Turn a raw frame into a picture: "dn" to "display", clipped to [0, 1].

        exposure   stops by which the picture is brightened; a raw taken at ev -2 looks right at exposure 2
        """
        frame = _frame(raw, "dn")
        stops = None if exposure is None else {"exposure.ev": _per_item("exposure", exposure, frame.batch)}
        return self.developing(frame, parameters=stops)

    def render(self, scene: Frame) -> Frame:
        """Show a scene without a sensor: "scene" to "display", not clipped. Inverts `unprocess` exactly."""
        return render(scene)

    def _set_up(self, scene: Frame, iso: Number | None, ev: Number, seconds: Number) -> tuple[Frame, dict[str, Tensor]]:
        """The scene with what the shot fixes in its capture, and the numbers of the light path, (B,) each."""
        b = _frame(scene, "scene").batch
        if scene.capture.absolute:
            raise CampipeError("a relative scene is needed, in which white is 1, but one in absolute units came; divide it by its white")
        own = 100.0 if self.dark_frames is None else self.dark_frames.iso
        asked = min(max(self.profile.iso_range[0], own), self.profile.iso_range[1]) if iso is None else iso
        isos = _per_item("iso", asked, b)
        self._check_iso(isos)
        entries: dict[str, Any] = {"iso": isos, "seconds": _per_item("seconds", seconds, b), "camera": self.name}
        if scene.capture.wb is None and self.profile.pattern is not None:
            cct = torch.full((b,), sum(self.profile.priors.cct) / 2)
            entries.update(zip(("wb", "cam_to_srgb", "cam_to_xyz"), self.profile.colour_at(cct), strict=True))
        if scene.capture.origin is None:
            entries["origin"] = torch.tensor([self._centre(scene)]).expand(b, 2)
        numbers = _numbers(self.profile, isos)
        if self.dark_frames is not None:
            numbers = {path: number for path, number in numbers.items() if not path.startswith(_MEASURED)}
        numbers["exposure.ev"] = _per_item("ev", ev, b)
        return scene.replace(**entries), numbers

    def _check_iso(self, isos: Tensor) -> None:
        if self.dark_frames is not None and not torch.compiler.is_compiling() and bool((isos != self.dark_frames.iso).any()):
            came = next(i for i in isos.tolist() if i != self.dark_frames.iso)
            raise CampipeError(
                f"the dark frames have the noise of ISO {self.dark_frames.iso:g}, where they were taken, but ISO {came:g} was asked for; "
                f"give iso={self.dark_frames.iso:g}, or a library of that ISO"
            )

    def _centre(self, scene: Frame) -> list[int]:
        """Where a smaller frame lies in the middle of the sensor, at a multiple of every pattern's tile."""
        return [max(0, (size - own) // 12 * 6) for size, own in ((self.sensor.height, scene.height), (self.sensor.width, scene.width))]

    def _light_path(self, iso: float, ev: float = 0.0) -> Pipeline:
        p = self.profile
        self._check_iso(torch.tensor([float(iso)]))
        at = {path: float(value) for path, value in _numbers(p, torch.tensor([iso])).items()}
        sensor = FrameSensor(
            p.width,
            p.height,
            p.pattern,
            self.serial,
            quantum_efficiency=p.quantum_efficiency,
            full_well=at["sensor.full_well"],
            dark_current=p.dark_current,
            doubling=p.doubling,
            prnu=p.prnu.pixel,
            prnu_row=p.prnu.row,
            prnu_column=p.prnu.column,
            dsnu=p.dsnu.pixel,
            dsnu_row=p.dsnu.row,
            dsnu_column=p.dsnu.column,
            read_noise=at["sensor.read_noise"],
            read_shape=at.get("sensor.read_noise.shape"),
            row_noise=at["sensor.row_noise"],
            gain=at["sensor.gain"],
            post_read_noise=at["sensor.post_read_noise"],
            black_level=p.black_level,
            bits=p.bits,
        )
        if self.dark_frames is not None:
            sensor = sensor.with_dark_frames(self.dark_frames)
        stages: list[Stage] = []
        if p.blur_sigma:
            stages.append(GaussianBlur(p.blur_sigma, name="blur"))
        if p.vignetting:
            stages.append(PolynomialVignetting(p.vignetting, width=p.width, height=p.height, name="vignetting"))
        stages += [Exposure(at["exposure.photons_at_white"], ev, name="exposure"), sensor]
        return Pipeline(stages, name="camera")


def _frame(value: Any, space: str) -> Frame:
    if not isinstance(value, Frame):
        raise SpaceError(f"a Frame in {space!r} is needed, but {type(value).__name__} came; wrap the tensor: Frame(tensor, {space!r})")
    return value.expect(space)


def _per_item(name: str, value: Any, batch: int) -> Tensor:
    """A number, or one per item, as (B,)."""
    try:
        tensor = torch.as_tensor(value, dtype=torch.float32)
    except (TypeError, ValueError, RuntimeError):
        raise CampipeError(f"{name} is a number, or a tensor with one per item, but {value!r} came") from None
    if tensor.ndim > 1 or tensor.numel() not in (1, batch):
        raise ShapeError(f"{name} is a number, or one per item, ({batch},), but the shape {tuple(tensor.shape)} came")
    if not torch.compiler.is_compiling() and not bool(torch.isfinite(tensor).all()):
        raise CampipeError(f"{name} is finite, but {tensor.tolist()} came")
    return tensor.expand(batch)


def _numbers(profile: Profile, iso: Tensor) -> dict[str, Tensor]:
    """The numbers of the light path that hang on the ISO, by path, (B,) each."""
    at = profile.at_iso(iso)
    black = profile.black_level if isinstance(profile.black_level, (int, float)) else float(torch.tensor(profile.black_level).mean())
    white = (black + at["gain"] * at["full_well"]).clamp_max(2.0**profile.bits - 1).round()
    efficiency = profile.quantum_efficiency
    green = efficiency if isinstance(efficiency, (int, float)) else efficiency[1]
    numbers = {"exposure.photons_at_white": (white - black) / (at["gain"] * green)}
    for name in ("gain", "full_well", "read_noise", "post_read_noise", "row_noise"):
        numbers[f"sensor.{name}"] = at[name]
    if at.get("read_shape") is not None:
        numbers["sensor.read_noise.shape"] = at["read_shape"]
    return numbers
