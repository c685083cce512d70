"""Banding: periodic noise along the rows or columns of dark frames."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from campipe.calibrate.dark import DarkStatistics
from campipe.calibrate.estimate import Estimate
from campipe.core.errors import CampipeError

_LEAST = 32  # lines


@dataclass(frozen=True)
class Peak:
    """A frequency that stands out.

    frequency   cycles per pixel, 0 to 0.5
    amplitude   DN, of a cosine, half of what it swings
    chance      probability of so high a peak anywhere in a spectrum without one
    """

    frequency: Estimate
    amplitude: Estimate
    chance: float


@dataclass(frozen=True)
class Banding:
    """Spectrum of what the pixels of a line have in common.

    axis          "rows": one number per row, so the frequency is that from top to bottom; "columns"
    fixed         False: of each frame's deviation from the mean of the stack; True: of that mean
    frequency     (F,) cycles per pixel
    spectrum      (F,) DN^2: mean over frames of |sum of line x exp(-2 pi i f line)|^2 / lines; white noise is flat at its variance
    level         DN^2, of the spectrum without peaks
    peaks         highest first
    false_alarm   probability of a peak in a spectrum without one
    """

    axis: str
    fixed: bool
    frequency: Tensor
    spectrum: Tensor
    level: float
    peaks: tuple[Peak, ...]
    false_alarm: float


def banding(statistics: DarkStatistics, *, false_alarm: float = 1e-3) -> tuple[Banding, ...]:
    """Spectra of rows and of columns, of what changes from frame to frame and of what stays; `false_alarm` is that of each spectrum.

    The periodogram of white noise, averaged over n frames, is its level times chi-squared of 2 n degrees over 2 n. A peak is higher than
    what the highest of all frequencies reaches with the probability `false_alarm`; the level is the median. Its frequency is where the
    spectrum is highest between the lines of the transform, its amplitude a = 2 sqrt((P - level) / lines). Standard errors are the bounds
    of Cramer and Rao for one cosine in white noise: level * 2 / (n lines) for a^2 and 6 level / (pi^2 a^2 lines^3 n) for f^2 (Rife and
    Boorstyn, IEEE Trans. Information Theory 20, 1974).
    Frames whose waves begin anywhere lose a part of them to their mean, 1 / n on average and as much by chance: a / (2 n) is added to the
    error of what changes. Lines of the stack's mean keep the black level of each position of the pattern out.
    """
    frame = statistics.whole_frame
    out = []
    for axis, lines, period in (("rows", frame.rows, statistics.tile[0]), ("columns", frame.columns, statistics.tile[1])):
        if lines.shape[1] < _LEAST:
            raise CampipeError(f"a spectrum needs {_LEAST} {axis} or more, but {lines.shape[1]} came")
        mean = lines.mean(0)
        moved = lines - mean
        # All frames less their mean: one of them tells nothing new.
        own = moved * math.sqrt(len(lines) / (len(lines) - 1))
        out.append(_spectrum(axis, False, own - own.mean(1, keepdim=True), len(lines) - 1, false_alarm))
        still = mean.clone()
        for i in range(period):
            still[i::period] -= still[i::period].mean()
        out.append(_spectrum(axis, True, still[None], 1, false_alarm))
    return tuple(out)


def _spectrum(axis: str, fixed: bool, lines: Tensor, independent: int, false_alarm: float) -> Banding:
    from scipy.stats import chi2

    size = lines.shape[1]
    power = torch.fft.rfft(lines, dim=1).abs().square().mean(0) / size
    # Frequency 0 was taken off; at half a cycle a real line has one degree of freedom instead of two.
    power, frequency = power[1 : (size + 1) // 2], torch.arange(1, (size + 1) // 2) / size
    freedom = 2 * independent
    level = float(power.median()) * freedom / float(chi2.median(freedom))
    peaks: list[Peak] = []
    if level > 0:
        threshold = float(chi2.isf(false_alarm / len(power), freedom)) / freedom * level
        left = torch.cat([power[:1] * 0, power[:-1]])
        right = torch.cat([power[1:], power[:1] * 0])
        tops = ((power > threshold) & (power >= left) & (power >= right)).nonzero()[:, 0].tolist()
        for top in sorted(tops, key=lambda t: -float(power[t])):
            peak = _peak(lines, float(frequency[top]), level, independent, len(power), 0.0 if fixed else 0.5 / independent)
            # The skirt of a higher peak is no peak of its own.
            if all(_beyond(peak, other, size) for other in peaks):
                peaks.append(peak)
    return Banding(axis, fixed, frequency.double(), power, level, tuple(peaks), false_alarm)


def _beyond(peak: Peak, other: Peak, size: int) -> bool:
    apart = abs(peak.frequency.value - other.frequency.value) * size
    return apart > 1.5 and peak.amplitude.value > other.amplitude.value / (math.pi * (apart - 0.5))


def _peak(lines: Tensor, near: float, level: float, frames: int, tried: int, lost: float) -> Peak:
    from scipy.optimize import minimize_scalar
    from scipy.stats import chi2

    size = lines.shape[1]
    at = torch.arange(size, dtype=torch.float64) - (size - 1) / 2

    def power(f: float) -> float:
        turn = 2 * math.pi * f * at
        return float(((lines @ turn.cos()).square() + (lines @ turn.sin()).square()).mean()) / size

    bounds = (max(near - 1 / size, 0.0), min(near + 1 / size, 0.5))
    found = minimize_scalar(lambda f: -power(f), bounds=bounds, method="bounded", options={"xatol": 1e-4 / size})
    top = max(-float(found.fun), power(near))
    amplitude = 2 * math.sqrt(max(top - level, 0.0) / size)
    chance = min(1.0, tried * float(chi2.sf(2 * frames * top / level, 2 * frames)))
    wave = max(amplitude, 1e-300)
    return Peak(
        Estimate(float(found.x), math.sqrt(6 * level / frames / size**3) / (math.pi * wave), "cycles/pixel"),
        Estimate(amplitude, math.hypot(math.sqrt(2 * level / (size * frames)), lost * amplitude), "DN"),
        chance,
    )
