"""EMVA 1288: all numbers of the standard from series of pairs and two stacks, in the standard's order.

Definitions are those of EMVA 1288 Release 4 (linear cameras) as the public `emva1288` package computes them, so that the numbers of both
agree on the same frames. On purpose different:

- The saturation step is where the temporal variance is largest. The package takes another local maximum where the variance scatters beyond
  saturation, as it does behind a full well that is reached before the converter's top; `saturation_step` sets the step by hand.
- A fixed pattern that is not above its error is an upper limit, where the package gives the square root of what is left, or no number. The
  variances themselves are in `FixedPattern.variances`, and they agree.
- A dark variance below 0.24 DN^2 gives an upper limit of the dark noise, as the standard asks.
- All numbers have standard errors, which the standard does not know.

`campipe.calibrate.photon_transfer` with the method "weighted" is the better estimator of the same K and dark noise.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch

from campipe.calibrate.estimate import Estimate
from campipe.calibrate.fixed_pattern import FixedPattern, dsnu, prnu
from campipe.calibrate.linearity import Linearity, linearity
from campipe.calibrate.pairs import PairStatistics
from campipe.calibrate.photon_transfer import PhotonTransfer, photon_transfer
from campipe.calibrate.stacks import StackStatistics


@dataclass(frozen=True)
class Emva1288:
    """The numbers of one plane.

    transfer                gain, efficiency, dark noise, saturation, threshold, dynamic range, SNR
    linearity               None where the light of the steps is not known
    dark_current_mean       e-/s, from the growth of the dark mean with time; None with fewer than three times
    dark_current_variance   e-/s, from the growth of the dark variance
    dsnu, prnu              None without stacks
    """

    plane: str
    transfer: PhotonTransfer
    linearity: Linearity | None
    dark_current_mean: Estimate | None
    dark_current_variance: Estimate | None
    dsnu: FixedPattern | None
    prnu: FixedPattern | None

    def rows(self) -> list[tuple[str, str, str, Estimate]]:
        """Section, symbol, name and number of everything that was measured, in the standard's order."""
        t, line = self.transfer, self.linearity
        named: list[tuple[str, str, str, Estimate | None]] = [
            ("sensitivity", "eta", "quantum efficiency", t.quantum_efficiency),
            ("sensitivity", "R", "responsivity", t.responsivity),
            ("sensitivity", "K", "system gain", t.gain),
            ("sensitivity", "1/K", "inverse of the system gain", _inverse(t.gain)),
            ("dark noise", "mu_y.dark", "black level", t.black_level),
            ("dark noise", "sigma_d", "temporal dark noise", t.dark_noise),
            ("signal to noise", "SNR_max", "largest signal-to-noise ratio", t.snr_max),
            ("signal to noise", "SNR_max", "largest signal-to-noise ratio", _decibels(t.snr_max)),
            ("saturation", "mu_p.min", "absolute sensitivity threshold", _photons(t.threshold, t.quantum_efficiency)),
            ("saturation", "mu_e.min", "absolute sensitivity threshold", t.threshold),
            ("saturation", "mu_p.sat", "saturation capacity", _photons(t.saturation, t.quantum_efficiency)),
            ("saturation", "mu_e.sat", "saturation capacity", t.saturation),
            ("saturation", "DR", "dynamic range", t.dynamic_range),
            ("saturation", "DR", "dynamic range", _decibels(t.dynamic_range)),
            ("linearity", "LE_min", "smallest deviation from linearity", None if line is None else line.least),
            ("linearity", "LE_max", "largest deviation from linearity", None if line is None else line.most),
            ("dark current", "mu_I.mean", "dark current from means", self.dark_current_mean),
            ("dark current", "mu_I.var", "dark current from variances", self.dark_current_variance),
        ]
        for symbol, words, pattern in (("DSNU", "dark-signal", self.dsnu), ("PRNU", "photo-response", self.prnu)):
            for part in ("total", "row", "column", "pixel"):
                name = f"{symbol}_1288" + ("" if part == "total" else f".{part}")
                number = None if pattern is None else getattr(pattern, part)
                named.append(("non-uniformity", name, f"{words} non-uniformity, {part}", number))
        return [(section, symbol, name, number) for section, symbol, name, number in named if number is not None]


def analyse(
    flats: Sequence[PairStatistics],
    darks: Sequence[PairStatistics],
    bright_stack: StackStatistics | None = None,
    dark_stack: StackStatistics | None = None,
    *,
    saturation_step: int | None = None,
    detrend: str = "none",
) -> dict[str, Emva1288]:
    """All numbers of the standard for every plane.

    flats             pairs over light up to saturation, with `photons` where they are known
    darks             pairs without light of the same exposure times
    bright_stack      frames at half of saturation, and dark_stack, of the same time: see `campipe.calibrate.stacks`
    saturation_step   number of the step, in order of light, that counts as saturation; None: the largest variance
    detrend           of the non-uniformities, see `campipe.calibrate.fixed_pattern.dsnu`
    """
    transfers = photon_transfer(flats, darks, method="emva1288", saturation_step=saturation_step)
    known = all(p.photons is not None for p in flats) or len({p.seconds for p in flats} - {None}) > 2
    lines = linearity(flats, darks, saturation_step=saturation_step) if known else {}
    gains = {plane: t.gain for plane, t in transfers.items()}
    offsets = {} if dark_stack is None else dsnu(dark_stack, gains, detrend=detrend)
    responses = {} if dark_stack is None or bright_stack is None else prnu(bright_stack, dark_stack, detrend=detrend)
    out = {}
    for plane, transfer in transfers.items():
        current = _dark_current(darks, plane, transfer.gain)
        out[plane] = Emva1288(plane, transfer, lines.get(plane), *current, offsets.get(plane), responses.get(plane))
    return out


def _dark_current(darks: Sequence[PairStatistics], plane: str, gain: Estimate) -> tuple[Estimate | None, Estimate | None]:
    """mu_I from the slopes of plain lines of mean and variance over time; errors from the points' noise, or their scatter if larger."""
    timed = [(p, p.row(plane)) for p in darks if p.seconds is not None]
    times = torch.tensor([p.seconds for p, _ in timed], dtype=torch.float64)
    if len(times.unique()) < 3:
        return None, None
    design = torch.stack([torch.ones_like(times), times], 1)
    inverse = torch.linalg.pinv(design)
    means, variances, errors, pixels = (
        torch.stack([getattr(p, name)[i] for p, i in timed]) for name in ("mean", "variance", "variance_error", "pixels")
    )
    out = []
    for values, noise, power in ((means, (variances / (2 * pixels)).sqrt(), 1), (variances * (1 - 1 / pixels), errors, 2)):
        line = inverse @ values
        left = float((values - design @ line).square().sum() / (len(times) - 2))
        scatter = noise.square().clamp_min(left) if left > float(noise.square().mean()) else noise.square()
        slope, error = float(line[1]), float((inverse[1].square() @ scatter).sqrt())
        value = slope / gain.value**power
        error = math.hypot(error / gain.value**power, power * value * gain.error / gain.value)
        out.append(Estimate(value, error, "e-/s", len(times) - 2.0))
    return out[0], out[1]


def _inverse(gain: Estimate) -> Estimate:
    return Estimate(1 / gain.value, gain.error / gain.value**2, "e-/DN", gain.freedom)


def _decibels(ratio: Estimate) -> Estimate:
    return Estimate(20 * math.log10(ratio.value), 20 / math.log(10) * ratio.error / ratio.value, "dB", ratio.freedom, note=ratio.note)


def _photons(electrons: Estimate, efficiency: Estimate | None) -> Estimate | None:
    if efficiency is None:
        return None
    value = electrons.value / efficiency.value
    error = value * math.hypot(electrons.error / electrons.value, efficiency.error / efficiency.value)
    return Estimate(value, error, "photon", electrons.freedom, electrons.bound, electrons.note)
