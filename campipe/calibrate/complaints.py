"""What is wrong with single files of a calibration, in plain sentences that name them."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import torch

from campipe.calibrate.dark import DarkStatistics
from campipe.calibrate.pairs import PairStatistics
from campipe.calibrate.photon_transfer import PhotonTransfer
from campipe.calibrate.quality import code_step, leak, pair_correlation
from campipe.calibrate.shots import Series
from campipe.core.frame import Frame

# Steps between codes from which on something upstream left codes out; counting alone reaches 1.1.
_STEP = 1.5
_LEAK = 1.0  # DN from side to side of an averaged dark frame, and as a part of its noise:
_LEAK_PART = 0.25
_OFF = 0.5  # DN that a dark frame may lie from the others of its series, beside 8 of their standard deviations
_SEEN = 0.24  # DN^2 of dark variance, below which rounding is all that neighbours could share
_SMOOTHED = "the noise of neighbours is correlated, where a sensor's is not: denoised, scaled or compressed frames"
_UNSTEADY = 0.01  # of the light, between the two flats of a pair,
_ODD = 0.15  # of the variance per signal, by which a level may lie off the others
_BRIGHT = 5.0  # where the signal is so many times its noise; in darker ones row noise moves the mean too


def dark_complaints(group: Series, statistics: DarkStatistics) -> list[str]:
    """What is wrong with a series of darks."""
    words = [f"{group.names[0]} and the other darks of its series: {note}" for note in statistics.notes]
    mean = Frame(statistics.mean[None, None].float(), "dn", statistics.capture)
    noise = float(statistics.variance.mean()) ** 0.5
    slopes, errors = leak(mean)
    slope = float(slopes.max())
    if slope > max(_LEAK, _LEAK_PART * noise) and bool((slopes > 5 * errors).any()):
        words.append(
            f"{group.names[0]} and the other darks of its series are brighter on one side by {slope:.2g} DN: "
            "light leaks in, or the amplifier glows"
        )
    first, second = (Frame(statistics.window[i][None, None], "dn", statistics.capture) for i in (0, 1))
    if float(statistics.variance.mean()) > _SEEN and pair_correlation(first, second).smoothed:
        words.append(f"{group.names[0]} and {group.names[1]}: {_SMOOTHED}")
    levels = statistics.rows.mean((0, 2))
    middle = levels.median()
    spread = 1.4826 * float((levels - middle).abs().median())
    for name, level in zip(group.names, (levels - middle).tolist(), strict=True):
        if len(group) > 3 and abs(level) > max(_OFF, 8 * spread):
            words.append(f"{name} lies {level:+.3g} DN from the other darks of its series: was the cap on, and the ISO the same?")
    return words


def flat_complaints(group: Series, first: Frame, second: Frame, pair: PairStatistics) -> list[str]:
    """What is wrong with the first pair of a series of flats."""
    names = f"{group.names[0]} and {group.names[1]}"
    if float(pair.saturated.max()) > 1e-3:
        return []  # such steps are left out of everything but saturation, and have little noise to look at
    words = []
    correlation = pair_correlation(first, second)
    if correlation.smoothed:
        words.append(f"{names}: {_SMOOTHED}")
    step = float(torch.nan_to_num(code_step(first), nan=1.0).max())
    if step > _STEP:
        words.append(f"{names}: only one code in {step:.2g} occurs: fewer bits upstream, or compression with loss")
    signal = (pair.mean - pair.clipped.new_tensor(_black(first))).clamp_min(1.0)
    moved = float((pair.shift.abs() / signal).max())
    bright = bool((signal > _BRIGHT * pair.variance.sqrt()).any())
    if bright and moved > _UNSTEADY and float(pair.shift.abs().max()) > 5 * float((2 * pair.variance / pair.pixels).sqrt().max()):
        words.append(f"{names} differ in light by {100 * moved:.2g} %: flicker, or a lamp that drifts")
    return words


def gain_complaints(groups: Sequence[Series], steps: Sequence[PairStatistics], transfer: Mapping[str, PhotonTransfer]) -> list[str]:
    """Flats whose variance lies off the line of the others, by name.

    groups, steps   series of flats and their statistics, in one order
    transfer        of all of them, by plane
    """
    words = {}
    for plane, found in transfer.items():
        rows = [(group, step, step.row(plane)) for group, step in zip(groups, steps, strict=True)]
        black, dark = found.black_level.value, max(found.dark_variance.value, 0.0)
        usable = [(g, s, i) for g, s, i in rows if float(s.saturated[i]) < 1e-3 and float(s.mean[i]) - black > _BRIGHT * dark**0.5]
        if len(usable) < 4:
            continue
        signal = torch.stack([s.mean[i] for _, s, i in usable]) - black
        gains = (torch.stack([s.variance[i] for _, s, i in usable]) - dark) / signal
        errors = torch.stack([s.variance_error[i] for _, s, i in usable]) / signal
        below = signal < 0.7 * found.saturation.value * found.gain.value
        usual = gains[below].median() if bool(below.any()) else gains.median()
        off = (gains / usual - 1).tolist()
        for (group, _, _), part, error, inside in zip(usable, off, (errors / usual).tolist(), below.tolist(), strict=True):
            if inside and abs(part) > max(_ODD, 8 * error):
                words[group.names[0]] = (
                    f"{group.names[0]} and the other flats of its level have {100 * part:+.2g} % of variance beside the others: "
                    "another gain, or processed frames"
                )
    return list(words.values())


def _black(frame: Frame) -> float:
    level = frame.capture.black_level
    return 0.0 if level is None or not math.isfinite(float(level.mean())) else float(level.mean())
