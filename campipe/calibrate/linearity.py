"""Linearity of a sensor: how far the mean signal leaves a straight line (EMVA 1288 Release 4, section 8)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from campipe.calibrate.estimate import Estimate
from campipe.calibrate.pairs import PairStatistics
from campipe.calibrate.transfer_series import planes_of, saturation_of, series_of
from campipe.core.errors import CampipeError

LOW, HIGH = 0.05, 0.95  # parts of saturation between which the line is fitted


@dataclass(frozen=True)
class Linearity:
    """How linear one plane is.

    slope       DN per photon, or per second where photons are not known
    offset      DN
    least, most %, smallest and largest deviation from the line between 5 and 95 % of saturation: LE_min and LE_max
    error       %, linearity error: mean size of the deviations there, whose part from temporal noise is `noise`
    noise       %, mean size of deviations that temporal noise alone makes; unsteady light comes beside
    light       (N,) photons or seconds, `unit` says which; signal (N,) DN above dark; deviation (N,) %; used (N,) bool
    """

    plane: str
    slope: Estimate
    offset: Estimate
    least: Estimate
    most: Estimate
    error: Estimate
    noise: float
    light: Tensor
    signal: Tensor
    deviation: Tensor
    used: Tensor
    unit: str


def linearity(
    flats: Sequence[PairStatistics], darks: Sequence[PairStatistics], *, saturation_step: int | None = None
) -> dict[str, Linearity]:
    """Linearity error of every plane, from a series of flats over light.

    flats, darks      as for `campipe.calibrate.photon_transfer`; all flats know their photons, or else their exposure time under
                      steady light
    saturation_step   number of the step, in order of light, that counts as saturation; None: the largest variance

    The line y = slope x + offset minimises the sum of (deviation / signal)^2 over the steps between 5 and 95 % of saturation, so that every
    step counts by its relative deviation. Errors of slope and offset are those of weighted least squares with the residual scatter; those
    of the deviations are temporal noise of the means, sqrt(variance / 2n). Of many deviations the extreme ones are noise for the most part:
    read them beside `noise`.
    """
    return {plane: _plane(plane, flats, darks, saturation_step) for plane in planes_of(flats, darks)}


def _plane(plane: str, flats: Sequence[PairStatistics], darks: Sequence[PairStatistics], step: int | None) -> Linearity:
    series = series_of(flats, darks, plane)
    unit, light = "photon", series.flats.photons
    if bool(light.isnan().any()):
        unit, light = "s", series.flats.seconds
    if bool(light.isnan().any()) or len(light.unique()) < 3:
        raise CampipeError("linearity needs three steps or more of known light: give photons for each pair, or frames that know their time")
    signal = series.signal
    top = float(signal[saturation_of(series, step).step])
    used = (signal >= LOW * top) & (signal <= HIGH * top)
    if int(used.sum()) < 3:
        raise CampipeError(f"linearity needs three steps or more between 5 and 95 % of saturation, but {int(used.sum())} came; add steps")
    x, y = light[used], signal[used]
    weight = 1 / y.square()
    total = weight.sum()
    middle, height = (weight * x).sum() / total, (weight * y).sum() / total
    spread = (weight * (x - middle).square()).sum()
    slope = (weight * (x - middle) * (y - height)).sum() / spread
    offset = height - slope * middle
    line = slope * light + offset
    deviation = 100 * (signal - line) / line
    scatter = (weight * (y - line[used]).square()).sum() / (len(x) - 2) if len(x) > 2 else torch.zeros(())
    errors = (scatter / spread).sqrt(), (scatter * (1 / total + middle.square() / spread)).sqrt()
    free = float(len(x) - 2)
    flat = series.flats
    chance = (100 * (flat.variance / (2 * flat.pixels)).sqrt() / line)[used]
    inside = deviation[used]
    lowest, highest = int(inside.argmin()), int(inside.argmax())
    mean = Estimate(float(inside.abs().mean()), float(chance.square().sum().sqrt() / len(x)), "%")
    return Linearity(
        plane,
        Estimate(float(slope), float(errors[0]), f"DN/{unit}", free),
        Estimate(float(offset), float(errors[1]), "DN", free),
        Estimate(float(inside[lowest]), float(chance[lowest]), "%"),
        Estimate(float(inside[highest]), float(chance[highest]), "%"),
        mean,
        float(chance.mean()) * (2 / torch.pi) ** 0.5,
        light,
        signal,
        deviation,
        used,
        unit,
    )
