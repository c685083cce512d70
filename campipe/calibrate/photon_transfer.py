"""Photon transfer: gain, dark noise, saturation, efficiency and signal-to-noise ratio of a sensor from pairs of frames.

Photons arrive independently, so that the temporal variance grows with the mean, and by K for every DN (Janesick, Photon Transfer, 2007;
EMVA 1288 Release 4, sections 2 and 6): variance = K (mean - dark mean) + dark variance.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from campipe.calibrate.estimate import Estimate
from campipe.calibrate.pairs import PairStatistics
from campipe.calibrate.transfer_fit import TransferFit, standard_fit, weighted_fit
from campipe.calibrate.transfer_series import Saturation, Series, planes_of, saturation_of, series_of, usable
from campipe.calibrate.transfer_warnings import transfer_warnings
from campipe.core.errors import CampipeError

QUANTISATION = 1 / 12  # DN^2, variance of rounding to whole numbers
LEAST = 0.24  # DN^2, dark variance below which rounding hides the noise (EMVA 1288 Release 4)
_PLATEAU = 0.95  # of the brightest signal
_FITS = {"weighted": weighted_fit, "emva1288": standard_fit}


@dataclass(frozen=True)
class TransferPoints:
    """The flats of a transfer curve in order of light, (N,) each, for plots.

    signal, variance, error   DN, DN^2, DN^2: mean above dark, temporal variance and its standard error
    fitted                    DN^2, the line
    mean                      DN
    dark_variance             DN^2
    seconds, photons          nan where not known
    saturated                 fraction
    used                      which of them the fit used
    """

    signal: Tensor
    variance: Tensor
    error: Tensor
    fitted: Tensor
    mean: Tensor
    dark_variance: Tensor
    seconds: Tensor
    photons: Tensor
    saturated: Tensor
    used: Tensor

    @property
    def residual(self) -> Tensor:
        """(N,) distance from the line in standard errors."""
        return (self.variance - self.fitted) / self.error


@dataclass(frozen=True)
class PhotonTransfer:
    """What photon transfer says of one plane.

    gain                 K, DN/e-
    dark_noise           sigma_d, e-, without the noise of rounding; an upper limit where the dark variance is below 0.24 DN^2
    dark_variance        DN^2, all temporal noise without light, rounding included
    black_level          DN, mean without light
    saturation           mu_e.sat, e-
    threshold            mu_e.min, e-, absolute sensitivity threshold: where signal equals noise
    dynamic_range        saturation over threshold
    snr_max              square root of the saturation capacity
    quantum_efficiency   e-/photon, and responsivity R, DN/photon: None where the photons are not known
    points               the curve
    warnings             what is wrong with the data, in plain sentences
    method               "weighted" or "emva1288"
    """

    plane: str
    gain: Estimate
    dark_noise: Estimate
    dark_variance: Estimate
    black_level: Estimate
    saturation: Estimate
    threshold: Estimate
    dynamic_range: Estimate
    snr_max: Estimate
    quantum_efficiency: Estimate | None
    responsivity: Estimate | None
    points: TransferPoints
    warnings: tuple[str, ...]
    method: str

    def snr(self, electrons: Tensor | float, *, dsnu: float = 0.0, prnu: float = 0.0) -> Tensor:
        """Signal-to-noise ratio at mean numbers of electrons (photons times quantum efficiency); dsnu in e- and prnu as a fraction make it
        the total one (EMVA 1288, equations 11 and 48)."""
        signal = torch.as_tensor(electrons, dtype=torch.float64)
        floor = self.dark_variance.value / self.gain.value**2
        return signal / (floor + signal + dsnu**2 + (prnu * signal) ** 2).sqrt()


def photon_transfer(
    flats: Sequence[PairStatistics], darks: Sequence[PairStatistics], *, method: str = "weighted", saturation_step: int | None = None
) -> dict[str, PhotonTransfer]:
    """Photon transfer of every plane.

    flats             one pair for each step of light, from near dark to saturation; by light or by exposure time
    darks             pairs without light, of the flats' exposure times, or of one time where dark current does not matter
    method            "weighted": all variances weighted by their standard errors, see `weighted_fit`; "emva1288": as the standard says, see
                      `standard_fit`. Both use steps from 0 to 70 % of saturation; "weighted" leaves out steps with saturated
                      pixels, and goes up to 95 % where it would have none, with a warning
    saturation_step   number of the step, in order of light, that counts as saturation; None: it is found

    Saturation: with "emva1288" the signal at the step of the largest variance; with "weighted" the signal of fully saturated frames where
    the series has some, whose error knows no steps. Threshold: with "emva1288" sigma_y.dark / K + 1/2; with "weighted" the solution of
    SNR = 1, (1 + sqrt(1 + 4 sigma^2)) / 2 with sigma^2 = dark variance / K^2. Efficiency: sum of signals over sum of photons, over K.

    Standard errors follow from the covariance of gain and dark variance by first-order propagation; responsivity's from the scatter of the
    steps. Raises a CampipeError for pairs of several gains, for a pair of the same frame twice, and where no step is usable.
    """
    if method not in _FITS:
        raise CampipeError(f"photon transfer knows the methods {', '.join(_FITS)}, but {method!r} came")
    return {plane: _plane(plane, series_of(flats, darks, plane), method, saturation_step) for plane in planes_of(flats, darks)}


def _plane(plane: str, series: Series, method: str, step: int | None) -> PhotonTransfer:
    _refuse_twins(plane, series)
    saturation = saturation_of(series, step)
    standard = method == "emva1288"
    if standard:
        peak = saturation.step
        saturation = Saturation(peak, saturation.reached, float(series.signal[peak]), False)
        used = (series.signal <= 0.7 * saturation.signal) if len(series.signal) > 1 else torch.ones(1, dtype=torch.bool)
    else:
        used = usable(series, saturation)
        used = used if bool(used.any()) else usable(series, saturation, 0.95)
    if not bool(used.any()):
        raise CampipeError(
            f"plane {plane} has no step above black and below saturation without saturated pixels; take flats of less light"
        )
    fit = _FITS[method](series, used)
    if not fit.gain > 0:
        raise CampipeError(f"the variance of plane {plane} does not grow with the mean, so that these are no plain flats; check the frames")
    gain = Estimate(fit.gain, math.sqrt(float(fit.covariance[0, 0])), "DN/e-", fit.freedom)
    floor = Estimate(fit.dark, math.sqrt(float(fit.covariance[1, 1])), "DN^2", float(series.darks.freedom.sum()))
    noise = _dark_noise(fit, floor.freedom)
    responsivity = _responsivity(series, used, standard)
    efficiency = None if responsivity is None else _ratio(responsivity, gain, "e-/photon")
    full = _saturation(series, saturation, gain, responsivity, efficiency, standard)
    threshold = _threshold(fit, noise, standard, floor.freedom)
    spread = math.hypot(full.error / full.value, threshold.error / threshold.value)
    span = Estimate(full.value / threshold.value, full.value / threshold.value * spread, "1", full.freedom, note=full.note)
    best = Estimate(math.sqrt(full.value), full.error / (2 * math.sqrt(full.value)), "1", full.freedom, note=full.note)
    flats = series.flats
    curve = (series.signal, flats.variance, fit.error, fit.fitted, flats.mean, series.dark_variance)
    points = TransferPoints(*curve, flats.seconds, flats.photons, flats.saturated, used)
    words = transfer_warnings(series, saturation, used, fit)
    black = _black(series)
    return PhotonTransfer(
        plane, gain, noise, floor, black, full, threshold, span, best, efficiency, responsivity, points, tuple(words), method
    )


def _refuse_twins(plane: str, series: Series) -> None:
    """A pair of one frame with itself has no noise at all where there is light."""
    below = series.signal < _PLATEAU * series.signal.max()  # a full well that nothing follows has no noise either
    twins = (series.flats.variance == 0) & (series.flats.saturated < 0.5) & (series.signal > 0) & below
    if bool(twins.any()) and float(series.flats.variance.max()) > 0:
        mean = float(series.flats.mean[twins][0])
        raise CampipeError(f"the two frames of a pair are the same in plane {plane} at a mean of {mean:.6g} DN; give two exposures")


def _dark_noise(fit: TransferFit, freedom: float) -> Estimate:
    """sigma_d = sqrt(dark variance - 1/12) / K, or its upper limit."""
    relative = math.sqrt(float(fit.covariance[0, 0])) / fit.gain
    if fit.dark < LEAST:
        limit = math.sqrt(LEAST - QUANTISATION) / fit.gain * (1 + 1.645 * relative)
        note = f"the dark variance of {fit.dark:.2g} DN^2 is below {LEAST} DN^2, where rounding hides the noise; measure at more gain"
        return Estimate(limit, math.nan, "e-", freedom, bound=True, note=note)
    value = math.sqrt(fit.dark - QUANTISATION) / fit.gain
    slope = torch.tensor([-value / fit.gain, 1 / (2 * value * fit.gain**2)], dtype=torch.float64)
    return Estimate(value, math.sqrt(float(slope @ fit.covariance @ slope)), "e-", freedom)


def _threshold(fit: TransferFit, noise: Estimate, standard: bool, freedom: float) -> Estimate:
    floor = max(fit.dark, 0.0) / fit.gain**2
    slope = torch.tensor([-2 * floor / fit.gain, 1 / fit.gain**2], dtype=torch.float64)
    error = math.sqrt(float(slope @ fit.covariance @ slope))
    if standard:
        return Estimate(math.sqrt(floor) + 0.5, error / (2 * math.sqrt(floor)) if floor else 0.0, "e-", freedom, note=noise.note)
    root = math.sqrt(1 + 4 * floor)
    return Estimate((1 + root) / 2, error / root, "e-", freedom, note=noise.note)


def _responsivity(series: Series, used: Tensor, standard: bool) -> Estimate | None:
    """R in DN/photon; its error from the scatter about the line."""
    signal, photons = series.signal[used], series.flats.photons[used]
    if bool(photons.isnan().any()) or float(photons.max()) <= 0:
        return None
    weight = torch.ones_like(photons) if standard else 1 / photons.clamp_min(1e-12)
    total = (weight * photons.square()).sum()
    value = (weight * photons * signal).sum() / total
    freedom = max(len(photons) - 1, 1)
    scatter = (weight * (signal - value * photons).square()).sum() / freedom
    if standard:  # the points scatter with photons, so that plain least squares has this error
        rest = (signal - value * photons).square()
        return Estimate(float(value), float((photons.square() * rest).sum().sqrt() / total), "DN/photon", freedom)
    return Estimate(float(value), float((scatter / total).sqrt()), "DN/photon", freedom)


def _ratio(top: Estimate, bottom: Estimate, unit: str) -> Estimate:
    value = top.value / bottom.value
    return Estimate(value, value * math.hypot(top.error / top.value, bottom.error / bottom.value), unit, bottom.freedom)


def _saturation(
    series: Series, found: Saturation, gain: Estimate, responsivity: Estimate | None, efficiency: Estimate | None, standard: bool
) -> Estimate:
    """mu_e.sat, e-."""
    step, signal = found.step, series.signal
    value = found.signal / gain.value
    if standard and responsivity is not None and efficiency is not None:
        value = efficiency.value * float(series.flats.photons[step])
    # Saturation lies anywhere between the neighbours of the step: a uniform law.
    width = 0.0 if found.full else float(signal[min(step + 1, len(signal) - 1)] - signal[max(step - 1, 0)]) / gain.value / math.sqrt(12)
    note = "" if found.reached else "saturation was not reached: at least this"
    return Estimate(value, math.hypot(width, value * gain.error / gain.value), "e-", gain.freedom, note=note)


def _black(series: Series) -> Estimate:
    """Mean without light, at no exposure time where the darks have several; its error from noise, or from the shifts within the pairs."""
    darks = series.darks
    noise = (darks.variance / (2 * darks.pixels)).clamp_min(float(darks.shift.square().mean() / 4))
    if not series.timed:
        weight = darks.pixels / darks.pixels.sum()
        return Estimate(float((weight * darks.mean).sum()), float((weight.square() * noise).sum().sqrt()), "DN", len(noise))
    inverse = torch.linalg.pinv(torch.stack([torch.ones_like(darks.seconds), darks.seconds], 1))[0]
    return Estimate(float(inverse @ darks.mean), float((inverse.square() @ noise).sqrt()), "DN", len(noise))
