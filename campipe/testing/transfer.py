"""assert_photon_transfer: temporal variance against mean, as gain and read noise predict it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from campipe.core.errors import CampipeError, ShapeError
from campipe.testing.arrays import stack
from campipe.testing.budget import Budget, rate_of
from campipe.testing.chance import mean_test, normal_reach
from campipe.testing.moments import variance_cause
from campipe.testing.verdict import Finding, Verdict, judge


def assert_photon_transfer(
    levels: Sequence[Any],
    *,
    gain: float,
    read_noise: float,
    black: float,
    row_noise: float = 0.0,
    rounded: bool = True,
    false_alarm: float | Budget,
    count: int = 2,
    name: str = "photon transfer",
) -> Verdict:
    """Fail unless the temporal variance of each level is K (mean - black) + K^2 (read^2 + row^2) + 1/12.

    levels       two levels of light or more, dark included: of each two frames or more of the same scene, (n, H, W), DN, one plane,
                 neither saturated nor clipped; each an array, tensor, Frame, or a function of 0 .. count - 1 that returns one frame
    gain         K, DN/e-
    read_noise   e-, temporal, by pixel; row_noise: e-, temporal, by row
    black        DN, mean over these pixels
    rounded      False: the frames were not rounded, and the 1/12 DN^2 are left out
    returns      `smallest`: "gain" as a fraction, "intercept" in DN^2, "bend": how far the middle of the curve sags off the straight
                 line, as a fraction of the variance at the brightest level (three levels or more)

    Statistic: by pixel the sample variance minus the predicted one, summed over the levels with weights that look for a gain, an
    intercept and a bend that are off; the studentised mean over pixels (over rows, where there is row noise) corrected for skewness.
    Each has the same part of the rate. The fixed pattern drops out. Assumes pixels (rows) that are independent.
    Catches a wrong gain or read noise, doubled quantisation, a redrawn fixed pattern, shot noise counted in DN or before the
    efficiency, charge shared after counting, a repeated seed. Raises CampipeError where rounding does not add 1/12 DN^2
    (noise below about 0.7 DN): compare with the whole law by `assert_distribution`.
    Source: EMVA 1288 Release 4.0, section 2.
    """
    rate = rate_of(false_alarm, name)
    stacks = [stack(one, count, 2) for one in levels]
    if len(stacks) < 2 or len({s.shape[1:] for s in stacks}) != 1:
        raise ShapeError("two levels or more of the same height and width are needed for a photon transfer curve")
    signal = np.array([float(s.mean()) - black for s in stacks])
    floor = gain**2 * (read_noise**2 + row_noise**2) + (1 / 12 if rounded else 0.0)
    if rounded:
        _rounding_is_noise(signal, gain, read_noise)
    expected = np.maximum(gain * signal, 0.0) + floor
    # Of each level and pixel: sample variance minus the prediction, which goes with the mean of the same frames.
    excess = np.stack([s.var(0, ddof=1) - gain * (s.mean(0) - black) - floor for s in stacks])
    excess = excess.mean(2) if row_noise else excess.reshape(len(stacks), -1)
    # Fourth cumulant of Poisson counts, and the normal part.
    error2 = np.array([gain**3 * max(x, 0.0) / len(s) + 2 * v**2 / (len(s) - 1) for x, v, s in zip(signal, expected, stacks, strict=True)])
    directions = {"gain": signal, "intercept": np.ones(len(stacks))}
    if len({round(x, 6) for x in signal}) > 2:
        directions["bend"] = _bend(signal, 1 / error2)
    top, sag = float(expected.max()), float(np.ptp(signal)) ** 2 / 4
    weight = 1 / len(directions)
    units = {"gain": 1 / gain, "intercept": 1.0, "bend": sag / top}
    findings, smallest = [], {}
    for what, direction in directions.items():
        samples = (direction / error2) @ excess / (direction**2 / error2).sum()
        z, p, error = mean_test(samples)
        off = float(samples.mean())
        findings.append(Finding(what, z, p, weight, _sentence(what, off, gain, floor, sag / top, z), _cause(what, off, error, gain, floor)))
        smallest[what] = normal_reach(rate * weight, samples.size - 1) * error * units[what]
    # The errors grow with the slope, and with the variance in the dark, that are there.
    for what, whole in (("gain", 1.0), ("intercept", float(expected.min()))):
        smallest[what] = smallest[what] / (1 - smallest[what] / whole) if smallest[what] < whole else math.inf
    power = f"a gain {100 * smallest['gain']:.2g} % or an intercept {smallest['intercept']:.2g} DN^2 off"
    power += f" or a bend of {100 * smallest['bend']:.2g} %" if "bend" in smallest else ""
    if all(float(s.var(0).max()) == 0 for s in stacks):
        words = "noise that changes from frame to frame was expected, but all frames of a level are equal"
        findings = [Finding("intercept", math.inf, 0.0, 1.0, words, "The seed repeated for every frame?")]
    return judge(name, findings, rate, false_alarm, smallest, power)


def _bend(signal: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """The square of the signal without what a straight line explains."""
    line = np.stack([np.ones_like(signal), signal], 1) * np.sqrt(weights)[:, None]
    square = signal**2 * np.sqrt(weights)
    return (square - line @ np.linalg.lstsq(line, square, rcond=None)[0]) / np.sqrt(weights)


def _rounding_is_noise(signal: np.ndarray, gain: float, read_noise: float) -> None:
    """Refuse levels at which rounding does not simply add 1/12 DN^2.

    How far it is from that goes with the characteristic function of the unrounded signal at one turn per DN (Widrow's theorem).
    """
    electrons = np.maximum(signal, 0.0) / gain
    turn = np.exp(-electrons * (1 - math.cos(2 * math.pi * gain)) - 2 * (math.pi * gain * read_noise) ** 2)
    if turn.max() > 1e-3:
        raise CampipeError(
            f"at a noise of {math.sqrt(gain * max(signal[turn.argmax()], 0.0) + (gain * read_noise) ** 2):.2g} DN rounding does not just "
            "add 1/12 DN^2; take levels with more noise, or compare with the whole law by assert_distribution"
        )


def _sentence(what: str, off: float, gain: float, floor: float, sag: float, z: float) -> str:
    if what == "gain":
        return f"a gain of {gain:.6g} DN/e- was expected, but the slope is that of {gain + off:.6g}, {z:.1f} standard errors off"
    if what == "intercept":
        return f"an intercept of {floor:.6g} DN^2 was expected, but {floor + off:.6g} fits, {z:.1f} standard errors off"
    return f"a straight line was expected, but its middle sags by {100 * off * sag:.2g} % of the top variance, {z:.1f} standard errors off"


def _cause(what: str, off: float, error: float, gain: float, floor: float) -> str:
    if what == "intercept" and abs(abs(off) - gain / 2) < 3 * error and abs(abs(off) - 1 / 12) > 2 * error:
        return "As from a mean that is half a DN off: cut off instead of rounded?"
    if what == "intercept":
        return variance_cause(off, error, floor) or "Read noise in another unit, before or behind the gain, or its variance given for it?"
    if what == "bend":
        return "Noise on the signal that grows with its square (a redrawn fixed pattern, flicker), clipping, or saturation?"
    if abs(gain + off - 1) < 0.05 * max(1.0, abs(off)) and abs(off) > 0.1:
        return "The variance equals the mean in DN: shot noise drawn as the root of digital numbers?"
    return "Charge shared after counting, or efficiency applied to counted photons?" if off < 0 else "A redrawn or late fixed pattern?"
