"""Standard normal numbers by inversion of one word: float32, without a branch, so that the loop runs on whole vectors.

    u = (word + 0.5) / 2**32,   x = 1 - 2 min(u, 1 - u),   L = -log2(1 - x**2),   z = +-x P(L)

P is one polynomial in L for L <= 12; the one pixel in 8192 that lies beyond is put right afterwards, by another polynomial in sqrt(L).
The way through 1 - x**2 is that of Giles, "Approximating the erfinv function", GPU Computing Gems Jade, 2011, chapter 10. The
coefficients are our own minimax fits (largest relative errors 1.4e-8 and 3.6e-8 before rounding, the logarithm's absolute
error 7e-9). With t = min(word, ~word) the tails keep their bits, and word ~w gives exactly the negative of word w.
"""

from __future__ import annotations

import math

import numpy as np

from campipe.ops.kernels.intrinsics import apart, bits_of, float_of, fma, held, sqrt, wide
from campipe.ops.kernels.jit import compiled, inlined

_f = np.float32
_HALF, _ONE = _f(0.5), _f(1)
_SIGN = np.int32(-(2**31))
_TOP = np.int32(2**31 - 1)
_MANTISSA = np.int32(0x007FFFFF)
_ROOT_HALF_BITS = np.int32(0x3F3504F3)
_CENTRE_BITS = np.int32(0x3F3504F3 + (24 << 23))  # the logarithm comes out as 6 - L
RARE = np.int32(2**18)
"""Words with t below it lie beyond L = 12, where `central` is rubbish."""
_GROUP = 64

# log2(1 + f) / f on sqrt(1/2) - 1 <= f <= sqrt(2) - 1, by falling powers of f; 2**-31 z / x in 6 - L for L <= 12; z / x in
# sqrt(L) - 4.5 for L >= 12.
_LOG2 = (0.1254452765, -0.2103189379, 0.217370972, -0.2385156453, 0.2876575291, -0.3607214987, 0.4809224904, -0.7213470936, 1.442694902)
_CENTRE = (
    8.372131589e-13, 1.096429335e-11, -7.762383926e-11, -2.414038768e-9, -1.576883169e-8, 1.052481219e-7, 3.396776308e-6, 3.483980836e-5,
    6.225539342e-5, -4.960652744e-3, -0.2215838401, 2.679761833,
)  # fmt: skip
_TAIL = (-4.758376354e-5, 1.106163783e-4, -1.434677555e-4, 3.497542449e-4, -1.05972108e-3, 2.032308834e-3, 1.18761055, 5.068498178)
NORMAL = tuple(_f(c) for c in (*_LOG2, *(c * 2.0**-31 for c in _CENTRE)))
"""The coefficients of `central`, to be held before a loop."""
_T0, _T1, _T2, _T3, _T4, _T5, _T6, _T7 = (_f(c) for c in reversed(_TAIL))


@inlined
def smaller(word):
    """t = min(word, ~word) of a word (int32)."""
    return np.int32(word ^ np.int32(word >> np.int32(31)))


@inlined
def _log2(a, one, k):
    """log2(a) less the exponent that `one`, the bits of sqrt(1/2), was raised by. The polynomial is summed in pairs: the processor
    waits for the longest chain."""
    bits = np.int32(bits_of(a) - one)
    f = float_of(np.int32(np.int32(bits & _MANTISSA) + _ROOT_HALF_BITS)) - _ONE
    f2 = f * f
    f4 = f2 * f2
    g = fma(fma(k[1], f, k[2]), f2, fma(k[3], f, k[4]))
    h = fma(fma(k[5], f, k[6]), f2, fma(k[7], f, k[8]))
    g = fma(fma(k[0], f4, g), f4, h)
    return fma(g, f, _f(np.int32(bits >> np.int32(23))))


@inlined
def _signed(z, word):
    """z > 0 with the sign of the word's number: the upper half of the words is the positive one."""
    return float_of(np.int32(bits_of(z) ^ np.int32(~word & _SIGN)))


@inlined
def central(word, k):
    """The standard normal number of one word (int32) with t >= RARE, float32; k is NORMAL, held."""
    t = smaller(word)
    x = _f(np.int32(t ^ _TOP)) + _HALF
    u = _f(t) + _HALF
    c = _log2(u * fma(u, _f(-(2.0**-32)), _ONE), _CENTRE_BITS, k)
    c2 = c * c
    c4 = c2 * c2
    p = fma(fma(k[9], c, k[10]), c2, fma(k[11], c, k[12]))
    q = fma(fma(k[13], c, k[14]), c2, fma(k[15], c, k[16]))
    r = fma(fma(k[17], c, k[18]), c2, fma(k[19], c, k[20]))
    return _signed(x * fma(fma(p, c4, q), c4, r), word)


@inlined
def normal(word):
    """The standard normal number of one word (int32), float32."""
    t = smaller(word)
    if t >= RARE:
        return central(word, NORMAL)
    u = (_f(t) + _HALF) * _f(2.0**-32)
    s = sqrt(_f(-2) - _log2(u * (_ONE - u), _ROOT_HALF_BITS, NORMAL)) - _f(4.5)
    p = fma(fma(fma(_T7, s, _T6), s, _T5), s, _T4)
    p = fma(fma(fma(fma(p, s, _T3), s, _T2), s, _T1), s, _T0)
    return _signed(p * (_ONE - _f(2) * u), word)


@compiled
def normal_block(words, count, out):
    """out[j] = the normal number of words[j], 0 <= j < count."""
    apart()
    wide()
    k = held(NORMAL)
    least = _TOP
    for j in range(count):
        out[j] = central(words[j], k)
        least = min(least, smaller(words[j]))
    if least >= RARE:
        return
    for first in range(0, count, _GROUP):
        last = min(first + _GROUP, count)
        least = _TOP
        for word in words[first:last]:
            least = min(least, smaller(word))
        if least < RARE:
            for j in range(first, last):
                out[j] = normal(words[j])


@inlined
def lower_tail(word):
    """min(u, 1 - u) of a word (int32), exact in float64."""
    t = np.int64(word) if word >= 0 else np.int64(~word)
    return (t + 0.5) * 2.0**-32


@inlined
def normal_double(word):
    """The standard normal number of one word (int32), float64: the float32 one and a step of Halley's method; error below 1e-14."""
    z = -abs(np.float64(normal(word)))
    u = lower_tail(word)
    e = (0.5 * math.erfc(-z * 0.7071067811865476) - u) * 2.5066282746310002 * math.exp(0.5 * z * z)
    z -= e / (1.0 + 0.5 * z * e)
    return z if word >= 0 else -z
