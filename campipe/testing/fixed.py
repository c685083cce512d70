"""assert_fixed_pattern and assert_row_noise: what is the same in every frame, and what a row shares in one frame."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from campipe.core.errors import CampipeError
from campipe.testing.arrays import stack
from campipe.testing.budget import Budget, rate_of
from campipe.testing.chance import normal_p, normal_reach, ratio_p, ratio_reach
from campipe.testing.verdict import Finding, Verdict, judge

_PARTS = ("row", "column", "pixel")


def mean_squares(images: np.ndarray) -> dict[str, tuple[float, float]]:
    """Two-way analysis of variance of each image by row, column and the rest: mean square and degrees of freedom, summed over images.

    images   (n, H, W)

    Of independent noise all three are its variance; a row part of standard deviation s adds W s^2 to the first, a column part H s^2.
    """
    n, height, width = images.shape
    centred = images - images.mean((1, 2), keepdims=True)
    rows, columns = centred.mean(2, keepdims=True), centred.mean(1, keepdims=True)
    rest = centred - rows - columns
    sums = width * float((rows**2).sum()), height * float((columns**2).sum()), float((rest**2).sum())
    freedoms = n * (height - 1), n * (width - 1), n * (height - 1) * (width - 1)
    return {part: (s / f, float(f)) for part, s, f in zip(_PARTS, sums, freedoms, strict=True)}


def assert_fixed_pattern(
    frames: Any,
    *,
    pixel: float,
    row: float = 0.0,
    column: float = 0.0,
    false_alarm: float | Budget,
    count: int = 16,
    name: str = "fixed pattern",
) -> Verdict:
    """Fail unless frames of one even scene share a map with the stated standard deviations, and differ in their noise.

    frames               four or more, (n, H, W), one plane, evenly lit or dark; array, tensor, Frame, list, or a function of
                         0 .. count - 1 that returns one
    pixel, row, column   standard deviations of the map's parts, in the unit of the frames
    returns              `smallest`: "pixel", "row", "column" in the unit of the frames, and "drift": standard deviation of what changes
                         in the map between the first and the second half

    Statistic: the mean square of the mean frame by row, column and pixel over the predicted one, in which the temporal noise is measured
    from the same frames: Fisher's F. The difference of the halves over the noise inside them: F again. A quarter of the rate each.
    Frames that are equal fail at once. Assumes normal maps, and temporal noise that is about the same over the frame; temporal row and
    column noise is allowed. Catches a redrawn or frozen pattern, wrong or swapped parts, a repeated seed.
    Source of the split: EMVA 1288 Release 4.0, section 4.
    """
    rate = rate_of(false_alarm, name)
    images = stack(frames, count, 4)
    n, height, width = images.shape
    _large_enough(height, width)
    repeated = n - len({one.tobytes() for one in images})
    mean = images.mean(0, keepdims=True)
    spatial, scatter = mean_squares(mean), mean_squares(images - mean)
    # The mean took one frame's worth of freedom.
    temporal = {part: (ms * n / (n - 1), freedom * (n - 1) / n) for part, (ms, freedom) in scatter.items()}
    length = {"row": width, "column": height, "pixel": 1}
    wanted = {"row": row, "column": column, "pixel": pixel}
    findings, smallest = [], {}
    for part in _PARTS:
        ms, freedom = spatial[part]
        noise, below = temporal[part][0] / n, temporal[part][1]
        own = length[part] * wanted[part] ** 2 + (pixel**2 if part != "pixel" else 0.0)
        ratio, scale, below = _over(ms, own, noise, below)
        came2 = (ms - scale + length[part] * wanted[part] ** 2) / length[part]
        words = f"a {part} pattern of {wanted[part]:.4g} was expected, but {math.sqrt(max(came2, 0.0)):.4g} came"
        cause = "Redrawn for every frame?" if came2 < 0.5 * wanted[part] ** 2 else ""
        findings.append(Finding(part, ratio, ratio_p(ratio, freedom, below), 0.25, words, cause))
        reach = ratio_reach(freedom, below, rate / 4)
        smallest[part] = _more(wanted[part], (reach - 1) * scale / length[part])
    findings.append(_drift(images, temporal["pixel"]))
    half = n // 2
    reach = ratio_reach((height - 1) * (width - 1), (n - 2) * (height - 1) * (width - 1), rate / 4)
    smallest["drift"] = math.sqrt((reach - 1) * temporal["pixel"][0] * (1 / half + 1 / (n - half)))
    if repeated:
        words = f"{n} frames with noise of their own were expected, but {repeated} are equal to another one"
        findings = [Finding("repeated", math.inf, 0.0, 1.0, words, "The same seed for every frame?")]
    power = ", ".join(f"{part} pattern {smallest[part]:.2g} too strong" for part in _PARTS) + f" or a drift of {smallest['drift']:.2g}"
    return judge(name, findings, rate, false_alarm, smallest, power)


def assert_row_noise(
    frames: Any, *, std: float, axis: str = "row", false_alarm: float | Budget, count: int = 16, name: str = "row noise"
) -> Verdict:
    """Fail unless each row of each frame has an offset of its own with the stated standard deviation.

    frames    an even number of them, two or more, of the same scene, (n, H, W), one plane; array, tensor, Frame, list, or a function
              of 0 .. count - 1 that returns one
    std       in the unit of the frames; 0: there is none
    axis      "row" or "column"
    returns   `smallest`: "row" and "column", in the unit of the frames: how much more of it is caught, and "neighbours", the correlation
              of neighbouring rows

    Statistic: of the differences of pairs of frames, the mean square by row over the predicted one, in which the pixel noise is measured
    from the same differences, and the mean square by column over that of the pixels: Fisher's F each; the correlation of
    neighbouring rows: normal. A third of the rate each. Assumes normal row noise, and pixel noise about the same over the frame.
    Catches row noise that is frozen, drawn by column, shared by neighbours, or given in another unit.
    """
    rate = rate_of(false_alarm, name)
    if axis not in ("row", "column"):
        raise CampipeError(f"axis is 'row' or 'column', but {axis!r} came")
    other = "column" if axis == "row" else "row"
    images = stack(frames, count, 2)
    images = images if axis == "row" else images.swapaxes(1, 2)
    _large_enough(*images.shape[1:])
    noise = (images[0 : len(images) - 1 : 2] - images[1::2]) / math.sqrt(2)
    n, height, width = noise.shape
    squares = mean_squares(noise)
    pixel, below = squares["pixel"]
    if pixel == 0 and squares["row"][0] == 0:
        words = "noise that changes from frame to frame was expected, but the frames are equal"
        finding = Finding("repeated", math.inf, 0.0, 1.0, words, "The same seed for every frame?")
        return judge(name, [finding], rate, false_alarm, {}, "any repeat")
    findings, smallest = [], {}
    for label, part, length, wanted in ((axis, "row", width, std), (other, "column", height, 0.0)):
        ms, freedom = squares[part]
        ratio, scale, under = _over(ms, length * wanted**2, pixel, below)
        came = math.sqrt(max((ms - pixel) / length, 0.0))
        words = f"temporal {label} noise of {wanted:.4g} was expected, but {came:.4g} came"
        findings.append(Finding(label, ratio, ratio_p(ratio, freedom, under), 1 / 3, words, _row_cause(came, wanted, label, axis)))
        smallest[label] = _more(wanted, (ratio_reach(freedom, under, rate / 3) - 1) * scale / length)
    means = noise.mean(2) - noise.mean((1, 2))[:, None]
    product = means[:, 1:] * means[:, :-1]
    # Taking the mean of a frame's rows away left neighbours with a correlation of -1 / H.
    product = product + float((means**2).sum()) / (n * (height - 1) * height)
    z = float(product.sum()) / math.sqrt(float((product**2).sum()))
    words = f"independent {axis}s were expected, but neighbours have a correlation of {float(product.mean() / (means**2).mean()):.3g}"
    findings.append(Finding("neighbours", z, normal_p(z), 1 / 3, words, f"{axis.capitalize()}s that share draws?"))
    smallest["neighbours"] = normal_reach(rate / 3) / math.sqrt(product.size)
    power = f"{axis} noise {smallest[axis]:.2g} too strong, {other} noise of {smallest[other]:.2g}"
    power += f" or {axis}s with a correlation of {smallest['neighbours']:.2g}"
    return judge(name, findings, rate, false_alarm, smallest, power)


def _over(ms: float, own: float, noise: float, below: float) -> tuple[float, float, float]:
    """A mean square over its prediction own + noise, where own is known and noise measured with `below` degrees of freedom.

    returns   ratio, prediction, degrees of freedom of the prediction (Satterthwaite)
    """
    scale = own + noise
    if scale == 0:
        return (1.0 if ms == 0 else math.inf), 0.0, below
    return ms / scale, scale, min(below * (scale / noise) ** 2 if noise else 1e12, 1e12)


def _more(wanted: float, excess: float) -> float:
    """How much larger than wanted a standard deviation is whose square is larger by the excess."""
    return math.sqrt(wanted**2 + excess) - wanted


def _drift(images: np.ndarray, temporal: tuple[float, float]) -> Finding:
    n = len(images)
    half = n // 2
    difference = (images[:half].mean(0) - images[half:].mean(0)) / math.sqrt(1 / half + 1 / (n - half))
    ms, freedom = mean_squares(difference[None])["pixel"]
    rest = (temporal[0] * (n - 1) - ms) / (n - 2)
    ratio = ms / rest if rest > 0 else (1.0 if ms == 0 else math.inf)
    came = math.sqrt(max(ms - rest, 0.0) * (1 / half + 1 / (n - half)))
    words = f"the same map in every frame was expected, but {came:.3g} of it changes between the first and the second half"
    p = ratio_p(ratio, freedom, freedom * (n - 2))
    return Finding("drift", ratio, p, 0.25, words, "A pattern that drifts, or is redrawn now and then?")


def _row_cause(came: float, wanted: float, label: str, axis: str) -> str:
    if label != axis:
        return f"Drawn by {label} instead of by {axis}?"
    if came < 0.3 * wanted:
        return f"The same in every frame, drawn by {'column' if axis == 'row' else 'row'}, or left out?"
    return ""


def _large_enough(height: int, width: int) -> None:
    if min(height, width) < 8:
        raise CampipeError(f"frames of 8 x 8 pixels or more are needed, but {height} x {width} came")
