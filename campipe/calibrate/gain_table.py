"""Gain against ISO."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from campipe.calibrate.dark_current import weighted_line
from campipe.calibrate.estimate import Estimate, combined
from campipe.calibrate.published.dng_noise import to_profile
from campipe.core.errors import CampipeError


@dataclass(frozen=True)
class GainTable:
    """System gain at each ISO, and whether it follows the number on the dial.

    iso          lowest first
    gain         DN/e- at each
    per_iso      DN/e- per unit of ISO: the mean of gain / ISO
    chance       probability that gains in proportion to ISO scatter as much as these
    power        p of gain = c ISO^p, with its error; 1 where they are in proportion
    worst        largest |gain / (per_iso ISO) - 1|
    """

    iso: tuple[float, ...]
    gain: tuple[Estimate, ...]
    per_iso: Estimate
    chance: float
    power: Estimate
    worst: float

    def proportional(self, false_alarm: float = 1e-3) -> bool:
        """True where nothing says that gain is not in proportion to ISO."""
        return self.chance >= false_alarm

    def at(self, iso: float) -> Estimate:
        """Gain at an ISO of the table."""
        if iso not in self.iso:
            raise CampipeError(f"the gain was measured at ISO {', '.join(f'{i:g}' for i in self.iso)}, but {iso:g} was asked for")
        return self.gain[self.iso.index(iso)]

    def noise_profile(self, iso: float, sigma: float, black: float, white: float) -> tuple[float, float]:
        """S and O of the DNG specification at an ISO of the table; sigma: all temporal dark noise, DN, rounding included."""
        return to_profile(self.at(iso).value, sigma, black, white)


def gain_table(measured: Mapping[float, Estimate | Sequence[Estimate]]) -> GainTable:
    """Put gains that were measured at several ISOs into a table.

    measured   ISO to the gain there, DN/e-, one estimate or those of the planes, which are averaged

    In proportion: chi-squared of gain / ISO about its weighted mean, one degree of freedom less than ISOs. The power is a line by weighted
    least squares through ln(gain) against ln(ISO). Errors are those of the gains; planes are averaged by `combined`.
    """
    from scipy.stats import chi2

    if not measured:
        raise CampipeError("a table of gains needs one ISO or more, but none came")
    rows = sorted((float(iso), g if isinstance(g, Estimate) else combined(list(g))) for iso, g in measured.items())
    bad = [iso for iso, g in rows if not (iso > 0 and math.isfinite(g.value) and g.value > 0) or g.bound]
    if bad:
        raise CampipeError(f"ISOs and gains are above 0, but not at ISO {bad[0]:g}; leave it out")
    isos, gains = tuple(iso for iso, _ in rows), tuple(g for _, g in rows)
    error = np.array([max(g.error, 1e-9 * g.value) if math.isfinite(g.error) else 1e-9 * g.value for g in gains])
    value, iso = np.array([g.value for g in gains]), np.array(isos)
    ratio, own = value / iso, error / iso
    weight = 1 / own**2
    mean = float(weight @ ratio / weight.sum())
    chi = float(weight @ (ratio - mean) ** 2)
    freedom = len(rows) - 1
    grown = math.sqrt(max(1.0, chi / freedom)) if freedom else 1.0
    per_iso = Estimate(mean, grown / math.sqrt(float(weight.sum())), "DN/e-/ISO", float(freedom) if grown > 1 else math.inf)
    chance = float(chi2.sf(chi, freedom)) if freedom else 1.0
    power = weighted_line(np.log(iso), np.log(value), error / value)[0] if freedom else Estimate(1.0, math.nan, note="one ISO")
    return GainTable(isos, gains, per_iso, chance, power, float(np.abs(ratio / mean - 1).max()))
