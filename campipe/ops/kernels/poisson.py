"""Poisson counts by exact inversion of one word: the least k with F(k; rate) >= u.

Three ways, each handing what it cannot decide to the next one:

1. rates from 4: the quantile's asymptotic expansion about the normal number z of the word, in float32 and without a branch,

       y = rate + s z + 1/3 + z^2/6 - (z/36 + z^3/72)/s + (...)/s^2 + (...)/s^3,   s = sqrt(rate),   k = floor(y),

   where y is the real number at which the upper incomplete gamma ratio Q(y, rate) = u, of which F(k) = Q(k + 1, rate) is the whole-numbered
   case. The rate's fraction is added last, so that it keeps its bits. Below 4: a walk along F in float32, on 64 pixels at once.
2. pixels whose y (or u) lies within the float32 error of a whole number (of a step of F): the walk in float64 for rates below 50,
   the expansion with two more terms in float64 above.
3. where that is too close as well: F itself, summed from its greatest term outward.

The terms follow from the Cornish-Fisher expansion of the gamma quantile, whose polynomials solve the differential equation of that quantile
order by order, reverted to the rate; the first three agree with Giles, "Algorithm 955: approximation of the inverse Poisson
cumulative distribution function", ACM TOMS 42(1), 2016. The error bounds hold with a quarter to spare at millions of words next to
a step of F, rates 4 to 1.6e7.
"""

from __future__ import annotations

import math

import numpy as np

from campipe.ops.kernels.intrinsics import absolute, apart, float_of, floor, fma, held, rint, sqrt, wide
from campipe.ops.kernels.jit import compiled, inlined
from campipe.ops.kernels.normal import NORMAL, RARE, central, lower_tail, normal_double, smaller

_f = np.float32
LOW = _f(4)
"""Rates below it walk, in electrons."""
_GROUP = 64
_WALKED = 6  # low pixels of a group from which on all 64 walk at once
_ZERO, _HALF, _ONE = _f(0), _f(0.5), _f(1)

# The expansion's coefficients, by falling powers of 1/s and z: exact fractions.
_TERMS = (-23 / 17280, -137 / 38880, 671 / 38880, 1 / 270, 7 / 810, -8 / 405, -1 / 72, -1 / 36, 1 / 6, 1 / 3)
# What is left out, times rate^2, is below E4 z^8 + E3 z^6 + E1 z^2 + E0; rounding is below R1 |s z| + R0 (1 + z^2).
_BOUND = (0.00011, 0.0018, 0.018, 0.006, 8.0e-7, 1.0e-6)
EXPANSION = tuple(_f(c) for c in (*_TERMS, *_BOUND))
"""The coefficients of `expand`, to be held before a loop."""

_STEP_ERROR = _f(2e-6)  # of F and u in the float32 walk
_STEPS = 40  # F(40; 4) is 1 to the last bit
_LOG2_E = _f(-1.4426950408889634)
_P1, _P2, _P3, _P4, _P5, _P6 = (_f(math.log(2) ** n / math.factorial(n)) for n in range(1, 7))
_MIDDLE = np.int32(-(2**31))


@inlined
def expand(word, rate, k, n):
    """Return the count and whether it needs a second look, for a rate from 4 (others give rubbish, and True or False).

    k, n      EXPANSION and NORMAL, held
    """
    z = central(word, n)
    s = sqrt(rate)
    i = _ONE / s
    v = z * z
    c = z * fma(fma(k[0], v, k[1]), v, k[2])
    c = fma(c, i, fma(fma(k[3], v, k[4]), v, k[5]))
    c = fma(c, i, z * fma(k[6], v, k[7]))
    c = fma(c, i, fma(k[8], v, k[9]))
    t = s * z
    whole = floor(rate)
    r = t + (c + (rate - whole))
    below = floor(r)
    i2 = i * i
    e = fma(fma(k[10], v, k[11]), v * (v * v), fma(k[12], v, k[13])) * (i2 * i2)
    e = e + fma(k[14], absolute(t), fma(k[15], v, k[15]))
    # true for NaN as well, and where z is rubbish
    close = not (absolute(r - below - _HALF) < _HALF - e) or smaller(word) < RARE
    return max(whole + below, _ZERO), close


@inlined
def exp_minus(rate):
    """exp(-rate) in float32 for 0 <= rate <= 4, relative error below 4e-7."""
    t = rate * _LOG2_E
    n = rint(t)
    g = t - n
    p = fma(fma(_P6, g, _P5), g, _P4)
    p = fma(fma(p, g, _P3), g, _P2)
    p = fma(fma(p, g, _P1), g, _ONE)
    return p * float_of(np.int32((np.int32(n) + np.int32(127)) << np.int32(23)))


@inlined
def walk(words, rates, size, scratch, near):
    """Count a group of pixels along F in float32; `near` says where a step of F is too close to u.

    scratch   (5, 64) float32: clamped rates, terms, F, u, and the counts, which are the result
    """
    rate, p, F, u, k = scratch[0], scratch[1], scratch[2], scratch[3], scratch[4]
    for j in range(size):
        rate[j] = min(max(rates[j], _ZERO), LOW)
        p[j] = exp_minus(rate[j])
        F[j] = p[j]
        u[j] = fma(_f(np.int32(words[j] ^ _MIDDLE)) + _HALF, _f(2.0**-32), _HALF)
        k[j] = _ZERO
        near[j] = 0
    for step in range(1, _STEPS):
        inverse = _f(1.0 / step)
        above = np.int32(0)
        for j in range(size):
            ahead = u[j] - F[j]
            more = np.int32(ahead > _ZERO)
            k[j] += _f(more)
            above = np.int32(above | more)
            near[j] = np.int32(near[j] | np.int32(absolute(ahead) < _STEP_ERROR))
            p[j] *= rate[j] * inverse
            F[j] += p[j]
        if above == 0:
            break


@inlined
def _expand_double(word, rate):
    """The expansion to 1/s^5 in float64, and its error bound. For rates from 50."""
    z = normal_double(word)
    s = math.sqrt(rate)
    v = z * z
    c = z * (274867 / 146966400 + v * (2647909 / 293932800 + v * (-165779 / 195955200 + v * (-11237 / 43545600))))
    c = c / s + (-16 / 25515 + v * (-5189 / 408240 + v * (5 / 3024 + v * (19 / 34020))))
    c = c / s + z * (671 / 38880 + v * (-137 / 38880 + v * (-23 / 17280)))
    c = c / s + (-8 / 405 + v * (7 / 810 + v / 270))
    c = c / s + z * (-1 / 36 - v / 72)
    c = c / s + (1 / 3 + v / 6)
    error = (0.02 + v * (0.02 + v * v * v * 0.0004)) / (rate * rate * rate) + 1e-13 * s * (1 + abs(z))
    return c, s * z, error


@inlined
def _reaches(k, rate, word):
    """Whether F(k; rate) >= u, with F summed from its term at k away from the mode, relative error about 1e-12."""
    tail = lower_tail(word)
    d = rate - k
    log_term = k * math.log1p(d / k) - d - 0.5 * math.log(2 * math.pi * k) - (1 / 12 - (1 / 360 - 1 / (1260 * k * k)) / (k * k)) / k
    term = math.exp(log_term)
    total = 0.0
    if k <= rate:
        j = k
        while term > 1e-18 * total:
            total += term
            term *= j / rate
            j -= 1.0
        return total >= tail if word >= 0 else total >= 1 - tail
    j = k + 1
    term *= rate / j
    while term > 1e-18 * total:
        total += term
        j += 1.0
        term *= rate / j
    return total <= 1 - tail if word >= 0 else total <= tail


@inlined
def exact_count(word, rate):
    """The least k with F(k; rate) >= u, decided in float64. NaN gives NaN, rates <= 0 give 0, infinity gives infinity."""
    if math.isnan(rate) or math.isinf(rate):
        return max(rate, 0.0) if rate == rate else rate
    if rate <= 0:
        return 0.0
    if rate < 50:
        tail = lower_tail(word)
        u = tail if word >= 0 else 1 - tail
        p = math.exp(-rate)
        total, k = p, 0.0
        while total < u and k < 200:
            k += 1.0
            p *= rate / k
            total += p
        return k
    c, t, error = _expand_double(word, rate)
    whole = math.floor(rate)
    r = t + (c + (rate - whole))
    below = math.floor(r)
    k = whole + below
    if rate > 1e5 or (r - below > error and r - below < 1 - error):
        return k
    k = whole + math.floor(r + 0.5) - 1  # either k or k + 1
    return k if _reaches(k, rate, word) else k + 1


@compiled
def _look_again(words, rates, size, out, close, scratch, near):
    """Walk a group of up to 64 pixels if many of its rates are low, then decide what is still marked in float64."""
    apart()
    wide()
    low = np.int32(0)
    for j in range(size):
        low = np.int32(low + np.int32(close[j] >> np.int32(1)))
    if low >= _WALKED:
        walk(words, rates, size, scratch, near)
        for j in range(size):
            if close[j] == 2:
                out[j] = scratch[4, j]
                close[j] = near[j]
    for j in range(size):
        if close[j] != 0:
            out[j] = _f(exact_count(words[j], np.float64(rates[j])))  # float() would leave it float32


@compiled
def poisson_block(words, rates, count, out, close, scratch, near):
    """out[j] = the count of rates[j] and words[j], 0 <= j < count.

    rates     (>= count,) float32, e-; <= 0 gives 0, NaN gives NaN
    close     (>= count,) int32, scratch (5, 64) float32, near (64,) int32: working space
    """
    apart()
    wide()
    low, marks = np.int32(0), np.int32(0)
    for j in range(count):
        low = np.int32(low + np.int32(rates[j] < LOW))
    if low < count:
        k, n = held(EXPANSION), held(NORMAL)
        for j in range(count):
            out[j], unsure = expand(words[j], rates[j], k, n)
            mark = np.int32(2) if rates[j] < LOW else np.int32(unsure)
            close[j] = mark
            marks = np.int32(marks | mark)
        if marks == 0:
            return
    else:
        close[:count] = 2
    for first in range(0, count, _GROUP):
        last = min(first + _GROUP, count)
        marks = np.int32(0)
        for mark in close[first:last]:
            marks = np.int32(marks | mark)
        if marks != 0:
            _look_again(words[first:last], rates[first:last], last - first, out[first:last], close[first:last], scratch, near)
