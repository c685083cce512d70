"""What rounding to whole numbers adds to a variance, and how it is taken off again."""

from __future__ import annotations

import math

from torch import Tensor

ROUNDING = 1 / 12
"""DN^2: the variance that rounding to whole numbers adds."""

QUANTISED = 0.24
"""DN^2: below this dark variance the converter is all that is seen. EMVA 1288 Release 4.0, section 6.6."""


def without_rounding(variance: float, mean: Tensor, frames: int, shared: float = 0.0) -> float:
    """Variance of normal noise before it was rounded, DN^2.

    variance   mean over pixels of the variance of whole numbers
    mean       mean of each pixel, DN; what counts is where it lies between two whole numbers
    frames     how many the mean was taken over
    shared     DN^2, variance of what moves the pixels of a line together: it carries them from one whole number to the next as well

    Rounding x = c + e, e normal, gives the variance s^2 + 1/12 - (4 s^2 + 1 / pi^2) cos(2 pi c) f - (sin(2 pi c) f / pi)^2 with
    f = exp(-2 (pi s)^2), and terms of f^4: the Fourier series of the saw tooth that rounding adds (Widrow and Kollar, Quantization Noise,
    2008, chapter 4). The equation is solved by halving. The cosine is averaged over pixels, and set right for the noise of their means.
    """
    if variance > 2.0:
        return variance - ROUNDING
    turn = 2 * math.pi * mean.double()
    blur = math.exp(2 * math.pi**2 * variance / frames)
    moved = math.exp(-2 * math.pi**2 * shared)
    cosine = moved * max(-1.0, min(1.0, blur * float(turn.cos().mean())))
    squares = moved * max(0.0, min(1.0, 0.5 - 0.5 * min(blur**4, 1e3) * float((2 * turn).cos().mean())))

    def rounded(s2: float) -> float:
        fade = math.exp(-2 * s2 * math.pi**2)
        return s2 + ROUNDING - (4 * s2 + 1 / math.pi**2) * cosine * fade - squares * (fade / math.pi) ** 2

    low, high = 0.0, variance + ROUNDING
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (middle, high) if rounded(middle) < variance else (low, middle)
    return (low + high) / 2
