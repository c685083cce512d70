"""From the wavefront in a lens's pupil to its point-spread function on the pixels of a sensor."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from campipe.ops.zernike import zernike


def pupil_grid(wavelength: float, f_number: float, pitch: float, pixels: int, samples: int) -> tuple[Tensor, Tensor, Tensor]:
    """Places in the pupil that a transform to `pixels` x `samples` points per side needs, and how much of each is open.

    wavelength   um
    f_number     focal length by diameter, of the image side
    pitch        of the sensor's pixels, um
    returns      y and x, (n, 1) and (1, n), 1 = edge of the pupil; and the amplitude, (n, n), from 0 to 1; float64

    A place rho of the pupil passes the spatial frequency rho / (2 wavelength f_number).
    """
    step = 2 * wavelength * f_number / (pixels * pitch)
    reach = math.ceil(1 / step) + 1
    x = torch.arange(-reach, reach + 1, dtype=torch.float64) * step
    radius = torch.hypot(x[:, None], x[None, :])
    return x[:, None], x[None, :], ((1 - radius) / step + 0.5).clamp(0, 1)


def wavefront_basis(numbers: range, y: Tensor, x: Tensor) -> Tensor:
    """Zernike polynomials over the pupil, by Noll's numbers: (len(numbers), n, n)."""
    return torch.stack([zernike(j, y, x) for j in numbers])


def psf_of(wavefront: Tensor, amplitude: Tensor, wavelength: float, pixels: int, samples: int) -> Tensor:
    """The incoherent point-spread function, |transform of the pupil|^2, as pixels without gaps collect it.

    wavefront    (B, n, n), um: optical path difference over the pupil
    amplitude    (n, n), on the grid of `pupil_grid`
    wavelength   um
    pixels       a side of the result, odd
    samples      a side of a pixel, odd, so many that pitch / samples < wavelength f_number / 2
    returns      (B, pixels, pixels), >= 0, sums to 1; the place of a perfect lens's image is the middle pixel's middle

    Light that leaves the window comes in again at its other side. Gradient: exact.
    Source: Goodman, "Introduction to Fourier Optics", 3rd edition, sections 6.3 and 6.4.
    """
    phase = 2 * math.pi / wavelength * wavefront
    field = torch.complex(amplitude * phase.cos(), amplitude * phase.sin())
    side = pixels * samples
    spread = torch.fft.fft2(field, s=(side, side))
    intensity = spread.real.square() + spread.imag.square()
    intensity = torch.fft.fftshift(intensity, (-2, -1)) / (side**2 * amplitude.square().sum())
    return intensity.reshape(-1, pixels, samples, pixels, samples).sum((2, 4))
