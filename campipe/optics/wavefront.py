"""A lens as the wavefront in its pupil: diffraction, aberrations, a phase plate, and defocus."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from campipe.core.errors import CampipeError, LawError, ShapeError
from campipe.core.frame import Frame
from campipe.core.law import Law
from campipe.core.shot import Shot
from campipe.core.stage import Stage
from campipe.ops.convolution import convolve
from campipe.ops.diffraction import psf_of, pupil_grid, wavefront_basis
from campipe.ops.filters import symmetric_pad

FIRST = 4
"""Noll's number of the first coefficient: piston changes no picture, and tilt only moves it."""


class Wavefront(Stage):
    """Blur by a lens with a round pupil, the same everywhere: |transform of the pupil|^2 for each channel's wavelength.

    coefficients   of Zernike polynomials from Noll's number 4 on, um: root mean square path difference; what is designed. The same path
                   difference holds for all wavelengths, as of a mirror, or of glass without dispersion
    defocus        path difference at the pupil's edge, um, for the distance of the scene: see `defocus_of`; one number, or one per item
    wavelengths    of the channels, um
    f_number       focal length by diameter of the pupil
    pitch          of the pixels, um; they have no gaps
    pixels         side of the point-spread function, odd; light beyond it comes in again at the other side
    samples        points a side of a pixel, odd; pitch / samples has to be below half of wavelength times f_number

    Light is conserved: beyond the border the scene goes on as its mirror image. Gradient: exact, in light, coefficients and defocus; where
    all coefficients are 0 the odd ones feel none on average, since their sign only turns the point-spread function round.
    """

    reads = ("scene", "photons")
    primary = "coefficients"
    coefficients: Tensor
    defocus: Tensor

    def __init__(
        self,
        coefficients: Sequence[float] = (0.0,),
        defocus: float = 0.0,
        wavelengths: Sequence[float] = (0.61, 0.53, 0.46),
        f_number: float = 2.0,
        pitch: float = 1.55,
        pixels: int = 45,
        samples: int = 5,
        name: str | None = None,
    ) -> None:
        super().__init__(name)
        self.number("coefficients", torch.as_tensor(coefficients, dtype=torch.float32))
        if self.coefficients.ndim != 1 or not len(self.coefficients):
            raise CampipeError(f"the coefficients of a wavefront are a list of numbers, but {coefficients} came")
        self.number("defocus", defocus)
        for what, value in (("f_number", f_number), ("pitch", pitch), *(("a wavelength", w) for w in wavelengths)):
            if not (value > 0 and math.isfinite(value)):
                raise CampipeError(f"{what} is above 0, but {value!r} came")
        for what, count in (("pixels", pixels), ("samples", samples)):
            if isinstance(count, bool) or not isinstance(count, int) or count < 1 or count % 2 == 0:
                raise CampipeError(f"{what} of a point-spread function are an odd number, but {count!r} came")
        if pitch / samples >= min(wavelengths) * f_number / 2:
            least = math.floor(2 * pitch / (min(wavelengths) * f_number)) + 1
            raise CampipeError(f"{samples} samples a pixel are too few for what this lens resolves; take {least + 1 - least % 2} or more")
        self.wavelengths, self.f_number, self.pitch = tuple(float(w) for w in wavelengths), float(f_number), float(pitch)
        self.pixels, self.samples, self.reach = pixels, samples, pixels // 2
        self.margin = self.reach
        numbers = range(FIRST, FIRST + len(self.coefficients))
        for channel, wavelength in enumerate(self.wavelengths):
            y, x, amplitude = pupil_grid(wavelength, self.f_number, self.pitch, pixels, samples)
            held = {"amplitude": amplitude, "basis": wavefront_basis(numbers, y, x), "square": x * x + y * y}
            for what, values in held.items():
                self.register_buffer(f"_{what}{channel}", values.float(), persistent=False)

    def psf(self, coefficients: Tensor | None = None, defocus: Tensor | None = None) -> Tensor:
        """The point-spread functions: (B, channels, pixels, pixels), each sums to 1.

        coefficients   (J,) or (B, J), um; None: the lens's own
        defocus        () or (B,), um; None: the lens's own
        """
        coefficients = self.coefficients if coefficients is None else coefficients
        defocus = self.defocus if defocus is None else defocus
        coefficients = coefficients if coefficients.ndim == 2 else coefficients[None]
        defocus = defocus.to(coefficients).reshape(-1, 1, 1)
        made = []
        # Phases are thousands of times a 16-bit number's precision.
        with torch.autocast(coefficients.device.type, enabled=False):
            for channel, wavelength in enumerate(self.wavelengths):
                amplitude, basis, square = (self._held(what, channel, coefficients) for what in ("amplitude", "basis", "square"))
                wavefront = (coefficients[:, :, None, None] * basis).sum(1) + defocus * square
                made.append(psf_of(wavefront, amplitude, wavelength, self.pixels, self.samples))
        return torch.stack(made, 1)

    def transform(self, frame: Frame, shot: Shot) -> Frame:
        return frame.replace(self._blurred(frame, shot))

    def law(self, law: Law) -> Law:
        if not law.is_certain:
            raise LawError("blurred noise is correlated between neighbours; put the lens before what is random")
        return Law.certain(law.frame().replace(self._blurred(law.frame(), law.shot)), law.shot)

    def _blurred(self, frame: Frame, shot: Shot) -> Tensor:
        data = frame.data
        if data.shape[-3] != len(self.wavelengths):
            raise ShapeError(f"the lens has {len(self.wavelengths)} wavelengths, but {data.shape[-3]} channels came; give one for each")
        spread = self.psf(self.value("coefficients", frame, shot), self.value("defocus", frame, shot)).to(data.dtype)
        if spread.shape[0] > 1:
            spread = spread.repeat_interleave(data.shape[:-3].numel() // spread.shape[0], 0)
        padded = symmetric_pad(symmetric_pad(data, self.reach, -1), self.reach, -2)
        return convolve(padded.flatten(0, data.ndim - 4), spread).reshape(data.shape)

    def _held(self, what: str, channel: int, like: Tensor) -> Any:
        return getattr(self, f"_{what}{channel}").to(like)


def defocus_of(diameter: float, distance: float, focus: float) -> float:
    """Path difference at the pupil's edge for a scene that is not where the lens is focused, um.

    diameter   of the pupil, mm
    distance   of the scene, m; math.inf is allowed
    focus      distance that is sharp, m

    diameter^2 / 8 (1 / distance - 1 / focus). Source: Goodman, "Introduction to Fourier Optics", 3rd edition, section 6.4.4.
    """
    return diameter**2 / 8 * (1 / distance - 1 / focus)
