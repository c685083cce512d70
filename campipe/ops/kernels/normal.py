"""Standard normal numbers by inversion of one word: float32, without a branch, so that the loop runs on whole vectors.

    u = (word + 0.5) / 2**32,   x = 1 - 2 min(u, 1 - u),   L = -log2(1 - x**2),   z = +-x P(L)

P is one polynomial in L for L <= 7 and another one in sqrt(L) beyond; the way through 1 - x**2 is that of Giles, "Approximating the erfinv
function", GPU Computing Gems Jade, 2011, chapter 10. The coefficients are our own minimax fits (largest relative error
8e-8 and 2e-8 before rounding, the logarithm's absolute error 7e-9). With t = min(word, ~word) the tails keep their bits, and word ~w gives
exactly the negative of word w.
"""

from __future__ import annotations

import math

import numpy as np

from campipe.ops.kernels.intrinsics import apart, bits_of, float_of, fma, held, sqrt, wide
from campipe.ops.kernels.jit import compiled, inlined

_f = np.float32
_HALF, _ONE, _FOUR = _f(0.5), _f(1), _f(4)
_SIGN = np.int32(-(2**31))
_TOP = np.int32(2**31 - 1)
_ROOT_HALF_BITS = np.int32(0x3F3504F3)
_MANTISSA = np.int32(0x007FFFFF)
_SPLIT, _CENTRE_AT, _TAIL_AT = _f(7.0), _f(3.5), _f(4.0)
_TO_U4, _TO_X = _f(2.0**-30), _f(2.0**-31)

# log2(1 + f) / f on sqrt(1/2) - 1 <= f <= sqrt(2) - 1, by falling powers of f; then z / x in L - 3.5 for L <= 7, and z / x in
# sqrt(L) - 4 for L >= 7.
_LOG2 = (0.1254452765, -0.2103189379, 0.217370972, -0.2385156453, 0.2876575291, -0.3607214987, 0.4809224904, -0.7213470936, 1.442694902)
_CENTRE = (
    2.547172473e-9, 3.641310542e-8, -5.891071169e-7, -6.486243365e-7, 7.185022696e-5, -6.209334242e-4, -2.644734923e-3, 0.2423569113,
    2.097475767,
)  # fmt: skip
_TAIL = (
    -5.243499345e-6, 1.708684795e-5, 1.032187534e-5, -1.391686237e-4, 3.706626303e-4, -7.136706271e-4, 1.284146914e-3, -2.492815023e-3,
    4.467597231e-3, 1.184537172, 4.475361824,
)  # fmt: skip
NORMAL = tuple(_f(c) for c in (*_LOG2, *_CENTRE, *_TAIL))
"""The coefficients of `normal`, to be held before a loop."""


@inlined
def normal(word, k):
    """The standard normal number of one word (int32), float32; k is NORMAL, held.

    The polynomials are summed in pairs: the processor waits for the longest chain, not for the number of operations.
    """
    t = np.int32(word ^ np.int32(word >> np.int32(31)))
    x = (_f(np.int32(t ^ _TOP)) + _HALF) * _TO_X
    u4 = (_f(t) + _HALF) * _TO_U4
    # log2 of 4 u (1 - u)
    bits = np.int32(bits_of(u4 * fma(u4, _f(-0.25), _ONE)) - _ROOT_HALF_BITS)
    f = float_of(np.int32(np.int32(bits & _MANTISSA) + _ROOT_HALF_BITS)) - _ONE
    f2 = f * f
    f4 = f2 * f2
    g = fma(fma(k[1], f, k[2]), f2, fma(k[3], f, k[4]))
    h = fma(fma(k[5], f, k[6]), f2, fma(k[7], f, k[8]))
    g = fma(fma(k[0], f4, g), f4, h)
    L = -fma(g, f, _f(np.int32(bits >> np.int32(23))))
    c = L - _CENTRE_AT
    c2 = c * c
    c4 = c2 * c2
    p = fma(fma(k[10], c, k[11]), c2, fma(k[12], c, k[13]))
    h = fma(fma(k[14], c, k[15]), c2, fma(k[16], c, k[17]))
    p = fma(fma(k[9], c4, p), c4, h)
    s = sqrt(max(L, _SPLIT)) - _TAIL_AT
    s2 = s * s
    s4 = s2 * s2
    q = fma(fma(k[18], s, k[19]), s, k[20])
    h = fma(fma(k[21], s, k[22]), s2, fma(k[23], s, k[24]))
    q = fma(q, s4, h)
    h = fma(fma(k[25], s, k[26]), s2, fma(k[27], s, k[28]))
    q = fma(q, s4, h)
    z = x * (p if L <= _SPLIT else q)
    # the upper half of the words is the positive one
    return float_of(np.int32(bits_of(z) ^ np.int32(~word & _SIGN)))


@compiled
def normal_block(words, count, out):
    """out[j] = the normal number of words[j], 0 <= j < count."""
    apart()
    wide()
    k = held(NORMAL)
    for j in range(count):
        out[j] = normal(words[j], k)


@inlined
def lower_tail(word):
    """min(u, 1 - u) of a word (int32), exact in float64."""
    t = np.int64(word) if word >= 0 else np.int64(~word)
    return (t + 0.5) * 2.0**-32


@inlined
def normal_double(word):
    """The standard normal number of one word (int32), float64: the float32 one and a step of Halley's method; error below 1e-14."""
    z = -abs(np.float64(normal(word, NORMAL)))
    u = lower_tail(word)
    e = (0.5 * math.erfc(-z * 0.7071067811865476) - u) * 2.5066282746310002 * math.exp(0.5 * z * z)
    z -= e / (1.0 + 0.5 * z * e)
    return z if word >= 0 else -z
