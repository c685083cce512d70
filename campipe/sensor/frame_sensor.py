"""FrameSensor: a sensor that counts photons in frames, put together from its stages in the order of the physics."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from campipe.core.errors import CampipeError, ShapeError
from campipe.core.frame import Capture, Frame
from campipe.core.law import Law
from campipe.core.pipeline import Pipeline
from campipe.core.random import Key
from campipe.core.shot import Shot
from campipe.core.stage import Stage
from campipe.sensor import memo
from campipe.sensor.charge import DarkCurrent, FullWell, ShotNoise
from campipe.sensor.colour_filter import ColorFilterArray, QuantumEfficiency, can_look
from campipe.sensor.dark_frames import DarkFrames, MeasuredDark
from campipe.sensor.fixed_pattern import Dsnu, Prnu
from campipe.sensor.readout import Adc, BlackLevel, Gain, ReadNoise, RowNoise, per_item

DARK = "dark_frames"
"""Name of the stage of measured dark frames."""

# Where the arguments live: stage and number.
_NUMBERS = {
    "quantum_efficiency": ("quantum_efficiency", "efficiency"),
    "full_well": ("full_well", "electrons"),
    "dark_current": ("dark_current", "current"),
    "temperature": ("dark_current", "temperature"),
    "doubling": ("dark_current", "doubling"),
    "prnu": ("prnu", "pixel"),
    "prnu_row": ("prnu", "row"),
    "prnu_column": ("prnu", "column"),
    "dsnu": ("dsnu", "pixel"),
    "dsnu_row": ("dsnu", "row"),
    "dsnu_column": ("dsnu", "column"),
    "read_noise": ("read_noise", "std"),
    "read_shape": ("read_noise", "shape"),
    "row_noise": ("row_noise", "std"),
    "gain": ("gain", "gain"),
    "post_read_noise": ("post_read_noise", "std"),
    "black_level": ("black_level", "level"),
}


class FrameSensor(Pipeline):
    """Photons to digital numbers.

    width, height        px; frames may be smaller, at an origin on the sensor
    pattern              colour filters as pixel (0, 0) sees them, "RGGB" and so on; None: monochrome
    serial               number of the individual: its fixed pattern hangs on it
    quantum_efficiency   e-/photon, one number or three (R, G, B)
    full_well            e-
    dark_current         e-/s at 20 C; temperature in C; doubling in K
    prnu                 fraction, standard deviation by pixel; prnu_row, prnu_column likewise
    dsnu                 e-, standard deviation by pixel; dsnu_row, dsnu_column likewise
    read_noise           e-, before the gain; read_shape: Tukey-lambda shape, None: normal
    row_noise            e-, temporal, one number per row and frame
    gain                 DN/e-
    post_read_noise      DN, after the gain
    black_level          DN, one number or a table (h, w) by position of the pattern
    bits                 8 to 16

    The stages have these names, so that "gain" is the path of the gain here, and "sensor.gain" in a camera.
    An effect whose number is 0 costs nothing.
    """

    reads = ("photons",)
    writes = "dn"

    def __init__(
        self,
        width: int,
        height: int,
        pattern: str | None = "RGGB",
        serial: int = 0,
        *,
        quantum_efficiency: float | Sequence[float] = 0.6,
        full_well: float = 15000.0,
        dark_current: float = 0.0,
        temperature: float = 20.0,
        doubling: float = 8.0,
        prnu: float = 0.0,
        prnu_row: float = 0.0,
        prnu_column: float = 0.0,
        dsnu: float = 0.0,
        dsnu_row: float = 0.0,
        dsnu_column: float = 0.0,
        read_noise: float = 0.0,
        read_shape: float | None = None,
        row_noise: float = 0.0,
        gain: float = 1.0,
        post_read_noise: float = 0.0,
        black_level: float | Sequence[Sequence[float]] = 0.0,
        bits: int = 12,
        name: str = "sensor",
    ) -> None:
        for label, size in (("width", width), ("height", height)):
            if not isinstance(size, int) or size < 1:
                raise CampipeError(f"{label} is a number of pixels, but {size!r} came")
        if not isinstance(serial, int) or not 0 <= serial < 2**63:
            raise CampipeError(f"a serial number is a whole number from 0 to 2**63 - 1, but {serial!r} came")
        stages: list[Stage] = [
            ColorFilterArray(pattern, name="color_filter_array"),
            QuantumEfficiency(quantum_efficiency, name="quantum_efficiency"),
            Prnu(prnu, prnu_row, prnu_column, serial, name="prnu"),
            DarkCurrent(dark_current, temperature, doubling, name="dark_current"),
            ShotNoise(name="shot_noise"),
            FullWell(full_well, name="full_well"),
            Dsnu(dsnu, dsnu_row, dsnu_column, serial, name="dsnu"),
            ReadNoise(read_noise, read_shape, name="read_noise"),
            RowNoise(row_noise, name="row_noise"),
            Gain(gain, name="gain"),
            ReadNoise(post_read_noise, name="post_read_noise"),
            BlackLevel(black_level, name="black_level"),
            Adc(bits, name="adc"),
        ]
        for label, number in (("gain", gain), ("full_well", full_well)):
            if not bool((torch.as_tensor(number) > 0).all()):
                raise CampipeError(f"{label} is above 0, but {number} came")
        if not bool((torch.as_tensor(black_level) < 2**bits - 1).all()):
            raise CampipeError(f"the black level lies below the converter's top, {2**bits - 1} DN, but {black_level} came")
        super().__init__(stages, name)
        self.width, self.height, self.pattern, self.serial, self.bits = width, height, pattern, serial, bits

    def config(self) -> dict[str, Any]:
        out = dict(self._arguments)
        for argument, (stage, number) in _NUMBERS.items():
            if out[argument] is not None:
                out[argument] = getattr(self[stage], number).detach().tolist()
        return out

    def expose(
        self,
        photons: Tensor,
        *,
        seconds: float | Tensor | None = None,
        key: Key | None = None,
        noise: bool = True,
        origin: tuple[int, int] = (0, 0),
        frame: int = 0,
        draws: Mapping[str, Tensor] | None = None,
        parameters: Mapping[str, Tensor | float] | None = None,
    ) -> Frame:
        """Expose once.

        photons      (B, 1, H, W), or (B, 3, H, W) of which the pattern picks: expected photons per pixel, >= 0
        seconds      exposure time, s, a number or (B,); needed where there is dark current
        key          names the noise of this shot
        noise        False: the ideal
        origin       (y, x) on the sensor of the first pixel
        frame        number of the frame in time
        draws        instead of the key: stage path to standard normal draws, "shot_noise", "read_noise" and so on; the maps of the
                     individual can be given too, "prnu.pixel", "dsnu.row" and so on, and have to be in a compiled graph
        parameters   number path to per-item values
        returns      a Frame in "dn"
        """
        shot = self._frame(photons, seconds, origin, frame)
        return self(shot, key=key, noise=noise, draws=draws, parameters=parameters)

    def moments(
        self,
        photons: Tensor | Frame,
        *,
        seconds: float | Tensor | None = None,
        origin: tuple[int, int] = (0, 0),
        parameters: Mapping[str, Tensor | float] | None = None,
    ) -> Law:
        """Mean (DN) and variance (DN^2) of each pixel over repeated frames, (B, 1, H, W) each; the fixed pattern is in the mean."""
        frame = photons if isinstance(photons, Frame) else self._frame(photons, seconds, origin, 0)
        return super().moments(frame, parameters=parameters)

    def with_dark_frames(self, library: DarkFrames) -> FrameSensor:
        """The same sensor with measured dark frames in place of its dark current, DSNU, read noise and row noise.

        Their noise is added in front of the black level, and rounded there once with the light. The sensor has one ISO now, that of the
        library. Refuses a library of another pattern. Its statistics have no closed form.
        """
        if library.pattern != self.pattern:
            raise CampipeError(f"dark frames have the pattern of their sensor, {self.pattern}, but {library.pattern} came")
        measured = self
        if DARK in self._order:
            return measured.replaced(MeasuredDark(library, name=DARK))  # type: ignore[return-value]
        silent = {"dark_current": DarkCurrent(0.0), "dsnu": Dsnu(0.0, 0.0, 0.0, self.serial), "row_noise": RowNoise(0.0)}
        silent |= {name: ReadNoise(0.0) for name in ("read_noise", "post_read_noise")}
        for name, stage in silent.items():
            stage.name = name
            measured = measured.replaced(stage)  # type: ignore[assignment]
        return measured.inserted(MeasuredDark(library, name=DARK), before="black_level")  # type: ignore[return-value]

    def _frame(self, photons: Any, seconds: float | Tensor | None, origin: tuple[int, int], frame: int) -> Frame:
        if not isinstance(photons, Tensor):
            raise ShapeError(f"photons are a tensor (B, 1, H, W) or (B, 3, H, W), but {type(photons).__name__} came")
        batch = photons.shape[0] if photons.ndim else 0
        capture = Capture(
            seconds=None if seconds is None else torch.as_tensor(seconds, dtype=torch.float32),
            # The phase of the pattern hangs on the origin's data, and a graph cannot look at those; none stands for (0, 0).
            origin=None if torch.compiler.is_compiling() and tuple(origin) == (0, 0) else torch.tensor([list(origin)]).expand(batch, 2),
            frame=torch.full((batch,), frame),
        )
        return Frame(photons if photons.is_floating_point() else photons.float(), "photons", capture)

    def _check(self, frame: Frame) -> None:
        """Refuse frames that do not fit on the sensor, and times that are none."""
        look, seconds = can_look(frame), frame.capture.seconds
        if frame.capture.origin is not None and not look:
            return
        if look and seconds is not None and not all(0 <= s < float("inf") for s in seconds.tolist()):
            raise CampipeError(f"exposure times are finite and not negative, but {seconds.tolist()} s came")
        for y, x in ((0, 0),) if frame.capture.origin is None else set(map(tuple, frame.capture.origin.tolist())):
            if not (0 <= y <= self.height - frame.height and 0 <= x <= self.width - frame.width):
                raise ShapeError(
                    f"a frame of {frame.height} x {frame.width} (height x width) at ({y}, {x}) does not fit the sensor of "
                    f"{self.height} x {self.width}; crop it or give another origin"
                )

    def transform(self, frame: Frame, shot: Shot) -> Frame:
        self._check(frame)
        return super().transform(frame, shot)

    def law(self, law: Law) -> Law:
        self._check(law.frame())
        return super().law(law)

    def annotate(self, capture: Capture, frame: Frame, shot: Shot) -> Capture:
        """Write the sensor's live values: white level, noise (S, O of the DNG specification) and serial number."""
        named = memo.label(self.stages, frame, shot)
        return capture.replace(**memo.once(self, named, lambda: self._live(capture, frame, shot)))

    def _live(self, capture: Capture, frame: Frame, shot: Shot) -> dict[str, Tensor]:
        numbers = self._numbers(frame.known(frame.data, frame.space, capture), shot)
        gain, black, cap = numbers["gain"], capture.black_level, numbers["full_well"]
        assert black is not None
        if black.ndim > 1:
            gain, cap = gain[:, None, None], cap[:, None, None]
        white = (black + gain * cap).clamp_max(2.0**self.bits - 1).round().detach()
        noise = self._noise(numbers, black, white)
        if DARK in self._order:
            measured, span = self[DARK], white - black
            assert isinstance(measured, MeasuredDark)
            noise = noise + torch.stack([torch.zeros_like(span), measured.library.variance / span**2], 1)
        serial = torch.full((frame.batch,), self.serial, device=frame.data.device)
        return {"white_level": white, "noise": noise, "serial": serial}

    def _numbers(self, frame: Frame, shot: Shot) -> dict[str, Tensor]:
        """The numbers that the capture is made of, each (B,)."""
        names = ("gain", "full_well", "read_noise", "post_read_noise", "row_noise")
        out = {n: per_item(getattr(self, n).value(self[n].primary, frame, shot.enter(n)), frame).detach() for n in names}
        dark = self["dark_current"].electrons(frame, shot.enter("dark_current")) if shot.noise else None  # type: ignore[operator]
        out["dark"] = torch.zeros_like(out["gain"]) if dark is None else per_item(dark.detach(), frame)
        return out

    @staticmethod
    def _noise(numbers: dict[str, Tensor], black: Tensor, white: Tensor) -> Tensor:
        """S and O, (B, 2) or (B, 2, h, w): variance = S x + O with x = (DN - black) / (white - black)."""
        gain = numbers["gain"]
        read = (
            gain**2 * (numbers["read_noise"] ** 2 + numbers["row_noise"] ** 2 + numbers["dark"]) + numbers["post_read_noise"] ** 2 + 1 / 12
        )
        if black.ndim > 1:
            gain, read = gain[:, None, None], read[:, None, None]
        span = white - black
        return torch.stack([gain / span, read / span**2], 1)
