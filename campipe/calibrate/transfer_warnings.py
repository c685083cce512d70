"""What is wrong with a photon transfer series, in plain sentences."""

from __future__ import annotations

from torch import Tensor

from campipe.calibrate.transfer_fit import TransferFit
from campipe.calibrate.transfer_series import Saturation, Series

_STEPS = 9  # usable steps below which curvature and flicker go unseen
_CLIPPED = 1e-3
_FLICKER = 0.002
_LONG = 0.2  # s by which flats may be longer than the darks: 1 e- at 5 e-/s, a dark current that is high


def transfer_warnings(series: Series, saturation: Saturation, used: Tensor, fit: TransferFit) -> list[str]:
    """One sentence for each thing that is wrong; none for good data."""
    flats, darks, words = series.flats, series.darks, []
    count = int(used.sum())
    if count < _STEPS:
        words.append(f"only {count} usable steps of light: take {_STEPS} or more from black to 70 % of saturation (EMVA 1288 asks for 50)")
    clipped = float(darks.clipped.max())
    if clipped > _CLIPPED:
        words.append(f"{100 * clipped:.2g} % of dark pixels are clipped at 0: dark noise comes out too small; raise the black level")
    if not saturation.reached:
        words.append("saturation was not reached: its capacity and the dynamic range are lower limits; add longer exposures")
    top = saturation.signal
    if saturation.reached and not bool((series.signal <= 0.7 * top).any()):
        words.append("all steps lie above 70 % of saturation, where pixels begin to saturate; add steps of less light")
    elif saturation.reached and count and float(series.signal[used].min()) > 0.5 * top:
        words.append("all usable steps lie above 50 % of saturation: the slope hangs on the darks; add steps of less light")
    words += _flicker(series, used)
    bend, error = fit.curvature
    if abs(bend) > max(4 * error, 0.01):
        words.append(
            f"the transfer curve is bent: its slope changes by {200 * bend:+.2g} % up to the last step used; the sensor is not linear, "
            "or the frames were processed"
        )
    if fit.misfit > 1:
        words.append(f"the points scatter {fit.misfit**0.5:.2g} times as far as noise explains: errors were enlarged accordingly")
    times = darks.seconds
    known = not bool(times.isnan().any() or flats.seconds.isnan().any())
    if known and not series.timed and float((flats.seconds - times.mean()).abs().max()) > _LONG:
        words.append("the darks have one exposure time, the flats others: dark current is not taken out; add darks of the flats' times")
    return words


def _flicker(series: Series, used: Tensor) -> list[str]:
    flats, words = series.flats, []
    # The shift is the largest of several pairs, each of which has its part of the pixels.
    wider = (flats.variance_error / flats.normal_error.clamp_min(1e-30)).clamp_min(1)
    chance = (2 * flats.variance * flats.pairs / flats.pixels).sqrt() * wider
    relative = flats.shift.abs() / series.signal.clamp_min(1e-9)
    moved = used & (flats.shift.abs() > 5 * chance) & (relative > _FLICKER)
    if bool(moved.any()):
        words.append(
            f"the light changed between the two frames of {int(moved.sum())} of {int(used.sum())} pairs, by up to "
            f"{100 * float(relative[moved].max()):.2g} %: flicker or shutter; the change is taken out of the variance"
        )
    uneven = used & (flats.variance_error > 2 * flats.normal_error) & (series.signal > series.signal.max() / 10)
    if 2 * int(uneven.sum()) > int(used.sum()):
        words.append("the rows of bright pairs differ as wholes: flickering light under a rolling shutter; K comes out too large")
    return words
