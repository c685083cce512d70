"""The line of photon transfer: temporal variance = K (mean - dark) + dark variance, fitted in two ways."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from campipe.calibrate.transfer_series import Series
from campipe.core.errors import CampipeError

_ROUNDS = 8  # of reweighting; it settles in three or four
_UNLIKELY = 1e-4  # chance of a scatter as large as that, below which it is believed rather than the stated errors


@dataclass(frozen=True)
class TransferFit:
    """A fitted line.

    gain          DN/e-
    dark          DN^2, variance without light and at no exposure time, or at the darks' time where they have but one
    covariance    (2, 2) of gain and dark
    fitted        (N,) DN^2, the line at every flat
    error         (N,) DN^2, standard error of each flat's variance as the fit took it
    freedom       degrees of freedom of the errors
    misfit        by how much the points scatter more than their errors say; 1 where that is within chance
    curvature     fraction by which a parabola's slope differs from the line's at the last point, and its standard error
    inflation     variance of the flats' variances over that of independent normal noise
    """

    gain: float
    dark: float
    covariance: Tensor
    fitted: Tensor
    error: Tensor
    freedom: float
    misfit: float
    curvature: tuple[float, float]
    inflation: float


def weighted_fit(series: Series, used: Tensor) -> TransferFit:
    """Least squares over flats and darks at once, each variance weighted by its standard error.

    Unknown are K, the dark variance, and its growth with time where darks of several times are there. The error of a variance V of n
    pixels is V sqrt(2 / n), with V from the line itself: errors taken from the scattered V would favour those that came out low. To its
    square comes what the darks' own errors have beyond that (row noise), and what rounding does to a variance of a few tenths of a DN^2
    (`_rounding`); and it is multiplied by what the flats' have (uneven flicker).
    The covariance is (X^T W X)^-1, times chi^2 per degree of freedom where that is beyond chance. The error of the means is left out: it
    is smaller than that of the variances by K / (2 sqrt(V)).
    """
    flats, darks = series.flats.take(used.nonzero()[:, 0]), series.darks
    count = len(flats.mean)
    signal = torch.cat([series.signal[used], torch.zeros_like(darks.mean)])
    columns = [signal, torch.ones_like(signal)]
    if series.timed:
        columns.append(torch.cat([flats.seconds, darks.seconds]))
    design = torch.stack(columns, 1)
    values, pixels = torch.cat([flats.variance, darks.variance]), torch.cat([flats.pixels, darks.pixels])
    if count < 1 or len(values) <= design.shape[1]:
        raise CampipeError(f"photon transfer needs more usable steps: {count} of flats and {len(darks.mean)} of darks came")
    own = _ratio(darks.variance_error, darks.normal_error, darks.freedom)
    extra = max(own - 1, 0.0) * float(darks.normal_error.square().mul(darks.pixels).mean())
    inflation = _ratio(flats.variance_error, flats.normal_error, flats.freedom)
    significant = inflation > 1 + 4 * math.sqrt(2 / float(flats.freedom.sum()))
    scale = torch.ones_like(values)
    scale[:count], scale[count:] = inflation if significant else 1.0, min(own, 1.0)
    model = values.clamp_min(1e-9)
    for _ in range(_ROUNDS):
        weight = 1 / (scale * 2 * model.square() / (pixels - 1) + extra / pixels + _rounding(model).square())
        beta, covariance = _solve(design, values, weight)
        model = (design @ beta).clamp_min(1e-9)
    left = (values - design @ beta).square() * weight
    freedom = len(values) - design.shape[1]
    misfit = _misfit(float(left.sum()), freedom)
    bent, bend = _solve(torch.cat([design, signal[:, None].square()], 1), values, weight)
    top = float(series.signal[used].max())
    curvature = (float(bent[-1]) * top / float(bent[0]), math.sqrt(float(bend[-1, -1])) * top / abs(float(bent[0])))
    line = torch.stack([series.signal, torch.ones_like(series.signal), *([series.flats.seconds] if series.timed else [])], 1) @ beta
    error = (float(scale[0]) * 2 * line.square() / (series.flats.pixels - 1) + extra / series.flats.pixels).sqrt()
    pooled = float(flats.freedom.sum()) if misfit == 1 else float(freedom)
    return TransferFit(float(beta[0]), float(beta[1]), covariance[:2, :2] * misfit, line, error, pooled, misfit, curvature, inflation)


def standard_fit(series: Series, used: Tensor) -> TransferFit:
    """As EMVA 1288 says: plain least squares of (variance - dark variance) over (mean - dark) through the origin.

    Variances are those with n instead of n - 1, as in the standard. The dark variance without exposure is the intercept of a plain line
    over the darks' times, or the mean where the darks have fewer than three of them. Errors are propagated from those of the variances.
    """
    shrink = 1 - 1 / series.flats.pixels
    x, y = series.signal[used], ((series.flats.variance - series.dark_variance) * shrink)[used]
    if not len(x):
        raise CampipeError("photon transfer needs a usable step of flats, but none came")
    gain = float((x * y).sum() / x.square().sum())
    dark = series.darks.variance * (1 - 1 / series.darks.pixels)
    errors = series.darks.variance_error
    noise = series.flats.variance_error.square()[used] + errors.square().mean()
    gain_variance = float((x.square() * noise).sum() / x.square().sum() ** 2)
    times = series.darks.seconds
    if series.timed and len(times.unique()) > 2:
        design = torch.stack([torch.ones_like(times), times], 1)
        inverse = torch.linalg.pinv(design)[0]
        floor, floor_variance = float(inverse @ dark), float(inverse.square() @ errors.square())
    else:
        floor, floor_variance = float(dark.mean()), float(errors.square().sum() / len(errors) ** 2)
    line = gain * series.signal + series.dark_variance
    covariance = torch.diag(torch.tensor([gain_variance, floor_variance], dtype=torch.float64))
    pooled = float(series.flats.freedom[used].sum())
    return TransferFit(gain, floor, covariance, line, series.flats.variance_error, pooled, 1.0, (0.0, math.inf), 1.0)


def _rounding(variance: Tensor) -> Tensor:
    """What rounding changes in a variance beyond adding 1/12, DN^2: root mean square over where the mean lies between two whole numbers.

    Of normal noise s^2 the change is -(4 s^2 + 1 / pi^2) cos(2 pi mean) exp(-2 (pi s)^2) to first order (Widrow and Kollar, Quantization
    Noise, 2008, chapter 4); all pixels of a flat share it.
    """
    own = (variance - 1 / 12).clamp_min(0)
    return (4 * own + 1 / math.pi**2) * (-2 * math.pi**2 * own).exp() / math.sqrt(2)


def _solve(design: Tensor, values: Tensor, weight: Tensor) -> tuple[Tensor, Tensor]:
    """Weighted least squares and the covariance of its result; columns are scaled, so that light and time may have any unit."""
    size = design.abs().amax(0).clamp_min(1e-30)
    scaled = design / size
    covariance = torch.linalg.pinv(scaled.T @ (weight[:, None] * scaled), hermitian=True)
    beta = covariance @ (scaled.T @ (weight * values))
    return beta / size, covariance / size / size[:, None]


def _ratio(error: Tensor, normal: Tensor, freedom: Tensor) -> float:
    """Measured over normal variance of the variances, pooled."""
    there = normal > 0
    if not bool(there.any()):
        return 1.0
    return float(((error / normal).square() * freedom)[there].sum() / freedom[there].sum())


def _misfit(chi: float, freedom: int) -> float:
    from scipy.special import chdtrc

    return chi / freedom if freedom > 0 and chdtrc(freedom, chi) < _UNLIKELY else 1.0
