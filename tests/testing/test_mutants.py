"""A sensor written by hand in NumPy passes every assertion; broken in one place at a time, it is caught by the one that is named."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy import stats

from campipe import testing as kit
from campipe.core.random import Key
from campipe.sensor import FrameSensor
from campipe.testing.gradient import poisson_gradient

EFFICIENCY, GAIN, READ, BLACK, FULL_WELL = 0.6, 0.8, 1.5, 32.0, 4000.0
FALSE_ALARM = 1e-7  # of one assertion; the sound sensors share a budget
CHANNELS = np.array([[0.4, 0.6], [0.6, 0.5]])  # efficiency by position of a mosaic


class Sensor:
    """The order of the physics, with one `fault`."""

    def __init__(self, fault: str = "", **setting) -> None:
        self.fault = fault
        plain = dict(gain=GAIN, read=READ, row=0.0, full_well=FULL_WELL, prnu=0.0, dsnu=(0.0, 0.0, 0.0), dark=0.0, spread=0.0, mosaic=False)
        self.__dict__.update(plain | setting)

    def frames(self, photons, n, seed):
        """(n, H, W) DN of light (H, W), expected photons."""
        rng, fault, (height, width) = np.random.default_rng(seed), self.fault, photons.shape
        serial = np.random.default_rng(seed + 1 if fault == "fixed pattern redrawn" else 77)
        maps = n if fault == "fixed pattern redrawn" else 1

        def noise(*shape):
            draws = rng.normal(size=shape if fault != "seed repeated" else (1, *shape[1:]))
            return np.broadcast_to(draws, shape)

        response = 1 + self.prnu * serial.normal(size=(maps, height, width))
        pixel, row, column = self.dsnu if fault != "fixed rows and columns swapped" else np.array(self.dsnu)[[0, 2, 1]]
        offset = pixel * serial.normal(size=(maps, height, width))
        offset = offset + row * serial.normal(size=(maps, height, 1)) + column * serial.normal(size=(maps, 1, width))
        warm = np.exp(self.spread * serial.normal(size=(1, height, width)) - (fault != "log-normal of another mean") * self.spread**2 / 2)
        dark = self.dark * warm
        # Light to counted charge.
        planes = CHANNELS[::-1, ::-1] if fault == "channels swapped" else CHANNELS
        efficiency = np.tile(planes, (height // 2, width // 2)) if self.mosaic else EFFICIENCY
        rate = photons * (efficiency**2 if fault == "efficiency squared" else efficiency) * np.ones((n, 1, 1))
        late = fault == "fixed response after counting"
        rate = rate * (1 if late else response) + (0 if fault == "dark current without shot noise" else dark)
        if fault == "normal for Poisson":
            charge = rate + np.sqrt(rate) * noise(n, height, width)
        elif fault == "efficiency applied to counted photons":
            charge = rng.poisson(rate / EFFICIENCY) * EFFICIENCY
        elif fault == "shot noise from digital numbers":
            charge = rate + np.sqrt(self.gain * rate) / self.gain * noise(n, height, width)
        elif fault == "seed repeated":
            charge = np.broadcast_to(rng.poisson(rate[:1]), rate.shape)
        else:
            charge = rng.poisson(rate)
        charge = charge * (response if late else 1) + (dark if fault == "dark current without shot noise" else 0)
        if fault == "charge shared after counting":
            charge = 0.96 * charge + 0.01 * sum(np.roll(charge, s, a) for s in (1, -1) for a in (1, 2))
        if fault != "full well left out":
            charge = np.minimum(charge, self.full_well)
        # Charge to digital numbers.
        read = noise(n, height, width)
        if fault == "heavy tails for normal":
            read = rng.standard_t(5, size=read.shape) / np.sqrt(5 / 3)
        if fault == "neighbours correlated":
            read = (read + 0.3 * np.roll(read, 1, 2)) / np.sqrt(1.09)
        if fault == "next frame is the last one moved by a row":
            read = np.stack([np.roll(read[0], i, 0) for i in range(n)])
        read = read * (self.read**2 if fault == "variance for standard deviation" else self.read)
        rows = noise(n, height, 1)
        if fault == "row noise frozen":
            rows = np.broadcast_to(rows[:1], rows.shape)
        if fault == "row noise shared by two rows":
            rows = np.repeat(rows[:, ::2], 2, 1)
        rows = noise(n, 1, width) if fault == "row noise by column" else rows
        charge = charge + offset + self.row * rows
        gain = self.gain * (1.001 if fault == "gain 0.1 % off" else 1)
        analog = gain * charge + read if fault == "read noise behind the gain" else gain * (charge + read)
        return self.digitise(analog, rng)

    def digitise(self, analog, rng):
        fault = self.fault
        if fault == "clipped at black":
            analog = np.maximum(analog, 0)
        if fault == "eight bits upstream":
            analog = np.round(analog / 16) * 16
        if fault == "float16 in between":
            analog = analog.astype(np.float16).astype(np.float64)
        value = analog + BLACK
        if fault == "quantisation noise added":
            value = value + rng.uniform(-0.5, 0.5, value.shape)
        value = np.floor(value) if fault == "cut off for rounded" else np.round(value)
        return value % 4096 if fault == "wraps at the top" else np.clip(value, 0, 4095)


class Ours:
    """FrameSensor behind the same method, with one of its numbers or stages at fault."""

    def __init__(self, fault: str = "", **setting) -> None:
        self.fault, self.sound = fault, Sensor(**setting)

    def frames(self, photons, n, seed):
        s, (height, width) = self.sound, photons.shape
        pixel, row, column = s.dsnu
        late = self.fault == "dark current behind counting"
        rgb = [CHANNELS[0, 0], CHANNELS[0, 1], CHANNELS[1, 1]]
        arguments = dict(
            quantum_efficiency=rgb if s.mosaic else EFFICIENCY,
            full_well=s.full_well,
            dark_current=0.0 if late else s.dark,
            prnu=s.prnu,
            dsnu=pixel,
            dsnu_row=row,
            dsnu_column=column,
            read_noise=s.read,
            row_noise=s.row,
            gain=s.gain * (1.001 if self.fault == "gain 0.1 % off" else 1),
            black_level=BLACK + late * s.gain * s.dark - 0.5 * (self.fault == "cut off for rounded"),
        )

        def expose(serial, key, count):
            light = torch.from_numpy(photons).float().expand(count, 3 if s.mosaic else 1, height, width)
            sensor = FrameSensor(width, height, "RGGB" if s.mosaic else None, serial, **arguments)
            return sensor.expose(light, seconds=1.0, key=key).data[:, 0].double().numpy()

        if self.fault == "serial number by frame":
            return np.concatenate([expose(i, Key(seed).fold(i), 1) for i in range(n)])
        if self.fault == "key repeated":
            return np.repeat(expose(7, Key(seed).items([0]), 1), n, 0)
        return expose(7, Key(seed), n)


def law(rate, gain=GAIN, full_well=FULL_WELL, read=READ):
    """P(DN = y), y = 0 .. 4095, in closed form."""
    n = np.arange(int(stats.poisson.ppf(1e-13, rate)), int(stats.poisson.isf(1e-13, rate)) + 2)
    out = np.zeros(4096)
    for mass, centre in zip(stats.poisson.pmf(n, rate), BLACK + gain * np.minimum(n, full_well), strict=True):
        reach = 8 * gain * read + 1
        first, last = (int(np.clip(at, 0, 4095)) for at in (np.floor(centre - reach), np.ceil(centre + reach)))
        edges = np.concatenate([[-np.inf], np.arange(first, last) + 0.5, [np.inf]])
        out[first : last + 1] += mass * np.diff(stats.norm.cdf(edges, centre, gain * read))
    return out / out.sum()


def flat(level, side):
    """Light that makes `level` electrons."""
    return np.full((side, side), level / EFFICIENCY)


# What each check looks at: a function of (sensor class, fault, false alarm).


def whole_law(rate, side=400, **setting):
    wanted = law(rate, **setting)

    def check(sensor, fault, false_alarm):
        kit.assert_distribution(sensor(fault, **setting).frames(flat(rate, side), 1, 3), wanted, false_alarm=false_alarm)

    return check


def bright_moments(sensor, fault, false_alarm):
    rate = 2500.0
    frames = sensor(fault).frames(flat(rate, 256), 1, 5)
    kit.assert_moments(frames, GAIN * rate + BLACK, GAIN**2 * (rate + READ**2) + 1 / 12, false_alarm=false_alarm)


def dark_moments(sensor, fault, false_alarm):
    rate = 60.0
    frames = sensor(fault, dark=rate).frames(flat(0, 128), 1, 6)
    kit.assert_moments(frames, GAIN * rate + BLACK, GAIN**2 * (rate + READ**2) + 1 / 12, false_alarm=false_alarm)


def warm_moments(sensor, fault, false_alarm):
    """Pixels that are warm to different degrees: log-normal with a mean of 1."""
    if sensor is Ours:
        return
    rate, spread = 60.0, 0.4
    frames = sensor(fault, dark=rate, spread=spread).frames(flat(0, 160), 1, 7)
    warm = rate**2 * (np.exp(spread**2) - 1)
    kit.assert_moments(frames, GAIN * rate + BLACK, GAIN**2 * (rate + warm + READ**2) + 1 / 12, false_alarm=false_alarm)


def mosaic_moments(sensor, fault, false_alarm):
    photons = np.full((128, 128), 800.0)
    rate = photons * np.tile(CHANNELS, (64, 64))
    frames = sensor(fault, mosaic=True).frames(photons, 1, 8)
    kit.assert_moments(frames[0], GAIN * rate + BLACK, GAIN**2 * (rate + READ**2) + 1 / 12, false_alarm=false_alarm)


def transfer(sensor, fault, false_alarm):
    """A strong fixed pattern, which drops out unless it stands in the wrong place."""
    one = sensor(fault, prnu=0.2)
    levels = [one.frames(flat(rate, 160), 2, 10 + i) for i, rate in enumerate((0.0, 50.0, 400.0, 1500.0))]
    kit.assert_photon_transfer(levels, gain=GAIN, read_noise=READ, black=BLACK, false_alarm=false_alarm)


def lit_white(sensor, fault, false_alarm):
    kit.assert_white(sensor(fault).frames(flat(300, 224), 8, 20), false_alarm=false_alarm)


def dark_white(sensor, fault, false_alarm):
    kit.assert_white(sensor(fault, read=4.0).frames(flat(0, 64), 8, 21), false_alarm=false_alarm)


def fixed(sensor, fault, false_alarm):
    frames = sensor(fault, dsnu=(5.0, 3.0, 1.0)).frames(flat(100, 96), 10, 22)
    kit.assert_fixed_pattern(frames, pixel=5 * GAIN, row=3 * GAIN, column=GAIN, false_alarm=false_alarm)


def row_noise(sensor, fault, false_alarm):
    kit.assert_row_noise(sensor(fault, row=2.0).frames(flat(50, 64), 16, 23), std=2 * GAIN, false_alarm=false_alarm)


def same_law(sensor, fault, false_alarm):
    first, second = Sensor().frames(flat(2, 300), 1, 30), sensor(fault).frames(flat(2, 300), 1, 31)
    kit.assert_same_law(first, second, false_alarm=false_alarm)


CHECKS = {
    "assert_distribution, 0 e-": whole_law(0.0),
    "assert_distribution, 3 e-": whole_law(3.0),
    "assert_distribution, 3000 e-": whole_law(3000.0, side=256),
    "assert_distribution, full well": whole_law(3990.0, side=128),
    "assert_distribution, converter's top": whole_law(3950.0, side=128, gain=1.03, full_well=1e6),
    "assert_moments, bright": bright_moments,
    "assert_moments, dark": dark_moments,
    "assert_moments, warm pixels": warm_moments,
    "assert_moments, mosaic": mosaic_moments,
    "assert_photon_transfer": transfer,
    "assert_white, lit": lit_white,
    "assert_white, dark": dark_white,
    "assert_fixed_pattern": fixed,
    "assert_row_noise": row_noise,
    "assert_same_law": same_law,
}

# Each broken sensor, and the checks that have to catch it.
MUTANTS = {
    "fixed response after counting": ["assert_photon_transfer"],
    "read noise behind the gain": ["assert_distribution, 0 e-", "assert_photon_transfer"],
    "charge shared after counting": ["assert_white, lit", "assert_photon_transfer"],
    "quantisation noise added": ["assert_distribution, 0 e-"],
    "fixed pattern redrawn": ["assert_fixed_pattern", "assert_photon_transfer"],
    "efficiency squared": ["assert_moments, bright"],
    "efficiency applied to counted photons": ["assert_photon_transfer", "assert_distribution, 3 e-"],
    "clipped at black": ["assert_distribution, 0 e-", "assert_photon_transfer"],
    "neighbours correlated": ["assert_white, dark"],
    "seed repeated": ["assert_fixed_pattern", "assert_white, lit", "assert_photon_transfer", "assert_row_noise"],
    "eight bits upstream": ["assert_distribution, 3000 e-"],
    "cut off for rounded": ["assert_distribution, 3 e-", "assert_moments, dark"],
    "normal for Poisson": ["assert_distribution, 3 e-", "assert_same_law"],
    "shot noise from digital numbers": ["assert_photon_transfer"],
    "dark current without shot noise": ["assert_moments, dark"],
    "variance for standard deviation": ["assert_distribution, 0 e-", "assert_photon_transfer"],
    "row noise frozen": ["assert_row_noise"],
    "row noise by column": ["assert_row_noise"],
    "row noise shared by two rows": ["assert_row_noise"],
    "log-normal of another mean": ["assert_moments, warm pixels"],
    "float16 in between": ["assert_distribution, 3000 e-"],
    "gain 0.1 % off": ["assert_moments, bright"],
    "channels swapped": ["assert_moments, mosaic"],
    "full well left out": ["assert_distribution, full well"],
    "wraps at the top": ["assert_distribution, converter's top"],
    "next frame is the last one moved by a row": ["assert_white, dark"],
    "fixed rows and columns swapped": ["assert_fixed_pattern"],
    "heavy tails for normal": ["assert_distribution, 0 e-", "assert_same_law"],
}
OUR_MUTANTS = {
    "gain 0.1 % off": "assert_moments, bright",
    "cut off for rounded": "assert_distribution, 3 e-",
    "dark current behind counting": "assert_moments, dark",
    "serial number by frame": "assert_fixed_pattern",
    "key repeated": "assert_white, lit",
}


@pytest.mark.parametrize("sensor", [Sensor, Ours], ids=["by hand", "FrameSensor"])
def test_a_sound_sensor_passes_every_check(sensor):
    """With a probability of 1e-6 for all of them together."""
    with kit.Budget(1e-6, tests=len(CHECKS)) as budget:
        for check in CHECKS.values():
            check(sensor, "", budget)
    assert budget.spent <= 1e-6 * (1 + 1e-9)


@pytest.mark.parametrize(("mutant", "name"), [(m, name) for m, names in MUTANTS.items() for name in names], ids=str)
def test_each_mutant_is_caught(mutant, name):
    with pytest.raises(AssertionError, match="expected"):
        CHECKS[name](Sensor, mutant, FALSE_ALARM)


@pytest.mark.parametrize("mutant", OUR_MUTANTS)
def test_each_mutant_of_our_sensor_is_caught(mutant):
    with pytest.raises(AssertionError, match="expected"):
        CHECKS[OUR_MUTANTS[mutant]](Ours, mutant, FALSE_ALARM)


# Gradients: (rate (n,), seed) -> losses (n,) of Poisson counts, right ones by the score function's identity and wrong ones.


def counts(rate, seed):
    """Counts by inversion at uniform numbers, with the standardised draw held fixed on the way back."""
    u = np.random.default_rng(seed).random(rate.numel())
    n = torch.from_numpy(stats.poisson.ppf(u, rate.detach().numpy()))
    return rate + ((n - rate) / rate.sqrt()).detach() * rate.sqrt()


def straight_counts(rate, seed):
    """The noise passes nothing back: right for the mean, wrong for the variance."""
    return rate + (counts(rate, seed) - rate).detach()


GRADIENTS = {
    "rounding without a backward rule": lambda rate, seed: torch.round(0.3 * counts(rate, seed)) / 0.3,
    "detached": lambda rate, seed: counts(rate, seed).detach(),
    "noise that passes nothing": straight_counts,
}


def squared(function):
    return lambda rate, seed: (function(rate, seed) - 4.0) ** 2


def test_the_gradient_of_counts_is_that_of_the_expectation():
    truth = poisson_gradient(lambda n: (n - 4.0) ** 2, 5.0)
    assert truth == pytest.approx(2 * 5 + 1 - 8)  # d (rate^2 + rate - 8 rate + 16) / d rate
    kit.assert_gradient_of_expectation(squared(counts), 5.0, wanted=truth, draws=20_000, false_alarm=1e-6)
    kit.assert_gradient_of_expectation(squared(counts), 5.0, step=0.5, draws=20_000, false_alarm=1e-6)


@pytest.mark.parametrize("mutant", GRADIENTS)
@pytest.mark.parametrize("wanted", [3.0, None], ids=["known", "by differences"])
def test_wrong_gradients_are_caught(mutant, wanted):
    with pytest.raises(AssertionError, match="mean gradient"):
        kit.assert_gradient_of_expectation(squared(GRADIENTS[mutant]), 5.0, wanted=wanted, draws=20_000, false_alarm=1e-7)
