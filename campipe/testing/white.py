"""assert_white: noise without correlation, in space and time, and with a flat spectrum."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from campipe.core.errors import CampipeError
from campipe.testing.arrays import stack
from campipe.testing.budget import Budget, rate_of
from campipe.testing.chance import chi_square_reach, normal_p, normal_reach, ratio_p, ratio_reach
from campipe.testing.verdict import Finding, Verdict, judge


def assert_white(frames: Any, *, lags: int = 3, false_alarm: float | Budget, count: int = 16, name: str = "white noise") -> Verdict:
    """Fail unless noise is independent from pixel to pixel and from frame to frame.

    frames    (n, H, W) of the same scene, one plane; array, tensor, Frame, list, or a function of 0 .. count - 1 that returns one.
              Of two or more the differences of pairs are looked at, from which the fixed pattern drops out; a single one is taken as noise
    lags      correlations are looked at up to so many pixels away
    returns   `smallest`: "correlation" (coefficient of a lag), "row" and "column" (noise shared by a row or column) and "ripple"
              (amplitude of a sine along rows), the last three as fractions of the noise's standard deviation

    Statistic: (a) autocorrelation at every lag, and between consecutive pairs, each normal after division by the root of the sum of
    squared products, which allows noise whose strength varies over the frame; (b) power of every frequency along rows and along columns,
    averaged over them, against all others: Fisher's F. Half of the rate each, divided among lags and frequencies (Bonferroni).
    Assumes for (b) about the same noise everywhere. Catches correlated neighbours, row and column noise, banding, charge shared after
    counting, repeated seeds. Source of the spectra: EMVA 1288 Release 4.0, section 8.
    """
    rate = rate_of(false_alarm, name)
    images = stack(frames, count)
    if min(images.shape[1:]) < 2 * lags + 2:
        raise CampipeError(f"frames of {2 * lags + 2} pixels or more on each side are needed for {lags} lags, but {images.shape[1:]} came")
    single = len(images) == 1
    noise = images - images.mean() if single else (images[0 : len(images) - 1 : 2] - images[1::2]) / math.sqrt(2)
    if any(float(np.ptp(one)) == 0 for one in noise):
        words = "noise that changes was expected, but " + ("the frame is constant" if single else "two frames are equal")
        finding = Finding("repeated", math.inf, 0.0, 1.0, words, "The same seed for every frame?")
        return judge(name, [finding], rate, false_alarm, {}, "any repeat")
    findings = _correlations(noise, lags)
    findings = [Finding(f.name, f.z, f.p, 0.5 / len(findings), f.sentence, f.cause) for f in findings]
    spectrum = [*_spectrum(noise, "row", single), *_spectrum(noise.swapaxes(1, 2), "column", single)]
    findings += [Finding(f.name, f.z, f.p, 0.5 / len(spectrum), f.sentence, f.cause) for f in spectrum]
    n, height, width = noise.shape
    part, lag_part = rate * 0.5 / len(spectrum), rate * findings[0].weight
    smallest = {"correlation": normal_reach(lag_part) / math.sqrt(noise.size)}
    for what, length, across in (("row", width, height), ("column", height, width)):
        freedom = n * across - single
        smallest[what] = math.sqrt((ratio_reach(freedom, noise.size - freedom, part) - 1) / length)
    smallest["ripple"] = math.sqrt(2 * chi_square_reach(2 * n * height, part / 2) / noise.size)
    power = f"a correlation of {smallest['correlation']:.2g}, row noise of {100 * smallest['row']:.2g} %"
    power += f" or a ripple of {100 * smallest['ripple']:.2g} % of the noise"
    return judge(name, findings, rate, false_alarm, smallest, power)


def _correlations(noise: np.ndarray, lags: int) -> list[Finding]:
    steps = [(0, y, x) for y in range(lags + 1) for x in range(-lags, lags + 1) if (y, x) > (0, 0)]
    if len(noise) > 1:
        steps += [(1, y, x) for y in (-1, 0, 1) for x in (-1, 0, 1)]
    power = noise * noise
    variance = float(power.mean())
    out = []
    for t, y, x in steps:
        here, there = _window(t, y, x, 0), _window(t, y, x, 1)
        product = noise[here] * noise[there]
        spread = math.sqrt(float(np.einsum("nij,nij->", power[here], power[there])))
        z = float(product.sum()) / spread if spread else 0.0
        where = f"{y} rows and {x} columns away" + (", in the next pair of frames" if t else "")
        came = float(product.mean()) / variance
        words = f"no correlation was expected, but that of pixels {where} is {came:.3g}, {z:.1f} standard errors off"
        out.append(Finding(f"lag {t},{y},{x}", z, normal_p(z), 1.0, words, _cause(t, y, x)))
    return out


def _window(t: int, y: int, x: int, end: int) -> tuple[slice, slice, slice]:
    """Where the first (end 0) or second pixel of each pair lies."""

    def side(step: int) -> slice:
        if step < 0:
            step, swapped = -step, 1 - end
        else:
            swapped = end
        return slice(step, None) if swapped else slice(None, -step or None)

    return side(t), side(y), side(x)


def _cause(t: int, y: int, x: int) -> str:
    if t:
        return "Frames that share draws: a seed, or a counter, that overlaps?"
    return "Noise that is smoothed, shared along a row or column, or charge shared after counting?"


def _spectrum(noise: np.ndarray, along: str, centred: bool) -> list[Finding]:
    """The power of each frequency along rows against that of all others."""
    n, height, width = noise.shape
    power = (np.abs(np.fft.rfft(noise, axis=2)) ** 2).sum((0, 1)) / width
    freedom = np.full(power.size, 2.0 * n * height)
    freedom[0] = n * height - centred
    if width % 2 == 0:
        freedom[-1] = n * height
    power *= np.where(freedom > n * height, 2.0, 1.0)
    total, all_freedom = float(power.sum()), float(freedom.sum())
    ratio = (power / freedom) / ((total - power) / (all_freedom - freedom))
    chances = [ratio_p(float(r), f, all_freedom - f) for r, f in zip(ratio, freedom, strict=True)]
    out = []
    for k, (r, p) in enumerate(zip(ratio, chances, strict=True)):
        what = f"what each {along} shares" if k == 0 else f"{k} cycles along a {along}"
        words = f"a flat spectrum was expected, but {what} has {r:.4g} times the power of the rest"
        cause = f"{along.capitalize()} noise?" if k == 0 else "Banding, or noise that is smoothed?"
        out.append(Finding(f"{along} frequency {k}", float(r), p, 1.0, words, cause))
    return out
