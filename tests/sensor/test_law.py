"""A million pixels follow the closed-form law of photons, readout and converter, and its mutants do not."""

import numpy as np
import pytest
import torch
from scipy import stats

from campipe.core.random import Key
from campipe.sensor import FrameSensor
from campipe.testing.distribution import assert_distribution, chi_square

RATES = (0.0, 0.5, 3.0, 20.0, 400.0, 2500.0)
CONVERTERS = ((12, 0.8, 32), (12, 1.5, 32), (14, 0.25, 64), (14, 3.1, 128), (16, 0.6, 64), (16, 12.0, 512))  # bits, DN/e-, DN
READ = 1.5  # e-
CELLS = [(rate, *converter, None) for converter in CONVERTERS for rate in RATES]
SATURATED = (2500.0, 12, 1.7, 32, None)
CAPPED = (2500.0, 14, 0.8, 64, 2530.0)  # a full well in the middle of the law
FALSE_ALARM = 1e-6  # for the whole family
LEAST = FALSE_ALARM / (len(CELLS) + 2)
SIDE = 1000


def law(rate, bits, gain, black, full_well, read=READ):
    """P(DN = y), y = 0 .. 2^bits - 1: a sum over counts of the normal mass between half-integers, the end bins open."""
    top = 2**bits - 1
    n = np.arange(int(stats.poisson.ppf(1e-15, rate)), int(stats.poisson.isf(1e-15, rate)) + 2)
    p = stats.poisson.pmf(n, rate)
    charge = n if full_well is None else np.minimum(n, full_well)
    out = np.zeros(top + 1)
    for mass, centre in zip(p, black + gain * charge, strict=True):
        reach = 9 * gain * read + 1
        first, last = (int(np.clip(at, 0, top)) for at in (np.floor(centre - reach), np.ceil(centre + reach)))
        edges = np.concatenate([[-np.inf], np.arange(first, last) + 0.5, [np.inf]])
        out[first : last + 1] += mass * np.diff(stats.norm.cdf(edges, centre, gain * read))
    return out / out.sum()


def sensor(rate, bits, gain, black, full_well, **changes):
    return FrameSensor(
        SIDE,
        SIDE,
        None,
        quantum_efficiency=1.0,
        full_well=full_well or 1e6,
        read_noise=READ,
        gain=gain,
        black_level=black,
        bits=bits,
        **changes,
    )


def expose(cell, seed=11):
    photons = torch.full((1, 1, SIDE, SIDE), cell[0])
    return sensor(*cell).expose(photons, key=Key(seed)).data


@pytest.mark.parametrize("cell", [*CELLS, SATURATED, CAPPED], ids=str)
def test_a_million_pixels_follow_the_closed_form_law(cell, figure):
    wanted = law(*cell)
    if cell != SATURATED:
        assert wanted[0] < 0.01 and wanted[-1] < 0.01  # the test sees the law, not the rails
    data = expose(cell)
    name = f"law of {cell[0]:g} e-, {cell[1]} bits, {cell[2]} DN/e-: chi-square probability"
    figure(name, chi_square(data, wanted)[2], f"above {LEAST:.2g}")
    assert_distribution(data, wanted, false_alarm=LEAST)


def by_hand(cell, generator, *, read=READ, count=None, digitise=None, half=False, twice=False):
    """The same sensor written with torch's own generators, with one thing wrong."""
    rate, bits, gain, black, _ = cell
    rates = torch.full((SIDE, SIDE), rate, dtype=torch.float64)
    charge = count(rates, generator) if count else torch.poisson(rates, generator=generator)
    value = charge + read * torch.randn(rates.shape, generator=generator, dtype=torch.float64)
    value = (value * gain + black).half().double() if half else value * gain + black
    if twice:
        value = value + torch.rand(rates.shape, generator=generator, dtype=torch.float64) - 0.5
    return (digitise or torch.round)(value).clamp(0, 2**bits - 1)


def gaussian(rates, generator):
    return rates + rates.sqrt() * torch.randn(rates.shape, generator=generator, dtype=torch.float64)


# The cell in which each mutant is caught: rate, bits, gain, black level.
MUTANTS = {
    "floor for round": ((3.0, 12, 0.8, 32, None), {"digitise": torch.floor}),
    "Gaussian for Poisson": ((3.0, 12, 0.8, 32, None), {"count": gaussian}),
    "quantisation added twice": ((0.5, 14, 0.25, 64, None), {"twice": True}),
    "read noise 3 % too big": ((3.0, 12, 0.8, 32, None), {"read": 1.03 * READ}),
    "float16 in between": ((2500.0, 14, 3.1, 128, None), {"half": True}),
}


def test_the_same_sensor_by_hand_passes():
    cell = (3.0, 12, 0.8, 32, None)
    assert_distribution(by_hand(cell, torch.Generator().manual_seed(5)), law(*cell), false_alarm=LEAST)


@pytest.mark.parametrize("mutant", MUTANTS)
def test_each_mutant_is_caught_in_its_cell(mutant):
    cell, change = MUTANTS[mutant]
    assert cell in CELLS
    with pytest.raises(AssertionError, match="chi-square"):
        assert_distribution(by_hand(cell, torch.Generator().manual_seed(5), **change), law(*cell), false_alarm=LEAST)


@pytest.mark.parametrize("shape", [-0.2, 0.0, 0.1])
def test_heavy_tailed_read_noise_follows_its_law(shape):
    """Rate 0, so that the converter sees the Tukey-lambda law alone; its mass comes from the inverse of its quantile function."""
    read, black = 3.0, 64
    frame = FrameSensor(SIDE, SIDE, None, read_noise=read, read_shape=shape, black_level=black, bits=12).expose(
        torch.zeros(1, 1, SIDE, SIDE), key=Key(3)
    )
    dist = stats.tukeylambda(shape)
    edges = np.concatenate([[-np.inf], np.arange(4095) + 0.5, [np.inf]])
    wanted = np.diff(dist.cdf((edges - black) / (read / dist.std())))
    assert_distribution(frame.data, wanted / wanted.sum(), false_alarm=1e-6 / 3)
